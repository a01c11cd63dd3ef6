"""Strategies for tables of Arrow: every type that holds data, nested too."""

from __future__ import annotations

import decimal
from typing import Any

import pyarrow as pa
from hypothesis import assume
from hypothesis import strategies as st

UNITS = ("s", "ms", "us", "ns")
TEXT = st.text(st.characters(codec="utf-8"), max_size=4)
I64 = st.integers(-(2**62), 2**62)


def _integers(kind: Any) -> st.SearchStrategy[Any]:
    bits = kind.bit_width
    low, high = (0, 2**bits) if str(kind).startswith("u") else (-(2 ** (bits - 1)), 2 ** (bits - 1))
    return st.integers(low, high - 1)


SIMPLE: dict[Any, st.SearchStrategy[Any]] = {
    pa.null(): st.none(),
    pa.bool_(): st.booleans(),
    **{
        kind: _integers(kind)
        for kind in (pa.int8(), pa.int16(), pa.int32(), pa.int64())
        + (pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64())
    },
    pa.float16(): st.floats(width=16),
    pa.float32(): st.floats(width=32),
    pa.float64(): st.floats(),
    pa.string(): TEXT,
    pa.large_string(): TEXT,
    pa.string_view(): TEXT,
    pa.binary(): st.binary(max_size=4),
    pa.large_binary(): st.binary(max_size=4),
    pa.binary_view(): st.binary(max_size=4),
    pa.binary(3): st.binary(min_size=3, max_size=3),
    pa.date32(): st.dates(),
    pa.date64(): st.dates(),
    pa.time32("s"): st.integers(0, 86_399),
    pa.time32("ms"): st.integers(0, 86_399_999),
    pa.time64("us"): st.integers(0, 86_399_999_999),
    pa.time64("ns"): st.integers(0, 86_399_999_999_999),
    **{pa.timestamp(unit): I64 for unit in UNITS},
    **{pa.timestamp(unit, "Europe/Berlin"): I64 for unit in UNITS},
    pa.timestamp("us", "+03:00"): I64,
    **{pa.duration(unit): I64 for unit in UNITS},
    pa.month_day_nano_interval(): st.tuples(
        st.integers(-99, 99), st.integers(-99, 99), st.integers(-(10**12), 10**12)
    ),
    **{
        kind: st.integers(-99_999, 99_999).map(lambda n: decimal.Decimal(n).scaleb(-2))
        for kind in (pa.decimal32(9, 2), pa.decimal64(18, 2), pa.decimal128(38, 2))
        + (pa.decimal256(76, 2),)
    },
    pa.run_end_encoded(pa.int32(), pa.string()): TEXT,
}


@st.composite
def types(draw: st.DrawFn, depth: int = 2) -> Any:  # noqa: PLR0911 - one line a type
    """Any type."""
    if depth == 0 or draw(st.integers(0, 2)) == 0:
        return draw(st.sampled_from(sorted(SIMPLE, key=str)))
    inner = types(depth - 1)
    form = draw(st.sampled_from(["list", "large", "view", "fixed", "struct", "map", "dictionary"]))
    match form:
        case "list":
            return pa.list_(pa.field("element", draw(inner), metadata={"a": "b"}))
        case "large":
            return pa.large_list(draw(inner))
        case "view":
            return pa.list_view(draw(inner))
        case "fixed":
            return pa.list_(draw(inner), draw(st.integers(1, 2)))
        case "struct":
            names = draw(st.lists(TEXT, max_size=2, unique=True))
            return pa.struct([pa.field(name, draw(inner)) for name in names])
        case "map":
            return pa.map_(pa.string(), draw(inner), keys_sorted=draw(st.booleans()))
    values = draw(st.sampled_from([pa.string(), pa.large_string(), pa.int64(), pa.date32()]))
    index = draw(st.sampled_from([pa.int8(), pa.uint16(), pa.int32(), pa.uint32()]))
    return pa.dictionary(index, values, ordered=draw(st.booleans()))


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a type, and missing ones."""
    found: st.SearchStrategy[Any]
    if kind in SIMPLE:
        found = SIMPLE[kind]
    elif pa.types.is_fixed_size_list(kind):
        size = kind.list_size
        found = st.lists(values(kind.value_type), min_size=size, max_size=size)
    elif pa.types.is_map(kind):
        found = st.dictionaries(TEXT, values(kind.item_type), max_size=2).map(
            lambda d: list(d.items())
        )
    elif pa.types.is_struct(kind):
        found = st.fixed_dictionaries({field.name: values(field.type) for field in kind})
    elif pa.types.is_dictionary(kind):
        return st.none() | SIMPLE[kind.value_type]
    else:
        found = st.lists(values(kind.value_type), max_size=3)
    return st.none() | found


def _array(kind: Any, listed: list[Any]) -> Any:
    if pa.types.is_dictionary(kind):
        encoded = pa.array(listed, kind.value_type).dictionary_encode()
        return pa.DictionaryArray.from_arrays(
            encoded.indices.cast(kind.index_type), encoded.dictionary, ordered=kind.ordered
        )
    if pa.types.is_run_end_encoded(kind):
        import pyarrow.compute as pc

        return pc.run_end_encode(pa.array(listed, kind.value_type))
    return pa.array(listed, kind)


def _buildable(kind: Any) -> bool:
    """Whether pyarrow makes an array of Python's values: not of each type within another."""
    try:
        _array(kind, [])
        pa.array([None], kind) if pa.types.is_nested(kind) else None
    except (pa.ArrowException, TypeError):
        return False
    return True


@st.composite
def columns(draw: st.DrawFn, rows: int) -> Any:
    """A column in one or two chunks, each perhaps a part of a longer array."""
    kind = draw(types().filter(_buildable))
    cut = draw(st.integers(0, rows))
    before = draw(st.integers(0, 2))
    listed = draw(st.lists(values(kind), min_size=rows + before, max_size=rows + before))
    chunks = [_array(kind, listed[: before + cut])[before:], _array(kind, listed[before + cut :])]
    column = pa.chunked_array(chunks if cut else chunks[1:], kind)
    assume(_valid(column))
    return column


def _valid(column: Any) -> bool:
    """Whether pyarrow made it well: of dictionaries in missing structs it does not."""
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


@st.composite
def tables(draw: st.DrawFn) -> Any:
    """A table, with names that may be repeated, and notes."""
    rows = draw(st.integers(0, 7))
    names = draw(st.lists(TEXT, min_size=1, max_size=4))
    made = [draw(columns(rows)) for _ in names]
    fields = [
        pa.field(
            name,
            column.type,
            nullable=bool(column.null_count) or column.type == pa.null() or draw(st.booleans()),
            metadata=draw(st.none() | st.just({"unit": "€"})),
        )
        for name, column in zip(names, made, strict=True)
    ]
    metadata = draw(st.none() | st.just({"source": "crm", "": "\0"}))
    return pa.Table.from_arrays(made, schema=pa.schema(fields, metadata))
