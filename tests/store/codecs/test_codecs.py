"""A package adds a kind of its own; one that is broken, or takes a kind that exists, is named."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from omega_jupyter.errors import Invalid, NotFound
from omega_jupyter.store.codecs.codec import codecs
from omega_jupyter.store.datasets import DatasetStore

THERMOMETER = """
    from omega_jupyter.store.codecs.codec import Codec
    from omega_jupyter.store.payload.payload import Buffers, Encoded


    class Celsius(float):
        pass


    class CelsiusCodec(Codec):
        kind = "celsius"

        def accepts(self, obj):
            return type(obj) is Celsius

        def encode(self, obj):
            return Encoded(type="celsius", body={}, segments=[Buffers([obj.hex().encode()])])

        def decode(self, source, body, part, what):
            self.only_whole(part, what)
            return Celsius(Celsius.fromhex(source.buffer(0, 0, 20).rstrip(b"\\0").decode()))


    class Impostor(CelsiusCodec):
        kind = "dataframe"
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Put a distribution on the path whose entry point is the given object."""
    package = tmp_path / "thermometer.py"
    package.write_text(textwrap.dedent(THERMOMETER))
    metadata = tmp_path / "thermometer-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: thermometer\nVersion: 1.0\n")

    def point_to(value: str) -> None:
        (metadata / "entry_points.txt").write_text(f"[omega_jupyter.codecs]\ncelsius = {value}\n")
        monkeypatch.syspath_prepend(tmp_path)
        codecs.cache_clear()

    yield point_to
    sys.modules.pop("thermometer", None)
    codecs.cache_clear()


def test_package_adds_a_kind(
    install: Callable[[str], None],
    datasets: DatasetStore,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    install("thermometer:CelsiusCodec")
    from thermometer import Celsius  # type: ignore[import-not-found]  # made by the fixture

    metadata = datasets.put(Celsius(21.5), "room")
    found: Any = datasets.get("room")

    assert metadata.kind == "celsius"
    assert (type(found), found) == (Celsius, 21.5)
    with pytest.raises(Invalid, match="kind 'celsius'"):
        datasets.get("room[a]")
    assert datasets.list(kind="celsius") == ["room"]

    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry != str(tmp_path)])
    codecs.cache_clear()
    with pytest.raises(NotFound, match="No codec for objects of kind 'celsius'"):
        datasets.get("room")
    with pytest.raises(Invalid, match="can't be kept"):
        datasets.put(Celsius(21.5), "room")
    assert datasets.metadata("room").kind == "celsius"


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("thermometer:Missing", "can't be loaded"),
        ("missing_module:Codec", "can't be loaded"),
        ("thermometer:Celsius", "is thermometer.Celsius, which is no Codec"),
    ],
)
def test_broken_package_is_named(
    install: Callable[[str], None], datasets: DatasetStore, value: str, named: str
) -> None:
    install(value)

    with pytest.raises(Invalid, match="package thermometer") as error:
        datasets.put(1, "number")
    assert named in str(error.value)
    assert "pip uninstall thermometer" in str(error.value)


def test_kind_that_exists_is_not_taken_over(
    install: Callable[[str], None], datasets: DatasetStore
) -> None:
    install("thermometer:Impostor")

    with pytest.raises(Invalid, match=r"kind 'dataframe': thermometer.Impostor, .*FrameCodec"):
        datasets.put(1, "number")


def test_what_can_be_kept_is_listed(datasets: DatasetStore) -> None:
    with pytest.raises(Invalid, match="type object can't be kept as a data set") as error:
        datasets.put(object(), "refused")
    for word in ("pandas", "polars", "pyarrow", "numpy", "sparse", "files", "bytes", "plain"):
        assert word in str(error.value)
