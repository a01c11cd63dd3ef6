"""Facts about something, in two columns: as text and as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

__all__ = ["bytes_text", "count_text", "facts_html", "facts_text", "shape_text"]


def facts_text(facts: Sequence[tuple[str, str]]) -> str:
    """Return labels and texts in two columns."""
    width = max(len(label) for label, _ in facts)
    return "\n".join(f"{label:<{width}}  {text}" for label, text in facts)


def facts_html(facts: Sequence[tuple[str, str]]) -> str:
    """Return labels and texts as a table."""
    rows = "".join(
        f"<tr><th style='text-align:left'>{escape(label)}</th>"
        f"<td style='text-align:left'>{escape(text)}</td></tr>"
        for label, text in facts
    )
    return f"<table>{rows}</table>"


def bytes_text(size: int) -> str:
    """Return ``1.2 MB`` (decimal units)."""
    amount = float(size)
    for unit in ("B", "KB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def count_text(count: int, noun: str) -> str:
    """Return ``1 version`` or ``1,000 versions``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def shape_text(shape: Sequence[int] | None) -> str:
    """Return rows and columns, as ``1,000 × 10``."""
    return "" if shape is None else " × ".join(f"{n:,}" for n in shape)
