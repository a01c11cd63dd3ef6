"""Appends of several writers at once all arrive, and none twice."""

from __future__ import annotations

import subprocess
import sys

import pandas as pd

from omega_jupyter.config import SecretUrl
from omega_jupyter.store.database.schema import chunks, versions
from omega_jupyter.store.datasets import DatasetStore

PROGRAM = """
import sys
import numpy as np, pandas as pd
from omega_jupyter.config import SecretUrl
from omega_jupyter.store.datasets import DatasetStore

number = int(sys.argv[2])
datasets = DatasetStore(SecretUrl(sys.argv[1]))
print(flush=True)
input()
for turn in range(10):
    rows = 20_000 if turn == 5 else 4
    index = pd.MultiIndex.from_product([[f"w{number}-{turn}"], range(rows)], names=["k", "n"])
    datasets.put(pd.DataFrame({"x": np.arange(rows)}, index=index), "X", append=True)
"""


def test_writers_that_append_at_once_all_arrive(datasets: DatasetStore, url: SecretUrl) -> None:
    """Small rows and large ones; all of them bring new values of a level."""
    index = pd.MultiIndex.from_product([["all"], range(3)], names=["k", "n"])
    datasets.put(pd.DataFrame({"x": range(3)}, index=index), "X")

    run_writers(url, 4)

    history = datasets.versions("X")
    assert [m.version for m in history] == list(range(1, 42))
    assert [m.shape for m in history] == sorted(m.shape for m in history if m.shape)
    found = datasets.get("X")
    expected = {("all", n) for n in range(3)} | {
        (f"w{writer}-{turn}", n)
        for writer in range(4)
        for turn in range(10)
        for n in range(20_000 if turn == 5 else 4)
    }
    assert len(found) == len(expected)
    assert set(found.index) == expected
    named = {e["s"] for v in versions(url).find({"name": "X"}) for e in v["segments"] if "s" in e}
    written = {chunk["_id"][:12] for chunk in chunks(url).find({}, {"_id": 1})}
    assert written == {segment.binary for segment in named}


def run_writers(url: SecretUrl, count: int) -> None:
    """Let processes run the program, all at the same time."""
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, url.reveal(), str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(count)
    ]
    for writer in writers:
        assert writer.stdout is not None
        writer.stdout.readline()
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=120)
        assert writer.returncode == 0
