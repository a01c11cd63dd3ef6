"""Settings: where they come from, and that no password is ever shown."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from omega_jupyter import Omega
from omega_jupyter.config import OmegaConfig, SecretUrl, config_file
from omega_jupyter.errors import Invalid

SECRET = "mongodb://alice:w%40nder@db.example/omega_alice?tls=true"


def write_file(text: str, mode: int = 0o600) -> Path:
    path = config_file()
    path.parent.mkdir(parents=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def test_nothing_configured_means_local_services() -> None:
    assert OmegaConfig.load().is_local


def test_keyword_goes_before_environment_before_file(monkeypatch: pytest.MonkeyPatch) -> None:
    write_file('queue = "file"\nconcurrency = 3\ncache_bytes = 7\n')
    monkeypatch.setenv("OMEGA_QUEUE", "environment")
    monkeypatch.setenv("OMEGA_CONCURRENCY", "2")

    config = OmegaConfig.load(queue="keyword")

    assert (config.queue, config.concurrency, config.cache_bytes) == ("keyword", 2, 7)
    assert config.origins["queue"] == "keyword"
    assert config.origins["concurrency"] == "environment"


def test_file_of_the_working_directory_is_never_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.toml").write_text('queue = "evil"')

    assert OmegaConfig.load().queue == "omega"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_file_that_others_can_read_is_refused(mode: int) -> None:
    path = write_file(f'mongo_url = "{SECRET}"', mode)

    with pytest.raises(Invalid, match="read by others") as caught:
        OmegaConfig.load()

    assert caught.value.hint == f"chmod 600 {path}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("queue = ", "not valid TOML"),
        ('quue = "x"', "quue"),
        ('concurrency = "many"', "concurrency"),
        ("concurrency = -1", "concurrency in .* whole number"),
        ("cache_bytes = -1", "cache_bytes in .* whole number of bytes"),
        ("idle_timeout = -1", "idle_timeout in .* number of seconds"),
        ("task_retention_days = 0", "task_retention_days in .* above 0, at most 36,500"),
        ("task_retention_days = -1", "task_retention_days"),
        ("task_retention_days = inf", "task_retention_days"),
        ("task_retention_days = 1e12", "task_retention_days"),
        ("task_retention_days = nan", "task_retention_days"),
        ('mongo_url = "http://db"', "mongo_url"),
        ("mongo_url = 3", "mongo_url"),
    ],
)
def test_bad_file_is_refused_and_names_the_setting(text: str, message: str) -> None:
    write_file(text)

    with pytest.raises(Invalid, match=message):
        OmegaConfig.load()


def test_password_is_never_shown() -> None:
    config = OmegaConfig.load(mongo_url=SECRET)

    for shown in (repr(config), str(config), str(config.mongo_url), repr(Omega(SECRET))):
        assert "w%40nder" not in shown
        assert "w@nder" not in shown
        assert "db.example" in shown


@pytest.mark.parametrize("password", ["wonder/land", "w@nder", "wonder#land", "wonder?land", "w[r"])
@pytest.mark.parametrize("scheme", ["amqp", "mongodb"])
def test_password_that_is_not_quoted_is_never_shown(password: str, scheme: str) -> None:
    url = f"{scheme}://alice:{password}@h:1/db"
    assert "nder" not in repr(SecretUrl(url))
    assert "w[r" not in repr(SecretUrl(url))

    if scheme == "mongodb" and password in ("wonder#land", "w[r"):
        return  # pymongo takes it
    settings: dict[str, str] = {"mongo_url": "mongodb://h/db", f"{_setting(scheme)}": url}
    with pytest.raises(Invalid, match="%2F") as caught:
        OmegaConfig.load(**settings)
    assert "nder" not in str(caught.value)
    assert caught.value.__context__ is None


def _setting(scheme: str) -> str:
    return "mongo_url" if scheme == "mongodb" else "broker_url"


@pytest.mark.parametrize(
    "url",
    [
        "amqp://guest:guest@localhost//",
        "amqp://h",
        "amqps://a:w%2F%40@[::1]:5671/omega?cacertfile=/a@b",
        "mongodb://a:b@h1:27017,h2:27017/db?replicaSet=r&appName=me@home",
        "mongodb://%2Ftmp%2Fmongod.sock/db?w=1&",
    ],
)
def test_url_that_is_quoted_is_taken(url: str) -> None:
    secret = SecretUrl(url)
    assert secret.is_quoted
    assert str(secret).endswith(url.rpartition("@h1")[2] if "@h1" in url else url[-2:])


def test_password_is_taken_out_of_any_text() -> None:
    text = SecretUrl(SECRET).redact("failed for w@nder and w%40nder")

    assert text == "failed for *** and ***"


def test_secrets_in_options_are_masked_too() -> None:
    url = SecretUrl("mongodb://h/db?tls=true&tlsCertificateKeyFilePassword=s3cret&w=1")

    assert str(url) == "mongodb://h/db?tls=true&tlsCertificateKeyFilePassword=***&w=1"
    assert url.redact("it was s3cret") == "it was ***"


def test_secret_is_never_pickled() -> None:
    with pytest.raises(TypeError, match="never pickled"):
        pickle.dumps(SecretUrl(SECRET))


def test_password_in_a_wrong_place_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMEGA_MONGO_URL", "alice:wonderland@db")

    with pytest.raises(Invalid) as caught:
        OmegaConfig.load()

    assert "wonderland" not in str(caught.value)


def test_broker_without_a_database_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMEGA_BROKER_URL", "amqp://localhost")

    with pytest.raises(Invalid, match="mongo_url is not"):
        Omega()
