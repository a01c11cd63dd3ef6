"""What an intruder who may write to the database makes of a small stored model."""

from __future__ import annotations

import hashlib
from typing import Any

from omega_jupyter.store.chunks.checksum import of_inline
from omega_jupyter.store.database.schema import versions
from omega_jupyter.store.models import ModelStore
from omega_jupyter.store.versions.writing import content_hash


def forge(models: ModelStore, data: bytes | None = None, name: str = "m", **changes: Any) -> None:
    """Replace a model's file and parts of its document; all hashes are right afterwards.

    Keywords are fields of the version document, or of its body where they begin
    with ``body_``.
    """
    found = versions(models._url).find_one({"name": name})
    assert found is not None
    document = found | {k: v for k, v in changes.items() if not k.startswith("body_")}
    body = document["body"]
    if data is not None:
        document["segments"] = [{"d": {"0.0": data}, "h": of_inline({"0.0": data})}]
        body |= {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        body |= {"file": len(data), "annex": 0}
    body |= {k.removeprefix("body_"): v for k, v in changes.items() if k.startswith("body_")}
    document["hash"] = body["digest"] = content_hash(body, document["segments"])
    versions(models._url).replace_one({"_id": document["_id"]}, document)
