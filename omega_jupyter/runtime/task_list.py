"""Several tasks: a list in Python, a table to whom it is shown."""

from __future__ import annotations

from omega_jupyter.runtime.task import OmegaTask
from omega_jupyter.runtime.task_report import SHORT_ID, TaskReport, duration
from omega_jupyter.store.wording.listing import Field, Listing, ago

__all__ = ["TaskList"]

_FIELDS: tuple[Field[TaskReport], ...] = (
    Field("id", lambda task: task.id[:SHORT_ID]),
    Field("verb", lambda task: task.verb),
    Field("model", lambda task: task.model),
    Field("state", lambda task: task.state),
    Field("progress", lambda task: task.progress_text),
    Field("submitted", lambda task: ago(task.submitted)),
    Field("took", lambda task: duration(task.elapsed) if task.started else "", right=True),
    Field("worker", lambda task: task.worker or ""),
)


class TaskList(list[OmegaTask]):
    """Tasks, shown as they were when they were last read."""

    def table(self, empty: str = "no tasks") -> Listing[TaskReport]:
        """Return the table that shows them.

        Parameters
        ----------
        empty : str
            What is shown where there are none.
        """
        return Listing(map(TaskReport, self), _FIELDS, empty=empty)

    def __repr__(self) -> str:
        return repr(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()
