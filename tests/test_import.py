"""What the package costs before it is used: nothing."""

from __future__ import annotations

import subprocess
import sys

HEAVY = [
    "celery",
    "kombu",
    "click",
    "cryptography",
    "ipywidgets",
    "joblib",
    "nbformat",
    "numpy",
    "pandas",
    "pymongo",
    "scipy",
    "sklearn",
    "skops",
    "pyarrow",
    "tornado.web",
    "fastapi",
]


def test_import_loads_nothing_heavy() -> None:
    code = (
        "import sys, omega_jupyter\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules])\n"
        "print(omega_jupyter.__version__, dir(omega_jupyter))"
    )

    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout

    assert shown.splitlines()[0] == "[]"
    assert "Omega" in shown
