"""Which parts of a table an append writes anew, so that many small ones stay quick to read.

Parts of about the same size are merged when four of them would stand at the end,
as digits of a number to the base of four are carried: the number of parts grows
with the logarithm of the rows, and a row is written again a few times in all.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["parts_to_merge"]

# How many parts of a size become one.
FAN_IN = 4
# Parts of so many full row groups are left alone, and so many are merged at once at most:
# an append never takes longer than this.
SETTLED_GROUPS = 4
MERGED_GROUPS = 16


def parts_to_merge(parts: Sequence[int], added: int, group_rows: int) -> int:
    """Return how many parts at the end of a table are to become one.

    Parameters
    ----------
    parts : sequence of int
        The rows of each part, in order.
    added : int
        The rows of the part that is being added behind them.
    group_rows : int
        The rows of a full row group.

    Returns
    -------
    int
        0, or at least three.
    """
    settled, most = SETTLED_GROUPS * group_rows, MERGED_GROUPS * group_rows
    start, size, total = len(parts), added, 0
    while True:
        at = start
        run = total
        while at and parts[at - 1] < settled and parts[at - 1] <= 2 * size:
            if run + parts[at - 1] > most:
                break
            at -= 1
            run += parts[at]
        if start - at < FAN_IN - 1:
            return len(parts) - start
        start, total = at, run
        size = max(size, total)
