"""A store of 100,000 names: what asks for one, for a folder, or for all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from statistics import median
from typing import NamedTuple

import pandas as pd
from bson import ObjectId

from benchmarks.bars import ENTRIES, NAMES, VERDICTS
from benchmarks.runner import shown, take_turns
from benchmarks.servers import mongod
from omega_jupyter.config import SecretUrl
from omega_jupyter.store.database.schema import versions
from omega_jupyter.store.datasets import DatasetStore

COUNT = 100_000
FOLDERS = 100
BATCH = 10_000


class Work(NamedTuple):
    """What is timed.

    Attributes
    ----------
    call : callable
        Gets the store.
    calls : int
        In one turn, for what is too short to be timed alone.
    """

    call: Callable[[DatasetStore], object]
    calls: int = 1


WORK = {
    "exists": Work(lambda store: store.exists("folder-42/name-000042"), 20),
    "metadata": Work(lambda store: store.metadata("folder-42/name-000042"), 20),
    "list of a folder": Work(lambda store: store.list("folder-42/*"), 5),
    "entries of a folder": Work(lambda store: store.entries("folder-42/*"), 5),
    "list of all": Work(lambda store: store.list()),
    "the panel's list": Work(lambda store: store.brief()),
    "entries of all": Work(lambda store: store.entries()),
}


def main() -> None:
    """Print the table."""
    with mongod() as url:
        store = DatasetStore(SecretUrl(f"{url}/names"))
        frame = pd.DataFrame({"x": range(100), "y": 0.5})
        store.put(frame, "folder-0/first")
        fill(SecretUrl(f"{url}/names"))
        found = len(store.list())
        few = DatasetStore(SecretUrl(f"{url}/few"))
        few.put(frame, "folder-42/name-000042")
        print(f"\n{found:,} names in {FOLDERS} folders (medians; beside: a store of one name)")
        seconds_of = {}
        for what, (call, calls) in WORK.items():
            both = {"all": lambda c=call: c(store), "few": lambda c=call: c(few)}
            times = take_turns(both, rounds=5, calls=calls)
            seconds = seconds_of[what] = median(times["all"])
            verdict = ""
            if what in NAMES:
                verdict = VERDICTS.judge(what, seconds, NAMES[what], " s")
            line = f"{shown(seconds):>12}{shown(median(times['few'])):>12}"
            print(f"  {what:24}{line}  {verdict}", flush=True)
        ratio = seconds_of["entries of all"] / seconds_of["the panel's list"]
        verdict = VERDICTS.judge("entries of all", ratio, ENTRIES, " × the panel's list")
        print(f"  entries of all take {ratio:.1f} × the panel's list  {verdict}")


def fill(url: SecretUrl) -> None:
    """Insert copies of the one version under other names: put would take minutes."""
    collection = versions(url)
    first = collection.find_one()
    if first is None:
        raise RuntimeError("nothing was put")

    def copies(start: int) -> Iterator[dict[str, object]]:
        for number in range(start, min(start + BATCH, COUNT - 1)):
            name = f"folder-{number % FOLDERS}/name-{number:06d}"
            yield first | {"_id": ObjectId(), "name": name}

    for start in range(0, COUNT - 1, BATCH):
        collection.insert_many(list(copies(start)), ordered=False)
