"""Archives that no store has written, but with a hash that is right, are refused whole."""

from __future__ import annotations

import hashlib
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bson
import numpy as np
import pytest
from bson import Binary, ObjectId

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import Invalid
from omega_jupyter.store.archive.stream import HEADER, ArchiveWriter
from omega_jupyter.store.chunks.checksum import checksum, of_inline
from omega_jupyter.store.database.schema import chunks, versions
from omega_jupyter.store.datasets import DatasetStore
from omega_jupyter.store.store import Store

Documents = list[dict[str, Any]]


@pytest.fixture(scope="module")
def good(shared_url: SecretUrl, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An archive of a small and a large object."""
    datasets = DatasetStore(shared_url)
    datasets.put(np.arange(50_000.0), "large")
    datasets.put([1, 2], "small")
    datasets.tag("small", "prod", version=1)
    file = tmp_path_factory.mktemp("archive") / "good.omega"
    Store(shared_url).export(file)
    for name in ("large", "small"):
        datasets.drop(name)
    return file.read_bytes()


@pytest.fixture
def parts(good: bytes) -> Documents:
    """What it is made of."""
    found: Documents = bson.decode_all(good)
    assert [next(iter(document)) for document in found] == [
        *(HEADER, "chunk", "version", "version", "name", "end")
    ]
    return found[:-1]


def forge(path: Path, documents: Documents) -> None:
    with path.open("wb") as file:
        writer = ArchiveWriter(file)
        for document in documents:
            kind = next(iter(document))
            writer.write(kind, document.pop(kind), **document)
        writer.close()


def refuse(url: SecretUrl, path: Path) -> str:
    before = versions(url).count_documents({}), chunks(url).count_documents({})
    with pytest.raises(Invalid, match=r"is refused|was changed|no archive|can't be read") as caught:
        Store(url).import_(path)
    assert (versions(url).count_documents({}), chunks(url).count_documents({})) == before
    return caught.value.message


def put(field: str, value: Any) -> Callable[[Documents], None]:
    """Change a field of the small object."""

    def change(parts: Documents) -> None:
        *path, last = field.split(".")
        target = parts[3]["version"]
        for step in path:
            target = target[int(step) if step.isdigit() else step]
        target[last] = value

    return change


def put_inline(data: bytes) -> Callable[[Documents], None]:
    def change(parts: Documents) -> None:
        inline = {"0.0": data}
        parts[3]["version"]["segments"] = [{"d": inline, "h": of_inline(inline) + 1}]

    return change


def chunk(**fields: Any) -> Callable[[Documents], None]:
    return lambda parts: parts[1]["chunk"].update(fields)


def deep(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth):
        value = {"a": value}
    return value


BOMB = Binary((1 << 40).to_bytes(8, "little") + b"\x28\xb5\x2f\xfd" * 4, 0x82)
LIE = Binary((4 << 20).to_bytes(8, "little") + b"garbage", 0x81)


@pytest.mark.parametrize(
    "change",
    [
        *(put("name", n) for n in ("../../etc/passwd", "/etc/passwd", "a/../b", "", "a\0b", "a@1")),
        *(put("name", n) for n in ("a*", "x" * 300, 5, None, ["small"], {"$gt": ""})),
        *(put("store", s) for s in ("users", "models", "jobs", "", 1, None, ["datasets"])),
        *(put("version", v) for v in (0, -1, 1 << 40, 1.5, True, "1", None)),
        *(put("format", f) for f in (-1, "1", 99)),
        *(put("created", c) for c in ("today", 0, None)),
        *(put("size", s) for s in (-1, 1 << 63 - 1, "many")),
        *(put("shape", s) for s in ([-1], ["a"], "2")),
        *(put("kind", k) for k in (5, None, "estimator")),
        *(put("hash", h) for h in ("", "0" * 64, b"\0", "../x")),
        *(put("body", b) for b in (None, [], "body", {}, {"digest": "0" * 64})),
        *(put("body.x", b) for b in (bson.Regex("a"), bson.Code("exit()"), ObjectId())),
        put("body.columns", [[1 << 40, {}]]),
        put("columns", {"names": ["a"], "dtypes": [[1 << 40, "i8"]]}),
        put("columns", {"names": ["a"], "dtypes": [[1, "i8"], [-1, "i8"]]}),
        put("attributes", {"a": bson.Code("exit()")}),
        put("attributes", deep(180)),
        put("attributes", [1]),
        put("scores", {"score": 1}),
        put("inputs", {"X": 1}),
        put("environment", "x"),
        put("task", {"$ne": None}),
        put("deleted", True),
        put("removed", None),
        put("collected", True),
        put("renaming", "x"),
        put("trusted", ["os.system"]),
        *(put("segments", s) for s in (None, {}, [1], [{}], [{"s": 1, "size": 1, "h": 1}])),
        put("segments", [{"s": ObjectId(), "size": 10, "h": 1}]),
        put("segments", [{"d": {"../0": b""}, "h": 1}]),
        put("segments", [{"d": {"0.0": "text"}, "h": 1}]),
        put("segments.0.h", 1),
        put_inline(b"[3]"),
        chunk(_id=b"short"),
        chunk(_id=ObjectId()),
        chunk(_id=b"x" * 20),
        chunk(d="text"),
        chunk(d=b"other"),
        chunk(d=b"x" * (5 << 20), h=checksum(b"x" * (5 << 20))),
        chunk(d=BOMB, h=checksum(BOMB)),
        chunk(d=LIE, h=checksum(LIE)),
        chunk(d=Binary(b"x", 5), h=checksum(b"x")),
        chunk(h="5"),
        chunk(x=1),
        lambda parts: parts.insert(1, parts.pop(2)),
        lambda parts: parts.pop(1),
        lambda parts: parts.insert(2, {"chunk": dict(parts[1]["chunk"])}),
        lambda parts: parts.append({"version": dict(parts[3]["version"])}),
        lambda parts: parts.insert(2, parts.pop(3)),
        lambda parts: parts.append({"other": {"a": 1}}),
        lambda parts: parts.append({"version": 5}),
        lambda parts: parts.append({"end": {"sha256": b""}}),
        lambda parts: parts.insert(2, parts.pop()),
        lambda parts: parts[4]["name"].update(tags={"latest": 1}),
        lambda parts: parts[4]["name"].update(tags={"a b": 1}),
        lambda parts: parts[4]["name"].update(tags={"x": -1}),
        lambda parts: parts[4]["name"].update(tags=["x"]),
        lambda parts: parts[4]["name"].update(keep=0),
        lambda parts: parts[4]["name"].update(name="large"),
        lambda parts: parts[4]["name"].update(more=1),
        lambda parts: parts[0].update({HEADER: 2}),
    ],
)
def test_forged_archive_is_refused(
    change: Callable[[Documents], None], parts: Documents, shared_url: SecretUrl, tmp_path: Path
) -> None:
    path = tmp_path / "forged.omega"
    change(parts)
    forge(path, parts)

    assert "forged.omega" in refuse(shared_url, path)


def test_forger_changes_nothing_else(parts: Documents, url: SecretUrl, tmp_path: Path) -> None:
    forge(tmp_path / "same.omega", parts)

    assert Store(url).import_(tmp_path / "same.omega").versions == 2


@pytest.mark.parametrize("length", [0, 4, 5, -1, (1 << 31) - 1, 17 << 20, 1 << 31])
def test_length_that_is_none_is_not_believed(
    length: int, shared_url: SecretUrl, tmp_path: Path
) -> None:
    path = tmp_path / "long.omega"
    header = bson.encode({HEADER: 1})
    path.write_bytes(header + (length % (1 << 32)).to_bytes(4, "little") + b"x" * 1000)

    tracemalloc.start()
    try:
        refuse(shared_url, path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_number_far_beyond_takes_no_room(parts: Documents, url: SecretUrl, tmp_path: Path) -> None:
    path = tmp_path / "far.omega"
    parts[3]["version"]["version"] = (1 << 31) - 1
    parts[4]["name"]["tags"] = {}
    forge(path, parts)

    with pytest.raises(Invalid, match="leaves out too many numbers"):
        Store(url).import_(path)

    assert versions(url).count_documents({"removed": {"$ne": None}}) == 0


def test_document_that_is_nested_without_end_is_refused(url: SecretUrl, tmp_path: Path) -> None:
    path = tmp_path / "deep.omega"
    depth = 3_000
    inner = b"\x05\0\0\0\0"
    for _ in range(depth):
        size = len(inner) + 8
        if size > 16 << 20:
            break
        inner = size.to_bytes(4, "little") + b"\x03a\0" + inner + b"\0"
    data = bson.encode({HEADER: 1}) + inner
    data += bson.encode({"end": {"sha256": hashlib.sha256(data).digest()}})
    path.write_bytes(data)

    refuse(url, path)
