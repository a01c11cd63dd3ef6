"""Descriptions of numpy's dtypes that lose nothing."""

from __future__ import annotations

from typing import Any

from omega_jupyter.errors import Invalid

__all__ = ["describe_dtype", "read_dtype"]


def describe_dtype(dtype: Any) -> Any:
    """Describe a dtype.

    Parameters
    ----------
    dtype : numpy.dtype
        Any but of objects and of variable-width strings.

    Returns
    -------
    object
        JSON-able: text for a simple dtype, which is its ``str``.

    Raises
    ------
    Invalid
        It carries metadata, which numpy itself loses easily.
    """
    import numpy as np

    if dtype.metadata:
        raise Invalid(
            f"The dtype {dtype} carries metadata ({dict(dtype.metadata)!r}), which can't be kept",
            hint="array.astype(np.lib.format.drop_metadata(array.dtype)) goes without",
        )
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return {"of": describe_dtype(base), "shape": list(shape)}
    if dtype.names is not None:
        fields = [_describe_field(name, dtype.fields[name]) for name in dtype.names]
        return {
            "fields": fields,
            "size": dtype.itemsize,
            "aligned": dtype.isalignedstruct,
            "record": issubclass(dtype.type, np.record),
        }
    if dtype.char in "gG":
        # Its bits are the processor's own.
        return {"str": dtype.str, "bits": np.finfo(dtype).nmant}
    return dtype.str


def _describe_field(name: str, field: Any) -> dict[str, Any]:
    described = {"name": name, "of": describe_dtype(field[0]), "at": field[1]}
    return described | ({"title": field[2]} if len(field) > 2 else {})


def read_dtype(described: Any) -> Any:
    """Return the dtype that :func:`describe_dtype` described.

    Raises
    ------
    Invalid
        It is a long double of another kind of processor.
    """
    import numpy as np

    if isinstance(described, str) or "str" in described:
        return _simple(described)
    if "shape" in described:
        base: Any = read_dtype(described["of"])
        return np.dtype((base, tuple(described["shape"])))
    fields = described["fields"]
    listed: Any = {
        "names": [field["name"] for field in fields],
        "formats": [read_dtype(field["of"]) for field in fields],
        "offsets": [field["at"] for field in fields],
        "itemsize": described["size"],
    }
    if any("title" in field for field in fields):
        listed["titles"] = [field.get("title") for field in fields]
    dtype: Any = np.dtype(listed, align=described["aligned"])
    return np.dtype((np.record, dtype)) if described["record"] else dtype


def _simple(described: Any) -> Any:
    import numpy as np

    if isinstance(described, str):
        return np.dtype(described)
    name, bits = described["str"], described["bits"]
    try:
        dtype = np.dtype(name)
        if np.finfo(dtype).nmant == bits:
            return dtype
    except TypeError:
        # There is no number of so many bytes here.
        pass
    raise Invalid(
        f"It holds numbers of the dtype {name!r} with {bits} bits behind the point, which this "
        "kind of processor has not",
        hint="store it as float64, which all have",
    )
