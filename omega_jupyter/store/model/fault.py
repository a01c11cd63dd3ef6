"""What in a model can't be written, and where it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from omega_jupyter.errors import Invalid
from omega_jupyter.store.model.kinds import SKOPS_ERRORS
from omega_jupyter.store.model.place import Step, cannot_store

__all__ = ["fault"]

# The search tries each part; what is found by then is said.
SECONDS = 10.0


def fault(
    model: Any, root: Any, error: BaseException, write: Callable[[Any], object] | None = None
) -> Invalid:
    """Find what can't be written by trying the parts of the parts that can't.

    Parameters
    ----------
    model : estimator
        The user's own.
    root : object
        Its outline, or itself, which could not be written.
    error : Exception
        What was said then.
    write : callable, optional
        Tries to write one part; default: skops does.

    Returns
    -------
    Invalid
        Names the innermost part at fault.
    """
    write = write or _to_skops
    end = time.monotonic() + SECONDS
    steps: list[Step] = []
    value = root
    while True:
        found = None
        for step, part in _parts(value):
            if time.monotonic() > end:
                break
            refused = _refused(part, write)
            if refused is not None:
                found, error = (step, part), refused
                break
        if found is None:
            return cannot_store(model, steps, value, f" ({error})")
        steps.append(found[0])
        value = found[1]


def _to_skops(value: Any) -> None:
    import skops.io

    skops.io.dumps(value)


def _refused(value: Any, write: Callable[[Any], object]) -> BaseException | None:
    try:
        write(value)
    except SKOPS_ERRORS as error:
        return error
    return None


def _parts(value: Any) -> Iterator[tuple[Step, Any]]:
    if isinstance(value, dict):
        yield from ((Step(value, "key", key), item) for key, item in value.items())
    elif isinstance(value, list | tuple | set):
        yield from ((Step(value, "item", place), item) for place, item in enumerate(value))
    elif getattr(getattr(value, "dtype", None), "kind", "") == "O":
        yield from ((Step(value, "item", place), item) for place, item in enumerate(value.flat))
    else:
        for name, item in getattr(value, "__dict__", {}).items():
            yield Step(value, "attribute", name), item
