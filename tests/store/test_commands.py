"""How many commands the server gets: each costs the way there and back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from omega_jupyter.config import SecretUrl
from omega_jupyter.store.database.connection import connect
from omega_jupyter.store.datasets import DatasetStore
from omega_jupyter.store.models import ModelStore

SMALL = pd.DataFrame(np.random.default_rng(0).random((150, 5)), columns=list("abcde"))
# Of 1.6 MB, which is one message.
LARGE = pd.DataFrame(np.random.default_rng(1).random((20_000, 10)))

Commands = Callable[[Callable[[], object]], list[str]]


@pytest.fixture
def commands(url: SecretUrl) -> Commands:
    """Return the commands that the server gets while something is done, by its own record."""
    database = connect(url)

    def record(work: Callable[[], object]) -> list[str]:
        database.command("profile", 2)
        work()
        database.command("profile", 0)
        seen = [
            "delete" if entry["op"] == "remove" else next(iter(entry["command"]))
            for entry in database["system.profile"].find()
        ]
        database["system.profile"].drop()
        # The level's own change is recorded too.
        return [name for name in seen if name != "profile"]

    return record


@pytest.mark.parametrize("obj", [SMALL, SMALL["a"], SMALL.to_numpy(), {"plain": [1, 2]}])
def test_small_data_take_two_commands_to_put_and_one_to_get(
    obj: object, datasets: DatasetStore, commands: Commands
) -> None:
    datasets.put(obj, "first of this process")

    assert commands(lambda: datasets.put(obj, "x")) == ["aggregate", "insert"]
    assert commands(lambda: datasets.get("x")) == ["aggregate"]


def test_part_of_a_small_frame_takes_one_command(
    datasets: DatasetStore, commands: Commands
) -> None:
    datasets.put(SMALL, "x")

    assert commands(lambda: datasets.get("x[a,b]")) == ["aggregate"]
    assert commands(lambda: datasets.get("x", a__gt=0.5)) == ["aggregate"]
    assert commands(lambda: datasets.head("x")) == ["aggregate"]
    assert commands(lambda: datasets.metadata("x")) == ["aggregate"]


def test_small_model_takes_two_commands_to_put_and_one_to_get(
    models: ModelStore, commands: Commands
) -> None:
    model = LogisticRegression().fit(SMALL, [0, 1] * 75)
    models.put(model, "first of this process")

    assert commands(lambda: models.put(model, "m")) == ["aggregate", "insert"]
    assert commands(lambda: models.get("m")) == ["aggregate"]


def test_append_reads_before_and_looks_again_afterwards(
    datasets: DatasetStore, commands: Commands
) -> None:
    datasets.put(SMALL, "small")
    datasets.put(LARGE, "large")

    for name, rows in (("small", SMALL), ("large", LARGE[:10])):
        done = commands(lambda name=name, rows=rows: datasets.put(rows, name, append=True))
        assert done == ["aggregate", "aggregate", "insert", "find"], name
    assert commands(lambda: datasets.get("small")) == ["aggregate"]


def test_frame_of_one_message_takes_one_command_more(
    datasets: DatasetStore, commands: Commands
) -> None:
    datasets.put(LARGE, "first of this process")

    assert commands(lambda: datasets.put(LARGE, "x")) == ["insert", "aggregate", "insert"]
    assert commands(lambda: datasets.get("x")) == ["aggregate", "find"]
    assert commands(lambda: datasets.get("x", columns=[0, 9])) == ["aggregate", "find"]
    assert commands(lambda: datasets.head("x")) == ["aggregate"]


def test_frame_of_several_messages_waits_for_the_disk_once(
    datasets: DatasetStore, commands: Commands
) -> None:
    frame = pd.concat([LARGE] * 3, ignore_index=True)
    datasets.put(frame, "first of this process")

    done = commands(lambda: datasets.put(frame, "x"))
    # The zone maps last; then what makes sure that all is there and stays there.
    assert done == ["insert"] * 4 + ["aggregate", "delete", "aggregate", "insert"]


def test_filter_that_few_rows_can_meet_reads_all_of_them_at_once(
    datasets: DatasetStore, commands: Commands
) -> None:
    rows = 200_000
    frame = pd.DataFrame({"at": np.arange(rows)} | {f"x{i}": np.zeros(rows) for i in range(9)})
    datasets.put(frame, "x")

    found: list[pd.DataFrame] = []
    done = commands(lambda: found.append(datasets.get("x", at__gte=rows - 1000)))

    # The version, the zone maps, and the last row group.
    assert done == ["aggregate", "find", "find"]
    pd.testing.assert_frame_equal(found[0], frame.iloc[-1000:])
