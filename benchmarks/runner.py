"""Peers in turn, round by round: what one round suffers from, all suffer from.

Times on a shared machine say little; ratios of medians from one run say more.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from statistics import median

__all__ = ["Times", "run", "shown", "take_turns"]

Times = dict[str, list[float]]


def take_turns(
    peers: Mapping[str, Callable[[], object]],
    *,
    rounds: int,
    warmup: int = 1,
    calls: int = 1,
    settle: Callable[[], object] = lambda: None,
) -> Times:
    """Time the peers in turn.

    Parameters
    ----------
    peers : mapping
        By name, what is timed.
    rounds : int
        Counted rounds; in each every peer has one turn. Another one begins each round,
        since the disk is still busy with what the one before has written.
    warmup : int
        Rounds before, that don't count.
    calls : int
        Calls in one turn, for what is too short to be timed alone.
    settle : callable
        Done before each turn, untimed.

    Returns
    -------
    dict
        By name, the seconds of a call in each round.
    """
    times: Times = {name: [] for name in peers}
    names = list(peers)
    for index in range(warmup + rounds):
        first = index % len(names)
        for name in names[first:] + names[:first]:
            gc.collect()
            settle()
            began = time.perf_counter()
            for _ in range(calls):
                peers[name]()
            if index >= warmup:
                times[name].append((time.perf_counter() - began) / calls)
    return times


def run(
    title: str,
    peers: Mapping[str, Callable[[], object]],
    *,
    rounds: int = 9,
    warmup: int = 1,
    calls: int = 1,
) -> dict[str, float]:
    """Time the peers in turn and print their medians and ratios to the first.

    Parameters
    ----------
    title : str
        Stands above the table.
    peers, rounds, warmup, calls
        As for :func:`take_turns`. The first peer is what the others are measured by.

    Returns
    -------
    dict
        By name, the median of a call in seconds.
    """
    times = take_turns(peers, rounds=rounds, warmup=warmup, calls=calls)
    medians = {name: median(taken) for name, taken in times.items()}
    reference = next(iter(medians.values()))
    width = max(map(len, medians))
    print(f"\n{title} ({rounds} rounds)")
    print(f"  {'':{width}}  {'median':>10}  {'fastest':>10}  {'ratio':>7}")
    for name, taken in times.items():
        both = f"{shown(medians[name]):>10}  {shown(min(taken)):>10}"
        print(f"  {name:{width}}  {both}  {medians[name] / reference:7.2f}")
    return medians


def shown(seconds: float) -> str:
    """Return a time as people read it."""
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.2f} ms"
