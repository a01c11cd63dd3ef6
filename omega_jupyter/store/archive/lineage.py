"""What versions were made of, by the numbers that these have in another store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omega_jupyter.errors import Invalid
from omega_jupyter.store.database.connection import Document
from omega_jupyter.store.names.names import ObjectName

__all__ = ["lineage_here"]

Numbers = Mapping[tuple[str, str, int], int]


def lineage_here(document: Document, numbers: Numbers) -> Document:
    """Return the fields of a version document that name other versions.

    Parameters
    ----------
    document : dict
        As it stands in an archive.
    numbers : mapping
        By store, name and version in the archive, the number here.
    """
    lineage: Document = {}
    if "inputs" in document:
        lineage["inputs"] = _refs(document["inputs"], numbers)
    if "scores" in document:
        lineage["scores"] = [_refs(score, numbers) for score in document["scores"]]
    return lineage


def _refs(refs: Mapping[str, Any], numbers: Numbers) -> dict[str, Any]:
    return {
        role: _ref(role, ref, numbers) if isinstance(ref, str) else ref
        for role, ref in refs.items()
    }


def _ref(role: str, ref: str, numbers: Numbers) -> str:
    try:
        parsed = ObjectName.parse(ref)
    except Invalid:
        # A user's own words.
        return ref
    if not isinstance(parsed.version, int):
        return ref
    store = "models" if role == "model" else "datasets"
    number = numbers.get((store, parsed.name, parsed.version), parsed.version)
    return ref.replace(f"@{parsed.version}", f"@{number}")
