"""The versions of Python and of the libraries that a model depends on."""

from __future__ import annotations

import functools
import platform
import sys
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from omega_jupyter.errors import VersionMismatch

if TYPE_CHECKING:
    from omega_jupyter.store.versions.metadata import Metadata

__all__ = ["environment", "outside", "version_of", "warn_of_mismatch"]

# Always noted, by the names of their distributions.
_RECORDED = ("scikit-learn", "numpy", "scipy", "pandas", "skops")
# Their versions do not tell whether a model works.
_NEUTRAL = frozenset({"numpy", "scipy", "pandas", "skops"})
_PACKAGES = frozenset({"sklearn", "numpy", "scipy", "pandas", "skops", "omega_jupyter"})


def environment(packages: Iterable[str] = ()) -> dict[str, str]:
    """Return the versions in this process.

    Parameters
    ----------
    packages : iterable of str
        Further packages, by the name that they are imported under; those without
        a version are left out.

    Returns
    -------
    dict
        ``{"python": "3.12.1", "scikit-learn": "1.8.0", "xgboost": "3.1.0", …}``
    """
    found = {"python": platform.python_version()}
    others = set(packages) - _PACKAGES - sys.stdlib_module_names
    for name in (*_RECORDED, *sorted(others)):
        version = version_of(name)
        if version is not None:
            found[name] = version
    return found


_SHOWN = {"python": "Python"}
_warned: set[tuple[str, str]] = set()


@functools.cache
def version_of(name: str) -> str | None:
    """Return the version of an installed distribution or package; nothing is imported.

    Parameters
    ----------
    name : str
        A distribution such as ``scikit-learn``, or what is imported, such as
        ``imblearn``.
    """
    from importlib.metadata import PackageNotFoundError, packages_distributions, version

    if name == "python":
        return platform.python_version()
    try:
        return version(name)
    except PackageNotFoundError:
        pass
    loaded = getattr(sys.modules.get(name), "__version__", None)
    if isinstance(loaded, str):
        return loaded
    distributions = packages_distributions().get(name)
    return version(distributions[0]) if distributions else None


def warn_of_mismatch(model: Metadata) -> None:
    """Warn where a model was stored with other versions than there are here.

    Only the first two parts of a version count, of Python, scikit-learn and the
    libraries of the model's own. Each version of a model is warned of once.

    Parameters
    ----------
    model : Metadata

    Warns
    -----
    VersionMismatch
        Names the model and the versions, and what to do.
    """
    different = [
        (name, stored, here)
        for name, stored in model.environment.items()
        if name not in _NEUTRAL
        and (here := version_of(name)) is not None
        and _minor(stored) != _minor(here)
    ]
    key = (model.ref, model.hash)
    if not different or key in _warned:
        return
    _warned.add(key)
    before = ", ".join(f"{_SHOWN.get(name, name)} {stored}" for name, stored, _ in different)
    now = ", ".join(here for *_, here in different)
    warnings.warn(
        f"Model {model.ref} was stored with {before}; here it is {now}. It may fail or predict "
        f"something else: fit it again to be sure (%omega fit {model.name} X y)",
        VersionMismatch,
        stacklevel=outside(),
    )


def _minor(version: str) -> tuple[str, ...]:
    return tuple(version.split(".")[:2])


def _is_ours(names: dict[str, Any]) -> bool:
    return str(names.get("__name__")).partition(".")[0] == "omega_jupyter"


def outside() -> int:
    """Return the level of the user's own line, as seen by the caller."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and _is_ours(frame.f_globals):
        level, frame = level + 1, frame.f_back
    return level
