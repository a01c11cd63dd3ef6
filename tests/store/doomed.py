"""A process whose children write to a store until they are killed.

Run as a module: it imports everything once, then reads ``URL SEED OPERATION`` from each
line of its input, forks a child that does the operation again and again, and prints
the child's process id as soon as that has begun.
"""

from __future__ import annotations

import os
import random
import sys
import traceback
from collections.abc import Callable

import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import OmegaError
from omega_jupyter.store.codecs.codec import codec_for
from omega_jupyter.store.datasets import DatasetStore
from omega_jupyter.store.models import ModelStore

ROWS = 40_000
PART = 15_000


def frame(value: int) -> pd.DataFrame:
    """Three segments: rows, and labels that are too large for the description."""
    labels = [f"{'long' * 500} {n}" for n in range(150)]
    columns = pd.Index(labels, name=str(value))
    return pd.DataFrame(np.full((3_000, 150), float(value)), columns=columns)


def part(number: int) -> pd.DataFrame:
    """What is appended as the `number`th."""
    return pd.DataFrame({"part": np.full(PART, number), "row": np.arange(PART)})


def model(value: int) -> LinearRegression:
    """All that it has learnt is one value."""
    fitted = LinearRegression()
    fitted.coef_ = np.full(50_000, float(value))
    fitted.intercept_ = float(value)
    fitted.n_features_in_ = 50_000
    return fitted


class Work:
    """The operations; each version is of one value."""

    def __init__(self, url: SecretUrl, seed: int) -> None:
        self.datasets = DatasetStore(url)
        self.models = ModelStore(url)
        self.random = random.Random(seed)

    def put(self) -> None:
        self.datasets.put(frame(self.random.randrange(1000)), "frame")

    def append(self) -> None:
        number = len(self.datasets.versions("log")) if self.datasets.exists("log") else 0
        self.datasets.put(part(number), "log", append=number > 0)

    def put_model(self) -> None:
        self.models.put(model(self.random.randrange(1000)), "model")

    def drop(self) -> None:
        value = self.random.randrange(1000)
        self.datasets.put(np.full(ROWS, value), "dropped")
        self.datasets.put(np.full(ROWS, value), "dropped")
        self.datasets.drop("dropped")

    def rename(self) -> None:
        names = self.datasets.list("moving/*")
        if not names:
            self.datasets.put(np.full(ROWS, self.random.randrange(1000)), "moving/0")
            self.datasets.put(np.full(ROWS, self.random.randrange(1000)), "moving/0")
        for name in names:
            number = int(name.partition("/")[2])
            self.datasets.rename(name, f"moving/{number + 1}")


def _child(url: str, seed: int, operation: str) -> None:
    do: Callable[[], None] = getattr(Work(SecretUrl(url), seed), operation)
    do()
    sys.stdout.write(f"{os.getpid()}\n")
    sys.stdout.flush()
    while True:
        do()


def main() -> None:
    """Fork for each line; a child never returns."""
    # Imports what is imported late, so that no child has to.
    codec_for(frame(0), "datasets").encode(frame(0))
    codec_for(model(0), "models").encode(model(0))
    while line := sys.stdin.readline():
        url, seed, operation = line.split()
        if not os.fork():
            try:
                _child(url, int(seed), operation)
            except OmegaError:
                traceback.print_exc()
            finally:
                # What was printed before, or nothing: it was not killed.
                sys.stdout.write("ended\n")
                sys.stdout.flush()
                os._exit(1)
        os.wait()


if __name__ == "__main__":
    main()
