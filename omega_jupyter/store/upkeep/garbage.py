"""Garbage collection: dropped objects, removed versions, old internal ones, lost chunks.

What somebody may still need is left alone: what was dropped or removed stays an hour for its
readers, and chunks that no version refers to as long as whoever wrote them lives.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from omega_jupyter.config import SecretUrl
from omega_jupyter.store.chunks.chunks import delete_segment
from omega_jupyter.store.database.connection import Document, connect, mongo_errors
from omega_jupyter.store.database.schema import BULK, prepare, versions
from omega_jupyter.store.names.names import INTERNAL_FOLDERS
from omega_jupyter.store.names.tags import forget
from omega_jupyter.store.upkeep.segments import abandoned, needed, readers_at_work, stored, walk
from omega_jupyter.store.wording.facts import bytes_text, count_text
from omega_jupyter.store.wording.progress import Notify, Progress

if TYPE_CHECKING:
    from bson import ObjectId

__all__ = ["Collected", "Collector", "collect"]

DROPPED_GRACE = timedelta(hours=1)
INTERNAL_AGE = timedelta(days=1)

_SEGMENTS = {"segments.s": 1, "segments.size": 1}


@dataclass(frozen=True, repr=False)
class Collected:
    """What one run has removed, or would remove.

    Attributes
    ----------
    versions : int
        Versions of dropped objects, single ones that were removed, and old internal ones.
    segments : int
        Sets of chunks.
    bytes : int
        Of these chunks, before the server's compression.
    dry_run : bool
        Whether nothing was removed.
    """

    versions: int = 0
    segments: int = 0
    bytes: int = 0
    dry_run: bool = False

    @property
    def text(self) -> str:
        """What it is, in words."""
        if not self.versions and not self.segments:
            return "nothing"
        versions, segments = count_text(self.versions, "version"), count_text(self.segments, "set")
        return f"{versions}, {segments} of chunks, {bytes_text(self.bytes)}"

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-able values."""
        return asdict(self)

    def __repr__(self) -> str:
        return f"{'would remove' if self.dry_run else 'removed'} {self.text}"

    def __add__(self, other: Collected) -> Collected:
        return replace(
            self,
            versions=self.versions + other.versions,
            segments=self.segments + other.segments,
            bytes=self.bytes + other.bytes,
        )


def collect(
    url: SecretUrl,
    *,
    grace: timedelta = DROPPED_GRACE,
    internal_age: timedelta = INTERNAL_AGE,
    dry_run: bool = False,
    notify: Notify | None = None,
) -> Collected:
    """Collect all garbage now.

    Parameters
    ----------
    url : SecretUrl
        The user's database.
    grace : timedelta
        How long dropped objects and removed versions stay for their readers.
    internal_age : timedelta
        How long staged data and results of tasks stay.
    dry_run : bool
        Remove nothing, and tell what would be removed.
    notify : callable, optional
        Called with a :class:`Progress` from time to time.

    Returns
    -------
    Collected
    """
    prepare(url)
    collector = Collector(url, dry_run=dry_run, notify=notify)
    with mongo_errors(url):
        now = server_time(url)
        collector.internal(now - internal_age)
        collector.dropped(now - grace)
        collector.removed(now - grace)
        for batch in walk(url):
            collector.orphans(batch)
    return collector.done


def server_time(url: SecretUrl) -> datetime:
    """Return the time by the server's clock."""
    # Commands answer without a zone, whatever the client is set to.
    now: datetime = connect(url).command("hello")["localTime"].replace(tzinfo=UTC)
    return now


