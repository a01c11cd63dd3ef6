"""The notebooks are executed as a user would: a real kernel, real services, nothing set up."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from omega_jupyter.config import OmegaConfig
from omega_jupyter.local.services import LocalServices

ROOT = Path(__file__).parent.parent


def test_quickstart_runs_from_top_to_bottom(tmp_path: Path) -> None:
    """Also checks what a reader sees: values, and the one error that is meant."""
    home = {"XDG_DATA_HOME": str(tmp_path / "data"), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    try:
        shown = subprocess.run(
            [sys.executable, "scripts/demo.py", "notebooks/quickstart.ipynb"],
            cwd=ROOT,
            env=os.environ | home,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        LocalServices(OmegaConfig(data_dir=tmp_path / "data" / "omega-jupyter")).stop()

    assert shown.returncode == 0, shown.stdout + shown.stderr
    for text in (
        "Starting MongoDB and a worker",
        "equal predictions: True",
        "made of      model=cancer@1, X=X@1, y=y@1",
        "{'C': 10, 'gamma': 0.001} 0.976",
        "NotFound: No model 'cancr'. Did you mean 'cancer'?",
    ):
        assert text in shown.stdout
    assert "Traceback" not in shown.stdout
