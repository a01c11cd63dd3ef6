"""``python -m benchmarks [NAME ...] [FRAME ...]``: run the benchmarks, all or those named.

Frames are A, B, C and D; without one, all are taken.
"""

from __future__ import annotations

import sys
import time
from importlib import import_module

from benchmarks.bars import VERDICTS

# With the frames that each can take.
NAMES = {
    "load_ext": "",
    "store": "ABCD",
    "cold": "ABC",
    "memory": "ABC",
    "names": "",
    "models": "",
    "runtime": "",
    "search": "",
    "queue": "",
    "long_fit": "",
}


def main(arguments: list[str]) -> None:
    """Run the benchmarks of these names."""
    frames = "".join(word for word in arguments if word in tuple("ABCD"))
    names = [word for word in arguments if word not in tuple("ABCD")]
    for name in names:
        if name not in NAMES:
            sys.exit(f"no benchmark {name!r}; there are: {', '.join(NAMES)}")
    for name in names or NAMES:
        began = time.monotonic()
        chosen = [frame for frame in NAMES[name] if not frames or frame in frames]
        module = import_module(f"benchmarks.{name}")
        if NAMES[name]:
            module.main("".join(chosen))
        else:
            module.main()
        print(f"\n[{name}: {time.monotonic() - began:.0f} s]", flush=True)
    VERDICTS.print()


if __name__ == "__main__":
    main(sys.argv[1:])
