"""Verbs on files of other programs: import, export."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omega_jupyter.store.wording.facts import bytes_text
from omega_jupyter.store.wording.listing import Listing
from omega_jupyter.verbs.data import filters_of, named_pairs
from omega_jupyter.verbs.entries import entries_table
from omega_jupyter.verbs.usage import UsageError

if TYPE_CHECKING:
    from omega_jupyter.store.versions.metadata import Metadata
    from omega_jupyter.verbs.caller import Caller
    from omega_jupyter.verbs.words import Word

__all__ = ["export", "import_"]


def import_(
    caller: Caller,
    files: Sequence[Word],
    append: bool,
    new: bool,
    keywords: Mapping[str, Any],
) -> Metadata | Listing[Metadata]:
    """Store tables from files; ``sales.csv as sales`` stores it under the name sales."""
    from omega_jupyter.store.interchange.importing import suffix_of

    wanted = [(_path(caller, word), name) for word, name in named_pairs(files)]
    for path, _ in wanted:
        # Before the first is read: a typing error leaves nothing behind.
        suffix_of(path)
    done = []
    for path, name in wanted:
        with caller.progress(f"import {path.name}") as notify:
            done.append(
                caller.om.datasets.import_(
                    path,
                    path.stem if name is None else name,
                    append=append,
                    attributes=dict(keywords) or None,
                    if_exists="fail" if new else "replace",
                    notify=notify,
                )
            )
    return done[0] if len(done) == 1 else entries_table(done)


def export(caller: Caller, name: Word, file: Word, keywords: Mapping[str, Any]) -> None:
    """Write a table to a file."""
    path = _path(caller, file)
    with caller.progress(f"export {path.name}") as notify:
        caller.om.datasets.export(name.text, path, notify=notify, **filters_of(keywords))
    caller.say(f"wrote {path} ({bytes_text(path.stat().st_size)})")


def _path(caller: Caller, word: Word) -> Path:
    if word.expression is None:
        return Path(word.text).expanduser()
    value = caller.evaluate(word.expression)
    if isinstance(value, str | Path):
        return Path(value)
    raise UsageError(f"{word.raw} is a {type(value).__name__}, not the path of a file")
