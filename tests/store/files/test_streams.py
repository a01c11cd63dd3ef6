"""Byte strings that go in and out of the store in parts."""

from __future__ import annotations

import hashlib
import io
import random
import tracemalloc
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import Invalid, NotFound
from omega_jupyter.store.chunks.chunks import StoredSource, delete_segment, write_segment
from omega_jupyter.store.chunks.identity import chunk_id
from omega_jupyter.store.database.schema import prepare
from omega_jupyter.store.files.file_segment import FileSegment
from omega_jupyter.store.payload.payload import BLOB_PART, Key, Sink, Source, buffer_keys
from omega_jupyter.store.payload.reader import PayloadReader, stream_parts

MIB = 1 << 20


class Generated(io.RawIOBase):
    """A file of any size that is nowhere, read in pieces of an odd size."""

    def __init__(self, size: int, piece: int = 300_001) -> None:
        super().__init__()
        self.left = size
        self._piece = piece

    def read(self, size: int = -1, /) -> bytes:
        count = min(size, self._piece, self.left)
        self.left -= count
        return bytes([self.left % 251]) * count


def stored(url: SecretUrl, data: Any) -> StoredSource:
    prepare(url)
    written = write_segment(url, FileSegment(io.BytesIO(data)))
    assert written.size == len(data)
    document = {"name": "f", "version": 1, "segments": [written.to_document()]}
    return StoredSource(url, document)


@pytest.fixture(scope="module")
def content() -> bytes:
    return random.Random(0).randbytes(21 * MIB + 12_345)


@pytest.fixture
def source(shared_url: SecretUrl, content: bytes) -> StoredSource:
    return stored(shared_url, content)


def test_file_is_streamed_in_and_out(source: StoredSource, content: bytes) -> None:
    parts = list(stream_parts(source, 0, 0, len(content)))

    assert b"".join(parts) == content
    assert {len(part) for part in parts[:-1]} == {MIB}


def test_large_file_is_never_whole_in_memory(shared_url: SecretUrl) -> None:
    size = 80 * MIB + 7
    prepare(shared_url)
    segment = FileSegment(Generated(size))  # type: ignore[arg-type]  # it has read()
    tracemalloc.start()
    try:
        written = write_segment(shared_url, segment)
        put_peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        source = StoredSource(
            shared_url, {"name": "f", "version": 1, "segments": [written.to_document()]}
        )
        hashed = hashlib.sha256()
        for part in stream_parts(source, 0, 0, size):
            hashed.update(part)
        get_peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert segment.size == size
    assert hashed.hexdigest() == segment.digest
    assert put_peak < 40 * MIB
    assert get_peak < 60 * MIB
    delete_segment(shared_url, written.id)


@pytest.mark.parametrize("size", [0, 1, MIB - 1, MIB, MIB + 1, 3 * MIB])
def test_size_and_hash_are_known_at_the_end(size: int) -> None:
    data = random.Random(size).randbytes(size)
    segment = FileSegment(io.BytesIO(data))

    packed = [segment.pack(key.group, key.block) for key in segment.listed()]

    assert b"".join(packed) == data
    assert segment.size == size
    assert segment.digest == hashlib.sha256(data).hexdigest()
    assert [len(part) for part in packed] == [key.size for key in buffer_keys(0, size)]


def test_size_of_a_small_file_is_known_before(url: SecretUrl) -> None:
    segment = FileSegment(io.BytesIO(b"abc"))

    assert segment.size == 3
    assert [segment.pack(*key[:2]) for key in segment.listed()] == [b"abc"]


@pytest.mark.parametrize("expected", [0, 2, MIB, MIB + 4, 2 * MIB])
def test_file_of_another_size_is_refused(expected: int, shared_url: SecretUrl) -> None:
    prepare(shared_url)
    segment = FileSegment(io.BytesIO(bytes(MIB + 3)), expected, "'report.pdf'")

    with pytest.raises(Invalid, match=r"'report.pdf' changed while it was read"):
        write_segment(shared_url, segment)


