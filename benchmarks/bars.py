"""The bars that store and runtime have to stay under, and which of them they do."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["BARS", "Verdicts"]

# By what is done and to which frame: the ratio to Parquet on this disk.
BARS: dict[str, dict[str, float]] = {
    "put": {"A": 0.8, "B": 0.7, "C": 0.4},
    "get": {"A": 2.0, "B": 0.9, "C": 1.3},
    "two columns": dict.fromkeys("ABC", 1.5),
    "1 % by a sorted column": dict.fromkeys("ABC", 0.2),
    "1 % by a random column": dict.fromkeys("ABC", 1.6),
    "cached get": dict.fromkeys("ABC", 0.1),
}
# Ratio to the full put of the same frame.
APPEND = 0.1
HEAD_SECONDS = 0.005
# Peak extra memory, as a share of the frame; of a get with the frame itself.
MEMORY = {"put": 0.3, "get": 1.3}
# Seconds that a store of 100,000 names may take.
NAMES = {
    "exists": 0.002,
    "metadata": 0.003,
    "list of a folder": 0.02,
    "list of all": 1.0,
    "the panel's list": 1.0,
}
# Ratio of what reads a document a name to what reads the index alone.
ENTRIES = 8.0

# By what is called: the ratio to the round trip of a raw Celery no-op, or of as many.
RUNTIME = {
    "ping": 1.5,
    "predict('X'), warm": 2.0,
    "predict(df)": 2.5,
    "fit('X', 'y')": 4.0,
    "in flight": 3.0,
}
# Above the prediction itself, of a model that the worker has in memory.
LARGE_MODEL_SECONDS = 0.01
# Ratio to the same fit without a worker.
LONG_FIT = 1.03


@dataclass
class Verdicts:
    """What was measured against bars.

    Attributes
    ----------
    missed : list of str
        What was above its bar.
    count : int
        How many bars there were.
    """

    missed: list[str] = field(default_factory=list)
    count: int = 0

    def judge(self, what: str, value: float, bar: float, unit: str = "") -> str:
        """Note one measurement; return the bar and whether it is met, as text."""
        self.count += 1
        met = value <= bar
        if not met:
            self.missed.append(f"{what}: {value:.2f}{unit} > {bar:g}{unit}")
        return f"≤ {bar:g}{unit} {'met' if met else 'MISSED'}"

    def print(self) -> None:
        """Print how many bars are met, and which are not."""
        if not self.count:
            return
        print(f"\n{self.count - len(self.missed)} of {self.count} bars met")
        for line in self.missed:
            print(f"  missed: {line}")


VERDICTS = Verdicts()
