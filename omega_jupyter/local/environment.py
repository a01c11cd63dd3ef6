"""The settings that the supervisor and its worker get, as environment variables."""

from __future__ import annotations

import os

from omega_jupyter.config import OmegaConfig, SecretUrl

__all__ = ["supervisor_environment", "worker_environment"]

_URLS = ("OMEGA_MONGO_URL", "OMEGA_BROKER_URL", "OMEGA_RESULT_BACKEND")


def supervisor_environment(config: OmegaConfig) -> dict[str, str]:
    """Return this process's environment with the settings of the local services."""
    environment = {name: value for name, value in os.environ.items() if name not in _URLS}
    if "PYTHONPATH" in environment:
        # It runs in another folder, where relative paths would lead to nothing.
        paths = environment["PYTHONPATH"].split(os.pathsep)
        environment["PYTHONPATH"] = os.pathsep.join(os.path.abspath(path) for path in paths)
    return environment | _settings(config)


def worker_environment(config: OmegaConfig, url: SecretUrl) -> dict[str, str]:
    """Return the environment of a worker on the local services.

    All URLs are set, so that it takes none from the user's configuration file.
    """
    return dict(os.environ) | _settings(config) | dict.fromkeys(_URLS, url.reveal())


def _settings(config: OmegaConfig) -> dict[str, str]:
    settings = {
        "OMEGA_DATA_DIR": str(config.data_dir.expanduser().absolute()),
        "OMEGA_IDLE_TIMEOUT": str(config.idle_timeout),
        "OMEGA_QUEUE": config.queue,
        "OMEGA_CONCURRENCY": str(config.concurrency),
        "OMEGA_CACHE_BYTES": str(config.cache_bytes),
        "OMEGA_TRUSTED": ",".join(config.trusted),
        "OMEGA_ALLOW_JOBLIB": str(int(config.allow_joblib)),
    }
    if config.mongod is not None:
        settings["OMEGA_MONGOD"] = str(config.mongod)
    return settings
