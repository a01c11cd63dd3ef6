"""A worker keeps what it used last, within its budget."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from omega_jupyter.worker.cache import VersionCache


def test_kept_object_is_not_loaded_again() -> None:
    cache = VersionCache(10)
    first = cache.get("a", lambda: (object(), 4))

    assert cache.get("a", lambda: (object(), 4)) is first


def test_least_recently_used_goes_first() -> None:
    cache = VersionCache(10)
    for key in "ab":
        cache.get(key, lambda key=key: (key, 5))
    cache.get("a", lambda: ("again", 5))
    cache.get("c", lambda: ("c", 5))

    assert cache.get("a", lambda: ("loaded", 5)) == "a"
    assert cache.get("b", lambda: ("loaded", 5)) == "loaded"


def test_what_is_larger_than_the_budget_is_not_kept_and_drops_nothing() -> None:
    cache = VersionCache(10)
    cache.get("a", lambda: ("a", 5))
    cache.get("huge", lambda: ("huge", 11))

    assert (len(cache), cache.used) == (1, 5)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 12))))
def test_budget_is_never_exceeded(wanted: list[tuple[int, int]]) -> None:
    cache = VersionCache(20)
    for key, size in wanted:
        cache.get(key, lambda size=size: ("value", size))

        assert 0 <= cache.used <= 20
