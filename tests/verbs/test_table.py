"""The table of verbs, and what is made of it."""

from __future__ import annotations

import inspect

import pytest
from hypothesis import event, example, given
from hypothesis import strategies as st

from omega_jupyter.verbs.click_tree import parse
from omega_jupyter.verbs.help import overview, verb_help, verb_named
from omega_jupyter.verbs.table import THEMES, VERBS
from omega_jupyter.verbs.usage import UsageError
from omega_jupyter.verbs.verb import Verb
from omega_jupyter.verbs.words import Word, split

# Lines that are rich in options and values.
awkward = st.lists(
    st.sampled_from(
        ["-", "--", "-n", "-n3", "-o", "-h", "-bo", "--queue", "--queue=", "--timeout=1", "-l"]
        + ["x", "'-x'", '""', "X[a]@1", "{1}", "\x000", "-n\x0099", "--queue=\x000", "as"]
    )
    | st.text(max_size=5)
).map(" ".join)

each_verb = pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)


def parsed(line: str) -> dict[str, object]:
    name, *words = split(line)
    values = parse(verb_named(VERBS, name.text, "%omega"), words, prefix="%omega", place="magic")
    return {key: value.text if isinstance(value, Word) else value for key, value in values.items()}


def test_the_verbs_are_those_of_the_design() -> None:
    assert {verb.name for verb in VERBS} == {
        *("put", "get", "import", "export"),
        *("ls", "info", "head", "rm", "mv", "cp", "tag", "keep", "store"),
        *("fit", "partial_fit", "predict", "predict_proba", "decision_function", "score"),
        *("cross_validate", "search", "workers", "queues"),
        *("predict_log_proba", "inverse_transform", "fit_predict"),
        *("transform", "fit_transform", "workers", "queues", "local", "doctor", "help"),
        *("tasks", "status", "result", "watch", "logs", "cancel", "retry"),
    }


@each_verb
def test_function_takes_what_the_table_names(verb: Verb) -> None:
    names = {argument.name for argument in verb.arguments}
    names |= {option.name for option in verb.options} - {"output", "json"}
    names |= {"keywords"} if verb.keywords else set()

    inspect.signature(verb.function).bind(None, **dict.fromkeys(names))


@each_verb
def test_help_tells_of_every_part(verb: Verb) -> None:
    for prefix in ("%omega", "omega"):
        told = verb_help(verb, prefix)

        assert told.startswith(f"{prefix} {verb.name}")
        assert verb.summary in told
        for option in verb.options_of("magic" if prefix == "%omega" else "cli"):
            assert option.label in told
        for argument in verb.arguments:
            assert argument.label in told
        assert all(f"{prefix} {example}" in told for example in verb.examples)
        assert max(map(len, told.splitlines())) <= 100


@each_verb
def test_examples_can_be_read(verb: Verb) -> None:
    for line in verb.examples:
        words = [word for word in split(line) if word.keyword is None]
        parse(verb, words[1:], prefix="%omega", place="magic")


def test_overview_names_every_verb_under_its_theme() -> None:
    told = overview(VERBS, "%omega")

    assert all(f"  {verb.name} " in told for verb in VERBS)
    assert all(theme in told for theme in THEMES)


def test_options_stand_anywhere_and_have_their_type() -> None:
    expected = {
        "model": "m",
        "X": "X",
        "y": None,
        "output": "p",
        "background": False,
        "queue": "gpu",
        "timeout": 2.5,
        "time_limit": None,
    }

    assert parsed("fit --queue gpu m -o p X --timeout=2.5") == expected
    assert parsed("fit m X --timeout 2.5 --queue=gpu -op") == expected


def test_word_in_quotes_is_never_an_option() -> None:
    assert parsed("get '-x'")["name"] == "-x"
    assert parsed("get -- -x")["name"] == "-x"
    assert parsed("get X -o '--odd'")["output"] == "--odd"


def test_choices_are_read_in_any_case() -> None:
    assert parsed("tasks --state failure")["state"] == "FAILURE"


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("fit", "Missing argument 'MODEL'"),
        ("fit m", "Missing argument 'X'"),
        ("fit m X y z", "unexpected extra argument (z)"),
        ("fit m X 'y' 'z z'", "unexpected extra argument ('z z')"),
        ("fit m X --quue a", "No such option '--quue'. Did you mean '--queue'?"),
        ("fit m X --queue", "Option '--queue' requires an argument"),
        ("fit m X --timeout soon", "'soon' is not a number"),
        ("local restart", "'restart' is not one of start, stop, status"),
        ("ls --json", "No such option '--json'"),
        ("fi m X", "No such verb 'fi'. Did you mean 'fit'?"),
        ("xyz", "No such verb 'xyz'"),
    ],
)
def test_wrong_line_says_what_and_how(line: str, named: str) -> None:
    with pytest.raises(UsageError) as caught:
        parsed(line)

    assert named in caught.value.message
    assert caught.value.hint
    assert "\x00" not in str(caught.value)


@given(st.sampled_from(VERBS), awkward)
@example(verb_named(VERBS, "tasks", "%omega"), "-n\x0099")
def test_any_line_is_sorted_or_refused_clearly(verb: Verb, line: str) -> None:
    try:
        values = parse(verb, split(line), prefix="%omega", place="cli")
    except UsageError:
        event("refused")
    else:
        event("sorted")
        assert set(values) == {part.name for part in (*verb.arguments, *verb.options)}
