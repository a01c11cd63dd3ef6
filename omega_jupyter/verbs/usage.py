"""What is raised for a line that can't be read."""

from __future__ import annotations

from omega_jupyter.errors import Invalid

__all__ = ["UsageError"]


class UsageError(Invalid):
    """A line with a wrong verb, option or argument: nothing was done.

    It has a class of its own since the CLI answers it with exit status 2, as
    shells expect.
    """
