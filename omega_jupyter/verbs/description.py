"""All that is known of one object, in lines."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from omega_jupyter.store.versions.metadata import Metadata
from omega_jupyter.store.wording.facts import bytes_text, count_text, facts_text

if TYPE_CHECKING:
    from omega_jupyter.store.upkeep.usage import ObjectUsage

__all__ = ["Description"]


@dataclass(frozen=True, repr=False)
class Description(Metadata):
    """Metadata that shows all of itself as text too, where it was asked for.

    Elsewhere a line is enough.
    """

    usage: ObjectUsage | None = None

    @classmethod
    def of(cls, metadata: Metadata, usage: ObjectUsage | None = None) -> Description:
        """Return the same metadata, to be shown at length.

        Parameters
        ----------
        metadata : Metadata
        usage : ObjectUsage, optional
            The room that all versions take.
        """
        known = {field.name: getattr(metadata, field.name) for field in fields(metadata)}
        return cls(**known, usage=usage)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-able values, with the bytes of all versions."""
        return super().to_dict() | {"usage": self.usage and asdict(self.usage)}

    def _facts(self) -> list[tuple[str, str]]:
        facts = super()._facts()
        if self.usage is not None:
            versions = count_text(self.usage.versions, "version")
            at = [label for label, _ in facts].index("size") + 1
            facts.insert(at, ("stored", f"{bytes_text(self.usage.stored)} in {versions}"))
        return facts

    def __repr__(self) -> str:
        return facts_text(self._facts())
