"""The tokeniser."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omega_jupyter.verbs.usage import UsageError
from omega_jupyter.verbs.words import Word, quote, split, split_lines

# Text that is rich in what the tokeniser cares about.
awkward = st.text(st.sampled_from("ab =:$#;-\\'\"()[]{}\n\t@,._ä") | st.characters())


def texts(line: str) -> list[str]:
    return [word.text for word in split(line)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", []),
        ("  fit   m X ", ["fit", "m", "X"]),
        ("fit 'my model' X", ["fit", "my model", "X"]),
        ("get X[a,b]@3 sales__gte=100", ["get", "X[a,b]@3", "sales__gte=100"]),
        ("get X['a b', c]", ["get", "X['a b', c]"]),
        ("fit m X w={'a': 1, 'b': [1, 2]}", ["fit", "m", "X", "w={'a': 1, 'b': [1, 2]}"]),
        ("put X;", ["put", "X"]),
        ("put X ;", ["put", "X"]),
        ("put X  # the training data", ["put", "X"]),
        ("get a#b", ["get", "a#b"]),
        (r"get C:\tmp\X", ["get", r"C:\tmp\X"]),
        (r"""get "a \"b\" \\ \n" """, ["get", r'a "b" \ \n']),
        ("get ''", ["get", ""]),
        ("fit m\n X", ["fit", "m", "X"]),
    ],
)
def test_words_of_a_line(line: str, expected: list[str]) -> None:
    assert texts(line) == expected


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("get 'X", "quote ' is not closed"),
        ('get X["a]', 'quote " is not closed'),
        ("get X[a", "bracket [ is not closed"),
        ("get X]", "no [ for the ]"),
        ("get X[a)", "[ is closed by )"),
    ],
)
def test_malformed_line_names_what_is_wrong(line: str, named: str) -> None:
    with pytest.raises(UsageError, match=r"column [567]") as caught:
        split(line)

    assert named in caught.value.message


@given(awkward)
def test_any_text_is_read_or_refused_clearly(line: str) -> None:
    try:
        words = split(line)
        for word in words:
            assert line[word.start : word.start + len(word.raw)] == word.raw
            word.literal()
            _ = (word.keyword, word.option, word.expression)
    except UsageError:
        return  # that it has a message is checked by the cases above


@given(st.lists(awkward))
def test_quoted_texts_come_back_as_they_were(given_texts: list[str]) -> None:
    assert texts(" ".join(map(quote, given_texts))) == given_texts


@given(awkward)
def test_quoted_text_is_nothing_but_text(text: str) -> None:
    (word,) = split(quote(text))

    assert not word.option
    assert word.keyword is None
    assert word.expression is None


@given(st.dictionaries(st.from_regex(r"[a-z]\w{0,5}", fullmatch=True), awkward))
def test_any_keywords_survive_a_cell(keywords: dict[str, str]) -> None:
    body = "\n".join(f"{name} = {quote(value)}" for name, value in keywords.items())
    settings = {name: word.text for name, word in split_lines(body)}

    assert settings == keywords


@pytest.mark.parametrize("space", ["\xa0", "\u2003", "\x1c", "\x85", "\u2028"])
def test_any_white_space_may_be_beside_a_value(space: str) -> None:
    lines = split_lines(f"a ={space}1{space}\nb = 2{space}# two\n{space}c = 3")

    assert [(name, word.text) for name, word in lines] == [("a", "1"), ("b", "2"), ("c", "3")]


@given(awkward)
def test_any_cell_is_read_or_refused_clearly(body: str) -> None:
    try:
        split_lines(body)
    except UsageError:
        return  # that it has a message is checked by the cases above


def test_plain_names_are_not_quoted() -> None:
    assert quote("sales/2026") == "sales/2026"
    assert quote("my data") == '"my data"'


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a=1", 1),
        ("a=-0.5", -0.5),
        ("a=None", None),
        ("a=True", True),
        ("a=lbfgs", "lbfgs"),
        ("a='l2'", "l2"),
        ("a='0.5'", "0.5"),
        ("a=2026-01-01", "2026-01-01"),
        ("a=[1, 'x']", [1, "x"]),
        ("a={'x': 1}", {"x": 1}),
        ("a='[1, 2]'", "[1, 2]"),
        ("a=", ""),
        ("a='b'c", "bc"),
    ],
)
def test_value_of_a_keyword(text: str, value: object) -> None:
    (word,) = split(text)
    assert word.keyword is not None
    name, written = word.keyword

    assert (name, written.literal()) == ("a", value)


@pytest.mark.parametrize("text", ["'a=1'", "X[a=1]", "-a=1", "a==1", "1a=2", "X"])
def test_what_is_no_keyword(text: str) -> None:
    assert split(text)[0].keyword is None


def test_value_that_a_shell_has_unquoted() -> None:
    keyword = Word.of_argv("a='0.5'").keyword
    assert keyword is not None
    assert keyword[1].literal() == "0.5"

    keyword = Word.of_argv("a='tis").keyword
    assert keyword is not None
    assert keyword[1].literal() == "'tis"


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        (":X", "X"),
        ("$X", "X"),
        ("$df.values", "df.values"),
        ("{X[:10]}", "X[:10]"),
        ("{X['a b']}", "X['a b']"),
        ("{'a': n}", "{'a': n}"),
        ("{}", "{}"),
        ("X", None),
        ("':X'", None),
    ],
)
def test_words_that_are_objects(text: str, expression: str | None) -> None:
    assert split(text)[0].expression == expression


@pytest.mark.parametrize("text", [":", "$", ":1a", "$a.", ":a[b]", "{a}b"])
def test_words_that_only_begin_like_an_object(text: str) -> None:
    with pytest.raises(UsageError, match="is no variable"):
        _ = split(text)[0].expression


def test_lines_of_a_cell() -> None:
    body = """
    # the solver
    max_iter = 100
    solver='saga'   # quick

    weights = {
        'a': 1,
    }
    note=plain
    """
    settings = {name: word.literal() for name, word in split_lines(body)}

    assert settings == {"max_iter": 100, "solver": "saga", "weights": {"a": 1}, "note": "plain"}


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ("X y", "not of the form name=value"),
        ("a = 1 2", "more than one value"),
        ("a =\nb = 1", "no value"),
        ("a = [1", "not closed"),
    ],
)
def test_wrong_lines_of_a_cell(body: str, named: str) -> None:
    with pytest.raises(UsageError, match=named):
        split_lines(body)
