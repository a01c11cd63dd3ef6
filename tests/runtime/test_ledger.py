"""Records are written once, move forward, and end once."""

from __future__ import annotations

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import Invalid, NotFound
from omega_jupyter.runtime import claim as claims
from omega_jupyter.runtime import records
from omega_jupyter.runtime.attempt import Attempt, running_in
from omega_jupyter.runtime.claim import Absent, Busy, Unwanted, claim, release
from omega_jupyter.runtime.ledger import Ledger
from omega_jupyter.store.database.connection import connect

HERE = {"host": "here", "pid": 1, "began": 1.0}
THERE = {"host": "there", "pid": 1, "began": 1.0}


@pytest.fixture
def ledger(mongo_url: str) -> Ledger:
    return Ledger(SecretUrl(mongo_url))


def submit(ledger: Ledger, *ids: str) -> None:
    for task_id in ids:
        ledger.submit({"_id": task_id, "verb": "fit", "model_name": "m"})


def begin(
    ledger: Ledger,
    task_id: str,
    process: dict[str, object] = HERE,
    *,
    gone: bool = False,
    number: int = 1,
    again: bool = True,
    claimant: str | None = None,
) -> Attempt | Busy | Unwanted:
    return claim(
        ledger.url,
        task_id,
        number,
        again=again,
        worker=f"w@{process['host']}",
        process=process,
        claimant=claimant or uuid.uuid4().hex,
        is_gone=lambda _: gone,
    )


def begun(ledger: Ledger, task_id: str, process: dict[str, object] = HERE) -> Attempt:
    attempt = begin(ledger, task_id, process)
    assert isinstance(attempt, Attempt)
    return attempt


def state(ledger: Ledger, task_id: str) -> str:
    return str((ledger.find(task_id) or {})["state"])


def states(ledger: Ledger, task_id: str) -> list[str]:
    record = ledger.find(task_id)
    assert record is not None
    return [change["state"] for change in record["history"]]


@pytest.fixture
def short_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    """A heartbeat is old at once, and so is the second chance after it."""
    for module in (records, claims):
        monkeypatch.setattr(module, "LEASE_SECONDS", 0.01)
    monkeypatch.setattr(claims, "SECOND_CHANCE_SECONDS", 0.01)


def test_submitted_task_is_queued_before_any_worker_runs(ledger: Ledger) -> None:
    submit(ledger, "a1")

    assert [record["state"] for record in ledger.newest()] == ["QUEUED"]


def test_claim_counts_attempts_and_names_the_worker(ledger: Ledger) -> None:
    submit(ledger, "a1")

    assert begun(ledger, "a1").number == 1
    release(ledger.url, "a1", 1)
    again = begun(ledger, "a1", THERE)

    assert again.number == 2
    record = ledger.find("a1")
    assert record is not None
    assert (record["attempts"], record["worker"], record["state"]) == (2, "w@there", "STARTED")
    assert states(ledger, "a1") == ["STARTED", "RETRY", "STARTED"]
    assert [change.get("worker") for change in record["history"]] == ["w@here", None, "w@there"]


def test_moments_are_the_server_s(ledger: Ledger) -> None:
    submit(ledger, "a1")
    begun(ledger, "a1").progress({"fraction": 0.5, "step": "half"})
    ledger.update("a1", "SUCCESS", {"result": "1"})

    record = ledger.find("a1")
    server = connect(ledger.url).command("hello")["localTime"].replace(tzinfo=UTC)

    assert record is not None
    moments = [record["submitted"], *(change["at"] for change in record["history"])]
    assert moments == sorted(moments)
    assert server - moments[0] < timedelta(seconds=30)
    assert record["finished"] == moments[-1]


def test_ended_task_is_never_claimed_or_changed_again(ledger: Ledger) -> None:
    submit(ledger, "a1")
    attempt = begun(ledger, "a1")
    ledger.update("a1", "SUCCESS", {"result": "1"})

    assert isinstance(begin(ledger, "a1"), Unwanted)
    assert not ledger.update("a1", "FAILURE", {"result": "2"})
    assert not attempt.commit()
    attempt.progress({"fraction": 0.1})
    assert ledger.find("a1", ["state", "result"]) == {
        "_id": "a1",
        "state": "SUCCESS",
        "result": "1",
    }
    assert attempt.beat() == "ended"


