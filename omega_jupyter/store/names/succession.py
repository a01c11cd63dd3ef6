"""What is to be known of a version before the next one of its object is published."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from omega_jupyter.store.database.connection import Document, mongo_errors
from omega_jupyter.store.database.schema import VERSIONS, versions
from omega_jupyter.store.names.catalog import Catalog
from omega_jupyter.store.names.lookup import Lookup
from omega_jupyter.store.names.names import ObjectName
from omega_jupyter.store.versions.metadata import Metadata
from omega_jupyter.store.versions.publication import Standing, standing_of, standing_stages

if TYPE_CHECKING:
    from omega_jupyter.config import SecretUrl

__all__ = ["Succession"]


class Succession(NamedTuple):
    """A version that is to get a successor, and what its name stands for now.

    Attributes
    ----------
    version : Metadata
        Under the name that its object has now.
    standing : Standing, optional
        None where it is to be looked up.
    """

    version: Metadata
    standing: Standing | None

    @classmethod
    def of(cls, url: SecretUrl, store: str, ref: str) -> Succession:
        """Find a version, also one that was removed or renamed meanwhile.

        One command, unless it was renamed.

        Parameters
        ----------
        url : SecretUrl
            The user's database.
        store : str
        ref : str
            ``name@version``.

        Raises
        ------
        NotFound
            There is no such version any more.
        """
        lookup = Lookup(store, ObjectName.parse(ref), removed=True)
        name = lookup.name.name
        beside = {"coll": VERSIONS, "pipeline": standing_stages(store, name)}
        # Nothing of its content is wanted; its successor has one of its own.
        content = {"$unset": ["body", "segments"]}
        itself = [*lookup.stages(), content, {"$set": {"_itself": True}}]
        with mongo_errors(url):
            found = list(versions(url).aggregate([*itself, {"$unionWith": beside}]))
        mine = [document for document in found if "_itself" in document]
        others: list[Document] = [document for document in found if "_itself" not in document]
        chosen = lookup.choose(mine)
        if isinstance(chosen, Metadata):
            return cls(chosen, standing_of(url, store, name, others))
        (moved,) = Catalog(url).resolve([(store, ref)], removed=True)
        return cls(moved, None)
