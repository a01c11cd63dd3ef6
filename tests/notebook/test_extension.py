"""Loading and unloading."""

from __future__ import annotations

import subprocess
import sys

from omega_jupyter.notebook.magics import OmegaMagics
from omega_jupyter.verbs.table import VERBS
from tests.notebook.conftest import Notebook

HEAVY = "celery click ipywidgets kombu nbformat numpy pandas pymongo scipy sklearn skops pyarrow"


def test_loading_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        "before = set(sys.modules)\n"
        "shell.run_line_magic('load_ext', 'omega_jupyter')\n"
        "assert shell.find_line_magic('omega')\n"
        f"print([m for m in {HEAVY!r}.split() if m in sys.modules])\n"
        "print(len(set(sys.modules) - before) < 30)\n"
    )

    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout

    assert shown.split("\n")[:2] == ["[]", "True"]


def test_second_load_and_reload_change_nothing(bare: Notebook) -> None:
    for line in ("%load_ext omega_jupyter", "%load_ext omega_jupyter", "%reload_ext omega_jupyter"):
        bare(line)

    assert bare.run("%omega").error is None
    assert len(bare.shell.Completer.custom_matchers) == 1


def test_unload_takes_everything_away(bare: Notebook) -> None:
    bare("%load_ext omega_jupyter\n%unload_ext omega_jupyter")

    assert bare.shell.find_line_magic("omega") is None
    assert bare.shell.find_cell_magic("omega") is None
    assert bare.shell.Completer.custom_matchers == []


def test_loading_binds_no_variables(bare: Notebook) -> None:
    before = set(bare.shell.user_ns)
    bare("%load_ext omega_jupyter")

    assert {name for name in set(bare.shell.user_ns) - before if name[0] != "_"} == set()


def test_question_mark_tells_of_every_verb() -> None:
    told = OmegaMagics.omega.__doc__ or ""

    for verb in VERBS:
        assert verb.name in told
