"""Tables of what is stored, and of the versions of one object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from omega_jupyter.store.wording.facts import bytes_text, shape_text
from omega_jupyter.store.wording.listing import Field, Listing, ago

if TYPE_CHECKING:
    from omega_jupyter.store.upkeep.usage import ObjectUsage
    from omega_jupyter.store.versions.metadata import Metadata

__all__ = ["entries_table", "versions_table"]

SCORES_SHOWN = 3


def entries_table(
    entries: Sequence[Metadata],
    *,
    long: Mapping[tuple[str, str], ObjectUsage] | None = None,
    empty: str = "nothing",
) -> Listing[Metadata]:
    """Return a table of objects.

    Parameters
    ----------
    entries : sequence of Metadata
    long : mapping, optional
        The room of all versions by store and name, to be shown with what they were made
        of, scores and notes.
    empty : str
        What is shown where there are none.
    """
    fields: list[Field[Metadata]] = [
        Field("name", lambda md: md.name),
        Field("kind", lambda md: md.kind),
        Field("version", lambda md: str(md.version), right=True),
        Field("shape", lambda md: shape_text(md.shape), right=True),
        Field("size", lambda md: bytes_text(md.size), right=True),
        Field("created", lambda md: ago(md.created)),
    ]
    if long is not None:
        room: Field[Metadata] = Field("all versions", lambda md: _room(long, md), right=True)
        fields.insert(5, room)
        fields += [Field("type", lambda md: md.type), _TAGS, _MADE_OF, _SCORE, _TASK, _ATTRIBUTES]
    return Listing(entries, fields, empty=empty)


def versions_table(versions: Sequence[Metadata]) -> Listing[Metadata]:
    """Return a table of the versions of one object; columns without a word are left out.

    Parameters
    ----------
    versions : sequence of Metadata
    """
    fields: list[Field[Metadata]] = [
        Field("version", lambda md: md.ref),
        _TAGS,
        Field("created", lambda md: ago(md.created)),
        Field("type", lambda md: md.type),
        Field("shape", lambda md: shape_text(md.shape), right=True),
        Field("size", lambda md: bytes_text(md.size), right=True),
        _SCORE,
        _MADE_OF,
        _TASK,
        Field("environment", lambda md: _pairs(md.environment, " ")),
        _ATTRIBUTES,
    ]
    told = [field for field in fields if any(field.text(metadata) for metadata in versions)]
    return Listing(versions, told, empty="nothing")


def _room(usage: Mapping[tuple[str, str], ObjectUsage], metadata: Metadata) -> str:
    """Return the bytes that are stored of all versions."""
    found = usage.get((metadata.store, metadata.name))
    return "" if found is None else bytes_text(found.stored)


def _scores(metadata: Metadata) -> str:
    """Return the newest scores, oldest first."""
    numbers = [score.get("score") for score in metadata.scores]
    told = [f"{number:.4g}" for number in numbers if isinstance(number, int | float)]
    return ", ".join(["…"] * (len(told) > SCORES_SHOWN) + told[-SCORES_SHOWN:])


def _pairs(values: dict[str, str], between: str = "=") -> str:
    return ", ".join(f"{key}{between}{value}" for key, value in values.items())


_TAGS: Field[Metadata] = Field("tags", lambda md: ", ".join(md.tags))
_MADE_OF: Field[Metadata] = Field("made of", lambda md: ", ".join(md.inputs.values()))
_SCORE: Field[Metadata] = Field("score", _scores)
_TASK: Field[Metadata] = Field("task", lambda md: (md.task or "")[:8])
_ATTRIBUTES: Field[Metadata] = Field("attributes", lambda md: _pairs(md.attributes))