def test_task_nobody_submitted_is_not_claimed(ledger: Ledger) -> None:
    assert isinstance(begin(ledger, "nobody"), Absent)


def test_task_that_runs_is_not_begun_twice(ledger: Ledger) -> None:
    submit(ledger, "a1")
    begun(ledger, "a1")

    assert isinstance(begin(ledger, "a1", THERE), Busy)
    assert state(ledger, "a1") == "STARTED"


def test_task_of_a_process_known_to_be_gone_runs_again_at_once(ledger: Ledger) -> None:
    submit(ledger, "a1")
    first = begun(ledger, "a1")

    second = begin(ledger, "a1", THERE, gone=True)

    assert isinstance(second, Attempt)
    assert second.number == 2
    assert first.beat() == "taken"
    assert first.standing() == "taken"
    assert not first.commit()


@pytest.mark.usefixtures("short_lease")
def test_silent_worker_gets_a_second_chance_before_another_takes_its_task(ledger: Ledger) -> None:
    submit(ledger, "a1", "a2")
    first, other = begun(ledger, "a1"), begun(ledger, "a2")
    time.sleep(0.03)

    assert isinstance(begin(ledger, "a1", THERE), Busy)
    assert isinstance(begin(ledger, "a2", THERE), Busy)
    assert state(ledger, "a1") == "RETRY"
    assert first.beat() == "ours"  # it lives after all
    assert state(ledger, "a1") == "STARTED"
    time.sleep(0.03)

    second = begin(ledger, "a2", THERE)
    assert isinstance(second, Attempt)
    assert second.number == 2
    assert other.beat() == "taken"