def test_text_is_refused() -> None:
    with pytest.raises(Invalid, match="gives str, not bytes") as error:
        list(FileSegment(io.StringIO("abc")).listed())  # type: ignore[arg-type]  # wrong on purpose
    assert "'rb'" in str(error.value)


def test_reader_reads_from_anywhere(source: StoredSource, content: bytes) -> None:
    expected = io.BytesIO(content)
    rng = random.Random(1)
    with io.BufferedReader(PayloadReader(source, 0, 0, len(content)), MIB) as file:
        for _ in range(60):
            place = rng.choice([rng.randrange(len(content)), rng.randrange(22) * MIB, len(content)])
            whence = rng.choice([io.SEEK_SET, io.SEEK_CUR, io.SEEK_END])
            offset = place - (0, expected.tell(), len(content))[whence]
            assert file.seek(offset, whence) == expected.seek(offset, whence)
            count = rng.choice([0, 1, 100, MIB, 3 * MIB])
            assert file.read(count) == expected.read(count)
            assert file.tell() == expected.tell()
        file.seek(0)
        assert file.read() == content
        assert file.read() == b""
        file.seek(len(content) + 5)
        assert file.read(1) == b""


def test_reader_in_order_asks_for_each_part_once(content: bytes) -> None:
    counted = Counted(len(content))

    with io.BufferedReader(PayloadReader(counted, 0, 0, len(content)), 8192) as file:
        while file.read(70_000):
            pass

    assert sorted(counted.asked) == list(range(22))


def test_reader_for_a_look_at_the_end_reads_no_more() -> None:
    size = 100 * MIB
    counted = Counted(size)

    with io.BufferedReader(PayloadReader(counted, 0, 0, size)) as file:
        file.seek(-100, io.SEEK_END)
        file.read()

    assert counted.asked == [99]


def test_places_above_four_gigabytes() -> None:
    size = (5 << 30) + 10
    counted = Counted(size)

    with io.BufferedReader(PayloadReader(counted, 0, 0, size)) as file:
        file.seek((4 << 30) + 5)
        assert file.read(2) == bytes(2)
        file.seek(0, io.SEEK_END)
        assert file.tell() == size
        assert file.read() == b""

    assert counted.asked == [4096]
    assert list(buffer_keys(0, size))[-1] == Key(5120, 0, 10)
    assert chunk_id(_Id(), 5120, 0) > chunk_id(_Id(), 4095, 0)  # type: ignore[arg-type]  # has binary


def test_closed_reader_says_so(source: StoredSource) -> None:
    reader = PayloadReader(source, 0, 0, 10)
    reader.close()

    for action in (reader.read, reader.tell, lambda: reader.seek(0)):
        with pytest.raises(ValueError, match="closed"):
            action()


def test_deleted_file_is_not_found(source: StoredSource, shared_url: SecretUrl) -> None:
    parts = stream_parts(source, 0, 0, 21 * MIB + 12_345)
    next(parts)
    delete_segment(shared_url, source._entries[0]["s"])

    with pytest.raises(NotFound, match="f@1 is no longer whole"):
        list(stream_parts(source, 0, 0, 21 * MIB + 12_345))
    with pytest.raises(NotFound, match="f@1 is no longer whole"):
        PayloadReader(source, 0, 0, 21 * MIB).read(10)
    parts.close()  # type: ignore[attr-defined]  # a generator


class _Id:
    binary = bytes(12)


class Counted(Source):
    """Zeros, and a list of the parts that were asked for."""

    def __init__(self, size: int) -> None:
        self.asked: list[int] = []
        self._size = size

    def fetch(self, segment: int, keys: Sequence[Key], sink: Sink) -> None:
        for key in keys:
            self.asked.append(key.group)
            sink(key.group, key.block, bytes(min(BLOB_PART, self._size - key.group * BLOB_PART)))

    def has_closing(self, segment: int) -> bool:
        return False


@pytest.fixture(autouse=True)
def _no_threads_are_left() -> Iterator[None]:
    """Readers end their threads when they are closed or read to the end."""
    import threading

    yield
    assert not [t for t in threading.enumerate() if t.name.startswith("omega-stream")]
