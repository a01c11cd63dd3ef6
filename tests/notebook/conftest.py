"""A real IPython shell, in this process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from tests.processes import Worker


@dataclass
class Shown:
    """What a cell left."""

    value: Any
    text: str
    error: BaseException | None


class Notebook:
    """Runs cells as a frontend does."""

    def __init__(self, shell: InteractiveShell, capture: pytest.CaptureFixture[str]) -> None:
        self.shell = shell
        self._capture = capture

    def run(self, cell: str) -> Shown:
        """Run a cell, whether it fails or not."""
        self._capture.readouterr()
        outcome = self.shell.run_cell(cell, store_history=True)
        return Shown(
            outcome.result,
            self._capture.readouterr().out,
            outcome.error_in_exec or outcome.error_before_exec,
        )

    def __call__(self, cell: str) -> Any:
        """Run a cell that must not fail; return its value."""
        shown = self.run(cell)
        assert shown.error is None, shown.text
        return shown.value

    def fails(self, cell: str) -> str:
        """Run a cell that must fail with a short error; return the error."""
        shown = self.run(cell)
        assert shown.error is not None, shown.text
        assert "Traceback" not in shown.text
        assert "File " not in shown.text
        assert len(shown.text.splitlines()) <= 4, shown.text
        return shown.text

    def complete(self, text: str) -> list[str]:
        """Return what Tab offers at the end of the text; the text itself is no offer."""
        with provisionalcompleter():
            found = list(self.shell.Completer.completions(text, len(text)))
        lines = [text[: offered.start] + offered.text for offered in found]
        return [] if lines == [text] else lines


@pytest.fixture(scope="session")
def shell(tmp_path_factory: pytest.TempPathFactory) -> InteractiveShell:
    os.environ["IPYTHONDIR"] = str(tmp_path_factory.mktemp("ipython"))
    config = Config()
    config.HistoryManager.enabled = False
    return InteractiveShell.instance(config=config, colors="nocolor")


@pytest.fixture
def bare(shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> Iterator[Notebook]:
    """A notebook without the extension."""
    own = dict(shell.user_ns)
    yield Notebook(shell, capsys)
    shell.extension_manager.unload_extension("omega_jupyter")
    # As `%reset`, which collects garbage for a tenth of a second each time.
    shell.user_ns.clear()
    shell.user_ns.update(own)


@pytest.fixture
def notebook(bare: Notebook, mongo_url: str, monkeypatch: pytest.MonkeyPatch) -> Notebook:
    """A notebook with the extension and an empty database."""
    monkeypatch.setenv("OMEGA_MONGO_URL", mongo_url)
    bare("%load_ext omega_jupyter")
    return bare


@pytest.fixture
def remote(notebook: Notebook, worker: Worker, monkeypatch: pytest.MonkeyPatch) -> Notebook:
    """A notebook with a worker, a small model and its data."""
    monkeypatch.setenv("OMEGA_BROKER_URL", worker.broker_url)
    for name, value in worker.keys.of_clients_environment.items():
        monkeypatch.setenv(name, value)
    notebook(
        "from sklearn.datasets import load_iris\n"
        "from sklearn.linear_model import LogisticRegression\n"
        "X, y = load_iris(return_X_y=True, as_frame=True)\n"
        "model = LogisticRegression(max_iter=300)\n"
        "%omega put X y model as mymodel"
    )
    return notebook
