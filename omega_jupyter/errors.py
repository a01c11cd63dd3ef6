"""The one tree of errors that magic, panel, CLI and REST share.

::

    OmegaError
    ├── NotFound          a name, version, column or task that does not exist
    ├── Conflict          the name is taken, or somebody else was first
    ├── Invalid           an argument, object or setting that can't be used
    ├── Unavailable       a hop (MongoDB, broker, worker, ...) does not answer
    ├── TaskFailed        the remote call raised; carries the remote traceback
    ├── TaskCancelled     the task was cancelled
    ├── TaskLost          the task can't end any more
    ├── TaskTimeout       the task did not end in time; it goes on
    ├── Untrusted         a model holds types that the reader does not trust
    └── AuthError         the credentials are wrong or missing

Two warnings are beside it: QueueWarning and VersionMismatch.
"""

from __future__ import annotations

from typing import Any, ClassVar

__all__ = [
    "AuthError",
    "Conflict",
    "Invalid",
    "NotFound",
    "OmegaError",
    "QueueWarning",
    "TaskCancelled",
    "TaskFailed",
    "TaskLost",
    "TaskTimeout",
    "Unavailable",
    "Untrusted",
    "VersionMismatch",
]


class OmegaError(Exception):
    """Base of every error that is meant for the user.

    Parameters
    ----------
    message : str
        What went wrong, with the name of the thing.
    hint : str, optional
        The next step, as a command where there is one.

    Attributes
    ----------
    code : str
        Stable, machine readable; the same in every view.
    """

    code: ClassVar[str] = "error"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message}\n  → {self.hint}"

    def __reduce__(self) -> tuple[Any, ...]:
        # Keyword-only arguments are lost by the default, which replays `args` alone.
        return (_rebuild, (type(self), self.__dict__ | {"args": self.args}))

    def _render_traceback_(self) -> list[str]:
        """Let IPython show a short block instead of a Python traceback."""
        return [f"{type(self).__name__}: {self}"]

    def to_dict(self) -> dict[str, Any]:
        """Return what crosses a wire: ``code``, ``message`` and ``hint``."""
        return {"code": self.code, "message": self.message, "hint": self.hint}


def _rebuild(cls: type[OmegaError], state: dict[str, Any]) -> OmegaError:
    error = cls.__new__(cls)
    error.args = state.pop("args")
    error.__dict__.update(state)
    return error


class NotFound(OmegaError):
    """A name, version, column or task that does not exist."""

    code = "not_found"


class Conflict(OmegaError):
    """The name is taken, or another writer was first."""

    code = "conflict"


class Invalid(OmegaError):
    """An argument, object or setting that can't be used."""

    code = "invalid"


class Unavailable(OmegaError):
    """A hop does not answer.

    Parameters
    ----------
    message : str
        What was tried and what came back, without credentials.
    hop : str
        Which hop: ``mongodb``, ``broker``, ``worker``, ``local``.
    hint : str, optional
        The next step.
    """

    code = "unavailable"

    def __init__(self, message: str, *, hop: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.hop = hop

    def to_dict(self) -> dict[str, Any]:
        """Return ``code``, ``message``, ``hint`` and ``hop``."""
        return super().to_dict() | {"hop": self.hop}


class TaskFailed(OmegaError):
    """The remote call raised.

    Parameters
    ----------
    message : str
        The remote error, as ``Type: text``.
    task_id : str
        The task that failed.
    remote_traceback : str, optional
        The traceback on the worker.
    hint : str, optional
        The next step.
    """

    code = "task_failed"

    def __init__(
        self,
        message: str,
        *,
        task_id: str,
        remote_traceback: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.task_id = task_id
        self.remote_traceback = remote_traceback


class TaskCancelled(OmegaError):
    """The task was cancelled before it ended."""

    code = "task_cancelled"


class TaskLost(OmegaError):
    """The task can't end any more: its worker or message is gone."""

    code = "task_lost"


class TaskTimeout(OmegaError, TimeoutError):
    """The task did not end in the given time. It goes on."""

    code = "task_timeout"


class Untrusted(OmegaError):
    """A model holds types that the reader does not trust.

    Parameters
    ----------
    message : str
        Which model.
    types : sequence of str
        The types at fault, as ``module.Class``.
    hint : str, optional
        How to trust them.
    """

    code = "untrusted"

    def __init__(self, message: str, *, types: list[str], hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.types = types

    def to_dict(self) -> dict[str, Any]:
        """Return ``code``, ``message``, ``hint`` and ``types``."""
        return super().to_dict() | {"types": self.types}


class AuthError(OmegaError):
    """The credentials are wrong or missing, or a right is.

    Parameters
    ----------
    message : str
        Who is refused, where, and what.
    hop : str, optional
        Which hop refuses: ``mongodb`` or ``broker``.
    hint : str, optional
        The next step.
    """

    code = "auth"

    def __init__(self, message: str, *, hop: str | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.hop = hop

    def to_dict(self) -> dict[str, Any]:
        """Return ``code``, ``message``, ``hint`` and, where one refuses, ``hop``."""
        return super().to_dict() | ({} if self.hop is None else {"hop": self.hop})


class QueueWarning(UserWarning):
    """No worker listens to the queue that a task is sent to."""


class VersionMismatch(UserWarning):
    """A model was stored with other versions of its libraries than there are here."""
