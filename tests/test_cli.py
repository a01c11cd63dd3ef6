"""The command, on a real database and a real worker."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from omega_jupyter.cli import main
from omega_jupyter.config import SecretUrl
from omega_jupyter.omega import Omega
from omega_jupyter.store.database.connection import connect
from tests.processes import Worker

OMEGA = [sys.executable, "-c", "import sys; from omega_jupyter.cli import main; sys.exit(main())"]


@dataclass
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str


Command = Callable[..., Ended]


@pytest.fixture
def omega(
    mongo_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Command:
    """Run ``omega …`` in an empty folder, on an empty database."""
    monkeypatch.setenv("OMEGA_MONGO_URL", mongo_url)
    monkeypatch.chdir(tmp_path)
    pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", "z"]}).to_csv("X.csv", index=False)

    def run(*arguments: str) -> Ended:
        capsys.readouterr()
        status = main(arguments)
        return Ended(status, *capsys.readouterr())

    return run


@pytest.fixture
def iris(omega: Command, om: Omega, worker: Worker, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The same with a worker, and a model with its data."""
    monkeypatch.setenv("OMEGA_BROKER_URL", worker.broker_url)
    for name, value in worker.keys.of_clients_environment.items():
        monkeypatch.setenv(name, value)
    X, y = load_iris(return_X_y=True, as_frame=True)
    om.datasets.put(X, "X")
    om.datasets.put(y, "y")
    om.models.put(LogisticRegression(max_iter=300), "mymodel")
    X[:5].to_csv("new.csv", index=False)
    return omega


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_frames_come_from_files_and_go_to_files(omega: Command, suffix: str) -> None:
    put = omega("put", "X.csv", "as", "sales/X", "source=crm")
    got = omega("get", "sales/X", "-o", f"out{suffix}")
    back = pd.read_csv("out.csv") if suffix == ".csv" else pd.read_parquet("out.parquet")

    assert (put.status, got.status) == (0, 0), put.err + got.err
    assert "sales/X@1" in put.out
    pd.testing.assert_frame_equal(back, pd.read_csv("X.csv"), check_dtype=False)


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".feather"])
def test_files_are_imported_appended_to_and_exported(omega: Command, suffix: str) -> None:
    imported = omega("import", "X.csv", "as", "sales/X", "source=crm")
    appended = omega("import", "X.csv", "as", "sales/X", "--append")
    put = omega("put", "X.csv", "as", "sales/X", "--append")
    exported = omega("export", "sales/X[a]", f"out{suffix}", "a__gte=2")

    assert [e.status for e in (imported, appended, put, exported)] == [0] * 4, exported.err
    assert "sales/X@1" in imported.out
    assert "9×2 sales/X@3" in put.out
    assert (exported.out, exported.err.startswith(f"wrote out{suffix} (")) == ("", True)
    assert "6×1 out@1" in omega("import", f"out{suffix}").out
    assert omega("import", f"out{suffix}", "--new").status == 1


def test_arrays_and_plain_data_too(omega: Command) -> None:
    np.save("y.npy", np.arange(3.0))
    Path("notes.json").write_text('{"a": [1, 2]}')

    assert omega("put", "y.npy", "notes.json").status == 0
    assert omega("get", "y", "-o", "y2.npy").status == 0
    assert omega("get", "notes", "-o", "notes2.json").status == 0
    np.testing.assert_array_equal(np.load("y2.npy"), np.arange(3.0))
    assert json.loads(Path("notes2.json").read_text()) == {"a": [1, 2]}


