"""The verb on the store as a whole: check, gc, usage, export, import."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from omega_jupyter.errors import NotFound
from omega_jupyter.verbs.usage import UsageError

if TYPE_CHECKING:
    from omega_jupyter.verbs.caller import Caller
    from omega_jupyter.verbs.words import Word

__all__ = ["ACTIONS", "store"]

# What each action takes: how many words, and which options.
ACTIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "check": ("[PATTERN]", ()),
    "gc": ("", ("now", "dry_run")),
    "usage": ("[PATTERN]", ()),
    "export": ("FILE [PATTERN]", ("latest", "store")),
    "import": ("FILE [PATTERN]", ("if_exists",)),
}


def store(
    caller: Caller,
    action: str,
    target: Sequence[Word],
    now: bool,
    dry_run: bool,
    latest: bool,
    store: str | None,
    if_exists: str | None,
) -> Any:
    """Check what is stored, collect garbage, tell what takes room, export or import."""
    options = {"now": now, "dry_run": dry_run, "latest": latest, "store": store}
    options["if_exists"] = if_exists
    taken, wanted = ACTIONS[action]
    for name, value in options.items():
        if value and name not in wanted:
            raise UsageError(
                f"--{name.replace('_', '-')} does not go with store {action}",
                hint=f"{caller.prefix} store -h",
            )
    texts = [word.text for word in target]
    least = sum(not part.startswith("[") for part in taken.split())
    if not least <= len(texts) <= len(taken.split()):
        given = f"not {' '.join(texts)!r}" if texts else "which is missing"
        raise UsageError(
            f"store {action} takes {taken or 'nothing more'}, {given}",
            hint=f"{caller.prefix} store {action} {taken}".rstrip(),
        )
    with caller.progress(f"store {action}") as notify:
        return _ACTIONS[action](caller, texts, options, notify)


def _check(caller: Caller, words: list[str], options: Any, notify: Any) -> Any:
    report = caller.om.store.check(*words, notify=notify)
    if words and report and not report.versions:
        # A cron job with a wrong pattern would hear for ever that all is well.
        raise NotFound(
            f"Nothing stored matches {words[0]!r}",
            hint=f"`{caller.prefix} ls` lists what is stored",
        )
    return report


def _gc(caller: Caller, words: list[str], options: Any, notify: Any) -> Any:
    store, dry_run, no_time = caller.om.store, options["dry_run"], timedelta(0)
    if options["now"]:
        if not dry_run:
            caller.say("what was dropped goes now: who is loading it at this moment gets an error")
        return store.gc(grace=no_time, dry_run=dry_run, notify=notify)
    done = store.gc(dry_run=dry_run, notify=notify)
    later = store.gc(grace=no_time, dry_run=True)
    if later.versions > (done.versions if dry_run else 0):
        caller.say(
            f"dropped within the last hour, and still there for who is loading it: {later.text}; "
            f"{caller.prefix} store gc --now removes it"
        )
    return done


def _usage(caller: Caller, words: list[str], options: Any, notify: Any) -> Any:
    return caller.om.store.usage(*words)


def _export(caller: Caller, words: list[str], options: Any, notify: Any) -> Any:
    return caller.om.store.export(
        *words,
        stores=[options["store"]] if options["store"] else (),
        versions="latest" if options["latest"] else "all",
        notify=notify,
    )


def _import(caller: Caller, words: list[str], options: Any, notify: Any) -> Any:
    if_exists = options["if_exists"] or "fail"
    return caller.om.store.import_(*words, if_exists=if_exists, notify=notify)


_ACTIONS = {"check": _check, "gc": _gc, "usage": _usage, "export": _export, "import": _import}
