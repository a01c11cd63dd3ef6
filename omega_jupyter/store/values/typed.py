"""JSON that keeps types: what comes back equals what went in, or is refused.

Plain JSON values stand for themselves. Every other value is an object with one
key that begins with ``$``: ``{"$tuple": [1, 2]}``, ``{"$date": "2026-03-01"}``.
A dict that could be mistaken for one, or whose keys are not all text, is
written as ``{"$dict": [[key, value], ...]}``. The text is ASCII, so that lone
surrogates survive. Subclasses (named tuples, enums) are refused: they would
come back as their base.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import math
import sys
import uuid
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

from omega_jupyter.store.values.refused import Refused
from omega_jupyter.store.values.zones import zone_from_spec, zone_to_spec

__all__ = ["Refused", "dumps", "loads"]

_PLAIN = frozenset({str, int, bool, type(None)})
# int() and str() of longer numbers are refused by Python itself.
_MAX_DIGIT_BITS = 12_000


def dumps(value: Any) -> str:
    """Write a value as typed JSON.

    Parameters
    ----------
    value : object
        Plain Python data, scalars of numpy and pandas, small numpy arrays.

    Returns
    -------
    str
        ASCII text.

    Raises
    ------
    Refused
        The value, or one inside of it, has a type that can't be kept.
    """
    try:
        return json.dumps(_encode(value), separators=(",", ":"), allow_nan=False)
    except RecursionError:
        raise Refused("is nested too deeply, or contains itself") from None


def loads(text: str | bytes) -> Any:
    """Read typed JSON back.

    Parameters
    ----------
    text : str or bytes
        What :func:`dumps` wrote.

    Returns
    -------
    object
    """
    plain = json.loads(text)
    tagged = b'"$' in text if isinstance(text, bytes) else '"$' in text
    return _decode(plain) if tagged else plain


def _encode(value: Any) -> Any:  # noqa: PLR0911 - one line a type
    kind = type(value)
    if kind in _PLAIN:
        if kind is int and value.bit_length() > _MAX_DIGIT_BITS:
            return {"$int": hex(value)}
        return value
    if kind is float:
        return value if math.isfinite(value) else {"$float": repr(value)}
    if kind is list:
        return [_encode(item) for item in value]
    if kind is dict:
        if all(type(key) is str and not key.startswith("$") for key in value):
            return {key: _encode(item) for key, item in value.items()}
        return {"$dict": [[_encode(key), _encode(item)] for key, item in value.items()]}
    encoder = _ENCODERS.get(kind)
    if encoder is not None:
        return encoder(value)
    if kind.__module__ == "numpy" and "numpy" in sys.modules:
        return _encode_numpy(value)
    if kind.__module__.partition(".")[0] == "pandas":
        return _encode_pandas(value)
    raise Refused(f"holds a {kind.__module__}.{kind.__qualname__}")


def _encode_numpy(value: Any) -> Any:
    import numpy as np

    if isinstance(value, np.str_):
        return {"$np_str": str(value)}
    if isinstance(value, np.bytes_):
        return {"$np_bytes": _b64(bytes(value))}
    if isinstance(value, np.generic) and not isinstance(value, np.void | np.object_):
        return {"$np": [value.dtype.str, _b64(value.tobytes())]}
    if type(value) is np.ndarray and not value.dtype.hasobject and value.dtype.names is None:
        return {"$ndarray": [value.dtype.str, list(value.shape), _b64(value.tobytes())]}
    raise Refused(f"holds a numpy.{type(value).__name__} of {getattr(value, 'dtype', 'objects')}")


def _encode_pandas(value: Any) -> Any:
    import pandas as pd

    if value is pd.NA:
        return {"$NA": 0}
    if value is pd.NaT:
        return {"$NaT": 0}
    kind = type(value)
    if kind is pd.Timestamp:
        return {"$timestamp": [value.asm8.view("i8").item(), value.unit, zone_to_spec(value.tz)]}
    if kind is pd.Timedelta:
        return {"$timedelta64": [value.asm8.view("i8").item(), value.unit]}
    if kind is pd.Period:
        return {"$period": [value.ordinal, value.freqstr]}
    if kind is pd.Interval:
        return {"$interval": [_encode(value.left), _encode(value.right), value.closed]}
    raise Refused(f"holds a pandas.{kind.__name__}")


def _encode_datetime(value: dt.datetime) -> Any:
    naive = value.replace(tzinfo=None).isoformat()
    return {"$datetime": [naive, value.fold, zone_to_spec(value.tzinfo)]}


def _encode_time(value: dt.time) -> Any:
    naive = value.replace(tzinfo=None).isoformat()
    return {"$time": [naive, value.fold, zone_to_spec(value.tzinfo)]}


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


_ENCODERS: dict[type, Callable[[Any], Any]] = {
    tuple: lambda v: {"$tuple": [_encode(item) for item in v]},
    set: lambda v: {"$set": [_encode(item) for item in v]},
    frozenset: lambda v: {"$frozenset": [_encode(item) for item in v]},
    bytes: lambda v: {"$bytes": _b64(v)},
    bytearray: lambda v: {"$bytearray": _b64(v)},
    complex: lambda v: {"$complex": [_encode(v.real), _encode(v.imag)]},
    dt.date: lambda v: {"$date": v.isoformat()},
    dt.datetime: _encode_datetime,
    dt.time: _encode_time,
    dt.timedelta: lambda v: {"$timedelta": [v.days, v.seconds, v.microseconds]},
    Decimal: lambda v: {"$decimal": str(v)},
    Fraction: lambda v: {"$fraction": [v.numerator, v.denominator]},
    uuid.UUID: lambda v: {"$uuid": v.hex},
    range: lambda v: {"$range": [v.start, v.stop, v.step]},
    slice: lambda v: {"$slice": [_encode(v.start), _encode(v.stop), _encode(v.step)]},
}


def _decode(value: Any) -> Any:
    if isinstance(value, list):
        return [_decode(item) for item in value]
    if isinstance(value, dict):
        if len(value) == 1:
            ((key, content),) = value.items()
            if key.startswith("$"):
                return _DECODERS[key](content)
        return {key: _decode(item) for key, item in value.items()}
    return value


def _decode_numpy(content: list[Any]) -> Any:
    import numpy as np

    return np.frombuffer(base64.b64decode(content[1]), content[0])[0]


def _decode_ndarray(content: list[Any]) -> Any:
    import numpy as np

    dtype, shape, data = content
    return np.frombuffer(base64.b64decode(data), dtype).reshape(shape).copy()


def _decode_numpy_text(content: str) -> Any:
    import numpy as np

    return np.str_(content)


def _decode_numpy_bytes(content: str) -> Any:
    import numpy as np

    return np.bytes_(base64.b64decode(content))


def _decode_timestamp(content: list[Any]) -> Any:
    import numpy as np
    import pandas as pd

    value, unit, zone = content
    stamp = pd.Timestamp(np.datetime64(value, unit))
    return stamp if zone is None else stamp.tz_localize("UTC").tz_convert(zone_from_spec(zone))


def _decode_timedelta64(content: list[Any]) -> Any:
    import numpy as np
    import pandas as pd

    return pd.Timedelta(np.timedelta64(content[0], content[1]))


def _decode_period(content: list[Any]) -> Any:
    import pandas as pd

    return pd.Period(ordinal=content[0], freq=content[1])


def _decode_interval(content: list[Any]) -> Any:
    import pandas as pd

    return pd.Interval(_decode(content[0]), _decode(content[1]), content[2])


def _decode_missing(name: str) -> Any:
    import pandas as pd

    return getattr(pd, name)


def _with_zone(value: Any, fold: int, zone: Any) -> Any:
    return value.replace(fold=fold, tzinfo=zone_from_spec(zone))


_DECODERS: dict[str, Callable[[Any], Any]] = {
    "$int": lambda c: int(c, 16),
    "$float": float,
    "$dict": lambda c: {_decode(key): _decode(item) for key, item in c},
    "$tuple": lambda c: tuple(_decode(item) for item in c),
    "$set": lambda c: {_decode(item) for item in c},
    "$frozenset": lambda c: frozenset(_decode(item) for item in c),
    "$bytes": base64.b64decode,
    "$bytearray": lambda c: bytearray(base64.b64decode(c)),
    "$complex": lambda c: complex(_decode(c[0]), _decode(c[1])),
    "$date": dt.date.fromisoformat,
    "$datetime": lambda c: _with_zone(dt.datetime.fromisoformat(c[0]), c[1], c[2]),
    "$time": lambda c: _with_zone(dt.time.fromisoformat(c[0]), c[1], c[2]),
    "$timedelta": lambda c: dt.timedelta(*c),
    "$decimal": Decimal,
    "$fraction": lambda c: Fraction(*c),
    "$uuid": lambda c: uuid.UUID(hex=c),
    "$range": lambda c: range(*c),
    "$slice": lambda c: slice(*map(_decode, c)),
    "$np": _decode_numpy,
    "$np_str": _decode_numpy_text,
    "$np_bytes": _decode_numpy_bytes,
    "$ndarray": _decode_ndarray,
    "$NA": lambda _: _decode_missing("NA"),
    "$NaT": lambda _: _decode_missing("NaT"),
    "$timestamp": _decode_timestamp,
    "$timedelta64": _decode_timedelta64,
    "$period": _decode_period,
    "$interval": _decode_interval,
}
