"""Lists: by pattern, regular expression, kind and attributes; and how the server answers."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pymongo import monitoring

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import Invalid
from omega_jupyter.store.database.connection import connect, forget
from omega_jupyter.store.database.schema import prepare, versions
from omega_jupyter.store.datasets import DatasetStore
from omega_jupyter.store.names.patterns import NamePattern
from tests.listener import Listener

MANY = 100_000
FOLDERS = 10


def test_regular_expression_is_for_the_beginning(datasets: DatasetStore) -> None:
    for name in ("sales/1", "sales/10", "sales/x", "old/sales/1", ".staged/1"):
        datasets.put(1, name, task=name)

    assert datasets.list(regexp=r"sales/\d") == ["sales/1", "sales/10"]
    assert datasets.list(regexp=r"sales/\d$") == ["sales/1"]
    assert datasets.list(regexp=r".*sales/1$") == ["old/sales/1", "sales/1"]
    assert datasets.list(regexp=re.compile("SALES", re.IGNORECASE)) == [
        "sales/1",
        "sales/10",
        "sales/x",
    ]
    assert datasets.list("*0", regexp="s") == ["sales/10"]
    assert datasets.list("old*", regexp="s") == []
    assert datasets.list(regexp="") == datasets.list()
    assert datasets.list(regexp=".*1", hidden=True)[0] == ".staged/1"
    assert [entry.name for entry in datasets.entries(regexp=r"sales/\d$")] == ["sales/1"]


@pytest.mark.parametrize("wrong", ["(", "*", b"a", 3, re.compile(b"a")])
def test_regular_expression_that_is_none_is_refused(wrong: Any, datasets: DatasetStore) -> None:
    with pytest.raises(Invalid, match="regular expression"):
        datasets.list(regexp=wrong)
    with pytest.raises(Invalid, match="pattern is text"):
        datasets.list(3)  # type: ignore[arg-type]  # the mistake itself


def test_kind_is_that_of_the_latest_version(datasets: DatasetStore) -> None:
    datasets.put(1, "a")
    datasets.put(pd.DataFrame({"x": [1]}), "a")
    datasets.put([1], "b")

    assert datasets.list(kind="dataframe") == ["a"]
    assert [entry.ref for entry in datasets.entries(kind="data")] == ["b@1"]
    assert datasets.list("b*", kind="dataframe") == []
    assert datasets.list(kind="estimator") == []


def test_attributes_must_all_be_there_and_equal(datasets: DatasetStore) -> None:
    notes: dict[str, dict[str, Any]] = {
        "a": {"source": "crm", "n": 1, "a.b": {"$x": [1, {"k": None}], "y": 2}},
        "b": {"source": "crm", "n": True},
        "c": {"source": ["crm"], "n": None},
        "d": {},
    }
    for name, attributes in notes.items():
        datasets.put(0, name, attributes={"source": "old"})
        datasets.put(0, name, attributes=attributes)

    assert datasets.list(attributes={"source": "crm"}) == ["a", "b"]
    assert datasets.list(attributes={"source": "old"}) == []
    assert datasets.list(attributes={"source": "crm", "n": 1}) == ["a"]
    assert datasets.list(attributes={"n": 1.0}) == ["a"]
    assert datasets.list(attributes={"n": True}) == ["b"]
    assert datasets.list(attributes={"n": None}) == ["c"]
    assert datasets.list(attributes={"source": ["crm"]}) == ["c"]
    # The order of keys does not count.
    assert datasets.list(attributes={"a.b": {"y": 2, "$x": [1, {"k": None}]}}) == ["a"]
    assert datasets.list(attributes={}) == list("abcd")
    assert [entry.name for entry in datasets.entries("[ac]", attributes={"n": 1})] == ["a"]
    with pytest.raises(Invalid, match="attribute 'x'"):
        datasets.list(attributes={"x": {1, 2}})


NAMES = ["a", "a.b", "a+", "a b", "ab", "aab", "b/a", "A", "ä", "a/b", "a\U0010ffff", "a\ud7ffb"]
EXPRESSIONS = st.text(st.sampled_from("aab.+*?|()[]{}^$\\/ \ud7ff-2"), max_size=8)


@given(EXPRESSIONS, st.sampled_from([0, re.IGNORECASE, re.VERBOSE]))
def test_range_of_the_index_holds_whatever_the_expression_matches(text: str, flags: int) -> None:
    try:
        expression = re.compile(text, flags)
    except (re.error, FutureWarning):
        assume(False)
    found = [name for name in NAMES if _among(NamePattern(regexp=expression), name)]

    assert found == [name for name in NAMES if expression.match(name)]


@given(st.text(st.sampled_from("ab*?[]!/.\U0010ffff"), max_size=6))
def test_range_of_the_index_holds_whatever_the_pattern_matches(pattern: str) -> None:
    found = [name for name in NAMES if _among(NamePattern(pattern), name)]

    assert found == fnmatch.filter(NAMES, pattern)


def _among(pattern: NamePattern, name: str) -> bool:
    bounds = [(at["$gte"], at.get("$lt")) for at in pattern.ranges]
    inside = any(low <= name and (high is None or name < high) for low, high in bounds)
    assert inside or not pattern.exact or not pattern.fits(name)
    return inside and pattern.fits(name)


class Plans(Listener):
    """Notes what is asked, to have it explained."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if event.command_name in ("find", "aggregate"):
            self.asked.append(dict(event.command))


