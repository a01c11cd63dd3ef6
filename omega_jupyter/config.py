"""Where the settings come from: keyword, environment, file, local services.

Nothing is read at import, and never from the working directory: a folder that
somebody sent must not be able to redirect anybody's data.
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from omega_jupyter.errors import Invalid
from omega_jupyter.secret_url import SecretUrl

__all__ = ["MAX_DAYS", "OmegaConfig", "SecretUrl"]

ENV_PREFIX = "OMEGA_"
# Of keeping something: the moment when it goes must be one that MongoDB knows.
MAX_DAYS = 36_500

_SIZE = re.compile(r"(?P<number>\d+(\.\d+)?)\s*(?P<unit>([kmgt]i?)?b)?", re.IGNORECASE)
_UNITS = {"b": 1} | {
    f"{letter}{binary}b": (1024 if binary else 1000) ** power
    for power, letter in enumerate("kmgt", 1)
    for binary in ("", "i")
}
_SCHEMES = {
    "mongo_url": ("mongodb", "mongodb+srv"),
    "broker_url": ("amqp", "amqps", "mongodb", "mongodb+srv"),
    "result_backend": ("mongodb", "mongodb+srv"),
}
_PATHS = ("worker_key", "senders", "sender_key", "mongod", "data_dir")


@dataclass(frozen=True)
class OmegaConfig:
    """The settings of one installation.

    Build it with :meth:`load`, which looks in this order: keyword arguments, the
    environment (``OMEGA_`` and the name in capitals), the user's configuration
    file. Where no ``mongo_url`` is found, the local services are used.

    Attributes
    ----------
    mongo_url : SecretUrl or None
        The user's own database, ``mongodb://user:password@host/database``.
        None: the local services.
    broker_url : SecretUrl or None
        ``amqp://…`` (RabbitMQ), or ``mongodb://…``. None: the MongoDB of
        ``mongo_url`` carries the messages too.
    result_backend : SecretUrl or None
        Where task states go. None: the database of ``mongo_url``.
    queue : str
        The queue that tasks are sent to and that a worker listens on.
    worker_key : Path or None
        For workers: the file (mode 0600) with the private keys that open sealed
        credentials. None: the key pair of the database.
    senders : Path or None
        For workers with a ``worker_key``: the file that lists who may send tasks, a
        name and a public key a line. None: the key pair of the database.
    sender_key : Path or None
        For clients of such workers: the file (mode 0600) with the private key that
        signs their tasks. None: the key pair of the database.
    worker_public_key : str or None
        For clients: the workers' public key, base64. None: the key pair of the
        database.
    concurrency : int
        Processes of a worker. 0: one per core, at most four.
    cache_bytes : int
        Memory of each worker process for recently used models and data sets.
    time_limit : float
        For workers: seconds after which a task is ended that has no limit of its own.
        0: never.
    memory_limit : int
        For workers: bytes of memory after which the process of a task is killed, also
        as ``4GB`` or ``512MiB``. 0: no limit.
    task_retention_days : float
        How long the records of ended tasks are kept; a hundred years at most.
    trusted : tuple of str
        For workers: types beyond the loader's own list that a stored model may
        hold, as ``module.Class``.
    allow_joblib : bool
        Whether models may be stored with joblib, and such models loaded: that runs
        the code that they hold. For a worker its own setting counts.
    mongod : Path or None
        The ``mongod`` of the local services. None: the wheel's, then ``PATH``.
    data_dir : Path
        Where the local services keep database, logs and socket.
    idle_timeout : float
        Seconds after which unused local services end by themselves.
    """

    mongo_url: SecretUrl | None = None
    broker_url: SecretUrl | None = None
    result_backend: SecretUrl | None = None
    queue: str = "omega"
    worker_key: Path | None = None
    worker_public_key: str | None = None
    senders: Path | None = None
    sender_key: Path | None = None
    concurrency: int = 0
    cache_bytes: int = 1 << 30
    time_limit: float = 0.0
    memory_limit: int = 0
    task_retention_days: float = 30.0
    trusted: tuple[str, ...] = ()
    allow_joblib: bool = False
    mongod: Path | None = None
    data_dir: Path = field(default_factory=lambda: _user_dir("data"))
    idle_timeout: float = 8 * 3600.0
    origins: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)

    @property
    def is_local(self) -> bool:
        """Whether nothing is configured, so that the local services are used."""
        return self.mongo_url is None

    @classmethod
    def load(cls, **keywords: object) -> OmegaConfig:
        """Collect the settings from keywords, environment and file.

        Parameters
        ----------
        **keywords
            Settings that go before all others; None counts as not given.

        Returns
        -------
        OmegaConfig

        Raises
        ------
        Invalid
            A setting is unknown or can't be read, or the file is readable by
            others.
        """
        names = {f.name for f in fields(cls)} - {"origins"}
        layers: list[tuple[str, Mapping[str, object]]] = [
            ("keyword", {k: v for k, v in keywords.items() if v is not None}),
            ("environment", _environment(names)),
        ]
        file = config_file()
        layers.append((str(file), _read_file(file)))
        values: dict[str, Any] = {}
        origins: dict[str, str] = {}
        for origin, layer in layers:
            for name, value in layer.items():
                if name not in names:
                    raise Invalid(
                        f"Unknown setting {name!r} in {origin}",
                        hint=f"settings are: {', '.join(sorted(names))}",
                    )
                if name not in values:
                    values[name] = _convert(name, value, origin)
                    origins[name] = origin
        return cls(**values, origins=origins)


def config_file() -> Path:
    """Return the path of the user's configuration file, which may not exist."""
    return _user_dir("config") / "config.toml"


