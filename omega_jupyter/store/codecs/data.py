"""Plain Python data: numbers, text, lists, dicts, dates, scalars of numpy and pandas."""

from __future__ import annotations

import sys
from typing import Any

from omega_jupyter.errors import Invalid
from omega_jupyter.store.codecs.codec import Codec
from omega_jupyter.store.payload.part import Part
from omega_jupyter.store.payload.payload import Buffers, Encoded, Source
from omega_jupyter.store.values import typed

__all__ = ["DataCodec"]

_TYPES = frozenset(
    """
    builtins.str builtins.int builtins.float builtins.bool builtins.NoneType builtins.list
    builtins.dict builtins.tuple builtins.set builtins.frozenset builtins.complex builtins.range
    builtins.slice datetime.date datetime.datetime datetime.time datetime.timedelta
    decimal.Decimal fractions.Fraction uuid.UUID
    """.split()  # noqa: SIM905 - a list of words is read more easily
)
_SCALARS = frozenset({"Timestamp", "Timedelta", "Period", "Interval", "NAType", "NaTType"})


class DataCodec(Codec):
    """Data as typed JSON."""

    kind = "data"

    def accepts(self, obj: Any) -> bool:
        """Accept plain types, and scalars of numpy and pandas."""
        kind = type(obj)
        if f"{kind.__module__}.{kind.__qualname__}" in _TYPES:
            return True
        package = kind.__module__.partition(".")[0]
        if package == "pandas":
            return kind.__name__ in _SCALARS
        return package == "numpy" and isinstance(obj, sys.modules["numpy"].generic)

    def encode(self, obj: Any) -> Encoded:
        """Write typed JSON."""
        try:
            data = typed.dumps(obj).encode("ascii")
        except typed.Refused as error:
            raise Invalid(
                f"The {type(obj).__name__} {error}, which can't be stored",
                hint="convert it to plain data: nothing is stored that would come back changed",
            ) from None
        kind = type(obj)
        name = f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
        shape = (len(obj),) if isinstance(obj, list | tuple | dict | set | frozenset) else None
        return Encoded(type=name, body={"size": len(data)}, segments=[Buffers([data])], shape=shape)

    def decode(self, source: Source, body: dict[str, Any], part: Part, what: str) -> Any:
        """Read typed JSON; of a list also its first items."""
        value = typed.loads(bytes(source.buffer(0, 0, body["size"])))
        if part.rows is not None and isinstance(value, list | tuple):
            return value[: part.rows]
        self.only_whole(part, what)
        return value
