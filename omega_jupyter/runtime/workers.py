"""What is told of workers and queues, and how it is shown."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from html import escape
from typing import Any, ClassVar, Generic, TypeVar

__all__ = ["Found", "QueueInfo", "WorkerInfo", "versions"]


@dataclass(frozen=True)
class WorkerInfo:
    """What a worker told about itself.

    Attributes
    ----------
    name : str
        ``name@host``.
    host : str
    queues : tuple of str
        Those that it listens to.
    concurrency : int
        How many tasks it runs at once.
    running : int
        How many it runs now.
    versions : dict
        Of omega-jupyter, Python and its libraries, by name.
    """

    name: str
    host: str
    queues: tuple[str, ...]
    concurrency: int
    running: int
    versions: dict[str, str]

    columns: ClassVar = ("name", "queues", "running", "versions")

    def texts(self) -> tuple[str, ...]:
        """Return its row in a table."""
        shown = ", ".join(
            f"{name} {self.versions[name]}"
            for name in ("omega-jupyter", "python", "scikit-learn")
            if name in self.versions
        )
        running = f"{self.running} of {self.concurrency}"
        return self.name, ", ".join(self.queues), running, shown


@dataclass(frozen=True)
class QueueInfo:
    """A queue, what waits in it and who listens to it.

    Attributes
    ----------
    name : str
    waiting : int or None
        Messages that no worker has taken; None where the user may not ask.
    workers : int
        Workers that listen to it.
    """

    name: str
    waiting: int | None
    workers: int

    columns: ClassVar = ("name", "waiting", "workers")

    def texts(self) -> tuple[str, ...]:
        """Return its row in a table."""
        return self.name, "?" if self.waiting is None else f"{self.waiting:,}", str(self.workers)


T = TypeVar("T", WorkerInfo, QueueInfo)


class Found(list[T], Generic[T]):
    """A list that is shown as a table."""

    def _rows(self) -> list[tuple[str, ...]]:
        return [self[0].columns, *(item.texts() for item in self)] if self else []

    def __repr__(self) -> str:
        rows = self._rows()
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = (
            "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        )
        return "\n".join(lines) or "no worker answers (`omega worker` starts one)"

    def _repr_html_(self) -> str:
        if not self:
            return f"<p>{escape(repr(self))}</p>"
        head, *body = (
            "".join(f"<td style='text-align:left'>{escape(text)}</td>" for text in row)
            for row in self._rows()
        )
        rows = "".join(f"<tr>{row}</tr>" for row in body)
        head = head.replace("td", "th")
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"

    def to_dict(self) -> list[dict[str, Any]]:
        """Return the items as JSON-able values."""
        return [asdict(item) for item in self]


def versions() -> dict[str, str]:
    """Return the versions in which a worker and its clients should agree, in this process."""
    from omega_jupyter import __version__
    from omega_jupyter.store.model.environment import environment

    return {"omega-jupyter": __version__, **environment()}
