"""The options of a search or cross-validation as JSON, and as what scikit-learn takes."""

from __future__ import annotations

import inspect
import json
import secrets
from collections.abc import Iterator, Mapping
from typing import Any

from omega_jupyter.errors import Invalid
from omega_jupyter.store.values import typed

__all__ = ["options_from_plain", "options_to_plain"]

# Splits that are written out go with the message.
MAX_BYTES = 1 << 20


def options_to_plain(verb: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options as JSON that keeps their types.

    What is drawn at random is fixed here: all fits must see the same splits and
    candidates, wherever they run.

    Parameters
    ----------
    verb : str
        For errors.
    options : mapping
        ``cv`` may be one of scikit-learn's splitters, ``param_grid`` may hold
        distributions of scipy.

    Raises
    ------
    Invalid
        One of them can't be sent.
    """
    plain: dict[str, Any] = {}
    written = dict(options)
    if "cv" in written:
        written["cv"] = _splitter(verb, written["cv"])
    if "param_grid" in written:
        grid = written["param_grid"]
        several = [_candidates(verb, one) for one in (grid if _listed(grid) else [grid])]
        written["param_grid"] = several if _listed(grid) else several[0]
    for name, value in written.items():
        try:
            plain[name] = json.loads(typed.dumps(value))
        except typed.Refused as error:
            raise Invalid(
                f"{verb}({name}=…) {error}, which can't be sent to a worker",
                hint="numbers, texts, lists and dicts can; names of scorers; scikit-learn's "
                "splitters; scipy's distributions",
            ) from None
    if len(json.dumps(plain)) > MAX_BYTES:
        raise Invalid(
            f"The options of {verb} are too long to be sent: more than 1 MiB",
            hint="cv=KFold(5) takes less room than splits that are written out",
        )
    return plain


def options_from_plain(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that :func:`options_to_plain` wrote."""
    options: dict[str, Any] = typed.loads(json.dumps(plain))
    if isinstance(options.get("cv"), dict):
        options["cv"] = _splitter_of(options["cv"])
    grid = options.get("param_grid")
    if grid is not None:
        options["param_grid"] = [_found(one) for one in grid] if _listed(grid) else _found(grid)
    return options


def _listed(grid: Any) -> bool:
    return isinstance(grid, list | tuple)


def _splitter(verb: str, cv: Any) -> Any:
    if isinstance(cv, Iterator):
        return list(cv)
    if not hasattr(cv, "split") or isinstance(cv, str):
        return cv
    from sklearn import model_selection

    name = type(cv).__name__
    if getattr(model_selection, name, None) is not type(cv):
        raise Invalid(
            f"{verb}(cv=…) is a {name}, which is not of scikit-learn and can't be sent",
            hint="cv=list(splitter.split(X, y)) sends its splits",
        )
    params = {
        key: getattr(cv, key)
        for key in inspect.signature(type(cv)).parameters
        if hasattr(cv, key) and getattr(cv, key) != "deprecated"
    }
    random = params.get("shuffle", True) and "random_state" in params
    if random and params["random_state"] is None:
        params["random_state"] = secrets.randbelow(2**31)
    return {"splitter": name, "params": params}


def _splitter_of(plain: Mapping[str, Any]) -> Any:
    from sklearn import model_selection

    cls: Any = getattr(model_selection, str(plain["splitter"]), None)
    if not hasattr(cls, "split"):
        raise Invalid(f"scikit-learn here has no splitter {plain['splitter']!r}")
    return cls(**plain["params"])


def _candidates(verb: str, grid: Any) -> dict[str, Any]:
    if not isinstance(grid, Mapping):
        raise Invalid(
            f"{verb}(param_grid=…) is a {type(grid).__name__}, not a dict",
            hint="param_grid={'C': [0.1, 1, 10]}",
        )
    return {name: _distribution(values) for name, values in grid.items()}


def _distribution(values: Any) -> Any:
    if not hasattr(values, "rvs"):
        return values
    return {"distribution": values.dist.name, "args": list(values.args), "kwds": dict(values.kwds)}


def _found(grid: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _distribution_of(values) for name, values in grid.items()}


def _distribution_of(values: Any) -> Any:
    if not isinstance(values, dict):
        return values
    from scipy import stats

    found: Any = getattr(stats, str(values.get("distribution")), None)
    if not hasattr(found, "rvs"):
        raise Invalid(
            f"scipy has no distribution {values.get('distribution')!r}",
            hint='{"distribution": "loguniform", "args": [0.001, 10]}',
        )
    return found(*values.get("args", ()), **values.get("kwds", {}))
