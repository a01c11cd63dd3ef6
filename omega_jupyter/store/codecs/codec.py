"""What a codec is, and which one keeps an object."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

from omega_jupyter.errors import Invalid, NotFound
from omega_jupyter.store.payload.part import Part
from omega_jupyter.store.payload.payload import Encoded, Source

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["ENTRY_POINTS", "Codec", "Part", "codec_for", "codec_of_kind", "codecs"]

ENTRY_POINTS = "omega_jupyter.codecs"

# In the order of asking: the first that accepts an object keeps it.
_BUILT_IN = (
    "codecs.frame:FrameCodec",
    "codecs.frame:SeriesCodec",
    "codecs.extension:ExtensionCodec",
    "codecs.index:IndexCodec",
    "codecs.polars:PolarsCodec",
    "codecs.arrow:ArrowCodec",
    "codecs.array:ArrayCodec",
    "codecs.sparse:SparseCodec",
    "codecs.raw:BytesCodec",
    "codecs.data:DataCodec",
    "codecs.file:FileCodec",
    "boosters.xgboost_booster:XGBoostCodec",
    "boosters.lightgbm_booster:LightGBMCodec",
    "model.estimator:EstimatorCodec",
    "model.pickled:JoblibCodec",
)


class Codec(ABC):
    """Turns objects of one kind into a description and chunks, and back.

    A package adds its own through the entry-point group ``omega_jupyter.codecs``.
    """

    #: The store that it serves.
    store: ClassVar[str] = "datasets"
    #: The kind in the metadata; also what finds the codec again.
    kind: ClassVar[str]

    @abstractmethod
    def accepts(self, obj: Any) -> bool:
        """Say whether this codec keeps the object; cheap, and imports nothing."""

    @abstractmethod
    def encode(self, obj: Any) -> Encoded:
        """Describe the object and cut it into chunks.

        Raises
        ------
        Invalid
            Something in it can't be kept exactly; the message names it.
        """

    @abstractmethod
    def decode(self, source: Source, body: dict[str, Any], part: Part, what: str) -> Any:
        """Make the object, or the wanted part of it, again.

        Parameters
        ----------
        source : Source
            Where its chunks are.
        body : dict
            The description that :meth:`encode` made.
        part : Part
            What is wanted.
        what : str
            The object for error messages, such as ``X@3``.
        """

    def lazy(self, source: Source, body: dict[str, Any], part: Part, what: str) -> Any:
        """Return what reads the wanted part row by row, when it is asked.

        Parameters
        ----------
        source, body, part, what
            As for :meth:`decode`.

        Raises
        ------
        Invalid
            Objects of this kind have no rows to read on their own.
        """
        raise Invalid(
            f"{what} is kind {self.kind!r}: only tables can be read row by row",
            hint=f"om.datasets.get({what!r}) loads it",
        )

    def only_whole(self, part: Part, what: str) -> None:
        """Refuse to read a part.

        Raises
        ------
        Invalid
            A part is wanted.
        """
        if part.as_ is not None:
            raise Invalid(
                f"{what} is kind {self.kind!r}, no table that as_={part.as_!r} could convert",
                hint="leave out as_",
            )
        if not part.whole:
            raise Invalid(
                f"{what} is kind {self.kind!r}: it has no columns, rows or filters to choose",
                hint="get it whole, and choose in Python",
            )


def codec_for(obj: Any, store: str) -> Codec:
    """Return the codec that keeps an object.

    Raises
    ------
    Invalid
        None does.
    """
    for codec in codecs():
        if codec.store == store and codec.accepts(obj):
            return codec
    kind = type(obj)
    name = f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
    if store == "models":
        raise Invalid(
            f"A {name} is not a scikit-learn estimator",
            hint="data goes to the data sets: om.datasets.put(obj, name)",
        )
    if any(codec.store != store and codec.accepts(obj) for codec in codecs()):
        raise Invalid(
            f"A {name} is a model, not a data set", hint="om.models.put(model, name) keeps it"
        )
    raise Invalid(
        f"An object of type {name} can't be kept as a data set",
        hint="frames, series, indexes and arrays of pandas, frames of polars, tables of pyarrow, "
        "numpy arrays, sparse matrices, files, bytes and plain Python data can",
    )


def codec_of_kind(kind: str) -> Codec:
    """Return the codec that reads a kind.

    Raises
    ------
    NotFound
        No installed package has it.
    """
    for codec in codecs():
        if codec.kind == kind:
            return codec
    raise NotFound(
        f"No codec for objects of kind {kind!r} is installed",
        hint="install the package that the object was stored with",
    )


@functools.cache
def codecs() -> tuple[Codec, ...]:
    """Return all codecs: installed packages' first, so that they can be more specific."""
    from importlib.metadata import entry_points

    found = [_loaded(entry) for entry in entry_points(group=ENTRY_POINTS)]
    for path in _BUILT_IN:
        module, _, name = path.partition(":")
        found.append(getattr(import_module(f"omega_jupyter.store.{module}"), name)())
    for place, codec in enumerate(found):
        if any(other.kind == codec.kind for other in found[:place]):
            raise Invalid(
                f"Two codecs are installed for the kind {codec.kind!r}: "
                f"{', '.join(_origin(c) for c in found if c.kind == codec.kind)}",
                hint="what is stored could be read as something else; uninstall one of them",
            )
    return tuple(found)


def _loaded(entry: EntryPoint) -> Codec:
    try:
        codec = entry.load()()
    except (ImportError, AttributeError, TypeError) as error:
        raise _broken(entry, f"can't be loaded: {error}") from error
    if not isinstance(codec, Codec):
        raise _broken(entry, f"is {_origin(codec)}, which is no Codec")
    return codec


def _broken(entry: EntryPoint, reason: str) -> Invalid:
    package = entry.dist.name if entry.dist is not None else entry.value
    return Invalid(
        f"The codec {entry.name!r} of the installed package {package} {reason}",
        hint=f"repair or remove it: pip uninstall {package}",
    )


def _origin(codec: object) -> str:
    return f"{type(codec).__module__}.{type(codec).__qualname__}"


def module_of(obj: Any) -> str:
    """Return the top-level package of an object's class."""
    return type(obj).__module__.partition(".")[0]