def test_files_of_other_kinds_are_kept_as_they_are(omega: Command, om: Omega) -> None:
    content = bytes(range(256)) * 10_000
    Path("report.pdf").write_bytes(content)

    assert omega("put", "report.pdf", "as", "report").status == 0
    assert omega("get", "report", "-o", "again.pdf").status == 0
    Path("folder").mkdir()
    assert omega("get", "report", "-o", "folder").status == 0

    assert Path("again.pdf").read_bytes() == content
    assert Path("folder/report.pdf").read_bytes() == content
    assert "report.pdf, application/pdf" in omega("info", "report").out
    om.datasets.put(b"abc", "raw")
    assert omega("get", "raw", "-o", "raw.bin").status == 0
    assert Path("raw.bin").read_bytes() == b"abc"


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_tables_of_other_libraries_go_to_files(omega: Command, om: Omega, suffix: str) -> None:
    table = pl.DataFrame({"n": [1, 2], "text": ["x", "y"]})
    read = pl.read_csv if suffix == ".csv" else pl.read_parquet
    for obj, expected in (
        (table, table),
        (table.to_arrow(), table),
        (table["n"], table.select("n")),
        (pd.Index(["x", "y"], name="text"), table.select("text")),
    ):
        om.datasets.put(obj, "t")
        ended = omega("get", "t", "-o", f"t{suffix}")

        assert ended.status == 0, ended.err
        assert read(f"t{suffix}").select(expected.columns).equals(expected)


def test_data_needs_a_file_of_a_known_kind(omega: Command) -> None:
    omega("put", "X.csv")

    ended = omega("get", "X", "-o", "X.xls")

    assert ended.status == 1
    assert "end in one of .csv, .parquet" in ended.err
    assert not Path("X.xls").exists()


def test_lists_are_text_or_json(omega: Command) -> None:
    omega("put", "X.csv")

    assert "3 × 2" in omega("ls").out
    (entry,) = json.loads(omega("ls", "--json").out)
    assert (entry["name"], entry["shape"]) == ("X", [3, 2])
    assert json.loads(omega("info", "X", "--json").out)["kind"] == "dataframe"
    assert "columns" in omega("info", "X").out
    assert json.loads(omega("tasks", "--json").out) == []
    assert omega("head", "X", "-n", "1").out.split() == ["a", "b", "0", "1", "x"]


def test_filters_and_rm(omega: Command) -> None:
    omega("put", "X.csv")

    assert "y" in omega("get", "X[b]", "a__gt=1", "a__lt=3").out
    assert omega("rm", "X*").err == "removed X (data set)\n"
    assert omega("ls").out.startswith("nothing is stored yet; omega put FILE")


def test_names_versions_and_tags(omega: Command) -> None:
    for _ in range(3):
        omega("put", "X.csv")

    assert "X@2" in omega("tag", "X@2", "gold").out
    assert "X@1" in omega("info", "X@1").out
    assert "Y@1" in omega("cp", "X@gold", "Y").out
    assert "folder/X@3" in omega("mv", "X", "folder/X").out
    assert omega("keep", "folder/X", "1").err == (
        "folder/X keeps its newest version, and those with a tag; removed 1\n"
    )
    assert omega("tag", "folder/X").out.split() == ["tag", "version", "gold", "folder/X@2"]
    versions = json.loads(omega("info", "folder/X", "--versions", "--json").out)
    assert [(v["version"], v["tags"]) for v in versions] == [(2, ["gold"]), (3, [])]
    assert omega("rm", "folder/X@3", "Y").err == "removed folder/X@3 (data set), Y (data set)\n"
    refused = omega("rm", "folder/X@2")
    assert (refused.status, "has the tag gold" in refused.err) == (1, True)
    assert "omega tag folder/X gold --remove" in refused.err
    assert [entry["name"] for entry in json.loads(omega("ls", "--json").out)] == ["folder/X"]


