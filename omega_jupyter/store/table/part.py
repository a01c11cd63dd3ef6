"""The part of a table that a user asks for: columns by label, rows by condition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from omega_jupyter.store.payload.part import Part
from omega_jupyter.store.payload.payload import Source
from omega_jupyter.store.table.filters.conditions import no_column
from omega_jupyter.store.table.read import TableReader
from omega_jupyter.store.table.view import TableView

__all__ = ["column_positions", "read_part", "view_of"]


def read_part(source: Source, body: dict[str, Any], part: Part, what: str) -> Any:
    """Read what is wanted of a table.

    Parameters
    ----------
    source : Source
        Where the chunks are.
    body : dict
        The table's description.
    part : Part
        Columns, conditions, first rows.
    what : str
        The object for error messages.

    Returns
    -------
    pandas.DataFrame

    Raises
    ------
    NotFound
        A column does not exist.
    Invalid
        A filter can't be applied.
    """
    view = view_of(source, body, part, what)
    if part.rows is not None:
        return view.head(part.rows)
    frame = view.frame()
    return _by_rows(frame) if part.as_put and body.get("row_major") and part.whole else frame


def view_of(source: Source, body: dict[str, Any], part: Part, what: str) -> TableView:
    """Return the view of what is wanted, with the first rows left to the caller.

    Parameters
    ----------
    source, body, part, what
        As for :func:`read_part`.
    """
    reader = TableReader(source, body)
    columns = None
    if part.columns is not None or part.exclude is not None:
        columns = column_positions(reader.labels, part.columns, part.exclude, what)
    return TableView(reader, what, columns, part.where)


def _by_rows(frame: Any) -> Any:
    """Lay a frame of one dtype out row by row.

    Equal numbers in another order in memory are added up in another order, and
    a model fitted on them differs in the last digits.
    """
    import pandas as pd

    matrix = np.ascontiguousarray(frame.to_numpy())
    laid_out = pd.DataFrame(matrix, index=frame.index, columns=frame.columns, copy=False)
    laid_out.attrs = frame.attrs
    return laid_out.set_flags(allows_duplicate_labels=frame.flags.allows_duplicate_labels)


def column_positions(
    labels: Any, columns: Sequence[Any] | None, exclude: Sequence[Any] | None, what: str
) -> list[int]:
    """Return the positions of wanted columns, as pandas chooses them.

    Text stands for a label that reads the same where no label is equal to it,
    since names such as ``X[0,1]`` can only hold text.

    Raises
    ------
    NotFound
        A label does not exist; with the closest one.
    """
    wanted = columns if columns is not None else exclude or ()
    if isinstance(wanted, str):
        wanted = [wanted]
    chosen: list[int] = []
    for label in wanted:
        chosen += _positions(labels, label, what)
    if columns is not None:
        return chosen
    left_out = set(chosen)
    return [position for position in range(len(labels)) if position not in left_out]


def _positions(labels: Any, label: Any, what: str) -> list[int]:
    from pandas.errors import InvalidIndexError

    try:
        # A place, a slice or a mask: pandas knows what a label means, of levels too.
        found = labels.get_loc(label)
    except (KeyError, TypeError, InvalidIndexError):
        found = None
    if isinstance(found, int):
        return [found]
    if found is not None:
        positions: list[int] = np.arange(len(labels))[found].tolist()
        return positions
    if isinstance(label, str):
        same = [place for place, known in enumerate(labels) if str(known) == label]
        if same:
            return same
    raise no_column(label, labels, what)
