"""What the words of a call stand for: stored names, or the caller's own objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from omega_jupyter.errors import Invalid, NotFound
from omega_jupyter.verbs.usage import UsageError
from omega_jupyter.verbs.words import quote

if TYPE_CHECKING:
    from omega_jupyter.omega import Omega
    from omega_jupyter.store.datasets import DatasetStore
    from omega_jupyter.store.models import ModelStore
    from omega_jupyter.store.versions.metadata import Metadata
    from omega_jupyter.verbs.caller import Caller
    from omega_jupyter.verbs.words import Word

__all__ = [
    "data_arguments",
    "filters_of",
    "is_data",
    "is_estimator",
    "model_argument",
    "named_pairs",
    "own_object",
    "stored",
    "stores",
]


def data_arguments(caller: Caller, *words: Word | None) -> list[Any]:
    """Return for each word the name of a stored data set, or an object.

    A stored name goes before an object of the caller's, and a note says so. A
    word in quotes is a stored name; ``:name``, ``$name`` and ``{expression}``
    are objects; so is a list that is written out.

    Parameters
    ----------
    caller : Caller
    *words : Word or None
        None stays None.

    Raises
    ------
    UsageError
        An expression has no value, or a list can't be read.
    Invalid
        It is neither a stored data set nor data.
    """
    hidden: list[str] = []
    found = [None if word is None else _data(caller, word, hidden) for word in words]
    if hidden:
        one = len(hidden) == 1
        caller.say(
            f"{' and '.join(hidden)} {'is' if one else 'are'} the stored "
            f"data set{'' if one else 's'}, not the {caller.own_kind}{'' if one else 's'} "
            f"(:{hidden[0]} takes the {caller.own_kind})"
        )
    return found


def model_argument(caller: Caller, word: Word) -> str:
    """Return the name of the stored model that the word gives.

    Raises
    ------
    Invalid
        It is an estimator that is not stored.
    """
    if word.expression is not None:
        value = caller.evaluate(word.expression)
        if isinstance(value, str):
            return value
        raise _not_stored(caller, word.expression, value)
    base = _base(word.text)
    if not word.quoted and caller.has(base):
        value = caller.take(base)
        if is_estimator(value) and not caller.om.models.exists(base):
            raise _not_stored(caller, base, value)
    return word.text


def own_object(caller: Caller, word: Word) -> tuple[Any, str | None]:
    """Return the caller's object that is to be stored, and its own name if it has one.

    Raises
    ------
    UsageError
        The caller has no such object.
    """
    if word.expression is not None:
        value = caller.evaluate(word.expression)
        return value, word.expression if word.expression.isidentifier() else None
    if caller.has(word.text):
        return caller.take(word.text), caller.stored_name(word.text)
    if word.text[:1] in ("[", "("):
        return _written_out(word), None
    close = get_close_matches(word.text, list(caller.names()), n=1)
    raise UsageError(
        f"There is no {caller.own_kind} {word.text!r}"
        + (f". Did you mean {close[0]!r}?" if close else ""),
        hint=f"{caller.prefix} put -h",
    )


def named_pairs(words: Sequence[Word]) -> list[tuple[Word, str | None]]:
    """Read ``X y as target``: each object with the name that it is given.

    Raises
    ------
    UsageError
        An ``as`` does not stand between the two.
    """
    pairs: list[tuple[Word, str | None]] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not _is_as(word):
            pairs.append((word, None))
            continue
        if not pairs or pairs[-1][1] is not None or not rest or _is_as(rest[0]):
            raise UsageError("as stands between an object and its name", hint="put X as sales")
        pairs[-1] = (pairs[-1][0], rest.pop(0).text)
    return pairs


def filters_of(keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Keep columns that are called as parameters apart from these."""
    taken = ("name", "self", "as_", "path", "notify")
    return {f"{key}__eq" if key in taken else key: value for key, value in keywords.items()}


def _is_as(word: Word) -> bool:
    return word.text == "as" and not word.quoted


