"""The warnings of a verb, as lines beside its value."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from omega_jupyter.errors import QueueWarning, VersionMismatch

if TYPE_CHECKING:
    from omega_jupyter.verbs.caller import Caller

__all__ = ["warnings_said"]

_OURS = (QueueWarning, VersionMismatch)


@contextmanager
def warnings_said(caller: Caller) -> Iterator[None]:
    """Let the caller say our own warnings; Python would show a line of source with them.

    Parameters
    ----------
    caller : Caller
    """
    with warnings.catch_warnings():
        show = warnings.showwarning

        def say(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
            if issubclass(category, _OURS):
                # As hints are, they are written for notebooks.
                caller.say(str(message).replace("%omega", caller.prefix))
            else:
                show(message, category, *where, **more)

        for ours in _OURS:
            warnings.simplefilter("always", ours)
        warnings.showwarning = say
        yield
