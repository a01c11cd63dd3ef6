"""Records are written once, move forward, and end once."""

from __future__ import annotations

import pytest

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import Invalid, NotFound
from omega_jupyter.runtime.ledger import Ledger


@pytest.fixture
def ledger(mongo_url: str) -> Ledger:
    return Ledger(SecretUrl(mongo_url))


def submit(ledger: Ledger, *ids: str) -> None:
    for task_id in ids:
        ledger.submit({"_id": task_id, "verb": "fit", "model_name": "m"})


def test_submitted_task_is_queued_before_any_worker_runs(ledger: Ledger) -> None:
    submit(ledger, "a1")

    assert [record["state"] for record in ledger.newest()] == ["QUEUED"]


def test_claim_counts_attempts_and_names_the_worker(ledger: Ledger) -> None:
    submit(ledger, "a1")

    ledger.claim("a1", "w1")
    record = ledger.claim("a1", "w2")

    assert record is not None
    assert (record["attempts"], record["worker"], record["state"]) == (2, "w2", "STARTED")


def test_ended_task_is_never_claimed_or_changed_again(ledger: Ledger) -> None:
    submit(ledger, "a1")
    ledger.update("a1", "SUCCESS", {"result": "1"})

    assert ledger.claim("a1", "w1") is None
    assert not ledger.update("a1", "FAILURE", {"result": "2"})
    assert ledger.find("a1", ["state", "result"]) == {
        "_id": "a1",
        "state": "SUCCESS",
        "result": "1",
    }


def test_task_nobody_submitted_is_not_claimed(ledger: Ledger) -> None:
    assert ledger.claim("nobody", "w1") is None


def test_id_is_found_by_its_beginning(ledger: Ledger) -> None:
    submit(ledger, "abc1", "abd2")

    assert ledger.complete("abc") == "abc1"
    assert ledger.complete("last") == "abd2"
    with pytest.raises(Invalid, match="Several"):
        ledger.complete("ab")
    with pytest.raises(NotFound, match="xyz"):
        ledger.complete("xyz")
    with pytest.raises(NotFound):
        ledger.complete("a.*")


def test_newest_come_first_and_are_filtered(ledger: Ledger) -> None:
    submit(ledger, "a", "b", "c")
    ledger.update("b", "FAILURE", {})

    assert [r["_id"] for r in ledger.newest()] == ["c", "b", "a"]
    assert [r["_id"] for r in ledger.newest(state="FAILURE")] == ["b"]
    assert [r["_id"] for r in ledger.newest(1, model="m")] == ["c"]
    with pytest.raises(Invalid, match="NOSUCH"):
        ledger.newest(state="NOSUCH")


def test_withdrawn_task_leaves_nothing(ledger: Ledger) -> None:
    submit(ledger, "a")
    ledger.withdraw("a")

    assert ledger.find("a") is None


def test_ended_records_expire_and_waiting_ones_do_not(ledger: Ledger) -> None:
    submit(ledger, "a", "b")
    ledger.update("a", "SUCCESS", {})

    ended, waiting = ledger.find("a"), ledger.find("b")

    assert ended is not None
    assert waiting is not None
    assert ended["expires"] > ended["finished"]
    assert "expires" not in waiting
