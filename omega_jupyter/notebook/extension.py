"""Loading and unloading: ``%load_ext omega_jupyter``, ``%unload_ext omega_jupyter``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from omega_jupyter.notebook.completion import OmegaMatcher
from omega_jupyter.notebook.magics import OmegaMagics

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["load", "unload"]

_NAME = "omega"


def load(shell: InteractiveShell) -> None:
    """Give the shell the magics and their completion; a second time changes nothing."""
    if any(isinstance(matcher, OmegaMatcher) for matcher in shell.Completer.custom_matchers):
        return
    matcher = OmegaMatcher(shell)
    shell.register_magics(OmegaMagics(shell, matcher))
    shell.Completer.custom_matchers.append(matcher)


def unload(shell: InteractiveShell) -> None:
    """Take magics and completion away again."""
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop(_NAME, None)
    shell.Completer.custom_matchers[:] = [
        matcher
        for matcher in shell.Completer.custom_matchers
        if not isinstance(matcher, OmegaMatcher)
    ]
