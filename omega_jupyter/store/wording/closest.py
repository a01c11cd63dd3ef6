"""What somebody may have meant who wrote a name that is not there."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

__all__ = ["closest"]

# difflib is quadratic in the length of names; more of them than this are too slow to compare.
_COMPARED = 20_000


def closest(word: str, possibilities: Sequence[str]) -> str | None:
    """Return the one that the word was most likely meant to be.

    Parameters
    ----------
    word : str
        What was written.
    possibilities : sequence of str
        What exists.
    """
    folded = {p.casefold(): p for p in possibilities}
    if word.casefold() in folded:
        return folded[word.casefold()]
    if len(possibilities) > _COMPARED:
        possibilities = [p for p in possibilities if p[:2] == word[:2]][:_COMPARED]
    near = difflib.get_close_matches(word, possibilities, n=1)
    return near[0] if near else None
