"""The arguments of a call: names pinned to versions, objects staged, all as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from omega_jupyter.errors import Invalid
from omega_jupyter.runtime.staging import Staged
from omega_jupyter.store.names.internal import is_internal
from omega_jupyter.store.names.names import ObjectName, whole_name

if TYPE_CHECKING:
    from omega_jupyter.config import SecretUrl
    from omega_jupyter.runtime.staging import Staging
    from omega_jupyter.store.versions.metadata import Metadata

    Resolve = Callable[[Sequence[tuple[str, str]]], list[Metadata]]

__all__ = ["DATA_KEYWORDS", "MAX_BYTES", "is_data", "pinned", "references"]

# Data travels through the store. What is larger than this as JSON is data.
MAX_BYTES = 4 << 20

# Keywords of estimators' methods that are one value a row: a text names a data set there.
DATA_KEYWORDS = ("sample_weight", "groups")


def pinned(
    url: SecretUrl,
    verb: str,
    model: str,
    data: Mapping[str, Any],
    params: Mapping[str, Any],
    *,
    resolve: Resolve,
    staging: Staging,
) -> tuple[dict[str, Any], Metadata]:
    """Stage the objects, look all names up in one query, and fix their versions.

    What runs later is what was there when it was submitted, also when it has
    to wait, or is tried again.

    Parameters
    ----------
    url : SecretUrl
        The user's database.
    verb : str
    model : str
        Name of a stored model.
    data : mapping
        By role (``X``, ``y``): a stored name, an object, a LazyTable, or None.
    params : mapping
        Keywords of the method. Arrays and tables, and names as ``sample_weight`` or
        ``groups``, are data too.
    resolve : callable
        Finds several objects, as :meth:`Catalog.resolve`.
    staging : Staging
        Keeps the objects.

    Returns
    -------
    arguments : dict
        JSON-able: ``model``, ``X``, ``y`` as ``name@version``; ``params``; where there
        are any, ``keywords`` (keyword to ``name@version``) and ``choices`` (role to
        the columns and rows of a LazyTable).
    model : Metadata

    Raises
    ------
    NotFound
        The model or a data set does not exist.
    Invalid
        An argument can't be sent, or the lengths differ.
    """
    if not isinstance(model, str):
        raise Invalid(
            f"The model is given by its stored name, not as {type(model).__name__}",
            hint="om.models.put(model, 'mymodel') keeps it under a name",
        )
    keywords = {name: value for name, value in params.items() if is_data(name, value)}
    plain = {name: value for name, value in params.items() if name not in keywords}
    _check_json(verb, plain)
    given = {role: value for role, value in data.items() if value is not None}
    values, choices = _without_choices(url, given | keywords)
    _check_size(verb, plain, choices)
    names = {"model": whole_name(model)}
    names |= {role: ObjectName.parse(v) for role, v in values.items() if isinstance(v, str)}
    found = _resolved(resolve, names)
    ready = {role: Staged(ref, metadata.shape) for role, (ref, metadata) in found.items()}
    for role, value in values.items():
        if not isinstance(value, str):
            ready[role] = staging.stage(role, value)
    _check_lengths({role: ready[role] for role in ready if role not in choices})
    arguments: dict[str, Any] = {"model": ready["model"].ref, "params": plain}
    arguments |= {role: ready[role].ref for role in given}
    if keywords:
        arguments["keywords"] = {name: ready[name].ref for name in keywords}
    if choices:
        arguments["choices"] = choices
    return arguments, found["model"][1]


def references(arguments: Mapping[str, Any]) -> dict[str, str]:
    """Return the stored objects that a call's arguments name, by role."""
    plain = ("result", "params")
    named = {role: ref for role, ref in arguments.items() if role not in plain}
    return {
        role: ref
        for role, ref in (named | arguments.get("keywords", {})).items()
        if isinstance(ref, str)
    }


def is_data(name: str, value: Any) -> bool:
    """Return whether a keyword of a method is a data set, by name or as an object."""
    if isinstance(value, str):
        # Pipelines take `step__sample_weight`.
        return name.rpartition("__")[2] in DATA_KEYWORDS
    is_table = hasattr(value, "iter_chunks") or hasattr(value, "iloc")
    return is_table or (hasattr(value, "__array__") and getattr(value, "ndim", 1) > 0)


def _without_choices(
    url: SecretUrl, values: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Put the version's name where a LazyTable is, and return what is wanted of it beside."""
    from omega_jupyter.store.table.lazy import LazyTable

    names, choices = dict(values), {}
    for role, value in values.items():
        if not isinstance(value, LazyTable):
            continue
        choice = value.choice(url)
        if choice is None:
            names[role] = value.value
        else:
            names[role], choices[role] = value.ref, choice
    return names, choices


def _resolved(resolve: Resolve, names: Mapping[str, ObjectName]) -> dict[str, tuple[str, Metadata]]:
    wanted = [("models" if role == "model" else "datasets", names[role]) for role in names]
    known = resolve([(kind, str(name)) for kind, name in wanted])
    return {
        role: (str(replace(name, name=metadata.name, version=metadata.version)), metadata)
        for (role, name), metadata in zip(names.items(), known, strict=True)
    }


def _check_json(verb: str, params: Mapping[str, Any]) -> None:
    for name, value in params.items():
        try:
            json.dumps(value)
        except (TypeError, ValueError):
            raise Invalid(
                f"{verb}({name}=…) is a {type(value).__name__}, which can't be sent to a worker",
                hint="numbers, texts, lists, dicts and data can",
            ) from None


def _check_size(verb: str, params: Mapping[str, Any], choices: Mapping[str, Any]) -> None:
    size = len(json.dumps([params, choices]))
    if size > MAX_BYTES:
        raise Invalid(
            f"The arguments of {verb} are {size:,} bytes long; a message takes {MAX_BYTES:,}",
            hint="om.datasets.put(data, 'name') keeps data, and 'name' is the argument then",
        )


def _check_lengths(found: Mapping[str, Staged]) -> None:
    """Refuse data of unequal length before anything is sent."""
    if "X" not in found:
        return
    x, x_shape = found["X"]
    for role, (ref, shape) in found.items():
        by_row = role == "y" or role.rpartition("__")[2] in DATA_KEYWORDS
        if by_row and x_shape and shape and x_shape[0] != shape[0]:
            raise Invalid(
                f"X and {role} differ in length: {_shown(x)} has {x_shape[0]:,} rows, "
                f"{_shown(ref)} has {shape[0]:,}",
                hint="`%omega info NAME` shows a data set's shape",
            )


def _shown(ref: str) -> str:
    if is_internal(ref):
        return "what you passed as " + ObjectName.parse(ref).name.rpartition("/")[2]
    return ref
