"""Tables that verbs return: text in a terminal, HTML in a notebook, a sequence in Python."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any, Generic, TypeVar, overload

__all__ = ["Field", "Listing", "ago"]

T = TypeVar("T")


@dataclass(frozen=True)
class Field(Generic[T]):
    """One column of a listing.

    Attributes
    ----------
    title : str
    text : callable
        Returns an item's text.
    right : bool
        Whether it is aligned to the right, as numbers are.
    """

    title: str
    text: Callable[[T], str]
    right: bool = False


class Listing(Sequence[T]):
    """Things of one kind, shown as a table.

    Parameters
    ----------
    items : iterable
    fields : sequence of Field
    empty : str
        What is shown where there is nothing.
    ok : bool
        Whether it tells of nothing bad; the CLI's exit status follows it.
    """

    def __init__(
        self, items: Iterable[T], fields: Sequence[Field[T]], *, empty: str, ok: bool = True
    ) -> None:
        self._items = list(items)
        self._fields = tuple(fields)
        self._empty = empty
        self.ok = ok

    @overload
    def __getitem__(self, at: int) -> T: ...
    @overload
    def __getitem__(self, at: slice) -> list[T]: ...
    def __getitem__(self, at: int | slice) -> T | list[T]:
        return self._items[at]

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[T]:
        return iter(self._items)

    def __repr__(self) -> str:
        if not self._items:
            return self._empty
        titles = [field.title for field in self._fields]
        rows = [titles, *self._rows()]
        widths = [max(len(row[i]) for row in rows) for i in range(len(titles))]
        return "\n".join(
            "  ".join(
                text.rjust(width) if field.right else text.ljust(width)
                for text, width, field in zip(row, widths, self._fields, strict=True)
            ).rstrip()
            for row in rows
        )

    def _repr_html_(self) -> str:
        if not self._items:
            return f"<p>{escape(self._empty)}</p>"
        head = "".join(self._cell("th", field, field.title) for field in self._fields)
        body = "".join(
            "<tr>"
            + "".join(
                self._cell("td", field, text) for field, text in zip(self._fields, row, strict=True)
            )
            + "</tr>"
            for row in self._rows()
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def to_dict(self) -> list[Any]:
        """Return the items as JSON-able values."""
        return [
            item.to_dict() if hasattr(item, "to_dict") else self._texts(item)
            for item in self._items
        ]

    def _rows(self) -> list[list[str]]:
        return [[field.text(item) for field in self._fields] for item in self._items]

    def _texts(self, item: T) -> dict[str, str]:
        return {field.title: field.text(item) for field in self._fields}

    @staticmethod
    def _cell(tag: str, field: Field[T], text: str) -> str:
        align = "right" if field.right else "left"
        return f"<{tag} style='text-align:{align}'>{escape(text)}</{tag}>"


def ago(moment: datetime | None, now: datetime | None = None) -> str:
    """Return ``2 min ago`` of a moment within the last day, else date and time (local)."""
    if moment is None:
        return ""
    passed = (now or datetime.now(UTC)) - moment
    if passed < timedelta(seconds=1):
        return "now"
    if passed < timedelta(minutes=1):
        return f"{passed.seconds} s ago"
    if passed < timedelta(hours=1):
        return f"{passed.seconds // 60} min ago"
    if passed < timedelta(days=1):
        return f"{passed.seconds // 3600} h ago"
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"