def test_store_is_checked_measured_and_moved(omega: Command, mongo_url: str) -> None:
    omega("put", "X.csv", "as", "sales/X")
    omega("put", "X.csv", "as", "y")

    assert "2 versions of 2 objects" in omega("store", "check").out
    assert json.loads(omega("store", "check", "sales/*", "--json").out)["versions"] == 1
    unknown = omega("store", "check", "sale/*")
    assert unknown.status == 1
    assert "Nothing stored matches 'sale/*'" in unknown.err
    assert "sales/X" in omega("store", "usage").out
    assert json.loads(omega("store", "usage", "--json").out)["objects"][0]["versions"] == 1
    assert "2 versions of 2 objects" in omega("store", "export", "all.omega").out
    assert "1 version of 1 object" in omega("store", "export", "part.omega", "y", "--latest").out
    omega("rm", "sales/X")
    planned = omega("store", "gc", "--dry-run")
    assert planned.out == "would remove nothing\n"
    assert "still there for who is loading it: 1 version" in planned.err
    assert omega("store", "gc", "--now", "--dry-run").out.startswith("would remove 1 version")
    collected = omega("store", "gc", "--now")
    assert collected.out.startswith("removed 1 version")
    assert "who is loading it at this moment" in collected.err
    assert "1 version imported" in omega("store", "import", "all.omega").out
    assert "x" in omega("head", "sales/X").out

    omega("put", "X.csv", "as", "y", "--new")
    connect(SecretUrl(mongo_url))["omega_versions"].update_many({}, {"$set": {"size": -1}})
    for option in ((), ("--json",)):
        damaged = omega("store", "check", *option)
        assert damaged.status == 1
        assert "y@1" in damaged.out


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (("check", "--now"), "--now does not go with store check"),
        (("usage", "--if-exists", "skip"), "--if-exists does not go with store usage"),
        (("gc", "x"), "store gc takes nothing more, not 'x'"),
        (("export",), "store export takes FILE [PATTERN], which is missing"),
        (("import", "a", "b", "c"), "store import takes FILE [PATTERN], not 'a b c'"),
        (("chek",), "'chek' is not one of check, gc, usage, export, import"),
    ],
)
def test_wrong_lines_about_the_store_do_nothing(
    line: tuple[str, ...], message: str, omega: Command
) -> None:
    ended = omega("store", *line)

    assert ended.status == 2
    assert message in ended.err


def test_models_run_on_a_worker(iris: Command) -> None:
    fitted = iris("fit", "mymodel", "X", "y")
    score = iris("score", "mymodel", "X", "y")
    predicted = iris("predict", "mymodel", "new.csv", "-o", "pred.csv")

    assert (fitted.status, score.status, predicted.status) == (0, 0, 0), fitted.err
    assert "mymodel@2" in fitted.out
    assert float(score.out) > 0.9
    assert len(pd.read_csv("pred.csv")) == 5


@pytest.mark.parametrize("suffix", [".csv", ".npy", ".json", ".parquet"])
def test_labels_go_to_files(iris: Command, suffix: str) -> None:
    species = load_iris(as_frame=True).target.map({0: "setosa", 1: "versicolor", 2: "virginica"})
    species.to_csv("species.csv", index=False)
    iris("put", "species.csv", "as", "species")
    iris("fit", "mymodel", "X", "species[target]")

    written = iris("predict", "mymodel", "new.csv", "-o", f"pred{suffix}")

    assert written.status == 0, written.err
    iris("put", f"pred{suffix}", "as", "back")
    assert "setosa" in iris("get", "back").out


def test_background_prints_the_id_that_others_take(iris: Command) -> None:
    task_id = iris("fit", "mymodel", "X", "y", "-b").out.strip()

    assert "mymodel@2" in iris("result", task_id[:10]).out
    status = json.loads(iris("status", task_id, "--json").out)
    assert (status["id"], status["state"], status["verb"]) == (task_id, "SUCCESS", "fit")
    assert task_id[:8] in iris("tasks").out


def test_stored_name_goes_before_the_file_of_that_name(iris: Command) -> None:
    iris("fit", "mymodel", "X", "y")
    iris("put", "new.csv", "as", "new.csv")
    load_iris(as_frame=True).data[:2].to_csv("new.csv", index=False)

    both = iris("predict", "mymodel", "new.csv", "-o", "both.npy")
    iris("predict", "mymodel", "./new.csv", "-o", "file.npy")

    assert "new.csv is the stored data set, not the file" in both.err
    assert (len(np.load("both.npy")), len(np.load("file.npy"))) == (5, 2)


