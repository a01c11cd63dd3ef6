"""The parameters that a search is to try, as far as they can be checked before it is sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from omega_jupyter.errors import Invalid

if TYPE_CHECKING:
    from omega_jupyter.store.versions.metadata import Metadata

__all__ = ["check_grid"]

# Estimators of other libraries may take parameters that they don't list, as LightGBM's do.
_STRICT = ("sklearn.", "imblearn.")
# Their grids are of the estimator within, whose parameters the metadata does not tell.
_SEARCHES = "sklearn.model_selection."
_PIPELINES = "sklearn.pipeline."
_OPTIONS = ("cv", "scoring", "n_iter")


def check_grid(grid: Any, model: Metadata) -> None:
    """Check that the model has the parameters which a search is to try.

    What is within a step or an inner estimator is left to the worker.

    Parameters
    ----------
    grid : dict, list of dict, or None
        As JSON.
    model : Metadata

    Raises
    ------
    Invalid
        It has none of that name; the hint lists those it has.
    """
    params = model.params or {}
    kind = str(model.type)
    if not kind.startswith(_STRICT) or kind.startswith(_SEARCHES):
        return
    steps = _steps(params)
    if steps is None:
        return
    for name in (
        name for one in (grid if isinstance(grid, list) else [grid or {}]) for name in one
    ):
        first = str(name).partition("__")[0]
        if first not in params and first not in steps:
            raise Invalid(
                f"{model.ref} has no parameter {name!r} to try: it is a "
                f"{str(model.type).rpartition('.')[2]}",
                hint=_hint(str(name), model, steps),
            )


def _steps(params: Mapping[str, Any]) -> list[str] | None:
    """Return the names of the steps, where a parameter lists some; None where they are too many."""
    return None if any(_is_long(value) for value in params.values()) else list(_named(params))


def _named(params: Mapping[str, Any]) -> Iterator[str]:
    for value in params.values():
        for item in value if isinstance(value, list) else ():
            if isinstance(item, list) and item and isinstance(item[0], str):
                yield item[0]


def _is_long(value: Any) -> bool:
    """Return whether a list was too long for the metadata to keep as one."""
    return isinstance(value, str) and value.startswith("[(")


def _hint(name: str, model: Metadata, steps: list[str]) -> str:
    if name in _OPTIONS:
        option = name.replace("_", "-")
        return f"{name} is an option of the search: --{option} VALUE; of grid_search() {name}=…"
    if steps and str(model.type).startswith(_PIPELINES):
        return f"those of a step: {', '.join(f'{step}__{name}' for step in steps)}"
    params = sorted(model.params or {})
    near = [known for known in params if known.lower() == name.lower()]
    near = near or get_close_matches(name, params, 1)
    return (f"{near[0]}? " if near else "") + f"it has {', '.join([*params, *steps])}"
