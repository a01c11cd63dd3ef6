"""Writing and reading skops files, in half the time of skops' own functions.

Those read each file twice, once for its types and once for its content, and
indent its description, which takes most of the time of large forests. The steps
are the same, and skops itself reads what is written here.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import IO, Any
from zipfile import BadZipFile, ZipFile

from omega_jupyter.errors import Invalid
from omega_jupyter.store.model.beside import put_back
from omega_jupyter.store.model.kinds import SKOPS_ERRORS

__all__ = ["dump_skops", "load_skops"]


def dump_skops(obj: Any, file: IO[bytes]) -> None:
    """Write an object as a skops file."""
    import skops
    import skops.io
    from skops.io._utils import SaveContext, get_state

    with ZipFile(file, "w") as target:
        context = SaveContext(zip_file=target)
        schema = get_state(obj, context)
        schema |= {"protocol": context.protocol, "_skops_version": skops.__version__}
        target.writestr("schema.json", json.dumps(schema))


def load_skops(
    file: IO[bytes],
    beside: Sequence[Any],
    what: str,
    check: Callable[[Iterable[str]], object],
) -> Any:
    """Load a skops file.

    Parameters
    ----------
    file : binary file object
    beside : sequence of object
        What :class:`~omega_jupyter.store.model.beside.Beside` stands for in it.
    what : str
        The model for error messages, such as ``mymodel@3``.
    check : callable
        Gets the types that skops does not trust of itself, and raises where the
        model is to be refused.

    Returns
    -------
    object

    Raises
    ------
    Untrusted
        The types are refused. Nothing was run.
    Invalid
        It is no skops file, or its types have changed since.
    """
    import skops.io  # noqa: F401 - finds the loaders of all types
    from sklearn.exceptions import InconsistentVersionWarning
    from skops.io._audit import get_tree
    from skops.io._utils import read_schema

    try:
        with ZipFile(file) as stored:
            schema, context = read_schema(stored)
            # Nothing is imported or made before the check.
            tree = get_tree(schema, context, trusted=None)
            check(tree.get_unsafe_set())
            with put_back(beside), warnings.catch_warnings():
                # Said once, in our own words, by whoever asked for the model.
                warnings.simplefilter("ignore", InconsistentVersionWarning)
                return tree.construct()
    except (BadZipFile, *SKOPS_ERRORS) as error:
        raise Invalid(
            f"Model {what} can't be loaded here: {error}",
            hint="`%omega info` shows the versions that it was stored with",
        ) from error
