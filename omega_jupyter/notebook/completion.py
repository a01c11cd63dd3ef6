"""Completion of ``%omega`` lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from IPython.core.completer import CompletionContext, SimpleCompletion, SimpleMatcherResult

from omega_jupyter.notebook.names import Candidate, LiveNames

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from omega_jupyter.verbs.verb import Argument, Option, Verb
    from omega_jupyter.verbs.words import Word

__all__ = ["OmegaMatcher"]

_LINE = re.compile(r"(?:^|=)\s*%{1,2}omega[ \t]+(?P<rest>.*)$")
# The columns of a data set: `X[a, b`.
_COLUMNS = re.compile(
    r"(?:^|\s)(?P<name>[^\s\[\]='\"]+)\[\^?(?:[^\[\]'\"]*,\s*)?(?P<begun>[^\[\],'\"]*)$"
)
# The tags of an object: `mymodel@pr`.
_TAGS = re.compile(r"(?:^|\s)(?P<name>[^\s\[\]@='\":$]+)(?:\[[^\[\]]*\])?@(?P<begun>[\w.-]*)$")
_TASKS = 20
SHORT_ID = 8


class OmegaMatcher:
    """A matcher of IPython's second interface, for the lines of our magics.

    It knows verbs, options, stored names, variables and task ids, comes before
    Jedi and silences it.

    Parameters
    ----------
    shell : InteractiveShell
    """

    matcher_api_version = 2
    matcher_identifier = "omega_jupyter"
    matcher_priority = 500

    def __init__(self, shell: InteractiveShell) -> None:
        # IPython asks each matcher for it, also where the identifier is given.
        self.__qualname__ = type(self).__qualname__
        self._shell = shell
        self._names = LiveNames(_stored)

    def __call__(self, context: CompletionContext) -> SimpleMatcherResult:
        """Return what the word before the cursor may become."""
        found = _LINE.search(context.text_until_cursor)
        fragment, candidates = self._complete(found["rest"]) if found else ("", ())
        completions = [
            SimpleCompletion(text=text, type=kind)
            for text, kind in candidates
            if text.startswith(fragment)
        ]
        if found and not completions:
            # `suppress` counts only with a completion: without one, Python's keywords
            # and the folder's files would be offered. This one changes nothing.
            completions = [SimpleCompletion(text=fragment, type="")]
        # A result of its own for each call: the completer writes into it.
        return SimpleMatcherResult(
            completions=completions,
            matched_fragment=fragment,
            ordered=True,
            suppress=found is not None,
            do_not_suppress=set(),
        )

    def forget(self) -> None:
        """Ask for stored names anew: a verb may have changed them."""
        self._names.forget()

    def _complete(self, text: str) -> tuple[str, Iterable[Candidate]]:
        """Return what is begun at the end of a line, and what it may become."""
        columns = _COLUMNS.search(text)
        if columns:
            return columns["begun"], self._names.get(f"columns of {columns['name']}")
        tags = _TAGS.search(text)
        if tags:
            return tags["begun"], self._names.get(f"tags of {tags['name']}")
        before, fragment = _at_cursor(text)
        return fragment, () if before is None else self._candidates(before, fragment)

    def _candidates(self, before: Sequence[Word], fragment: str) -> Iterator[Candidate]:
        from omega_jupyter.verbs.table import VERBS

        if not before:
            yield from ((verb.name, "verb") for verb in VERBS)
            return
        verb = next((verb for verb in VERBS if verb.name == before[0].text), None)
        if verb is None:
            return
        option = _open_option(verb, before[1:])
        if option is not None:
            yield from ((choice, "choice") for choice in option.choices)
            yield from self._names.get("models") if option.name == "model" else ()
        elif fragment.startswith("-"):
            yield from _flags(verb)
        else:
            argument = _open_argument(verb, before[1:])
            if argument is not None and argument.kind == "tag":
                named = next(word.text for word in before[1:] if not word.option)
                yield from self._names.get(f"tags of {named.partition('@')[0]}")
            elif argument is not None:
                yield from self._of_kind(argument, fragment)

    def _of_kind(self, argument: Argument, fragment: str) -> Iterator[Candidate]:
        from omega_jupyter.verbs.table import VERBS

        kind = argument.kind
        yield from ((choice, "choice") for choice in argument.choices)
        if fragment[:1] in (":", "$") and fragment:
            for name, type_ in self._variables(kind):
                yield (fragment[0] + name, type_)
            return
        if kind in ("data", "name", "pattern"):
            yield from self._names.get("datasets")
        if kind in ("model", "name", "pattern"):
            yield from self._names.get("models")
        if kind in ("object", "data"):
            yield from self._variables(kind)
        if kind == "task":
            yield ("last", "task")
            yield from self._names.get("tasks")
        if kind == "file":
            yield from _files(fragment)
        if kind == "verb":
            yield from ((verb.name, "verb") for verb in VERBS)

    def _variables(self, kind: str) -> Iterator[Candidate]:
        from omega_jupyter.verbs.data import is_data, is_estimator

        hidden = self._shell.user_ns_hidden
        for name, value in list(self._shell.user_ns.items()):
            if name.startswith("_") or name in hidden:
                continue
            if is_data(value) or (kind != "data" and is_estimator(value)):
                yield (name, type(value).__name__)


def _at_cursor(text: str) -> tuple[Sequence[Word] | None, str]:
    """Return the whole words of a line, and the one at its end, which may be empty."""
    from omega_jupyter.verbs.usage import UsageError
    from omega_jupyter.verbs.words import split

    try:
        words = split(text)
    except UsageError:  # within quotes, for example
        return None, ""
    if not words or text[-1:].isspace():
        return words, ""
    return words[:-1], words[-1].raw


def _open_option(verb: Verb, words: Sequence[Word]) -> Option | None:
    """Return the option whose value comes next."""
    if not words or not words[-1].option:
        return None
    for option in verb.options_of("magic"):
        if words[-1].text in option.flags and option.type is not bool:
            return option
    return None


def _open_argument(verb: Verb, words: Sequence[Word]) -> Argument | None:
    """Return the argument that comes next."""
    taken = 0
    for number, word in enumerate(words):
        its_option = _open_option(verb, words[:number])
        if its_option is None and not word.option and word.keyword is None:
            taken += 1
    if verb.arguments and verb.arguments[-1].many and taken >= len(verb.arguments) - 1:
        # After `as` stands a name that is not there yet.
        return None if words and words[-1].text == "as" else verb.arguments[-1]
    return verb.arguments[taken] if taken < len(verb.arguments) else None


def _files(fragment: str) -> Iterator[Candidate]:
    """Return the folders and the files of tables in the folder that a path is begun in."""
    from omega_jupyter.store.interchange.importing import SUFFIXES
    from omega_jupyter.verbs.words import quote

    folder = fragment[: fragment.rfind("/") + 1]
    with suppress(OSError):
        for path in sorted(Path(folder).expanduser().iterdir()):
            if path.name.startswith("."):
                continue
            if path.is_dir():
                yield (quote(f"{folder}{path.name}/"), "folder")
            elif path.suffix.lower() in SUFFIXES:
                yield (quote(f"{folder}{path.name}"), "file")


def _flags(verb: Verb) -> Iterator[Candidate]:
    for option in verb.options_of("magic"):
        yield from ((flag, "option") for flag in reversed(option.flags))
    yield ("-h", "option")


def _stored(kind: str) -> Sequence[Candidate]:
    """Ask the database; runs in the background, and starts no services."""
    from omega_jupyter.config import OmegaConfig
    from omega_jupyter.local.services import LocalServices
    from omega_jupyter.runtime.ledger import Ledger
    from omega_jupyter.store.datasets import DatasetStore
    from omega_jupyter.store.models import ModelStore
    from omega_jupyter.store.names.tags import Tags

    config = OmegaConfig.load()
    url = config.mongo_url or LocalServices(config).peek()
    if url is None:
        return ()
    match kind:
        case "datasets":
            return [(name, "data set") for name in DatasetStore(url).list()]
        case "models":
            return [(name, "model") for name in ModelStore(url).list()]
        case "tasks":
            records = Ledger(config.result_backend or url).newest(_TASKS)
            return [(str(record["_id"])[:SHORT_ID], "task") for record in records]
    if kind.startswith("tags of "):
        name = kind.removeprefix("tags of ")
        found = [Tags(url, store, name).read() for store in ("datasets", "models")]
        return [(tag, "tag") for tag in sorted({tag for tags in found for tag in tags})]
    columns = DatasetStore(url).metadata(kind.removeprefix("columns of ")).columns or ()
    return [(column.name, "column") for column in columns]