@pytest.mark.parametrize(
    ("line", "status", "named"),
    [
        ("fitt m X", 2, "No such verb 'fitt'. Did you mean 'fit'?"),
        ("ls --jsn", 2, "No such option '--jsn'. Did you mean '--json'?"),
        ("get", 2, "Missing argument 'NAME'"),
        ("put Y.csv", 2, "There is no file 'Y.csv'. Did you mean 'X.csv'?"),
        ("put {a} as b", 2, "a shell has no variables"),
        ("predict m X -o X.xls", 2, "ends in one of .csv, .parquet, .npy, .json"),
        ("put . as here", 1, "'.' is a folder, not a file"),
        ("get X -o no/X.csv", 2, "there is no folder 'no'"),
        ("get nothing", 1, "Nothing named 'nothing' is stored"),
        ("fit nomodel X.csv", 1, "nomodel"),
        ("status 12", 1, "12"),
        ("local stop", 1, "No local services are used"),
        ("put broken.parquet", 1, "can't be read"),
        ("import broken.parquet", 1, "can't be read"),
        ("import X.xls", 1, "ends in none of .parquet, .feather, .csv"),
        ("import Y.csv", 1, "There is no file 'Y.csv'"),
        ("import as X", 2, "as stands between"),
        ("export X", 2, "Missing argument 'FILE'"),
        ("export X X.npy", 1, "ends in none of"),
        ("export nothing X.csv", 1, "No data set 'nothing'"),
        ("get X@3x", 1, "neither a whole number nor a tag"),
    ],
)
def test_mistake_is_short_and_has_a_status(
    omega: Command, line: str, status: int, named: str
) -> None:
    Path("broken.parquet").write_bytes(b"PAR?")
    ended = omega(*line.split())

    assert (ended.status, ended.out) == (status, "")
    assert named in ended.err
    assert ended.err.startswith("omega: ")
    assert "Traceback" not in ended.err
    assert "%omega" not in ended.err
    assert len(ended.err.splitlines()) <= 3


def test_what_has_no_form_in_a_file_is_refused(omega: Command, om: Omega) -> None:
    om.models.put(LogisticRegression(), "m")

    for name in ("m.csv", "m.npy", "m.json"):
        ended = omega("get", "m", "-o", name)
        assert (ended.status, "can't be written" in ended.err) == (1, True), ended
        assert not Path(name).exists()


def test_help_lists_the_verbs_and_worker(omega: Command) -> None:
    assert "  worker " in omega().out
    assert omega("help").out == omega("-h").out == omega("--help").out
    assert omega("worker", "-h").out.startswith("omega worker [options]")
    assert omega("fit", "--help").status == 0


def test_worker_without_settings_says_what_to_set(
    omega: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMEGA_MONGO_URL")
    ended = omega("worker")

    assert ended.status == 1
    assert "OMEGA_MONGO_URL" in ended.err


def test_doctor_fails_where_a_hop_does(iris: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    well = iris("doctor")
    monkeypatch.delenv("OMEGA_BROKER_URL")
    ill = iris("doctor")

    assert (well.status, "FAILED" in well.out) == (0, False), well.out
    assert ill.status == 1
    assert "\nFAILED  worker" in ill.out
    assert "→ `omega worker`" in ill.out


def test_reader_that_goes_away_is_no_error(omega: Command) -> None:
    ended = subprocess.run(
        f"{' '.join(map(repr, OMEGA))} help | true",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.stderr == ""


def test_interrupt_ends_the_waiting_and_not_the_task(iris: Command) -> None:
    terminal, other_end = pty.openpty()
    process = subprocess.Popen(
        [*OMEGA, "fit", "mymodel", "X", "y", "--queue", "nobody-listens"],
        stdout=subprocess.PIPE,
        stderr=other_end,
    )
    os.close(other_end)
    shown = ""
    while "fit mymodel: waiting for a worker" not in shown:
        shown += os.read(terminal, 4096).decode()
    process.send_signal(signal.SIGINT)
    while "ends it" not in shown:
        shown += os.read(terminal, 4096).decode()
    out, _ = process.communicate(timeout=30)
    os.close(terminal)

    assert (process.returncode, out) == (130, b"")
    assert "\x1b[2Kfit mymodel: goes on\r\nomega: not waiting any more; task" in shown
    assert "→ omega watch" in shown
    assert json.loads(iris("status", "--json").out)["state"] == "QUEUED"
