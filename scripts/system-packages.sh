#!/bin/sh
# Install what the tests need beside Python: asks Debian or Ubuntu for it, as root; elsewhere it says what is missing.
# `demo` needs only what runs mongod; `test` needs a browser too.
set -eu

purpose=${1:-test}
missing=""

need() { # need PACKAGE, found when the rest of the line succeeds
    package=$1
    shift
    "$@" >/dev/null 2>&1 || missing="$missing $package"
}

has_library() { ldconfig -p 2>/dev/null | grep -q "$1" || /sbin/ldconfig -p | grep -q "$1"; }

need python3-venv "${PYTHON:-python3}" -c 'import ensurepip, venv'
need libcurl4 has_library 'libcurl\.so\.4'
if [ "$purpose" = test ]; then
    need chromium sh -c 'command -v chromium || command -v chromium-browser || command -v google-chrome'
    need rabbitmq-server test -x /usr/lib/rabbitmq/bin/rabbitmq-server
    need nodejs command -v node
    need npm command -v npm
fi

[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing:$missing"
    apt-get update -qq
    # shellcheck disable=SC2086  # several words are meant
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
else
    echo "not installed:$missing (what needs them is skipped and counted; as root: apt-get install$missing)" >&2
fi
