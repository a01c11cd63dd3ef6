"""Train, score and use scikit-learn models on remote workers, from the notebook.

Nothing heavy is imported here: ``%load_ext omega_jupyter`` must be free. The
public names arrive on first use (:pep:`562`).

Examples
--------
>>> from omega_jupyter import Omega
>>> om = Omega()
>>> om.datasets.put(X, "X")
>>> om.runtime.model("mymodel").fit("X", "y").get()
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from omega_jupyter.config import OmegaConfig
    from omega_jupyter.errors import OmegaError
    from omega_jupyter.omega import Omega
    from omega_jupyter.store.query import Q

__all__ = ["Omega", "OmegaConfig", "OmegaError", "Q", "__version__"]

_PUBLIC = {
    "Omega": "omega_jupyter.omega",
    "OmegaConfig": "omega_jupyter.config",
    "OmegaError": "omega_jupyter.errors",
    "Q": "omega_jupyter.store.query",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("omega-jupyter")
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Register ``%omega`` and ``%%omega`` (``%load_ext omega_jupyter``)."""
    from omega_jupyter.notebook.extension import load

    load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Take ``%omega`` away again (``%unload_ext omega_jupyter``)."""
    from omega_jupyter.notebook.extension import unload

    unload(shell)


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    """Tell ``jupyter labextension develop`` where the built panel is."""
    return [{"src": "labextension", "dest": "omega-jupyter"}]


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    """Tell Jupyter Server where the panel's handlers are."""
    from omega_jupyter.server.extension import OmegaExtension

    return [{"module": "omega_jupyter.server.extension", "app": OmegaExtension}]
