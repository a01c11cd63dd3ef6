"""Where a verb is called from: a notebook or a shell."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from omega_jupyter.omega import Omega
    from omega_jupyter.runtime.task import OmegaTask
    from omega_jupyter.runtime.task_report import TaskReport
    from omega_jupyter.store.wording.progress import Notify
    from omega_jupyter.verbs.verb import Verb
    from omega_jupyter.verbs.waiting import Line

__all__ = ["Caller"]


class Caller(ABC):
    """What the verbs need of the place that they are called from.

    Attributes
    ----------
    prefix : str
        What goes before a verb: ``%omega`` or ``omega``.
    own_kind : str
        What an object of the caller's own is: ``variable`` or ``file``.
    """

    prefix: ClassVar[str]
    own_kind: ClassVar[str]

    @property
    @abstractmethod
    def om(self) -> Omega:
        """The Omega to work with."""

    @property
    @abstractmethod
    def verbs(self) -> Sequence[Verb]:
        """The verbs that there are here."""

    @abstractmethod
    def say(self, text: str) -> None:
        """Show one line that is not the value."""

    def show(self, text: str) -> None:
        """Show a text that was asked for, such as help."""
        self.say(text)

    def stored_name(self, name: str) -> str:
        """Return the name that an object of the caller's is stored under by itself."""
        return name

    @abstractmethod
    def has(self, name: str) -> bool:
        """Return whether the caller has an object of its own of this name."""

    @abstractmethod
    def take(self, name: str) -> Any:
        """Return the caller's own object of this name (see :meth:`has`)."""

    @abstractmethod
    def names(self) -> Iterable[str]:
        """Return the names of the caller's own objects, to suggest one."""

    @abstractmethod
    def evaluate(self, expression: str) -> Any:
        """Return the value of ``:name``, ``$name`` or ``{expression}``.

        Raises
        ------
        UsageError
            It has no value.
        """

    @abstractmethod
    def check_target(self, target: str, *, files: bool) -> None:
        """Refuse a target that :meth:`keep` could not use, before the work is done.

        Parameters
        ----------
        target : str
            Of ``-o``.
        files : bool
            Whether the value may be a file, which is written as it is.

        Raises
        ------
        UsageError
        """

    @abstractmethod
    def keep(self, target: str, value: Any) -> None:
        """Give the value a name of the caller's: a variable or a file (``-o``)."""

    @abstractmethod
    def line(self) -> Line:
        """Return a line that shows how far a task is, or something else that takes long."""

    @contextmanager
    def progress(self, what: str) -> Iterator[Notify]:
        """Show how far something is that the block tells of, where it takes long.

        Parameters
        ----------
        what : str
            What is done, such as ``store check``.
        """
        line = self.line()
        try:
            yield line.tell
        except BaseException:
            line.leave(f"{what}: stopped")
            raise
        line.leave(f"{what}: done")

    def wait(self, task: OmegaTask, timeout: float | None) -> Any:
        """Show how the task gets on until it has ended, and return its value."""
        from omega_jupyter.verbs.waiting import wait_for

        return wait_for(task, timeout, self.line(), self.prefix)

    def watch(self, task: OmegaTask) -> TaskReport:
        """Show how the task gets on until it has ended, and return how it did."""
        from omega_jupyter.verbs.waiting import watch

        return watch(task, self.line(), self.prefix)
