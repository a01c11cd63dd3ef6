"""A real kernel, as a frontend drives it."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import nbformat
import pytest
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from tests.processes import Worker

SETUP = """
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
X, y = make_classification(5_000, 20, random_state=0)
quick = LogisticRegression()
forest = RandomForestClassifier(20, random_state=0)
slow = GridSearchCV(forest, {"max_depth": [4, 5, 6, 7, 8]}, cv=3)
%load_ext omega_jupyter
%omega put X y quick slow
"""


def settings(mongod: str, worker: Worker) -> dict[str, str]:
    """The environment of a user with an empty database."""
    return {
        "OMEGA_MONGO_URL": f"{mongod}/test_{uuid.uuid4().hex[:12]}",
        "OMEGA_BROKER_URL": worker.broker_url,
        **worker.keys.of_clients_environment,
    }


@pytest.fixture(scope="module")
def kernel(mongod: str, worker: Worker) -> Iterator[Any]:
    manager, client = start_new_kernel(
        kernel_name="python3", env=os.environ | settings(mongod, worker)
    )
    try:
        client.execute_interactive(SETUP, timeout=120, output_hook=lambda message: None)
        yield manager, client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def executed(client: Any, code: str, while_running: Callable[[Any], None]) -> list[dict[str, Any]]:
    """Run a cell; return the content of what it sent, each with its kind."""
    sent: list[dict[str, Any]] = []

    def collect(message: dict[str, Any]) -> None:
        sent.append({"kind": message["msg_type"], **message["content"]})
        while_running(sent[-1])

    reply = client.execute_interactive(code, timeout=120, output_hook=collect)
    return [*sent, {"kind": "reply", **reply["content"]}]


def of_kind(sent: list[dict[str, Any]], *kinds: str) -> list[dict[str, Any]]:
    return [content for content in sent if content["kind"] in kinds]


def test_slow_call_shows_one_line_and_quick_one_none(kernel: Any) -> None:
    _, client = kernel

    slow = executed(client, "md = %omega fit slow X y", lambda content: None)
    quick = executed(client, "%omega fit quick {X[:100]} {y[:100]}", lambda content: None)

    (shown,) = of_kind(slow, "display_data")
    updates = of_kind(slow, "update_display_data")
    assert {update["transient"]["display_id"] for update in updates} == {
        shown["transient"]["display_id"]
    }
    assert "fit slow" in shown["data"]["text/plain"]
    assert updates[-1]["data"]["text/plain"].startswith("fit slow: done after")
    assert any("<progress" in update["data"]["text/html"] for update in updates)
    assert of_kind(quick, "display_data") == []
    (value,) = of_kind(quick, "execute_result")
    assert "quick@2" in value["data"]["text/plain"]


def test_interrupt_ends_the_waiting_and_not_the_task(kernel: Any) -> None:
    manager, client = kernel

    def interrupt(content: dict[str, Any]) -> None:
        if content["kind"] == "display_data":
            manager.interrupt_kernel()

    sent = executed(client, "md = %omega fit slow X y\nafterwards = 1", interrupt)
    (error,) = of_kind(sent, "error")
    later = executed(client, "md = %omega result\nprint(md.name)", lambda content: None)

    assert sent[-1]["status"] == "error"
    assert error["ename"] == "Detached"
    assert "goes on" in error["traceback"][0]
    assert all(f"%omega {verb}" in error["traceback"][0] for verb in ("watch", "result", "cancel"))
    assert len(error["traceback"]) == 1
    assert of_kind(sent, "update_display_data")[-1]["data"]["text/plain"] == "fit slow: goes on"
    assert of_kind(later, "stream")[-1]["text"] == "slow\n"


def test_failing_line_stops_run_all(
    mongod: str, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in settings(mongod, worker).items():
        monkeypatch.setenv(name, value)
    cells = [SETUP, "%omega fit nomodel X y", "afterwards = 1"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in cells])
    client = NotebookClient(notebook, timeout=120, kernel_name="python3")

    with pytest.raises(CellExecutionError):
        client.execute()

    (failed,) = [out for out in notebook.cells[1].outputs if out.output_type == "error"]
    assert failed.ename == "NotFound"
    assert "nomodel" in failed.traceback[0]
    assert notebook.cells[2].execution_count is None
