"""Where a frame can be kept, and the same work with each."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import pyarrow.parquet as pq

from omega_jupyter.config import SecretUrl
from omega_jupyter.store.database.connection import connect
from omega_jupyter.store.datasets import DatasetStore

__all__ = ["PEERS", "Peer", "peer"]

HEAD = 5


class Peer(ABC):
    """Keeps frames by name.

    Parameters
    ----------
    url : str
        Of a MongoDB server, without a database.
    folder : Path
        On this disk.
    """

    name: ClassVar[str]
    #: Takes tens of times longer than the others: it has fewer rounds.
    slow: ClassVar[bool] = False
    #: Of the server.
    database: ClassVar[str] = ""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder

    @classmethod
    def is_installed(cls) -> bool:
        """Say whether it can be used here."""
        return True

    def reconnect(self) -> None:
        """Open the connection to a server that was started again."""
        if self.database:
            connect(SecretUrl(f"{self.url}/{self.database}")).command("ping")

    @abstractmethod
    def put(self, frame: pd.DataFrame, name: str) -> None: ...

    @abstractmethod
    def get(self, name: str) -> pd.DataFrame: ...

    @abstractmethod
    def columns(self, name: str, columns: list[str]) -> pd.DataFrame: ...

    @abstractmethod
    def above(self, name: str, column: str, bound: float) -> pd.DataFrame: ...

    @abstractmethod
    def append(self, frame: pd.DataFrame, name: str) -> None: ...

    @abstractmethod
    def head(self, name: str) -> pd.DataFrame: ...


class Parquet(Peer):
    """A Parquet file on this disk; it can't be appended to, only written again."""

    name = "Parquet on disk"

    def put(self, frame: pd.DataFrame, name: str) -> None:
        frame.to_parquet(self.path(name))

    def get(self, name: str) -> pd.DataFrame:
        return pd.read_parquet(self.path(name))

    def columns(self, name: str, columns: list[str]) -> pd.DataFrame:
        return pd.read_parquet(self.path(name), columns=columns)

    def above(self, name: str, column: str, bound: float) -> pd.DataFrame:
        return pd.read_parquet(self.path(name), filters=[(column, ">", bound)])

    def append(self, frame: pd.DataFrame, name: str) -> None:
        self.put(pd.concat([self.get(name), frame], ignore_index=True), name)

    def head(self, name: str) -> pd.DataFrame:
        return next(pq.ParquetFile(self.path(name)).iter_batches(HEAD)).to_pandas()

    def path(self, name: str) -> Path:
        return self.folder / f"{name}.parquet"


class Ours(Peer):
    """The data sets of omega-jupyter."""

    name = "omega-jupyter"
    database = "ours"

    def __init__(self, url: str, folder: Path) -> None:
        super().__init__(url, folder)
        self.store = DatasetStore(SecretUrl(f"{url}/{self.database}"))

    def put(self, frame: pd.DataFrame, name: str) -> None:
        self.store.put(frame, name)

    def get(self, name: str) -> Any:
        return self.store.get(name)

    def columns(self, name: str, columns: list[str]) -> Any:
        return self.store.get(name, columns=columns)

    def above(self, name: str, column: str, bound: float) -> Any:
        return self.store.get(name, **{f"{column}__gt": bound})

    def append(self, frame: pd.DataFrame, name: str) -> None:
        self.store.put(frame, name, append=True)

    def head(self, name: str) -> Any:
        return self.store.head(name, HEAD)


