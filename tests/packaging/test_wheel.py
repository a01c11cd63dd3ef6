"""What users install: a wheel made by pip from this folder.

Takes a few seconds where the panel is built, a minute where npm must build it first.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from configparser import ConfigParser
from email.parser import HeaderParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUILD_TOOLS = ["hatchling", "hatch_nodejs_version", "hatch_jupyter_builder", "jupyter_builder"]
DATA = "omega_jupyter-{version}.data/data/"

pytestmark = pytest.mark.skipif(
    not (ROOT / "labextension" / "package.json").exists(), reason="no source tree beside the tests"
)


@pytest.fixture(scope="module")
def version() -> str:
    package = json.loads((ROOT / "labextension" / "package.json").read_text())
    return str(package["version"])


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder, ROOT]
    # With the build's tools at hand nothing need be downloaded.
    if all(importlib.util.find_spec(tool) for tool in BUILD_TOOLS):
        command.append("--no-build-isolation")
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


def data_files(wheel: zipfile.ZipFile, version: str) -> set[str]:
    """Return what goes below the environment's prefix, without the wheel's own folder."""
    prefix = DATA.format(version=version)
    return {name.removeprefix(prefix) for name in wheel.namelist() if name.startswith(prefix)}


def test_the_wheel_switches_the_server_extension_on(wheel: zipfile.ZipFile, version: str) -> None:
    name = "etc/jupyter/jupyter_server_config.d/omega_jupyter.json"

    assert name in data_files(wheel, version)
    settings = json.loads(wheel.read(DATA.format(version=version) + name))
    assert settings["ServerApp"]["jpserver_extensions"] == {"omega_jupyter": True}


def test_the_wheel_holds_the_built_panel(wheel: zipfile.ZipFile, version: str) -> None:
    folder = "share/jupyter/labextensions/omega-jupyter"
    files = data_files(wheel, version)

    assert {
        f"{folder}/install.json",
        f"{folder}/package.json",
        f"{folder}/schemas/omega-jupyter/plugin.json",
        f"{folder}/static/style.js",
    } <= files
    package = json.loads(wheel.read(f"{DATA.format(version=version)}{folder}/package.json"))
    # JupyterLab loads this file, whose name has a digest of what it holds.
    assert f"{folder}/{package['jupyterlab']['_build']['load']}" in files


def test_both_sides_have_one_version(wheel: zipfile.ZipFile, version: str) -> None:
    metadata = HeaderParser().parsestr(
        wheel.read(f"omega_jupyter-{version}.dist-info/METADATA").decode()
    )

    assert metadata["Version"] == version


def test_the_wheel_brings_the_command_line(wheel: zipfile.ZipFile, version: str) -> None:
    entry_points = ConfigParser()
    entry_points.read_string(
        wheel.read(f"omega_jupyter-{version}.dist-info/entry_points.txt").decode()
    )

    assert entry_points["console_scripts"]["omega"] == "omega_jupyter.cli:main"


def test_the_wheel_holds_every_module_and_nothing_else(
    wheel: zipfile.ZipFile, version: str
) -> None:
    sources = {str(path.relative_to(ROOT)) for path in (ROOT / "omega_jupyter").rglob("*.py")}
    own = {name for name in wheel.namelist() if name.endswith(".py")}

    assert own == sources
    folders = {name.partition("/")[0] for name in wheel.namelist()}
    assert folders == {
        "omega_jupyter",
        f"omega_jupyter-{version}.data",
        f"omega_jupyter-{version}.dist-info",
    }
    assert "omega_jupyter/py.typed" in wheel.namelist()


def test_the_wheel_names_no_path_of_the_machine_that_built_it(wheel: zipfile.ZipFile) -> None:
    for name in wheel.namelist():
        assert str(ROOT).encode() not in wheel.read(name), name
