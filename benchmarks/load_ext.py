"""``%load_ext omega_jupyter`` against a bare IPython: at most 150 ms more."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable

from benchmarks.runner import run


def main() -> None:
    """Start IPython with and without the extension, in turn."""
    with tempfile.TemporaryDirectory(prefix="omega-bench-") as folder:
        # A profile of its own: no start-up files, no history to read.
        environment = os.environ | {"IPYTHONDIR": folder}

        def ipython(line: str) -> Callable[[], object]:
            command = [sys.executable, "-m", "IPython", "--no-banner", "-c", line]
            return lambda: subprocess.run(
                command, env=environment, check=True, stdout=subprocess.DEVNULL
            )

        medians = run(
            "Start of IPython",
            {
                "bare": ipython("pass"),
                "%load_ext omega_jupyter": ipython("%load_ext omega_jupyter"),
            },
            rounds=21,
        )
    bare, loaded = medians.values()
    print(f"  the extension adds {(loaded - bare) * 1000:.0f} ms (at most 150 ms)")


if __name__ == "__main__":
    main()
