"""The versions of Python and of the libraries that a model depends on."""

from __future__ import annotations

import functools
import platform
import sys
from collections.abc import Iterable

__all__ = ["environment", "version_of"]

# Always noted, by the names of their distributions.
_RECORDED = ("scikit-learn", "numpy", "scipy", "pandas", "skops")
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
