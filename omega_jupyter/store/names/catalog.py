"""Names and versions: what is stored, found by name, number or tag."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import NotFound
from omega_jupyter.store.database.connection import Document, mongo_errors
from omega_jupyter.store.database.schema import NAMES, names, versions
from omega_jupyter.store.names.listing import Listing
from omega_jupyter.store.names.lookup import Lookup, Moved
from omega_jupyter.store.names.missing import KINDS_OF_STORES, not_found
from omega_jupyter.store.names.names import INTERNAL_FOLDERS, ObjectName
from omega_jupyter.store.names.tags import Tags, forget
from omega_jupyter.store.versions import publication
from omega_jupyter.store.versions.metadata import Metadata
from omega_jupyter.store.versions.publication import Latest, Standing, now

if TYPE_CHECKING:
    from bson import ObjectId

__all__ = ["KINDS_OF_STORES", "Catalog", "Latest", "now"]

# Everything but the description and the data that small objects carry.
_SUMMARY = {"body": 0, "segments.d": 0}
_RENAMED = 100
_INTERNAL = tuple(f"{folder}/" for folder in INTERNAL_FOLDERS)


class Catalog:
    """The versions of all objects of a database.

    Parameters
    ----------
    url : SecretUrl
        The user's own database.
    """

    def __init__(self, url: SecretUrl) -> None:
        self.url = url

    # -- reading ---------------------------------------------------------------

    def resolve(self, names: Sequence[tuple[str, str]], *, removed: bool = False) -> list[Metadata]:
        """Find several objects of any store in one query.

        Parameters
        ----------
        names : sequence of (store, name)
            Such as ``[("models", "m@prod"), ("datasets", "X[a,b]@3")]``; brackets
            are the loader's business and ignored.
        removed : bool
            Find a version of a number also where it was removed since, for as long as
            it is kept for its readers: for whoever runs what was submitted before.

        Returns
        -------
        list of Metadata
            In the order of `names`; ready to be loaded without another query.

        Raises
        ------
        NotFound
            A name, version or tag does not exist; with what comes closest.
        """
        return self._resolve(
            [Lookup(store, ObjectName.parse(name), removed) for store, name in names]
        )

    def find(
        self,
        store: str,
        name: str,
        version: int | str | None = None,
        *,
        tags: bool = False,
        removed: bool = False,
    ) -> Metadata:
        """Find one version of an object, ready to be loaded.

        Parameters
        ----------
        store, name : str
            The object.
        version : int or str, optional
            A number, negative from the latest; or a tag.
        tags : bool
            Also look up its tags.
        removed : bool
            As for :meth:`resolve`.

        Raises
        ------
        NotFound
            The name, version or tag does not exist; with what comes closest.
        """
        lookup = Lookup(store, ObjectName(name, version=version), removed)
        return self._resolve([lookup], named=tags)[0]

    def latest(self, store: str, name: str) -> Latest:
        """Return the highest version number of a name, and whether it is alive."""
        return publication.latest(self.url, store, name)

    def by_task(self, store: str, name: str, task: str) -> Document | None:
        """Return the version that a task has published under a name already."""
        return publication.by_task(self.url, store, name, task)

    def history(self, store: str, name: str) -> list[Metadata]:
        """Return all versions since the last drop, oldest first, with their tags.

        Raises
        ------
        NotFound
            There is no such object.
        """
        alive: list[Document] = []
        object_: Document = {"store": store, "name": name}
        with mongo_errors(self.url):
            found = versions(self.url).find(object_ | {"removed": None}, _SUMMARY)
            for document in found.sort("version", -1):
                if document.get("deleted"):
                    break
                alive.append(document)
            if not alive:
                raise self.not_found(store, name)
            named = names(self.url).find_one(object_)
        return [Metadata.from_document(document, named) for document in reversed(alive)]

    def listing(self, store: str) -> Listing:
        """Return the lists of a store's names."""
        return Listing(self.url, store)

    def tags(self, store: str, name: str) -> Tags:
        """Return the tags of a name."""
        return Tags(self.url, store, name)

    def not_found(self, store: str, name: str, version: int | str | None = None) -> NotFound:
        """Make the error for a name that does not exist, with the closest one."""
        return not_found(self.url, store, name, version)

    # -- writing ---------------------------------------------------------------

    def publish(
        self,
        store: str,
        name: str,
        make: Callable[[Latest], Document],
        *,
        task: str | None = None,
        base: Callable[[], ObjectId | None] = lambda: None,
        standing: Standing | None = None,
    ) -> Document:
        """Insert a version document under the next free number.

        Parameters
        ----------
        store, name : str
            The object.
        make : callable
            Gets the latest version and returns the document without store,
            name, version and task; called again after a lost race, and where it
            raises :class:`~omega_jupyter.store.versions.publication.Stale`. May raise.
        task : str, optional
            Idempotency key: published once per name.
        base : callable
            Returns the ``_id`` of the version whose chunks the last document shares,
            where it does.
        standing : Standing, optional
            What was just found of the name, which is not looked up again then.

        Returns
        -------
        dict
            The new version, or the one that `task` had published before.

        Raises
        ------
        Conflict
            Other writers were faster, again and again; or the base was dropped, and
            collected as garbage, at this very moment.
        """
        # A name that has the task's id in it is a new one, or it is published already.
        if standing is None and task is not None and name.startswith(_INTERNAL):
            standing = Standing()
        return publication.publish(
            self.url, store, name, make, task=task, base=base, standing=standing
        )

    def drop(self, store: str, name: str) -> bool:
        """Publish that the object is gone; return whether it was there."""

        def tombstone(latest: Latest) -> Document:
            if not latest.alive:
                raise _Gone
            return {"deleted": True, "created": now()}

        try:
            drop = self.publish(store, name, tombstone)
        except _Gone:
            return False
        forget(self.url, store, name, drop["version"])
        return True

    def add_score(self, store: str, name: str, version: int, score: Document) -> None:
        """Append to a version's scores, once per ``score["task"]``.

        Also where the object has been renamed since, or the version removed.

        Raises
        ------
        NotFound
            There is no such version.
        """
        query: Document = {"store": store, "name": name, "version": version}
        task = score.get("task")
        once = query if task is None else query | {"scores.task": {"$ne": task}}
        with mongo_errors(self.url):
            done = versions(self.url).update_one(once, {"$push": {"scores": score}})
        # A renaming that has copied the version before does not know of this score.
        lookup = Lookup(store, ObjectName(name, version=version), removed=True)
        try:
            (current,) = self._resolve([lookup])
        except NotFound:
            # It may have been dropped just now.
            with mongo_errors(self.url):
                if done.matched_count or versions(self.url).count_documents(query, limit=1):
                    return
            raise
        if current.name != name:
            query |= {"name": current.name, "version": current.version}
            with mongo_errors(self.url):
                versions(self.url).update_one(
                    query | {"scores": {"$ne": score}}, {"$push": {"scores": score}}
                )

    # -- details ---------------------------------------------------------------

    def _resolve(self, lookups: list[Lookup], *, named: bool = False) -> list[Metadata]:
        found: dict[int, Metadata] = {}
        open_ = dict(enumerate(lookups))
        for _ in range(_RENAMED):
            if not open_:
                break
            documents = self._run(open_, named=named)
            moved: dict[int, Lookup] = {}
            for place, lookup in open_.items():
                chosen = lookup.choose(documents.get(place, []))
                if chosen is None:
                    raise self._missing(lookup)
                if isinstance(chosen, Moved):
                    name = ObjectName(chosen.name, version=chosen.version)
                    moved[place] = lookup._replace(name=name)
                else:
                    found[place] = chosen
            open_ = moved
        return [found[place] for place in range(len(lookups))]

    def _run(self, lookups: dict[int, Lookup], *, named: bool) -> dict[int, list[Document]]:
        """Run the stages of all lookups as one command."""
        pipeline: list[Document] = []
        collection = ""
        for place, lookup in lookups.items():
            stages = [*lookup.stages(named=named), {"$set": {"_place": place}}]
            if pipeline:
                pipeline.append({"$unionWith": {"coll": lookup.collection, "pipeline": stages}})
            else:
                collection, pipeline = lookup.collection, stages
        found: dict[int, list[Document]] = {}
        with mongo_errors(self.url):
            source = names(self.url) if collection == NAMES else versions(self.url)
            for document in source.aggregate(pipeline):
                found.setdefault(document.pop("_place"), []).append(document)
        return found

    def _missing(self, lookup: Lookup) -> NotFound:
        store, name, version = lookup.store, lookup.name.name, lookup.name.version
        if version is not None and self.latest(store, name).alive:
            return self.not_found(store, name, version)
        return self.not_found(store, name)


class _Gone(Exception):
    pass
