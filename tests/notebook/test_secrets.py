"""What a cell shows of an error holds no password, however much the shell shows."""

from __future__ import annotations

import pytest

from tests.notebook.conftest import Notebook

NOWHERE = "127.0.0.1:1"


@pytest.mark.parametrize("mode", ["Context", "Verbose"])
@pytest.mark.parametrize(
    "cell",
    [
        "om.datasets.list()",
        "om.runtime.workers()",
        "om.runtime.model('m').fit('X')",
        "%omega ls",
        "%omega doctor",
        "om.runtime.tasks()[0]",
        "(om, om.config, om.runtime, om.mongo_url, om.datasets, om.models)",
    ],
)
def test_outputs_and_errors_hide_the_password(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch, cell: str, mode: str
) -> None:
    monkeypatch.setenv("OMEGA_BROKER_URL", f"amqp://alice:rabbit-hole@{NOWHERE}//")
    url = f"mongodb://alice:looking-glass@{NOWHERE}/omega_alice?serverSelectionTimeoutMS=50"
    monkeypatch.setenv("OMEGA_MONGO_URL", url)
    notebook("from omega_jupyter import Omega\nom = Omega()")
    notebook(f"%xmode {mode}")

    shown = notebook.run(cell)

    assert NOWHERE in shown.text
    assert "rabbit-hole" not in shown.text
    assert "looking-glass" not in shown.text