def _user_dir(kind: str) -> Path:
    import platformdirs

    find = {"data": platformdirs.user_data_path, "config": platformdirs.user_config_path}
    return find[kind]("omega-jupyter", appauthor=False)


def _environment(names: set[str]) -> dict[str, object]:
    return {
        name: os.environ[ENV_PREFIX + name.upper()]
        for name in names
        if os.environ.get(ENV_PREFIX + name.upper())
    }


def _read_file(path: Path) -> dict[str, object]:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if stat.S_IMODE(mode) & 0o077:
                raise Invalid(
                    f"{path} can be read by others, and it may hold a password",
                    hint=f"chmod 600 {path}",
                )
            return tomllib.load(file)
    except FileNotFoundError:
        return {}
    except PermissionError:
        raise Invalid(f"{path} can't be read", hint=f"chown {os.getuid()} {path}") from None
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"{path} is not valid TOML: {error}") from None


def _convert(name: str, value: object, origin: str) -> object:
    convert: Callable[[object], object] = _CONVERT.get(name, str)
    try:
        converted = convert(value)
    except (TypeError, ValueError, KeyError):
        # The value is not repeated: it might be a password in the wrong place.
        raise Invalid(f"The setting {name} in {origin} is not a {_WORDS.get(name)}") from None
    if name in _SCHEMES and isinstance(converted, SecretUrl):
        scheme = converted.reveal().partition("://")[0]
        if "://" not in converted.reveal() or scheme not in _SCHEMES[name]:
            raise Invalid(
                f"The setting {name} in {origin} must begin with "
                + " or ".join(f"{s}://" for s in _SCHEMES[name]),
            )
        if not converted.is_quoted:
            raise Invalid(
                f"The setting {name} in {origin} can't be read: user, password, host or port",
                hint="/ ? # @ % and the like are quoted in a password: / is %2F, @ is %40",
            )
    return converted


def _url(value: object) -> SecretUrl:
    return value if isinstance(value, SecretUrl) else SecretUrl(_text(value))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _strings(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if isinstance(value, list | tuple):
        return tuple(_text(part) for part in value)
    raise TypeError


def _not_negative(value: float) -> float:
    if not value >= 0:
        raise ValueError
    return value


def _days(value: float) -> float:
    if not 0 < value <= MAX_DAYS:
        raise ValueError
    return value


def _size(value: object) -> int:
    """Return bytes of ``4GB``, ``512 MiB`` or a number."""
    found = _SIZE.fullmatch(str(value).strip())
    if found is None:
        raise ValueError
    return int(float(found["number"]) * _UNITS[(found["unit"] or "b").lower()])


def _switch(value: object) -> bool:
    if isinstance(value, bool):
        return value
    return {"1": True, "true": True, "0": False, "false": False}[_text(value).strip().lower()]


_CONVERT: dict[str, Callable[[Any], object]] = {
    **dict.fromkeys(_SCHEMES, _url),
    **dict.fromkeys(_PATHS, lambda value: Path(value).expanduser()),
    "queue": _text,
    "worker_public_key": _text,
    "concurrency": lambda value: _not_negative(int(value)),
    "cache_bytes": lambda value: _not_negative(int(value)),
    "time_limit": lambda value: _not_negative(float(value)),
    "memory_limit": _size,
    "task_retention_days": lambda value: _days(float(value)),
    "trusted": _strings,
    "allow_joblib": _switch,
    "idle_timeout": lambda value: _not_negative(float(value)),
}
_WORDS: dict[str, str] = {
    "concurrency": "whole number",
    "cache_bytes": "whole number of bytes",
    "time_limit": "number of seconds",
    "memory_limit": "size such as 4GB or 512MiB",
    "idle_timeout": "number of seconds",
    "task_retention_days": f"number of days above 0, at most {MAX_DAYS:,}",
    "trusted": "list of types",
    "allow_joblib": "switch: 1 or 0",
    **dict.fromkeys(_SCHEMES, "URL"),
    **dict.fromkeys(_PATHS, "path"),
    "queue": "name",
    "worker_public_key": "text",
}