def stored(om: Omega, text: str, store: str | None = None) -> Metadata:
    """Return what is known of the data set or model of that name.

    Parameters
    ----------
    om : Omega
    text : str
        ``name``, with ``[columns]`` and ``@version`` as may be.
    store : str, optional
        ``datasets`` or ``models``, where only that is meant.

    Raises
    ------
    NotFound
        There is none.
    Invalid
        There are both.
    """
    found: list[Metadata] = []
    missing: list[NotFound] = []
    for name, objects in (("datasets", om.datasets), ("models", om.models)):
        if store is None or store == name:
            try:
                found.append(objects.metadata(text))
            except NotFound as error:
                missing.append(error)
    if len(found) > 1:
        raise Invalid(
            f"{found[0].name!r} is both a data set and a model",
            hint="add --store datasets or --store models",
        )
    if found:
        return found[0]
    # The one that tells the most: of the store that has an object of that name, or a similar one.
    telling = ("has no version", "has no tag", "was renamed to", "Did you mean")
    best = [error for part in telling for error in missing if part in error.message]
    if best or store is not None or "@" in text:
        raise (best or missing)[0]
    raise NotFound(f"Nothing named {text!r} is stored", hint="`%omega ls` shows what is stored")


def stores(om: Omega, store: str | None) -> list[DatasetStore | ModelStore]:
    """Return the store of that name, or both.

    Parameters
    ----------
    om : Omega
    store : str, optional
        ``datasets`` or ``models``.
    """
    found: list[DatasetStore | ModelStore] = []
    if store in (None, "datasets"):
        found.append(om.datasets)
    if store in (None, "models"):
        found.append(om.models)
    return found


def is_estimator(value: Any) -> bool:
    """Return whether the value is an instance of a scikit-learn estimator."""
    return not isinstance(value, type) and hasattr(value, "get_params") and hasattr(value, "fit")


def is_data(value: Any) -> bool:
    """Return whether the value can be meant as data: a frame, an array, a list."""
    if isinstance(value, type):
        return False
    return (
        isinstance(value, list | tuple | dict)
        or hasattr(value, "__array__")
        or hasattr(value, "tocsr")
    )


def _data(caller: Caller, word: Word, hidden: list[str]) -> Any:
    if word.expression is not None:
        return caller.evaluate(word.expression)
    if word.quoted:
        return word.text
    if word.text[:1] in ("[", "("):
        return _written_out(word)
    base = word.text if caller.has(word.text) else _base(word.text)
    if not caller.has(base):
        return word.text
    value = caller.take(base)
    if _is_stored(caller, base):
        if is_data(value):
            hidden.append(base)
        return word.text
    if not is_data(value):
        raise Invalid(
            f"{base!r} is no stored data set, and the {caller.own_kind} {base!r} is a "
            f"{type(value).__name__}, which is no data",
            hint="`%omega ls` shows what is stored",
        )
    if base != word.text:
        raise Invalid(
            f"{base!r} is a {caller.own_kind} that is not stored; "
            f"{word.text.removeprefix(base)} goes with a stored data set",
            hint=f"{caller.prefix} put {quote(base)}, or give an expression: {{{base}[...]}}",
        )
    return value


def _is_stored(caller: Caller, name: str) -> bool:
    try:
        return caller.om.datasets.exists(name)
    except Invalid:  # a path such as ./X.csv, which can't be a stored name
        return False


def _written_out(word: Word) -> object:
    value = word.literal()
    if isinstance(value, str):
        raise UsageError(
            f"{word.raw!r} can't be read as a list",
            hint="lists of numbers and texts can be written out; use {…} for an expression",
        )
    return value


def _base(text: str) -> str:
    """Return the name without ``[columns]`` and ``@version``."""
    return text.partition("@")[0].partition("[")[0]


def _not_stored(caller: Caller, name: str, value: Any) -> Invalid:
    if not is_estimator(value):
        return Invalid(
            f"A model is given by its stored name; {name!r} is a {type(value).__name__}",
            hint=f"{caller.prefix} ls --store models",
        )
    return Invalid(
        f"{name!r} is an estimator ({type(value).__name__}) that is not stored; "
        "workers know stored models",
        hint=f"{caller.prefix} put {name if name.isidentifier() else '{' + name + '} as NAME'}, "
        "then use its name",
    )
