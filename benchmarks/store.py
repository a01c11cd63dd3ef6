"""Data sets against Parquet on the local disk, and against other ways to keep a frame."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import NamedTuple

import pandas as pd

from benchmarks.bars import APPEND, BARS, HEAD_SECONDS, VERDICTS
from benchmarks.frames import Sample, sample
from benchmarks.peers import PEERS, Ours, Parquet, Peer
from benchmarks.runner import Times, shown, take_turns
from benchmarks.servers import mongod
from omega_jupyter.config import SecretUrl
from omega_jupyter.store.names.catalog import Catalog
from omega_jupyter.store.upkeep.garbage import collect
from omega_jupyter.worker.cache import VersionCache

CACHE_BYTES = 1 << 30
OUR_PUT = "our put"


class Work(NamedTuple):
    """What is timed.

    Attributes
    ----------
    call : callable
        Gets the peer and the sample.
    rounds : int
        Counted rounds.
    ours_only : bool
        Others have nothing like it; the reference is what `call` is for Parquet.
    beside_put : bool
        The bar is a share of our own put, which therefore has its turn too.
    """

    call: Callable[[Peer, Sample], object]
    rounds: int = 9
    ours_only: bool = False
    beside_put: bool = False


WORK = {
    "put": Work(lambda peer, s: peer.put(s.frame, s.name)),
    "get": Work(lambda peer, s: peer.get(s.name)),
    "two columns": Work(lambda peer, s: peer.columns(s.name, s.two), 11),
    "1 % by a sorted column": Work(
        lambda peer, s: peer.above(f"{s.name}-sorted", s.first, s.above_first), 11
    ),
    "1 % by a random column": Work(lambda peer, s: peer.above(s.name, s.random, s.above_random)),
    "append of 1 %": Work(
        lambda peer, s: peer.append(s.tail, f"{s.name}-appended"), 7, beside_put=True
    ),
    "head": Work(lambda peer, s: peer.head(s.name), 11),
    "cached get": Work(lambda peer, s: cached(peer, s.name), 11, ours_only=True),
}

_cache = VersionCache(CACHE_BYTES)


def cached(peer: Peer, name: str) -> pd.DataFrame:
    """Get as a worker does: ask for the version, and take the frame that is kept of it."""
    if not isinstance(peer, Ours):
        return peer.get(name)
    url = SecretUrl(f"{peer.url}/ours")
    [metadata] = Catalog(url).resolve([("datasets", name)])
    key = (url, "datasets", metadata.ref)
    kept = _cache.get(key, lambda: (peer.store.get_version(metadata), metadata.size))
    return kept.copy(deep=False)


def compare(s: Sample, peers: Sequence[Peer]) -> None:
    """Print the table of one frame."""
    for peer in peers:
        if peer.slow:
            # What it puts when that is timed serves for all else.
            continue
        peer.put(s.frame, s.name)
        peer.put(s.sorted, f"{s.name}-sorted")
        peer.put(s.frame, f"{s.name}-appended")
    others = [peer.name for peer in peers if not isinstance(peer, Parquet | Ours)]
    print(f"\n{s.title} (medians; ratios to Parquet on this disk)")
    heads = "".join(f"{name:>19}" for name in others)
    print(f"  {'':24}{'Parquet':>10}{'ours':>11}{'ratio':>8}  {'bar':20}{heads}", flush=True)
    for what, work in WORK.items():
        times = timed(work, s, peers)
        medians = {name: median(taken) for name, taken in times.items()}
        theirs, ours = medians[Parquet.name], medians[Ours.name]
        line = f"{shown(theirs):>10}{shown(ours):>11}{ours / theirs:8.3f}  "
        line += f"{verdict(what, s.name, ours, theirs, medians.get(OUR_PUT, theirs)):20}"
        for name in others:
            line += f"{medians[name] / theirs:19.2f}" if name in medians else f"{'–':>19}"
        print(f"  {what:24}{line}", flush=True)


def timed(work: Work, s: Sample, peers: Sequence[Peer]) -> Times:
    """Time one kind of work with Parquet and ours in turn; then the others, the slow ones once.

    What others have written keeps the disk and the server busy when it is somebody else's
    turn, and most of all those of few milliseconds. Before an append all goes to the disk:
    a Parquet file does not wait for it, MongoDB's journal does, and whoever waits first has
    ext4 write what everybody has left, which is up to 80 MB of the peer's.
    """
    calls = 10 if s.is_small else 1
    judged = {p.name: lambda p=p: work.call(p, s) for p in peers if isinstance(p, Parquet | Ours)}
    if work.beside_put:
        ours = next(p for p in peers if isinstance(p, Ours))
        judged[OUR_PUT] = lambda: ours.put(s.frame, s.name)
    settle = os.sync if work.beside_put else lambda: None
    times = take_turns(judged, rounds=work.rounds, calls=calls, settle=settle)
    if work.ours_only:
        return times
    others = [p for p in peers if not isinstance(p, Parquet | Ours)]
    quick = {p.name: lambda p=p: work.call(p, s) for p in others if not p.slow}
    slow = {p.name: lambda p=p: work.call(p, s) for p in others if p.slow}
    times |= take_turns(quick, rounds=work.rounds, calls=calls)
    if slow:
        times |= take_turns(slow, rounds=9 if s.is_small else 1, warmup=0, calls=calls)
    return times


def verdict(what: str, name: str, ours: float, theirs: float, put: float) -> str:
    """Say what the bar is, if there is one, and whether it is met."""
    if name == "D":
        return ""
    label = f"{name}: {what}"
    if what == "head":
        return VERDICTS.judge(label, ours * 1000, HEAD_SECONDS * 1000, " ms")
    if what == "append of 1 %":
        # 10,000 rows of A and B; of C it is a hundred, in a thousand columns.
        return VERDICTS.judge(label, ours / put, APPEND, " put") if name in "AB" else ""
    return VERDICTS.judge(label, ours / theirs, BARS[what][name])


def main(wanted: str = "ABCD") -> None:
    """Print the tables of these frames."""
    missing = [kind.name for kind in PEERS if not kind.is_installed()]
    for name in wanted:
        # A server and a folder for each, so that none suffers from what another has left.
        with mongod() as url, tempfile.TemporaryDirectory(prefix="omega-bench-") as folder:
            peers = [kind(url, Path(folder)) for kind in PEERS if kind.is_installed()]
            compare(sample(name), peers)
            collect(SecretUrl(f"{url}/ours"), grace=timedelta(0))
    if missing:
        print(f"\nnot installed, left out: {', '.join(missing)} (pip install omega-jupyter[bench])")
