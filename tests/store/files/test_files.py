"""Files and byte strings come back as they were, and never whole in memory."""

from __future__ import annotations

import array
import copy
import gzip
import hashlib
import io
import os
import random
import subprocess
import tempfile
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import Invalid, NotFound
from omega_jupyter.store.codecs import inline
from omega_jupyter.store.codecs.codec import codec_for
from omega_jupyter.store.database.connection import connect
from omega_jupyter.store.datasets import DatasetStore
from omega_jupyter.store.files.stored_file import StoredFile
from omega_jupyter.store.versions.writing import write_payload

MIB = 1 << 20


def content(size: int) -> bytes:
    return random.Random(size).randbytes(size)


@pytest.fixture
def datasets(shared_datasets: DatasetStore) -> DatasetStore:
    return shared_datasets


@pytest.mark.parametrize("size", [0, 1, 100_000, MIB, 9 * MIB + 5])
def test_file_comes_back_as_a_file(size: int, datasets: DatasetStore, tmp_path: Path) -> None:
    path = tmp_path / "report.pdf"
    path.write_bytes(content(size))

    metadata = datasets.put(path, "reports/may")

    assert metadata.kind == "file"
    assert metadata.size == size
    assert metadata.hash == hashlib.sha256(content(size)).hexdigest()
    assert metadata.file == {"name": "report.pdf", "media_type": "application/pdf"}
    assert datasets.metadata("reports/may") == metadata
    with datasets.get("reports/may") as file:
        assert type(file) is StoredFile
        assert (file.name, file.size, file.sha256) == ("report.pdf", size, metadata.hash)
        assert file.media_type == "application/pdf"
        assert file.readable()
        assert file.seekable()
        assert not file.writable()
        assert file.read() == content(size)
        assert file.seek(size // 2) == size // 2
        assert file.read(3) == content(size)[size // 2 : size // 2 + 3]
        assert "report.pdf" in repr(file)
    assert file.closed


def test_file_is_saved(datasets: DatasetStore, tmp_path: Path) -> None:
    (tmp_path / "report.pdf").write_bytes(content(5 * MIB))
    datasets.put(tmp_path / "report.pdf", "f")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "old.pdf").write_bytes(b"old")

    with datasets.get("f") as file:
        file.read(10)
        assert file.save(folder) == folder / "report.pdf"
        assert file.save(str(folder / "old.pdf")) == folder / "old.pdf"
        assert file.tell() == 10

    for name in ("report.pdf", "old.pdf"):
        assert (folder / name).read_bytes() == content(5 * MIB)
        assert (folder / name).stat().st_mode & 0o777 == 0o666 & ~_umask()
    assert len(list(folder.iterdir())) == 2
    with pytest.raises(ValueError, match="closed"):
        file.save(folder)


def test_file_that_cannot_be_saved_leaves_nothing(datasets: DatasetStore, tmp_path: Path) -> None:
    datasets.put(io.BytesIO(b"abc"), "f")
    file = datasets.get("f")

    with pytest.raises(NotFound, match="missing"):
        file.save(tmp_path / "missing" / "f")
    with pytest.raises(Invalid, match="can't be written"):
        file.save(tmp_path / ("n" * 300))
    assert list(tmp_path.iterdir()) == []


def test_save_refuses_damaged_content(url: SecretUrl, tmp_path: Path) -> None:
    datasets = DatasetStore(url)
    datasets.put(io.BytesIO(b"abc"), "f")
    damage = {"$set": {"body.digest": hashlib.sha256(b"other").hexdigest()}}
    connect(url)["omega_versions"].update_one({"name": "f"}, damage)

    with pytest.raises(Invalid, match="damaged"):
        datasets.get("f").save(tmp_path / "f")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../../evil", "/etc/passwd", "..", "", "a\0b/../c"])
def test_forged_name_stays_in_the_folder(name: str, url: SecretUrl, tmp_path: Path) -> None:
    from omega_jupyter.store.values import typed

    datasets = DatasetStore(url)
    datasets.put(io.BytesIO(b"abc"), "sub/f")
    forged = {"$set": {"body.name": typed.dumps(name)}}
    connect(url)["omega_versions"].update_one({"name": "sub/f"}, forged)

    saved = datasets.get("sub/f").save(tmp_path)

    assert saved.parent == tmp_path
    assert saved.name in ("evil", "passwd", "f", "c")


def test_open_files_are_read_from_where_they_are(datasets: DatasetStore, tmp_path: Path) -> None:
    path = tmp_path / "data.bin"
    path.write_bytes(content(2 * MIB))
    with path.open("rb") as file:
        file.seek(10)
        assert datasets.put(file, "f").file == {
            "name": "data.bin",
            "media_type": "application/octet-stream",
        }
    assert datasets.get("f").read() == content(2 * MIB)[10:]
    assert datasets.get("f").name == "data.bin"

    with path.open("rb", buffering=0) as raw:
        datasets.put(raw, "f")
    assert datasets.get("f").read() == content(2 * MIB)

    assert datasets.put(io.BytesIO(b"abc"), "sub/memory").file is None
    assert datasets.get("sub/memory").name == "memory"


def test_files_of_unknown_length_are_read_to_their_end(
    datasets: DatasetStore, tmp_path: Path
) -> None:
    for size in (0, 5, MIB, 3 * MIB + 1):
        (tmp_path / "source").write_bytes(content(size))
        command = ["cat", str(tmp_path / "source")]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert datasets.put(process.stdout, "f").size == size
        assert datasets.get("f").read() == content(size)

    with gzip.open(tmp_path / "f.gz", "wb") as packed:
        packed.write(content(2 * MIB))
    with gzip.open(tmp_path / "f.gz", "rb") as unpacked:
        datasets.put(unpacked, "f")
    assert datasets.get("f").read() == content(2 * MIB)

    with tempfile.TemporaryFile() as unnamed:
        unnamed.write(b"abc")
        unnamed.seek(0)
        datasets.put(unnamed, "f")
    assert datasets.get("f").read() == b"abc"
    assert datasets.get("f").name == "f"


def test_stored_file_is_stored_again(datasets: DatasetStore, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(content(3 * MIB))
    first = datasets.put(tmp_path / "a.txt", "f")

    again = datasets.put(datasets.get("f"), "g")

    assert again.hash == first.hash
    assert datasets.get("g").name == "a.txt"


def test_other_libraries_read_from_it(datasets: DatasetStore, tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": np.arange(300_000), "b": "text"})
    frame.to_parquet(tmp_path / "x.parquet")
    frame.head(1000).to_csv(tmp_path / "x.csv", index=False)
    np.save(tmp_path / "x.npy", np.arange(5))

    for path in tmp_path.iterdir():
        datasets.put(path, path.name)

    with datasets.get("x.parquet") as file:
        pd.testing.assert_frame_equal(pd.read_parquet(file), frame)
    with datasets.get("x.csv") as file:
        pd.testing.assert_frame_equal(pd.read_csv(file), frame.head(1000))
    with datasets.get("x.npy") as file:
        np.testing.assert_array_equal(np.load(file), np.arange(5))
    with datasets.get("x.csv") as file, io.TextIOWrapper(file, "utf-8") as text:
        assert text.readline() == "a,b\n"


def test_copies_are_read_each_on_its_own(datasets: DatasetStore) -> None:
    datasets.put(io.BytesIO(b"abcdef"), "f")
    file = datasets.get("f")
    file.read(3)

    other = copy.copy(file)

    assert other.read() == b"abcdef"
    assert file.read() == b"def"


def test_old_version_is_read_while_a_new_one_comes(datasets: DatasetStore) -> None:
    datasets.put(io.BytesIO(content(3 * MIB)), "f")
    file = datasets.get("f")
    file.read(1)
    datasets.put(io.BytesIO(b"new"), "f")

    assert file.read() == content(3 * MIB)[1:]
    assert datasets.get("f").read() == b"new"


def test_version_that_is_gone_is_named(url: SecretUrl) -> None:
    datasets = DatasetStore(url)
    version = datasets.put(io.BytesIO(content(3 * MIB)), "f").version
    file = datasets.get("f")
    connect(url)["omega_chunks"].delete_many({})

    with pytest.raises(NotFound, match=f"f@{version} is no longer whole"):
        file.read()


def test_put_does_not_hold_the_file(datasets: DatasetStore, tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(64 * MIB)
    tracemalloc.start()
    try:
        datasets.put(path, "large")
        datasets.get("large").save(tmp_path / "copy")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 48 * MIB
    assert (tmp_path / "copy").stat().st_size == 64 * MIB
    datasets.drop("large")


def test_symbolic_links_are_followed(datasets: DatasetStore, tmp_path: Path) -> None:
    (tmp_path / "target.txt").write_bytes(b"abc")
    (tmp_path / "link.md").symlink_to("target.txt")
    (tmp_path / "nowhere").symlink_to("missing")
    (tmp_path / "circle").symlink_to("circle")

    datasets.put(tmp_path / "link.md", "f")

    assert datasets.get("f").name == "link.md"
    assert datasets.get("f").read() == b"abc"
    with pytest.raises(NotFound, match="nowhere"):
        datasets.put(tmp_path / "nowhere", "refused")
    with pytest.raises(Invalid, match="circle"):
        datasets.put(tmp_path / "circle", "refused")


def test_what_is_no_file_is_refused(datasets: DatasetStore, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    closed = io.BytesIO()
    closed.close()
    refused: list[tuple[Any, type[Exception], str]] = [
        (tmp_path / "missing.pdf", NotFound, "missing.pdf"),
        (tmp_path, Invalid, "is a folder"),
        (tmp_path / "pipe", Invalid, "pipe"),
        (Path("a\0b"), Invalid, "can't be read"),
        (io.StringIO("text"), Invalid, "text mode"),
        (closed, Invalid, "closed"),
        (NoBytes(), Invalid, "gives int, not bytes"),
        (NoCount(), Invalid, "can't be read"),
    ]
    for obj, error, message in refused:
        with pytest.raises(error, match=message):
            datasets.put(obj, "refused")
    with (tmp_path / "text.txt").open("w+") as text:
        with pytest.raises(Invalid, match=r"'text.txt' is open in text mode") as found:
            datasets.put(text, "refused")
        assert "'rb'" in str(found.value)
    with (tmp_path / "out").open("wb") as out, pytest.raises(Invalid, match="can't be read"):
        datasets.put(out, "refused")
    with pytest.raises(Invalid, match="can't be kept"):
        datasets.put(io.BytesIO, "refused")
    assert not datasets.exists("refused")


@pytest.mark.parametrize("size", [100, 3 * MIB])
def test_file_that_changes_while_it_is_read_is_refused(
    size: int, datasets: DatasetStore, tmp_path: Path
) -> None:
    path = tmp_path / "growing.log"
    path.write_bytes(content(size))

    for change in (
        lambda: path.write_bytes(content(size + 1)),
        lambda: path.write_bytes(content(size - 1)),
        lambda: (path.write_bytes(content(size)), os.utime(path, ns=(1, 1))),
        lambda: (path.unlink(), path.write_bytes(content(size))),
    ):
        path.write_bytes(content(size))
        encoded = codec_for(path, "datasets").encode(path)
        change()
        with pytest.raises(Invalid, match=r"growing.log.* changed while it was read"):
            write_payload(datasets._url, encoded)


def test_open_file_that_grows_is_refused(datasets: DatasetStore) -> None:
    class Growing(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            data = super().read(size)
            at = self.tell()
            self.write(b"more")
            self.seek(at)
            return data

    with pytest.raises(Invalid, match="changed while it was read"):
        datasets.put(Growing(content(2 * MIB)), "refused")
    assert not datasets.exists("refused")


def test_file_names_of_any_bytes_are_kept(datasets: DatasetStore, tmp_path: Path) -> None:
    for name in (b"\xff\xfe.txt", "ü ö.txt".encode(), b"a\\b.txt", b"<odd>", b" "):
        path = Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), name)))
        path.write_bytes(b"abc")

        datasets.put(path, "f")

        assert os.fsencode(datasets.get("f").name) == name


def test_parts_of_a_file_are_refused(datasets: DatasetStore) -> None:
    datasets.put(io.BytesIO(b"abc"), "f")

    for action in (lambda: datasets.get("f[a]"), lambda: datasets.head("f")):
        with pytest.raises(Invalid, match="kind 'file'"):
            action()


def test_text_is_never_a_path(datasets: DatasetStore, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"abc")

    datasets.put(str(tmp_path / "f"), "text")

    assert datasets.get("text") == str(tmp_path / "f")


def test_small_file_travels_in_a_message(tmp_path: Path) -> None:
    (tmp_path / "small.txt").write_bytes(b"abc")
    (tmp_path / "large.txt").write_bytes(content(MIB))

    text = inline.encode(tmp_path / "small.txt")

    assert text is not None
    assert inline.decode(text).read() == b"abc"
    assert inline.decode(text).name == "small.txt"
    assert inline.encode(tmp_path / "large.txt") is None


VIEWS = {
    "view": memoryview(b"abc"),
    "of a bytearray": memoryview(bytearray(b"abc")),
    "empty": memoryview(b""),
    "of numbers": memoryview(array.array("d", [1.5, 2.5])),
    "of a matrix": memoryview(np.arange(6, dtype="i4").reshape(2, 3)),
    "strided": memoryview(b"abcdef")[::2],
    "0-d": memoryview(np.array(1.5)),
}
BYTES: dict[str, Any] = {
    "bytes": b"\0\xff",
    "no bytes": b"",
    "bytearray": bytearray(b"abc"),
    "large": content(3 * MIB),
    "large bytearray": bytearray(content(3 * MIB)),
    **VIEWS,
}


@pytest.mark.parametrize("name", BYTES)
def test_bytes_come_back_as_the_same_type(name: str, datasets: DatasetStore) -> None:
    value = BYTES[name]

    metadata = datasets.put(value, "b")
    found = datasets.get("b")

    assert metadata.kind == "bytes"
    assert metadata.size == memoryview(value).nbytes
    assert type(found) is type(value)
    assert found == value
    if isinstance(value, memoryview):
        assert (found.format, found.shape, found.readonly) == (
            value.format,
            value.shape,
            value.readonly,
        )


def test_view_that_python_cannot_make_is_refused(datasets: DatasetStore) -> None:
    structured = memoryview(np.zeros(2, [("a", "i4"), ("b", "f8")]))
    for view in (structured, memoryview(np.zeros((0, 3)))):
        with pytest.raises(Invalid, match="memoryview"):
            datasets.put(view, "refused")


class NoBytes:
    def read(self, size: int) -> int:
        return size


class NoCount:
    def read(self) -> bytes:
        return b""


def _umask() -> int:
    current = os.umask(0o022)
    os.umask(current)
    return current