class Explained:
    """How the server answered all that was asked in a block."""

    def __init__(self, url: SecretUrl) -> None:
        self._url = url
        self._plans = Plans()
        self.stages: set[str] = set()
        self.documents = 0
        self.keys = 0

    def __enter__(self) -> Explained:
        forget(self._url)
        monitoring.register(self._plans)
        return self

    def __exit__(self, *_: object) -> None:
        monitoring._LISTENERS.command_listeners.remove(self._plans)
        forget(self._url)
        assert self._plans.asked
        for command in self._plans.asked:
            kept = {
                k: v for k, v in command.items() if k[0] != "$" and k not in ("lsid", "txnNumber")
            }
            self._read(connect(self._url).command("explain", kept, verbosity="executionStats"))

    def _read(self, part: Any) -> None:
        if isinstance(part, list):
            for item in part:
                self._read(item)
        elif isinstance(part, dict):
            stage = part.get("stage")
            if isinstance(stage, str):
                self.stages.add(stage)
            if "totalDocsExamined" in part:
                self.documents += part["totalDocsExamined"]
                self.keys += part["totalKeysExamined"]
            for key, item in part.items():
                if key not in ("rejectedPlans", "allPlansExecution"):
                    self._read(item)


@pytest.fixture(scope="module")
def crowd(mongod: str) -> Iterator[DatasetStore]:
    """A store with a hundred thousand names; those in ten folders have three versions."""
    url = SecretUrl(f"{mongod}/crowd")
    store = DatasetStore(url)
    real = store.put(pd.DataFrame({"x": [1]}), "folder7/one", attributes={"source": "crm"})
    prepare(url)
    (document,) = versions(url).find({"name": "folder7/one"})
    document |= {"created": datetime.now(UTC), "segments": [{"d": {"0.0": b"1"}}]}
    assert real.version == 1
    for version in (1, 2, 3):
        of_version = document | {"version": version, "attributes": {}}
        versions(url).insert_many(
            [
                {k: v for k, v in of_version.items() if k != "_id"}
                | {"name": f"folder{n % 100}/name {n}"}
                for n in range(MANY)
                if version == 1 or n % 100 < FOLDERS
            ],
            ordered=False,
        )
    store.put(1, "folder8/gone")
    store.drop("folder8/gone")
    store.put(1, "folder8/name 8")
    store.drop("folder8/name 8@4")
    store.tag("folder7/name 7", "prod", version=2)
    yield store
    connect(url).client.drop_database("crowd")
    forget(url)