class Collector:
    """One run over a database.

    Parameters
    ----------
    url : SecretUrl
        The user's database, prepared.
    dry_run, notify
        As for :func:`collect`.
    """

    def __init__(
        self,
        url: SecretUrl,
        *,
        dry_run: bool = False,
        notify: Notify | None = None,
    ) -> None:
        self._url = url
        # The journal keeps the order: chunks don't come back without their versions.
        self._relaxed = versions(url, durable=False)
        self._dry = dry_run
        self._notify = notify
        # What a dry run leaves there, and must not count twice.
        self._doomed: set[ObjectId] = set()
        self._gone: set[ObjectId] = set()
        self.done = Collected(dry_run=dry_run)

    def internal(self, before: datetime) -> None:
        """Collect staged data and results that are older."""
        for folder in INTERNAL_FOLDERS:
            for store in ("datasets", "models"):
                inside = {"$gte": f"{folder}/", "$lt": f"{folder}0"}
                self._versions({"store": store, "name": inside, "created": {"$lt": before}})

    def dropped(self, before: datetime, limit: int = 0) -> None:
        """Collect the versions of what was dropped before; none while somebody exports."""
        if readers_at_work(self._url):
            return
        query = {"deleted": True, "collected": None, "created": {"$lt": before}}
        for tombstone in versions(self._url).find(query, {"segments": 0}).limit(limit):
            if not self._dry and not self._is_final(tombstone):
                continue
            named = {"store": tombstone["store"], "name": tombstone["name"]}
            self._versions(named | {"version": {"$lt": tombstone["version"]}})
            if not self._dry:
                forget(self._url, tombstone["store"], tombstone["name"], tombstone["version"])
                # It stays, so that version numbers are never used twice.
                changes = {"$set": {"collected": True}}
                self._relaxed.update_one({"_id": tombstone["_id"]}, changes)

    def removed(self, before: datetime, limit: int = 0) -> None:
        """Collect single versions that were removed before; none while somebody exports."""
        if readers_at_work(self._url):
            return
        query: Document = {"removed": {"$lt": before}, "collected": None}
        for version in versions(self._url).find(query, _SEGMENTS).limit(limit):
            if version["_id"] in self._doomed:
                continue
            self._doomed.add(version["_id"])
            if not self._dry and not self._strip(query, version):
                continue
            self.done += Collected(versions=1)
            self._segments([version])

    def orphans(self, batch: Iterable[ObjectId]) -> None:
        """Collect those of the segments that no version needs and nobody is writing."""
        for segment in abandoned(self._url, list(batch), revoke=not self._dry):
            if segment not in self._gone:
                self._segment(segment, stored(self._url, segment).bytes)

    def _versions(self, query: Document) -> None:
        """Collect versions, then their segments that no other version needs."""
        found = list(versions(self._url).find(query, _SEGMENTS))
        identities = {version["_id"] for version in found} - self._doomed
        if not identities:
            return
        self._doomed |= identities
        if not self._dry:
            self._relaxed.delete_many({"_id": {"$in": list(identities)}})
        self.done += Collected(versions=len(identities))
        self._segments(found)

    def _is_final(self, tombstone: Document) -> bool:
        """Say whether a drop is one: what a renaming has reserved becomes one here."""
        renaming = tombstone.get("renaming")
        if renaming is None:
            return True
        # From here on it can't be finished any more, however late it wakes up.
        reserved = {"_id": tombstone["_id"], "renaming": renaming}
        done = versions(self._url).update_one(reserved, {"$unset": {"renaming": ""}})
        return done.matched_count > 0

    def _strip(self, query: Document, version: Document) -> bool:
        """Leave of a removed version what must not be forgotten: its number and its task."""
        stripped = {"$set": {"collected": True, "segments": []}, "$unset": dict.fromkeys(BULK, "")}
        # Not if somebody has put it back meanwhile, for its tag.
        done = self._relaxed.update_one(query | {"_id": version["_id"]}, stripped)
        return done.matched_count > 0

    def _segments(self, found: Iterable[Document]) -> None:
        """Collect the segments of versions that are gone, where no other one needs them."""
        sizes = {e["s"]: e["size"] for d in found for e in d.get("segments", ()) if "s" in e}
        keep = needed(self._url, list(sizes), but=self._doomed)
        for segment, size in sizes.items():
            if segment not in keep and segment not in self._gone:
                self._segment(segment, int(size))

    def _segment(self, segment: ObjectId, size: int) -> None:
        if self._dry:
            self._gone.add(segment)
        else:
            delete_segment(self._url, segment)
        self.done += Collected(segments=1, bytes=size)
        if self._notify is not None:
            self._notify(Progress(f"{self.done.segments:,} sets of chunks", self.done.bytes))
