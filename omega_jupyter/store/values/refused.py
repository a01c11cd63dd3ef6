"""The error of a value that can't be kept."""

from __future__ import annotations

__all__ = ["Refused"]


class Refused(TypeError):
    """A value that can't be kept exactly.

    Parameters
    ----------
    reason : str
        Why, in words that follow the place: ``holds a set of lambdas``.
    """
