"""All that is known of one object, in lines."""

from __future__ import annotations

from dataclasses import dataclass, fields

from omega_jupyter.store.facts import facts_text
from omega_jupyter.store.metadata import Metadata

__all__ = ["Description"]


@dataclass(frozen=True, repr=False)
class Description(Metadata):
    """Metadata that shows all of itself as text too, where it was asked for.

    Elsewhere a line is enough.
    """

    @classmethod
    def of(cls, metadata: Metadata) -> Description:
        """Return the same metadata, to be shown at length."""
        return cls(**{field.name: getattr(metadata, field.name) for field in fields(metadata)})

    def __repr__(self) -> str:
        return facts_text(self._facts())
