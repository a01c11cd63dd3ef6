"""``python -m benchmarks [NAME ...]``: run the benchmarks, all or those named."""

from __future__ import annotations

import sys
from importlib import import_module

NAMES = ("load_ext", "store", "runtime")


def main(names: list[str]) -> None:
    """Run the benchmarks of these names."""
    for name in names or NAMES:
        if name not in NAMES:
            sys.exit(f"no benchmark {name!r}; there are: {', '.join(NAMES)}")
        import_module(f"benchmarks.{name}").main()


if __name__ == "__main__":
    main(sys.argv[1:])
