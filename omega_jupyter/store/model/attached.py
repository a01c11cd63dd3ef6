"""Objects within a model that other codecs keep, each with a description of its own."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from omega_jupyter.store.codecs.codec import Codec, codec_of_kind, codecs
from omega_jupyter.store.payload.part import Part
from omega_jupyter.store.payload.payload import Encoded, Key, Sink, Source

__all__ = ["attach", "attached", "codec_beside"]


def codec_beside(value: Any) -> Codec | None:
    """Return the codec that keeps an object of a model better than skops does."""
    return next((codec for codec in _codecs_beside() if codec.accepts(value)), None)


@functools.cache
def _codecs_beside() -> tuple[Codec, ...]:
    # Plain data is written with the rest; a path or an open file is not its content.
    return tuple(c for c in codecs() if c.kind not in ("data", "file", "estimator", "joblib"))


def attach(encoded: Encoded, others: Sequence[tuple[str, Encoded]]) -> None:
    """Add objects to an encoded model.

    Parameters
    ----------
    encoded : Encoded
        Its body gets the list ``others``, its segments those of the objects.
    others : sequence of (str, Encoded)
        Kind, and what the codec made of the object.
    """
    finishes = [encoded.finish]
    entries: list[dict[str, Any]] = []
    for kind, other in others:
        # The number of the first segment that is its own.
        entries.append({"kind": kind, "body": other.body, "i": len(encoded.segments)})
        encoded.segments += other.segments
        finishes.append(other.finish)
    encoded.body["others"] = entries

    def finish() -> None:
        for each in finishes:
            if each is not None:
                each()

    encoded.finish = finish


def attached(source: Source, body: dict[str, Any], part: Part, what: str) -> list[Any]:
    """Make the objects again that :func:`attach` added.

    Raises
    ------
    NotFound
        No installed package has the codec of one.
    """
    inner = Part(trusted=part.trusted, allow_joblib=part.allow_joblib)
    return [
        codec_of_kind(entry["kind"]).decode(
            _Behind(source, int(entry["i"])), entry["body"], inner, what
        )
        for entry in body.get("others", ())
    ]


class _Behind(Source):
    """The segments from a number on."""

    def __init__(self, source: Source, first: int) -> None:
        self._source = source
        self._first = first

    def fetch(self, segment: int, keys: Sequence[Key], sink: Sink) -> None:
        self._source.fetch(self._first + segment, keys, sink)

    def has_closing(self, segment: int) -> bool:
        return self._source.has_closing(self._first + segment)
