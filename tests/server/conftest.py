"""A Jupyter server in this process, with the extension.

The plugin is not named at the top: its event loop would then wrap every test.
"""

from __future__ import annotations

import pytest
from pytest_jupyter.jupyter_server import *  # noqa: F403
from traitlets.config import Config

TIMEOUT = 2.0


@pytest.fixture
def jp_server_config() -> Config:
    """Settings of the server: strict about who may ask, quick to give up."""
    return Config(
        {
            "ServerApp": {
                "jpserver_extensions": {"omega_jupyter": True, "jupyter_server_terminals": False},
                "allow_unauthenticated_access": False,
            },
            "OmegaExtension": {"timeout": TIMEOUT},
        }
    )
