"""Reads of a server that was just started and has nothing in memory.

Cold means: mongod was stopped and started again, and the system's pages of its files,
and of the Parquet file, were dropped (``posix_fadvise(POSIX_FADV_DONTNEED)``). The
connection is open already. A disk that caches by itself is not told to forget.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from benchmarks.frames import Sample, sample
from benchmarks.peers import GridFS, Ours, Parquet, Peer
from benchmarks.runner import shown
from benchmarks.servers import Mongod, forget_pages

ROUNDS = 3

WORK: dict[str, Callable[[Peer, Sample], object]] = {
    "get": lambda peer, s: peer.get(s.name),
    "two columns": lambda peer, s: peer.columns(s.name, s.two),
    "1 % by a sorted column": lambda peer, s: peer.above(
        f"{s.name}-sorted", s.first, s.above_first
    ),
    "head": lambda peer, s: peer.head(s.name),
}


def compare(s: Sample, server: Mongod, folder: Path) -> None:
    """Print the table of one frame."""
    peers: list[Peer] = [kind(server.url, folder) for kind in (Parquet, Ours, GridFS)]
    for peer in peers:
        peer.put(s.frame, s.name)
        peer.put(s.sorted, f"{s.name}-sorted")
        # What is imported on first use is no part of a cold read.
        peer.get(s.name)
    print(f"\n{s.title}, cold (medians of {ROUNDS}; ratios to Parquet)")
    print(f"  {'':24}" + "".join(f"{peer.name:>20}" for peer in peers) + f"{'ours/Parquet':>14}")
    for what, work in WORK.items():
        times: dict[str, list[float]] = {peer.name: [] for peer in peers}
        for _ in range(ROUNDS):
            for peer in peers:
                if peer.database:
                    server.restart_cold()
                    peer.reconnect()
                forget_pages(folder)
                began = time.perf_counter()
                work(peer, s)
                times[peer.name].append(time.perf_counter() - began)
        medians = [median(taken) for taken in times.values()]
        line = "".join(f"{shown(seconds):>20}" for seconds in medians)
        print(f"  {what:24}{line}{medians[1] / medians[0]:14.2f}", flush=True)


def main(wanted: str = "ABC") -> None:
    """Print the tables of these frames."""
    for name in wanted:
        server = Mongod()
        try:
            with tempfile.TemporaryDirectory(prefix="omega-bench-") as folder:
                compare(sample(name), server, Path(folder))
        finally:
            server.close()


if __name__ == "__main__":
    main()