def no_scan(plan: Explained) -> bool:
    return not plan.stages & {"COLLSCAN", "SORT"}


def test_list_of_a_hundred_thousand_jumps_from_name_to_name(crowd: DatasetStore) -> None:
    with Explained(crowd._url) as plan:
        found = crowd.list()

    assert len(found) == MANY + 1
    assert found == sorted(found)
    assert no_scan(plan)
    assert "DISTINCT_SCAN" in plan.stages
    # One key a name, however many versions it has; and the documents of a few special ones.
    assert plan.keys < MANY + 100
    assert plan.documents < 10


def test_brief_list_reads_no_more_than_the_names(crowd: DatasetStore) -> None:
    with Explained(crowd._url) as plan:
        found = crowd.brief()

    assert [brief.name for brief in found] == crowd.list()
    known = {brief.name: (brief.version, brief.kind) for brief in found}
    assert known["folder7/name 7"] == (3, "dataframe")
    # Its latest version was removed.
    assert known["folder8/name 8"] == (3, "dataframe")
    assert no_scan(plan)
    assert plan.keys < MANY + 100
    assert plan.documents < 10


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        ({"pattern": "folder7/*"}, 1001),
        ({"regexp": r"folder7/name \d"}, 1000),
        ({"pattern": "folder7/*", "kind": "dataframe"}, 1001),
        ({"pattern": "folder8/*"}, 1000),
    ],
)
def test_list_of_a_folder_looks_at_nothing_else(
    crowd: DatasetStore, arguments: dict[str, Any], count: int
) -> None:
    with Explained(crowd._url) as plan:
        assert len(crowd.list(**arguments)) == count

    assert no_scan(plan)
    assert plan.keys < 1100
    assert plan.documents < 10


def test_entries_of_a_folder_read_one_document_a_name(crowd: DatasetStore) -> None:
    with Explained(crowd._url) as plan:
        entries = crowd.entries("folder8/*")
    with Explained(crowd._url) as few:
        (one,) = crowd.entries("folder7/*", attributes={"source": "crm"})

    assert {entry.version for entry in entries} == {3}
    assert len(entries) == 1000
    assert no_scan(plan)
    assert plan.documents < 1100
    assert one.name == "folder7/one"
    assert no_scan(few)
    assert few.documents < 1100


def test_few_among_many_read_few_documents(crowd: DatasetStore) -> None:
    with Explained(crowd._url) as plan:
        assert len(crowd.entries("*/name ?77")) == 9

    assert no_scan(plan)
    assert plan.documents < 20


@pytest.mark.parametrize("name", ["", "@2", "@-2", "@prod", "@99", "@nothing"])
def test_one_name_is_found_by_a_few_keys(crowd: DatasetStore, name: str) -> None:
    wanted = f"folder7/name 7{name}"
    with Explained(crowd._url) as plan:
        there = crowd.exists(wanted) and crowd.metadata(wanted).name == "folder7/name 7"

    assert there is (name not in ("@99", "@nothing"))
    assert no_scan(plan)
    assert plan.keys < 20
    assert plan.documents < 20


def test_newest_version_of_ten_thousand_is_found_by_a_few_keys(crowd: DatasetStore) -> None:
    url = crowd._url
    (document,) = versions(url).find({"name": "folder7/name 7", "version": 1}, {"_id": 0})
    versions(url).insert_many([document | {"version": n} for n in range(4, 10_000)], ordered=False)

    with Explained(url) as plan:
        crowd.put(1, "folder7/name 7", task="t")
        assert crowd.metadata("folder7/name 7").version == 10_000
        assert crowd.metadata("folder7/name 7@5").version == 5
        assert crowd.metadata("folder7/name 7@prod").version == 2

    assert no_scan(plan)
    assert plan.documents < 40
