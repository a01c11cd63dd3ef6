"""Time zones as plain values."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

from omega_jupyter.store.values.refused import Refused

__all__ = ["zone_from_spec", "zone_to_spec"]


def zone_to_spec(zone: dt.tzinfo | None) -> Any:
    """Describe a time zone: None, seconds east of UTC, or ``[library, key]``.

    Raises
    ------
    Refused
        It is neither a fixed offset nor named.
    """
    if zone is None:
        return None
    if type(zone) is dt.timezone:
        offset = zone.utcoffset(None)
        if zone != dt.UTC and zone.tzname(None) != dt.timezone(offset).tzname(None):
            raise Refused(f"has the time zone {zone!r}, whose own name can't be kept")
        if offset.microseconds:
            raise Refused(f"has the time zone {zone!r}, which is finer than a second")
        return offset.days * 86_400 + offset.seconds
    if type(zone) is ZoneInfo and zone.key is not None:
        return ["zoneinfo", zone.key]
    library = type(zone).__module__.partition(".")[0]
    if library == "pytz" and getattr(zone, "zone", None):
        return ["pytz", zone.zone]  # type: ignore[attr-defined]  # pytz's own attribute
    raise Refused(f"has the time zone {zone!r}, which has no name to keep")


def zone_from_spec(spec: Any) -> dt.tzinfo | None:
    """Return the time zone that :func:`zone_to_spec` described."""
    if spec is None:
        return None
    if isinstance(spec, int):
        return dt.timezone(dt.timedelta(seconds=spec)) if spec else dt.UTC
    library, key = spec
    if library == "pytz":
        import pytz  # type: ignore[import-untyped,unused-ignore]  # only where a writer had it

        zone: dt.tzinfo = pytz.timezone(key)
        return zone
    return ZoneInfo(key)
