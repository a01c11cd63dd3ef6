"""What a check of a store has found."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from html import escape
from typing import Any

from omega_jupyter.store.names.catalog import KINDS_OF_STORES
from omega_jupyter.store.upkeep.garbage import Collected
from omega_jupyter.store.wording.facts import bytes_text, count_text, facts_html, facts_text

__all__ = ["Problem", "Report"]


@dataclass(frozen=True)
class Problem:
    """Something that is not as it should be.

    Attributes
    ----------
    store : str
        ``datasets`` or ``models``.
    ref : str
        ``name@version``.
    what : str
        What is wrong.
    hint : str
        What to do.
    """

    store: str
    ref: str
    what: str
    hint: str

    def __str__(self) -> str:
        kind = KINDS_OF_STORES.get(self.store, self.store)
        return f"{kind} {self.ref}: {self.what}\n  → {self.hint}"


@dataclass(frozen=True, repr=False)
class Report:
    """What a check has found.

    Attributes
    ----------
    objects, versions : int
        Names and versions that were read.
    segments, chunks, bytes : int
        Sets of chunks, chunks, and their bytes, before the server's compression.
    problems : tuple of Problem
    garbage : Collected, optional
        What no version needs: no damage, and collected in time. Only of a whole store.
    """

    objects: int
    versions: int
    segments: int
    chunks: int
    bytes: int
    problems: tuple[Problem, ...]
    garbage: Collected | None = None

    @property
    def ok(self) -> bool:
        """Whether there are no problems."""
        return not self.problems

    def __bool__(self) -> bool:
        return self.ok

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-able values."""
        return asdict(self) | {"ok": self.ok}

    def __repr__(self) -> str:
        return "\n".join([facts_text(self._facts()), *map(str, self.problems)])

    def _repr_html_(self) -> str:
        problems = "".join(f"<pre>{escape(str(problem))}</pre>" for problem in self.problems)
        return facts_html(self._facts()) + problems

    def _facts(self) -> list[tuple[str, str]]:
        versions = count_text(self.versions, "version")
        found = "none" if self.ok else f"{len(self.problems):,}"
        facts = [
            ("checked", f"{versions} of {count_text(self.objects, 'object')}"),
            ("read", f"{count_text(self.chunks, 'chunk')}, {bytes_text(self.bytes)}"),
            ("problems", found),
        ]
        if self.garbage is not None:
            facts.insert(2, ("garbage", self.garbage.text))
        return facts
