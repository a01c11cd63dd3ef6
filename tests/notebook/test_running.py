"""The magics that run on a real worker."""

from __future__ import annotations

import numpy as np

from omega_jupyter.errors import Invalid, NotFound, TaskFailed, TaskTimeout
from omega_jupyter.runtime.task import OmegaTask
from omega_jupyter.store.versions.metadata import Metadata
from tests.notebook.conftest import Notebook


def test_fit_predict_and_score_give_values(remote: Notebook) -> None:
    fitted = remote("fitted = %omega fit mymodel X y\nfitted")
    predicted = remote("pred = %omega predict mymodel X\npred")
    score = remote("%omega score mymodel X y")

    local = remote("LogisticRegression(max_iter=300).fit(X, y)")
    assert isinstance(fitted, Metadata)
    assert fitted.ref == "mymodel@2"
    assert fitted.inputs == {"model": "mymodel@1", "X": "X@1", "y": "y@1"}
    np.testing.assert_array_equal(predicted, local.predict(remote("X")))
    assert isinstance(score, float)
    assert score == local.score(remote("X"), remote("y"))
    assert remote("%omega ls -l mymodel")[0].scores[-1]["score"] == score


def test_other_methods_give_their_values(remote: Notebook) -> None:
    remote("from sklearn.preprocessing import StandardScaler\nscaler = StandardScaler()")
    remote("from sklearn.linear_model import SGDClassifier\nsgd = SGDClassifier(random_state=0)")
    remote("%omega put scaler sgd\n%omega fit mymodel X y")

    assert remote("%omega predict_proba mymodel X").shape == (150, 3)
    assert remote("%omega decision_function mymodel X").shape == (150, 3)
    assert remote("%omega fit_transform scaler X").shape == (150, 4)
    assert remote("%omega transform scaler X").shape == (150, 4)
    assert remote("%%omega partial_fit sgd X y\nclasses = [0, 1, 2]").ref == "sgd@2"


def test_stored_name_goes_before_the_variable_and_a_note_says_so(remote: Notebook) -> None:
    remote("X = X[:10]\n%omega fit mymodel X y")

    shown = remote.run("%omega predict mymodel X")

    assert len(shown.value) == 150
    assert "X is the stored data set, not the variable (:X takes the variable)" in shown.text
    assert len(remote("%omega predict mymodel :X")) == 10
    assert len(remote("%omega predict mymodel $X")) == 10
    assert len(remote("%omega predict mymodel {X[:3]}")) == 3
    quoted = remote.run("%omega predict mymodel 'X'")
    assert (len(quoted.value), "stored data set" in quoted.text) == (150, False)


def test_variable_is_sent_where_nothing_is_stored(remote: Notebook) -> None:
    remote("%omega fit mymodel X y\nnew = X[:7]")

    shown = remote.run("%omega predict mymodel new")

    assert len(shown.value) == 7
    assert "stored data set" not in shown.text
    assert len(remote("%omega predict mymodel [[5.1,3.5,1.4,0.2]]")) == 1
    assert [md.name for md in remote("%omega ls")] == ["X", "y", "mymodel"]


def test_text_in_a_variable_stands_for_a_name(remote: Notebook) -> None:
    remote("m, data = 'mymodel', 'X'")

    assert remote("%omega fit $m $data y").ref == "mymodel@2"


def test_result_is_kept_or_bound(remote: Notebook) -> None:
    remote("%omega fit mymodel X y\n%omega predict mymodel X -o pred")

    kept = remote("%omega predict mymodel X --result predictions")

    assert kept.ref == "predictions@1"
    np.testing.assert_array_equal(remote("pred"), remote("%omega get predictions"))


def test_background_gives_the_task_at_once(remote: Notebook) -> None:
    task = remote("task = %omega fit mymodel X y -b\ntask")

    assert isinstance(task, OmegaTask)
    assert remote(f"%omega result {task.id[:8]}").ref == "mymodel@2"
    assert remote("%omega result task").ref == "mymodel@2"
    assert remote("%omega result").ref == "mymodel@2"
    assert remote("%omega result last -o md\nmd").ref == "mymodel@2"


def test_tasks_and_status_tell_what_ran(remote: Notebook) -> None:
    remote("%omega fit mymodel X y\n%omega score mymodel X y")

    listed = remote("%omega tasks -n 5")
    status = remote("%omega status")

    assert [task.verb for task in listed] == ["score", "fit"]
    assert "SUCCESS" in repr(listed)
    assert status.state == "SUCCESS"
    assert "mymodel@2" in repr(status)
    assert status.to_dict()["arguments"]["X"] == "X@1"
    assert len(remote("%omega tasks --state failure")) == 0
    assert len(remote("%omega tasks --model mymodel")) == 2


