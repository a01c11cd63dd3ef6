"""What the boosters of all libraries have in common: their library's own format, looked at first.

The estimators around them are scikit-learn's, and kept as those are.
"""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from importlib import import_module
from typing import Any, ClassVar

from omega_jupyter.errors import Invalid
from omega_jupyter.store.codecs.codec import Codec, module_of
from omega_jupyter.store.files.spool import check_hash
from omega_jupyter.store.payload.part import Part
from omega_jupyter.store.payload.payload import Source

__all__ = ["BoosterCodec"]


class BoosterCodec(Codec):
    """The ``Booster`` of a library; `kind` is the library's name."""

    store: ClassVar[str] = "models"
    #: The library's name for people.
    library: ClassVar[str]

    def accepts(self, obj: Any) -> bool:
        """Accept Booster itself."""
        return module_of(obj) == self.kind and type(obj).__name__ == "Booster"

    def decode(self, source: Source, body: dict[str, Any], part: Part, what: str) -> Any:
        """Check the hash, then let the library read the model.

        Raises
        ------
        Invalid
            The stored bytes were changed, or the library is missing or can't read them.
        """
        self.only_whole(part, what)
        data = source.buffer(0, 0, int(body["size"]))
        check_hash(hashlib.sha256(data).hexdigest(), body["sha256"], what)
        try:
            library = import_module(self.kind)
        except ImportError as error:
            raise Invalid(
                f"Model {what} needs {self.kind}, which is not installed here: {error}",
                hint=f"pip install {self.kind}",
            ) from error
        return self.read(library, data, body, what)

    @abstractmethod
    def read(self, library: Any, data: bytearray, body: dict[str, Any], what: str) -> Any:
        """Make the booster, after a look at its trees.

        Parameters
        ----------
        library : module
            The booster's own.
        data : bytearray
            What was written; its hash is right. May be changed.
        body : dict
            Its description.
        what : str
            The model for error messages.

        Raises
        ------
        Invalid
            It is not sound, or the library does not take it.
        """

    def unknown(self) -> Invalid:
        """Make the error for a model that would not be loaded again."""
        return Invalid(
            f"The booster can't be stored: its trees are not of the sort that is known of "
            f"{self.library}",
            hint="format='joblib' keeps it, where the operator turned joblib on",
        )

    def unreadable(self, what: str, error: Exception) -> Invalid:
        """Make the error for a model that its library does not take."""
        said = str(error).strip().splitlines() or [type(error).__name__]
        return Invalid(
            f"{self.library} can't read model {what}: {said[0]}",
            hint="`%omega info` shows the versions that it was stored with",
        )
