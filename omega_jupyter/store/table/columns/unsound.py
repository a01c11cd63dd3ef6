"""Stored tables that don't fit together: made up, since what broke has another checksum."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager

from omega_jupyter.errors import Invalid

__all__ = ["refusing_unsound", "unsound"]


def unsound(why: str) -> Invalid:
    """Make the error for a stored table that can't be as it is."""
    return Invalid(
        f"The stored table is not sound: {why}",
        hint="it was made up, or changed; put it again from where it came",
    )


@contextmanager
def refusing_unsound() -> Iterator[None]:
    """Decode what is stored in the block; what can't be decoded is not sound.

    Raises
    ------
    Invalid
        What is read is not what the description tells.
    """
    try:
        # Arrow's own errors are among these.
        yield
    except (ArithmeticError, LookupError, TypeError, ValueError, struct.error) as error:
        raise unsound(f"a part of it can't be read ({error})") from error
