"""Frames that come from somewhere with a name, and are counted on their way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from omega_jupyter.store.wording.progress import Notify, Progress

__all__ = ["FrameSource"]


class FrameSource(Iterator[Any]):
    """Frames one after the other.

    Parameters
    ----------
    frames : iterable
        What gives them.
    file : str, optional
        The file that they are of: errors name rows of it, not frames.
    notify : callable, optional
        Called with a :class:`~omega_jupyter.store.wording.progress.Progress`, in rows, before
        the next frame is asked for.
    what : str
        What is done, for `notify`.

    Examples
    --------
    >>> FrameSource(pd.read_csv("sales.csv", chunksize=100_000), file="sales.csv")
    """

    def __init__(
        self,
        frames: Iterable[Any],
        *,
        file: str | None = None,
        notify: Notify | None = None,
        what: str = "put",
    ) -> None:
        self.file = file
        self._frames = iter(_tables(frames))
        self._notify = notify
        self._what = what
        self._rows = 0

    def __next__(self) -> Any:
        """Return the next frame."""
        if self._notify is not None and self._rows:
            self._notify(Progress(self._what, self._rows, None, "rows"))
        frame = next(self._frames)
        # What is no frame is refused by whoever wanted one.
        self._rows += len(frame) if hasattr(frame, "__len__") else 0
        return frame


def _tables(items: Iterable[Any]) -> Iterable[Any]:
    """Return the batches of a stream of Arrow as tables, behind one that tells the schema."""
    if type(items).__module__ != "pyarrow.lib":
        return items
    import pyarrow as pa

    if not isinstance(items, pa.RecordBatchReader):
        return items
    return chain([items.schema.empty_table()], (pa.Table.from_batches([b]) for b in items))
