"""Each collection of the runtime has something that removes its documents."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from omega_jupyter.errors import TaskFailed
from omega_jupyter.omega import Omega
from omega_jupyter.store.database.connection import connect
from tests.processes import Worker

# What is stored, and who collects it: tests/store.
OF_THE_STORE = {"omega_versions", "omega_chunks", "omega_names", "omega_leases"}
# A document for each key: `omega keys rotate` makes one.
BOUNDED = {"omega_keys"}
# Its probe is deleted at once.
PROBES = {"omega_doctor"}
CAPPED = {"omega_task_notices", "omega_queue_notify"}
EXPIRING = {
    "omega_tasks": "expires",
    "omega_task_logs": "expires",
    "omega_queue": "expire_at",
    "omega_queue_bindings": "expire_at",
    "omega_queue_listeners": "until",
}


def test_nothing_grows_for_ever(om: Omega, worker: Worker) -> None:
    X = np.random.default_rng(0).normal(size=(60, 2))
    om.datasets.put(X, "X")
    om.datasets.put(X[:, 0] > 0, "y")
    om.models.put(LogisticRegression(max_iter=1), "m")
    fitted = om.runtime.model("m").fit("X", "y")  # it warns: there is a log
    fitted.wait(60)
    om.runtime.model("m").grid_search("X", "y", param_grid={"C": [0.1, 1]}).get(60)
    with pytest.raises(TaskFailed):
        om.runtime.model("m").predict(X[:, :1]).get(60)
    om.runtime.require("nobody-listens").model("m").fit("X", "y").cancel()
    assert om.runtime.workers(30)

    for url in (om.mongo_url, om.broker_url):
        database = connect(url)
        found = {one["name"]: one for one in database.list_collections()}
        unknown = found.keys() - OF_THE_STORE - BOUNDED - PROBES - CAPPED - EXPIRING.keys()
        assert unknown <= {"system.profile"}
        for name in CAPPED & found.keys():
            assert found[name]["options"]["capped"], name
        for name in EXPIRING.keys() & found.keys():
            expires = {
                field
                for index in database[name].list_indexes()
                if index.get("expireAfterSeconds") == 0
                for field in index["key"]
            }
            assert EXPIRING[name] in expires, name
    records = connect(om.mongo_url)["omega_tasks"]
    assert records.count_documents({"expires": None}) == 0 < records.count_documents({})
    logs = connect(om.mongo_url)["omega_task_logs"]
    assert logs.count_documents({"expires": None}) == 0 < logs.count_documents({})
    messages = connect(om.broker_url)["omega_queue"]
    assert messages.count_documents({"expire_at": None}) == 0