class ArcticDB(Peer):
    """ArcticDB on LMDB, in this process; it forgets time zones."""

    name = "ArcticDB (LMDB)"

    def __init__(self, url: str, folder: Path) -> None:
        from arcticdb import Arctic

        super().__init__(url, folder)
        arctic = Arctic(f"lmdb://{folder / 'arctic'}?map_size=16GB")
        self.library = arctic.get_library("bench", create_if_missing=True)

    @classmethod
    def is_installed(cls) -> bool:
        return find_spec("arcticdb") is not None

    def put(self, frame: pd.DataFrame, name: str) -> None:
        # Or it keeps every version, and the disk fills.
        self.library.write(name, self.taken(frame), prune_previous_versions=True)

    def get(self, name: str) -> Any:
        return self.library.read(name).data

    def columns(self, name: str, columns: list[str]) -> Any:
        return self.library.read(name, columns=columns).data

    def above(self, name: str, column: str, bound: float) -> Any:
        from arcticdb import QueryBuilder

        query = QueryBuilder()
        return self.library.read(name, query_builder=query[query[column] > bound]).data

    def append(self, frame: pd.DataFrame, name: str) -> None:
        self.library.append(name, self.taken(frame), prune_previous_versions=True)

    def head(self, name: str) -> Any:
        return self.library.head(name, HEAD).data

    def taken(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the frame without what it refuses: nullable types, and appended categories."""
        if "flag" not in frame:
            return frame
        return frame.assign(flag=frame["flag"].astype(float), kind=frame["kind"].astype(str))


class GridFS(Peer):
    """A Parquet file in MongoDB's GridFS, as simpler stores have it."""

    name = "Parquet in GridFS"
    database = "gridfs"

    def __init__(self, url: str, folder: Path) -> None:
        from gridfs import GridFS as Files

        super().__init__(url, folder)
        self.files = Files(connect(SecretUrl(f"{url}/{self.database}")))

    def put(self, frame: pd.DataFrame, name: str) -> None:
        buffer = io.BytesIO()
        frame.to_parquet(buffer)
        old = self.files.find_one({"filename": name})
        buffer.seek(0)
        self.files.put(buffer, filename=name)
        if old is not None:
            self.files.delete(old._id)

    def get(self, name: str) -> pd.DataFrame:
        # Read at once, since it takes twice as long piece by piece.
        return pd.read_parquet(io.BytesIO(self.file(name).read()))

    def columns(self, name: str, columns: list[str]) -> pd.DataFrame:
        return pd.read_parquet(self.file(name), columns=columns)

    def above(self, name: str, column: str, bound: float) -> pd.DataFrame:
        return pd.read_parquet(self.file(name), filters=[(column, ">", bound)])

    def append(self, frame: pd.DataFrame, name: str) -> None:
        self.put(pd.concat([self.get(name), frame], ignore_index=True), name)

    def head(self, name: str) -> pd.DataFrame:
        return next(pq.ParquetFile(self.file(name)).iter_batches(HEAD)).to_pandas()

    def file(self, name: str) -> Any:
        return self.files.get_last_version(name)


class Rows(Peer):
    """A document for each row, with indexes on the columns that are filtered.

    So that one collection serves as the sorted one too.
    """

    name = "row documents"
    slow = True
    database = "rows"

    def put(self, frame: pd.DataFrame, name: str) -> None:
        collection = self.collection(name)
        collection.drop()
        collection.insert_many(self.documents(frame))
        for column in (frame.columns[0], frame.columns[3]):
            collection.create_index(column)

    def get(self, name: str) -> pd.DataFrame:
        return self.found(name, {}, None)

    def columns(self, name: str, columns: list[str]) -> pd.DataFrame:
        return self.found(name, {}, columns)

    def above(self, name: str, column: str, bound: float) -> pd.DataFrame:
        return self.found(name, {column: {"$gt": bound}}, None)

    def append(self, frame: pd.DataFrame, name: str) -> None:
        self.collection(name).insert_many(self.documents(frame))

    def head(self, name: str) -> pd.DataFrame:
        return pd.DataFrame(list(self.collection(name).find({}, {"_id": 0}).limit(HEAD)))

    def documents(self, frame: pd.DataFrame) -> list[dict[str, Any]]:
        if "flag" in frame:
            # BSON has no pandas.NA.
            frame = frame.assign(
                flag=frame["flag"].astype(object).where(frame["flag"].notna(), None)
            )
        return frame.to_dict("records")

    def found(self, name: str, query: Any, columns: list[str] | None) -> pd.DataFrame:
        fields = {"_id": 0} | dict.fromkeys(columns or (), 1)
        return pd.DataFrame(list(self.collection(name).find(query, fields)))

    def collection(self, name: str) -> Any:
        return connect(SecretUrl(f"{self.url}/{self.database}"))[name[0]]


PEERS: tuple[type[Peer], ...] = (Parquet, Ours, ArcticDB, GridFS, Rows)


def peer(name: str) -> type[Peer]:
    """Return the class of a peer by its name."""
    return next(kind for kind in PEERS if kind.name == name)
