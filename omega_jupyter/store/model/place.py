"""Where in a model something is, in the words of who made the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from omega_jupyter.errors import Invalid

__all__ = ["Step", "cannot_store", "place_text"]

_DEFINE = "define it with a name in a module that the workers have too"
_LEAVE_OUT = "set it to None before the model is stored, and make it anew where it is needed"
_OTHERWISE = (
    "skops keeps what is of scikit-learn, numpy, scipy or plain data; "
    "format='joblib' keeps more, where the operator turned joblib on"
)

# Parameters that are lists of (name, estimator), and what one of them is called.
_NAMED = {
    "steps": "step",
    "transformers": "transformer",
    "transformers_": "transformer",
    "transformer_list": "transformer",
    "estimators": "estimator",
}
# What can't be kept by its nature; by module and name of the type.
_THINGS = {
    "builtins.generator": "a generator",
    "builtins.module": "a module",
    "builtins.coroutine": "a coroutine",
    "builtins.frame": "a stack frame",
    "builtins.traceback": "a traceback",
    "_thread.lock": "a lock",
    "_thread.RLock": "a lock",
    "threading.Condition": "a lock",
    "threading.Thread": "a thread",
    "socket.socket": "a connection",
    "_io.TextIOWrapper": "an open file",
    "_io.BufferedReader": "an open file",
    "_io.BufferedWriter": "an open file",
    "_io.BufferedRandom": "an open file",
    "_io.FileIO": "an open file",
    "tempfile._TemporaryFileWrapper": "an open file",
    "sqlite3.Connection": "a connection",
}


class Step(NamedTuple):
    """One step on the way into a model.

    Attributes
    ----------
    owner : object
        What it leads into.
    kind : str
        ``attribute``, ``item``, ``key`` or another word for the user.
    key : object
        Name, number or key.
    """

    owner: Any
    kind: str
    key: Any


def place_text(steps: Sequence[Step]) -> str:
    """Return ``step 'clf', parameter 'func'``; empty for the model itself."""
    words: list[str] = []
    rest = list(steps)
    while rest:
        step = rest.pop(0)
        if step.kind == "attribute" and step.key in _NAMED and len(rest) >= 2:
            name = _name_of(rest)
            if name is not None:
                words.append(f"{_NAMED[step.key]} {name!r}")
                del rest[:2]
                continue
        kind = step.kind
        if kind == "attribute" and step.key in _parameters(step.owner):
            kind = "parameter"
        words.append(f"{kind} {step.key!r}" if step.key is not None else kind)
    return ", ".join(words)


def cannot_store(model: Any, steps: Sequence[Step], value: Any, why: str = "") -> Invalid:
    """Make the error that says what in a model can't be stored, and where it is.

    Parameters
    ----------
    model : estimator
    steps : sequence of Step
        The way to the value.
    value : object
        What is at fault.
    why : str
        In words that follow the value: ``which contains itself``.
    """
    place = place_text(steps)
    thing, hint = _told(value)
    said = f"{place} holds {thing}" if place else f"it is {thing}"
    return Invalid(f"The {type(model).__name__} can't be stored: {said}{why}", hint=hint)


def _told(value: Any) -> tuple[str, str]:
    """Return what a value is, and what to do about it."""
    kind = type(value)
    if kind.__name__ == "function" or isinstance(value, type):
        if value.__qualname__.endswith("<lambda>"):
            return "a lambda", _DEFINE
        sort = "class" if isinstance(value, type) else "function"
        where = f"which is not found in the module {value.__module__!r}"
        if "<locals>" in value.__qualname__:
            where = "which is defined inside of a function"
        return f"the {sort} {value.__name__!r}, {where}", _DEFINE
    if "<locals>" in kind.__qualname__:
        return f"a {kind.__name__!r}, a class that is defined inside of a function", _DEFINE
    known = _THINGS.get(f"{kind.__module__}.{kind.__qualname__}")
    if known is not None:
        return known, _LEAVE_OUT
    name = f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
    return f"{'an' if name[0] in 'aeio' else 'a'} {name}", _OTHERWISE


def _name_of(steps: list[Step]) -> str | None:
    """Return the name in ``[(name, estimator), …]`` where the steps lead to the estimator."""
    item, part = steps[:2]
    if item.kind != "item" or part.kind != "item" or part.key != 1:
        return None
    name = part.owner[0]
    return name if type(name) is str else None


def _parameters(owner: Any) -> set[str]:
    names = getattr(type(owner), "_get_param_names", None)
    return set(names()) if callable(names) else set()
