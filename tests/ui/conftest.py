"""A real JupyterLab process, and a real browser that looks at it.

Set ``UI_SCREENSHOTS`` to a folder to keep the pictures that the tests take.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

import omega_jupyter
from tests.mongo_server import wait_for

CHROMIUM = next(
    filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), ""
)
SCREENSHOTS = os.environ.get("UI_SCREENSHOTS")
PACKAGE = Path(omega_jupyter.__file__).parent

# A toast about JupyterLab's news would lie over the page.
NO_NEWS = {"fetchNews": "false", "checkForUpdates": False}


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab."""

    url: str
    token: str
    settings: Path

    def use(self, mongo_url: str | None) -> None:
        """Write the configuration file that the server reads at each request; None: remove it."""
        if mongo_url is None:
            self.settings.unlink(missing_ok=True)
            return
        self.settings.parent.mkdir(parents=True, exist_ok=True)
        self.settings.touch(0o600)
        self.settings.write_text(f"mongo_url = {json.dumps(mongo_url)}\n")

    def answers(self) -> bool:
        try:
            with urlopen(f"{self.url}/api/status?token={self.token}", timeout=10) as response:
                return bool(response.status == 200)
        except (URLError, ConnectionError):
            return False


@pytest.fixture(scope="session")
def lab(mongod: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A JupyterLab that sees nothing of this user's settings; it ends before mongod does."""
    folder = tmp_path_factory.mktemp("lab")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(16)
    settings = folder / "user-settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(json.dumps(NO_NEWS))
    (folder / "root").mkdir()
    with (folder / "lab.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
            + ["--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}"]
            + ["--ServerApp.port_retries=0", f"--IdentityProvider.token={token}"]
            + [f"--ServerApp.root_dir={folder / 'root'}"]
            + ["--LabApp.expose_app_in_browser=True", "--LabApp.extension_manager=readonly"]
            + ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
            + ["--OmegaExtension.timeout=3"]
            + _extension(folder),
            env=_environment(folder),
            stdout=log,
            stderr=log,
            cwd=folder,
        )
    found = Lab(f"http://127.0.0.1:{port}", token, folder / "config/omega-jupyter/config.toml")
    try:
        wait_for(lambda: found.answers() or process.poll() is not None, 120)
        assert process.poll() is None, (folder / "lab.log").read_text()
        yield found
    finally:
        process.terminate()
        process.wait(30)


def _extension(folder: Path) -> list[str]:
    """Return the options with which the panel is found that belongs to these sources.

    An editable install copies the panel once, and ``npm run build`` makes it anew in the
    package's folder: that one is newer. Without an install the server extension must be
    named too. From an installed wheel JupyterLab finds both by itself.
    """
    options = []
    if (PACKAGE / "labextension" / "package.json").exists():
        (folder / "labextensions").mkdir()
        (folder / "labextensions" / "omega-jupyter").symlink_to(PACKAGE / "labextension")
        options.append(f"--LabApp.extra_labextensions_path={folder / 'labextensions'}")
    try:
        distribution("omega-jupyter")
    except PackageNotFoundError:
        options.append("--ServerApp.jpserver_extensions=omega_jupyter=True")
    return options


def _environment(folder: Path) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OMEGA_")}
    folders = {
        "IPYTHONDIR": "ipython",
        "JUPYTERLAB_SETTINGS_DIR": "user-settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "JUPYTER_CONFIG_DIR": "jupyter-config",
        "JUPYTER_DATA_DIR": "jupyter-data",
        "JUPYTER_RUNTIME_DIR": "jupyter-runtime",
        "XDG_CONFIG_HOME": "config",
        "XDG_DATA_HOME": "data",
    }
    return (
        clean
        | {name: str(folder / sub) for name, sub in folders.items()}
        | {"PYTHONPATH": str(PACKAGE.parent)}
    )


# For one module only: Playwright's event loop would be in the way of the tests that follow.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A headless Chromium."""
    if not CHROMIUM:
        pytest.skip("there is no chromium on PATH")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser, lab: Lab) -> Iterator[Page]:
    """A page with JupyterLab as a new user sees it; an error in the page fails the test."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    errors: list[str] = []
    strangers: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        # A status that the panel shows is also a line of the browser's own.
        if message.type == "error" and "/omega/objects" not in message.location["url"]:
            errors.append(message.text)

    def on_request(url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.hostname != "127.0.0.1":
            strangers.append(url)

    page.on("console", on_console)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: on_request(request.url))
    page.on("websocket", lambda channel: on_request(channel.url))
    page.goto(f"{lab.url}/lab?reset&token={lab.token}")
    page.locator("#jupyterlab-splash").wait_for(state="detached", timeout=60_000)
    # Shortcuts work from here on.
    page.locator(".jp-LauncherCard").first.wait_for()
    yield page
    context.close()
    assert errors == []
    assert strangers == []


@pytest.fixture
def screenshot(page: Page) -> Callable[[str], None]:
    """Take a picture of the page, where somebody wants to keep it."""

    def take(name: str) -> None:
        if SCREENSHOTS:
            page.screenshot(path=Path(SCREENSHOTS) / f"{name}.png")

    return take
