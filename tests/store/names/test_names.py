"""What users write to name an object."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omega_jupyter.errors import Invalid
from omega_jupyter.store.names.names import ObjectName


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("X", ObjectName("X")),
        ("sales/2026", ObjectName("sales/2026")),
        ("X@3", ObjectName("X", version=3)),
        ("X@-1", ObjectName("X", version=-1)),
        ("X@prod", ObjectName("X", version="prod")),
        ("X@v1.2-rc_3[a]", ObjectName("X", columns=("a",), version="v1.2-rc_3")),
        ("X[a,b]", ObjectName("X", columns=("a", "b"))),
        ("X[^a]@2", ObjectName("X", exclude=("a",), version=2)),
        ("X@2[ a , b ]", ObjectName("X", columns=("a", "b"), version=2)),
        ('X["a,b"]', ObjectName("X", columns=("a,b",))),
        ("X[mean radius]", ObjectName("X", columns=("mean radius",))),
    ],
)
def test_name_is_taken_apart(text: str, expected: ObjectName) -> None:
    assert ObjectName.parse(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", " ", "X@", "X@0", "X@3x", "X@-x", "X@_x", "X@pr od", "X@a@b", f"X@{'x' * 65}"]
    + ["X[", "X[]", "a//b", "../x", "X]"],
)
def test_name_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        ObjectName.parse(text)


columns = st.lists(
    st.text(st.characters(exclude_characters="'\"", exclude_categories=["Cs"])), min_size=1
).map(tuple)


tags = st.from_regex(r"[A-Za-z][A-Za-z0-9_.-]{0,63}", fullmatch=True)


@given(columns, st.one_of(st.none(), st.integers(1, 99), tags), st.booleans())
def test_written_name_reads_back(
    listed: tuple[str, ...], version: int | str | None, negated: bool
) -> None:
    name = ObjectName(
        "a/b", None if negated else listed, listed if negated else None, version=version
    )

    assert ObjectName.parse(str(name)) == name
