"""Peers in turn, round by round: what one round suffers from, all suffer from.

Times on a shared machine say little; ratios of medians from one run say more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from statistics import median

__all__ = ["run"]


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
    peers : mapping
        By name, what is timed. The first is what the others are measured by.
    rounds : int
        Counted rounds; in each every peer has one turn.
    warmup : int
        Rounds before, that don't count.
    calls : int
        Calls in one turn, for what is too short to be timed alone.

    Returns
    -------
    dict
        By name, the median of a call in seconds.
    """
    times: dict[str, list[float]] = {name: [] for name in peers}
    for index in range(warmup + rounds):
        for name, call in peers.items():
            began = time.perf_counter()
            for _ in range(calls):
                call()
            if index >= warmup:
                times[name].append((time.perf_counter() - began) / calls)
    medians = {name: median(taken) for name, taken in times.items()}
    reference = next(iter(medians.values()))
    width = max(map(len, medians))
    print(f"\n{title} ({rounds} rounds)")
    print(f"  {'':{width}}  {'median':>10}  {'fastest':>10}  {'ratio':>7}")
    for name, taken in times.items():
        shown = f"{_shown(medians[name]):>10}  {_shown(min(taken)):>10}"
        print(f"  {name:{width}}  {shown}  {medians[name] / reference:7.2f}")
    return medians


def _shown(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.2f} ms"
