"""Peak memory of put and get, each in a process of its own.

Counted is what the process has at its peak (resident, ``VmHWM``) above what it had just
before: of a get with the frame itself, of a put without it. Once before that, a hundredth
of the frame was put and got, so that imports don't count. Linux only.
"""

from __future__ import annotations

import ctypes
import gc
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.bars import MEMORY, VERDICTS
from benchmarks.frames import FRAMES
from benchmarks.peers import PEERS, Ours, Peer, Rows, peer
from benchmarks.servers import mongod

# Allocators are not the same each time.
RUNS = 3


def main(wanted: str = "ABC") -> None:
    """Print the table."""
    kinds = [kind for kind in PEERS if kind.is_installed() and kind is not Rows]
    print("\nPeak extra memory as a share of the frame (of a get with the frame itself)")
    print(f"  {'':12}{'frame':>10}{'ours':>8}  {'bar':16}", end="")
    print("".join(f"{kind.name:>19}" for kind in kinds if kind is not Ours), flush=True)
    for name in wanted:
        with mongod() as url, tempfile.TemporaryDirectory(prefix="omega-bench-") as folder:
            measured = {kind: _of_peer(kind, name, url, folder) for kind in kinds}
        for what, (size, ours) in measured[Ours].items():
            bar = VERDICTS.judge(f"{name}: memory of {what}", ours, MEMORY[what])
            line = f"{size / 2**20:>6.1f} MiB{ours:8.2f}  {bar:16}"
            line += "".join(f"{measured[k][what][1]:19.2f}" for k in kinds if k is not Ours)
            print(f"  {name}: {what:9}{line}", flush=True)


def _of_peer(kind: type[Peer], name: str, url: str, folder: str) -> dict[str, tuple[float, float]]:
    """Return the frame's bytes and the peak's share of them, for put and get."""
    found = {}
    for what in ("put", "get"):
        command = [sys.executable, "-m", "benchmarks.memory", kind.name, name, what, url, folder]
        runs = [
            json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
            for _ in range(RUNS if kind is Ours else 1)
        ]
        found[what] = (runs[0]["size"], median(r["extra"] / r["size"] for r in runs))
    return found


def measure(kind: str, name: str, what: str, url: str, folder: str) -> dict[str, float]:
    """Put or get a frame in this process; return its bytes and the extra ones at the peak."""
    store = peer(kind)(url, Path(folder))
    frame = FRAMES[name]()
    size = float(frame.memory_usage(index=False).sum())
    store.put(frame.iloc[: len(frame) // 100].copy(), f"{name}-part")
    store.get(f"{name}-part")
    if what == "get":
        del frame
    gc.collect()
    # What is free in the heap would be used again, and hide what is needed.
    ctypes.CDLL(None).malloc_trim(0)
    # Begins the peak anew.
    Path("/proc/self/clear_refs").write_text("5")
    before = _resident("VmRSS")
    if what == "put":
        store.put(frame, name)
    else:
        frame = store.get(name)
    return {"size": size, "extra": _resident("VmHWM") - before}


def _resident(field: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return float(line.split()[1]) * 1024
    raise RuntimeError(f"{field} is not in /proc/self/status")


if __name__ == "__main__":
    print(json.dumps(measure(*sys.argv[1:])))