@pytest.mark.usefixtures("short_lease")
def test_second_chance_is_over_after_its_time_alone(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit(ledger, "a1")
    first = begun(ledger, "a1")
    time.sleep(0.03)
    monkeypatch.setattr(claims, "SECOND_CHANCE_SECONDS", 60.0)

    # The first one finds out that it is silent, and another one asks in its second chance.
    assert isinstance(begin(ledger, "a1", THERE), Busy)
    assert isinstance(begin(ledger, "a1", THERE), Busy)
    assert state(ledger, "a1") == "RETRY"

    monkeypatch.setattr(claims, "SECOND_CHANCE_SECONDS", 0.0)
    time.sleep(0.01)
    assert begun(ledger, "a1", THERE).number == 2
    assert first.beat() == "taken"


@pytest.mark.usefixtures("short_lease")
def test_reader_notices_that_a_worker_is_silent(ledger: Ledger) -> None:
    submit(ledger, "runs", "ends", "waits")
    for task_id in ("runs", "ends"):
        begun(ledger, task_id)
    ledger.cancel("ends", 5)
    time.sleep(0.03)

    assert ledger.settle(["runs", "ends", "waits"])

    found = [state(ledger, task_id) for task_id in ("runs", "ends", "waits")]
    assert found == ["RETRY", "CANCELLED", "QUEUED"]
    assert not ledger.settle(["runs", "ends", "waits"])


def test_reader_does_not_give_up_who_was_just_heard(ledger: Ledger) -> None:
    submit(ledger, "a1")
    begun(ledger, "a1")

    assert not ledger.settle(["a1"])
    assert state(ledger, "a1") == "STARTED"


def test_task_whose_workers_die_is_given_up(ledger: Ledger) -> None:
    submit(ledger, "a1")
    for number in range(1, records.MAX_ATTEMPTS + 1):
        attempt = begin(ledger, "a1", gone=True)
        assert isinstance(attempt, Attempt)
        assert attempt.number == number

    assert isinstance(begin(ledger, "a1", gone=True), Unwanted)

    record = ledger.find("a1")
    assert record is not None
    assert record["state"] == "LOST"
    assert "3 attempts" in record["error"]["message"]


def test_crash_that_forgot_the_claim_is_put_right(ledger: Ledger) -> None:
    submit(ledger, "a1")
    attempt = begun(ledger, "a1")
    changes = {"$set": {"state": "QUEUED", "attempts": 0}, "$unset": {"worker": ""}}
    records.records(ledger.url).update_one({"_id": "a1"}, changes)

    assert attempt.beat() == "ours"
    assert running_in(ledger.url, "a1", HERE) is not None
    record = ledger.find("a1")
    assert record is not None
    assert (record["state"], record["attempts"], record["worker"]) == ("STARTED", 1, "w@here")


def test_crash_that_forgot_the_claim_leaves_the_task_to_who_claims_it_again(
    ledger: Ledger,
) -> None:
    submit(ledger, "a1")
    first = begun(ledger, "a1")
    forgotten = ["taken", "worker", "process", "started", "heartbeat", "history"]
    changes = {"$set": {"state": "QUEUED", "attempts": 0}, "$unset": dict.fromkeys(forgotten, "")}
    records.records(ledger.url).update_one({"_id": "a1"}, changes)
    second = begun(ledger, "a1", THERE)

    assert first.number == second.number == 1
    assert first.beat() == first.standing() == "taken"
    assert not first.commit()
    assert second.beat() == "ours"
    assert second.commit()


def test_waiting_task_is_cancelled_at_once_and_never_starts(ledger: Ledger) -> None:
    submit(ledger, "a1")

    record = ledger.cancel("a1", 5)

    assert record is not None
    assert (record["state"], record["cancelled"]) == ("CANCELLED", "never started")
    assert isinstance(begin(ledger, "a1"), Unwanted)


def test_running_task_is_asked_to_stop_and_publishes_nothing(ledger: Ledger) -> None:
    submit(ledger, "a1")
    attempt = begun(ledger, "a1")

    record = ledger.cancel("a1", 5)

    assert record is not None
    assert record["state"] == "CANCELLING"
    assert attempt.standing() == attempt.beat() == "cancelling"
    assert 4 < attempt.grace_left() <= 5
    attempt.progress({"fraction": 0.9})
    assert not attempt.commit()
    assert isinstance(begin(ledger, "a1"), Unwanted)
    attempt.stopped()
    assert states(ledger, "a1") == ["STARTED", "CANCELLING", "CANCELLED"]


def test_task_that_publishes_is_not_cancelled_any_more(ledger: Ledger) -> None:
    submit(ledger, "a1")
    attempt = begun(ledger, "a1")
    assert attempt.commit()

    record = ledger.cancel("a1", 5)

    assert record is not None
    assert record["state"] == "STARTED"
    assert attempt.standing() == "ours"


def test_id_is_found_by_its_beginning(ledger: Ledger) -> None:
    submit(ledger, "abc1")
    time.sleep(0.002)  # moments are kept by the millisecond
    submit(ledger, "abd2")

    assert ledger.complete("abc") == "abc1"
    assert ledger.complete("last") == "abd2"
    with pytest.raises(Invalid, match="Several"):
        ledger.complete("ab")
    with pytest.raises(NotFound, match="xyz"):
        ledger.complete("xyz")
    with pytest.raises(NotFound):
        ledger.complete("a.*")


def test_newest_come_first_and_are_filtered(ledger: Ledger) -> None:
    for task_id in ("a", "b", "c"):
        submit(ledger, task_id)
        time.sleep(0.002)  # moments are kept by the millisecond
    ledger.update("b", "FAILURE", {})
    later = datetime.now(UTC) + timedelta(seconds=60)

    assert [r["_id"] for r in ledger.newest()] == ["c", "b", "a"]
    assert [r["_id"] for r in ledger.newest(state="FAILURE")] == ["b"]
    assert [r["_id"] for r in ledger.newest(1, model="m")] == ["c"]
    assert ledger.newest(since=later) == []
    assert len(ledger.newest(since=later - timedelta(hours=1))) == 3
    with pytest.raises(Invalid, match="NOSUCH"):
        ledger.newest(state="NOSUCH")


def test_withdrawn_task_leaves_nothing(ledger: Ledger) -> None:
    submit(ledger, "a")
    ledger.withdraw("a")

    assert ledger.find("a") is None


def test_records_expire_as_their_user_wants_once_they_have_ended(ledger: Ledger) -> None:
    submit(ledger, "ended", "waits", "runs")
    ledger.submit({"_id": "short", "verb": "fit", "model_name": "m", "retention_days": 2.0})
    for task_id in ("ended", "short"):
        ledger.update(task_id, "SUCCESS", {})
    begun(ledger, "runs")

    found = {str(record["_id"]): record for record in ledger.newest()}

    assert found["ended"]["expires"] - found["ended"]["finished"] == timedelta(days=30)
    assert found["short"]["expires"] - found["short"]["finished"] == timedelta(days=2)
    assert found["waits"]["expires"] > found["waits"]["submitted"] + timedelta(days=29)
    # Should its worker die, and nobody look at it ever again.
    assert found["runs"]["expires"] > found["runs"]["started"] + timedelta(days=29)


@pytest.mark.parametrize(
    ("days", "kept"), [(float("inf"), 36_500), (1e15, 36_500), (-5.0, 0), (float("nan"), 0)]
)
def test_record_that_is_to_expire_at_no_moment_ends_all_the_same(
    ledger: Ledger, days: float, kept: int
) -> None:
    ledger.submit({"_id": "a", "verb": "fit", "model_name": "m", "retention_days": days})

    ledger.update("a", "SUCCESS", {})

    [found] = ledger.newest()
    assert found["state"] == "SUCCESS"
    assert found["expires"] - found["finished"] == timedelta(days=kept)


def test_copy_of_a_message_begins_nothing_and_changes_nothing(ledger: Ledger) -> None:
    submit(ledger, "a1")
    first = begin(ledger, "a1", again=False)
    assert isinstance(first, Attempt)

    def refused(process: dict[str, object] = THERE, *, gone: bool = False) -> str:
        before = ledger.find("a1", ["state", "attempts", "taken", "history", "process"])
        found = begin(ledger, "a1", process, gone=gone, again=False)
        assert isinstance(found, Unwanted)
        assert ledger.find("a1", ["state", "attempts", "taken", "history", "process"]) == before
        return found.why

    assert "copy" in refused()
    first.progress({"fraction": 0.5})
    assert "copy" in refused(gone=True)  # its worker is gone, and the broker did not say so
    release(ledger.url, "a1", 1)
    assert state(ledger, "a1") == "RETRY"
    assert "copy" in refused()
    assert isinstance(begin(ledger, "a1", THERE), Attempt)  # the broker's own
    assert "copy" in refused()
    ledger.cancel("a1", 5)
    assert "CANCELLING" in refused()
    ledger.update("a1", "CANCELLED", {})
    assert "CANCELLED" in refused()
    records.records(ledger.url).delete_one({"_id": "a1"})
    assert isinstance(begin(ledger, "a1", THERE, again=False), Absent)


def test_message_that_was_put_back_counts_once_and_the_one_before_no_more(ledger: Ledger) -> None:
    submit(ledger, "a1")
    begun(ledger, "a1")
    assert isinstance(begin(ledger, "a1", THERE), Busy)  # which sends number 2
    assert isinstance(begin(ledger, "a1", THERE, number=2, again=False), Busy)
    release(ledger.url, "a1", 1)

    assert isinstance(begin(ledger, "a1", THERE, number=2, again=False), Unwanted)
    assert isinstance(begin(ledger, "a1", THERE, number=1), Unwanted)
    assert isinstance(begin(ledger, "a1", THERE, number=3, again=False), Attempt)
    record = ledger.find("a1")
    assert record is not None
    assert (record["attempts"], record["taken"]) == (2, 3)


def test_who_asks_again_because_the_answer_was_lost_has_what_it_got(ledger: Ledger) -> None:
    submit(ledger, "t")
    first = begin(ledger, "t", again=False, claimant="me")

    second = begin(ledger, "t", again=False, claimant="me")

    assert isinstance(first, Attempt)
    assert isinstance(second, Attempt)
    assert (second.number, second.record["_id"]) == (first.number, "t")
    assert states(ledger, "t") == ["STARTED"]
    assert isinstance(begin(ledger, "t", again=False, claimant="other"), Unwanted)


def test_of_two_copies_at_the_same_moment_one_begins(ledger: Ledger) -> None:
    for number in range(10):
        submit(ledger, f"t{number}")
        ready = Barrier(4)

        def one(task_id: str = f"t{number}", ready: Barrier = ready) -> object:
            ready.wait()
            return begin(ledger, task_id, again=False)

        with ThreadPoolExecutor(4) as pool:
            found = [future.result() for future in [pool.submit(one) for _ in range(4)]]
        assert sorted(type(each).__name__ for each in found) == ["Attempt", *["Unwanted"] * 3]
        assert (ledger.find(f"t{number}") or {})["attempts"] == 1