def test_prefix_of_several_ids_is_refused(remote: Notebook) -> None:
    for _ in range(17):  # of 16 hexadecimal digits, one begins twice
        remote("%omega fit mymodel X y -b")
    ids = [task.id for task in remote("%omega tasks -n 20")]
    digit = next(d for d in "0123456789abcdef" if sum(i[0] == d for i in ids) > 1)

    assert "Several tasks begin" in remote.fails(f"%omega status '{digit}'")


def test_remote_errors_are_short_and_status_has_the_traceback(remote: Notebook) -> None:
    remote("%omega put {[1, 1]} as ones")

    unfitted = remote.run("%omega predict mymodel X")
    failed = remote.run("%omega fit mymodel {X[:2]} ones")
    status = remote.run("%omega status")

    assert isinstance(unfitted.error, Invalid)
    assert "not fitted" in unfitted.text
    assert isinstance(failed.error, TaskFailed), failed.text
    assert "ValueError: This solver needs samples of at least 2 classes" in failed.text
    assert "%omega status" in failed.text
    assert "File " not in failed.text
    assert "traceback on the worker:" in status.text


def test_mistakes_of_data_are_refused_at_once(remote: Notebook) -> None:
    assert "differ in length" in remote.fails("%omega fit mymodel X {y[:5]}")
    assert "No data set 'XX'" in remote.fails("%omega fit mymodel XX y")
    assert "No model 'mymodle'. Did you mean 'mymodel'?" in remote.fails("%omega fit mymodle X y")
    assert isinstance(remote.run("%omega predict mymodel@9 X").error, NotFound)
    assert len(remote("%omega tasks")) == 0


def test_keyword_of_the_estimator_reaches_it(remote: Notebook) -> None:
    shown = remote.run("%omega predict mymodel X no_such=1")

    assert isinstance(shown.error, TaskFailed | Invalid)


def test_timeout_ends_the_waiting_alone(remote: Notebook) -> None:
    shown = remote.run("%omega fit mymodel X y --queue nobody-listens --timeout 0.1")

    assert isinstance(shown.error, TaskTimeout)
    assert "it goes on" in shown.text
    assert remote("%omega status").state == "QUEUED"


def test_waiting_task_is_cancelled_and_retried(remote: Notebook) -> None:
    task = remote("task = %omega fit mymodel X y -b --queue nobody-listens\ntask")

    assert "has not ended" in remote.fails("%omega retry")
    shown = remote.run("%omega cancel task")
    assert shown.value == "never started"
    assert "never started" in shown.text
    status = remote("%omega status")
    assert (status.state, status.cancelled) == ("CANCELLED", "never started")
    assert "CANCELLED (never started)" in repr(status)
    assert "was cancelled (never started)" in remote.fails(f"%omega result {task.id[:8]}")
    again = remote("%omega retry task -b")
    assert isinstance(again, OmegaTask)
    assert remote("%omega status").retry_of == task.id
    remote("%omega cancel")


def test_retry_waits_for_the_value(remote: Notebook) -> None:
    remote("%omega fit mymodel X y")

    assert remote("%omega retry").ref == "mymodel@3"


def test_watch_shows_how_it_ends(remote: Notebook) -> None:
    remote("%omega fit mymodel X y -b")

    report = remote("%omega watch")

    assert report.state == "SUCCESS"
    assert report.history[0]["state"] == "QUEUED"
    assert "history" in repr(report)


def test_tasks_since_a_moment(remote: Notebook) -> None:
    remote("%omega fit mymodel X y")

    assert len(remote("%omega tasks --since 1h")) == 1
    assert len(remote("%omega tasks --since 2199-01-01")) == 0
    assert "neither a time span nor a date" in remote.fails("%omega tasks --since soon")


def test_logs_show_what_was_printed_on_the_worker(remote: Notebook) -> None:
    remote("model = LogisticRegression(max_iter=1)\n%omega put model as hasty")
    remote("%omega fit hasty X y")

    shown = remote.run("%omega logs")
    followed = remote.run("%omega logs -f")

    assert "ConvergenceWarning" in shown.value
    assert "ConvergenceWarning" in shown.text
    assert "\\n" not in shown.text
    assert followed.value is None
    assert "ConvergenceWarning" in followed.text
