"""What is known of one version of an object without loading it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from omega_jupyter.store.wording.facts import bytes_text, facts_html, shape_text

__all__ = ["Column", "Metadata"]

COLUMNS_SHOWN = 12
TIMES = "\N{MULTIPLICATION SIGN}"


class Column(NamedTuple):
    """One column of a stored table.

    Attributes
    ----------
    name : str
        Its label as text.
    dtype : str
        The name of its pandas dtype.
    """

    name: str
    dtype: str


@dataclass(frozen=True, slots=True)
class Metadata:
    """One version of a stored object, as the catalog knows it.

    Attributes
    ----------
    store : str
        ``datasets`` or ``models``.
    name : str
        The object's name, without version.
    version : int
        From 1; a name that was dropped goes on counting.
    kind : str
        ``dataframe``, ``series``, ``index``, ``polars``, ``arrow``, ``array``, ``sparse``,
        ``data``, ``bytes``, ``file``, ``estimator``, ``joblib``, or what an installed package adds.
    type : str
        The Python type, such as ``pandas.DataFrame``.
    created : datetime
        When it was published, in UTC.
    size : int
        Bytes before compression.
    shape : tuple of int, optional
        Rows and columns, or the array's shape.
    columns : tuple of Column, optional
        The columns of a table; at most the first 2,000.
    hash : str
        Digest of what is stored: of a file the SHA-256 of its bytes.
    attributes : dict
        The user's own notes.
    task : str, optional
        The task that published this version.
    inputs : dict
        What it was made of: role to ``name@version``.
    params : dict, optional
        The parameters of an estimator, as JSON values or their ``repr``.
    file : dict, optional
        Of a file: its own ``name``, and the ``media_type`` that the name tells.
    scores : list of dict
        What was scored with this version of a model.
    environment : dict
        Versions of Python and of the libraries that wrote it.
    tags : tuple of str
        The tags of this version, where it was asked for as ``metadata``, ``versions`` or
        ``entries``; what is loaded does not ask for them.
    keep : int, optional
        How many versions the object keeps, besides those with a tag; as `tags`.
    """

    store: str
    name: str
    version: int
    kind: str
    type: str
    created: datetime
    size: int
    shape: tuple[int, ...] | None = None
    columns: tuple[Column, ...] | None = None
    hash: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)
    task: str | None = None
    inputs: dict[str, str] = field(default_factory=dict)
    params: dict[str, Any] | None = None
    file: dict[str, str] | None = None
    scores: list[dict[str, Any]] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    # They are the name's, not the version's: what differs in them alone is equal.
    tags: tuple[str, ...] = field(default=(), compare=False)
    keep: int | None = field(default=None, compare=False)
    # What the loader needs, so that a resolved object costs no second query.
    _document: dict[str, Any] | None = field(default=None, repr=False, compare=False)

    @property
    def ref(self) -> str:
        """``name@version``, which names this version for ever."""
        return f"{self.name}@{self.version}"

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-able values.

        Returns
        -------
        dict
            ``created`` as ISO 8601 text, ``columns`` as name and dtype.
        """
        return {
            "store": self.store,
            "name": self.name,
            "version": self.version,
            "kind": self.kind,
            "type": self.type,
            "created": self.created.isoformat(),
            "size": self.size,
            "shape": None if self.shape is None else list(self.shape),
            "columns": None if self.columns is None else [c._asdict() for c in self.columns],
            "hash": self.hash,
            "attributes": self.attributes,
            "task": self.task,
            "inputs": self.inputs,
            "params": self.params,
            "file": self.file,
            "scores": self.scores,
            "environment": self.environment,
            "tags": list(self.tags),
            "keep": self.keep,
        }

    @classmethod
    def from_document(
        cls, document: dict[str, Any], named: dict[str, Any] | None = None
    ) -> Metadata:
        """Read a version document of the catalog, and its name's own document."""
        shape = document.get("shape")
        keep = None if named is None else named.get("keep")
        return cls(
            store=document["store"],
            name=document["name"],
            version=int(document["version"]),
            kind=document["kind"],
            type=document["type"],
            created=document["created"],
            size=int(document["size"]),
            shape=None if shape is None else tuple(int(n) for n in shape),
            columns=_columns(document.get("columns")),
            hash=document["hash"],
            attributes=_plain(document.get("attributes") or {}),
            task=document.get("task"),
            inputs=dict(document.get("inputs") or {}),
            params=_plain(document.get("params")),
            file=document.get("file"),
            scores=_plain(document.get("scores") or []),
            environment=dict(document.get("environment") or {}),
            tags=() if named is None else _tags(named, document["version"]),
            keep=None if keep is None else int(keep["count"]),
            _document=document if "body" in document else None,
        )

    def __repr__(self) -> str:
        shape = "" if self.shape is None else " " + TIMES.join(str(n) for n in self.shape)
        tags = f" ({', '.join(self.tags)})" if self.tags else ""
        return f"<{self.type}{shape} {self.ref}{tags}, {bytes_text(self.size)}>"

    def _repr_html_(self) -> str:
        return facts_html(self._facts())

    def _facts(self) -> list[tuple[str, str]]:
        facts = [
            ("name", self.ref),
            ("type", self.type),
            ("size", bytes_text(self.size)),
            ("created", f"{self.created:%Y-%m-%d %H:%M:%S %Z}"),
        ]
        if self.tags:
            facts.insert(1, ("tags", ", ".join(self.tags)))
        if self.keep is not None:
            facts.append(("keeps", f"the newest {self.keep} versions, and those with a tag"))
        if self.file is not None:
            facts.append(("file", ", ".join(self.file.values())))
        if self.shape is not None:
            facts.append(("shape", shape_text(self.shape)))
        if self.columns is not None:
            named = [f"{c.name} ({c.dtype})" for c in self.columns[:COLUMNS_SHOWN]]
            facts.append(("columns", ", ".join(named + ["…"] * (len(self.columns) > len(named)))))
        for label, values in (
            ("made of", self.inputs),
            ("parameters", self.params),
            ("attributes", self.attributes),
            ("environment", self.environment),
        ):
            if values:
                facts.append((label, ", ".join(f"{k}={v}" for k, v in values.items())))
        for score in self.scores:
            facts.append(("score", ", ".join(f"{k}={v}" for k, v in score.items())))
        if self.task is not None:
            facts.append(("task", self.task))
        return facts


def _tags(named: dict[str, Any], version: int) -> tuple[str, ...]:
    return tuple(sorted(e["tag"] for e in named.get("tags", ()) if e["version"] == version))


def _columns(stored: dict[str, Any] | None) -> tuple[Column, ...] | None:
    """Undo the run-length form ``{"names": [...], "dtypes": [[run, dtype], ...]}``."""
    if stored is None:
        return None
    dtypes = [dtype for run, dtype in stored["dtypes"] for _ in range(run)]
    return tuple(map(Column, stored["names"], dtypes))


def _plain(value: Any) -> Any:
    """Turn BSON's own integers into Python's, at any depth."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    return value
