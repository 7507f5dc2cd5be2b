"""`--record` and `onnxlint history`: what is kept of runs, and what came and went between them."""

from __future__ import annotations

import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import onnx
import pytest
from click.testing import CliRunner
from conftest import FLAWED, SOUND

from onnxlint.cli.main import cli
from onnxlint.digests import sha256_of
from onnxlint.history.records import Found, Record, Recorded
from onnxlint.history.store import HistoryError, add, read
from onnxlint.history.trends import of_model, sparkline, stories
from onnxlint.testing import model_from_text


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ONNXLINT_NO_CACHE", "1")
    return tmp_path


def invoke(*arguments: str):
    return CliRunner().invoke(cli, list(arguments))


def check(*arguments: str):
    return invoke("check", "model.onnx", "--static-only", "--select", "ARC", *arguments)


def found(code: str, fingerprint: str, structural: str = "", message: str = "m") -> Found:
    return Found(fingerprint, structural, code, "a-rule", "error", message, "node 'n'")


def run(*findings: Found, ran: tuple[str, ...] = ("ARC001",), sha256: str = "a" * 64,
        path: str = "model.onnx", **figures: float) -> Recorded:  # fmt: skip
    record = Record(path, f"/models/{path}", sha256, "failed", None, figures, {}, ran, (), 0,
                    findings)  # fmt: skip
    return Recorded("2027-01-31T00:00:00+00:00", 1, {"onnxlint": "1"}, (record,))


def test_a_run_is_recorded_with_all_that_it_depended_on(write_model, folder):
    write_model(FLAWED)
    (folder / "x.csv").write_text("x\n1\n")
    (folder / "c.toml").write_text("seed = 5\n")
    done = check("--record", "h.db", "--data", "x.csv", "--config", "c.toml")
    assert done.exit_code == 1
    (kept,) = read(folder / "h.db")
    (record,) = kept.models
    assert (record.path, record.location) == ("model.onnx", str(folder / "model.onnx"))
    assert record.verdict == "failed" and record.seed == 5 and len(record.sha256 or "") == 64
    assert record.figures["errors"] == 1 and record.figures["rules_run"] == len(record.ran)
    assert record.figures["bytes"] == (folder / "model.onnx").stat().st_size
    assert record.hashes.keys() == {"data", "configuration"}
    assert {"onnxlint", "onnx"} <= kept.versions.keys()
    (finding,) = record.findings
    assert (finding.code, finding.name, finding.severity) == ("ARC001", "repeated-softmax", "error")
    assert len(finding.fingerprint) == 16 and finding.message and finding.place


def test_the_report_is_the_same_with_and_without(write_model):
    write_model(FLAWED)
    plain, recorded = check("-f", "json"), check("-f", "json", "--record", "h.db")
    assert (plain.stdout, plain.exit_code) == (recorded.stdout, recorded.exit_code)


def test_what_diff_does_not_write_is_not_recorded(write_model, folder):
    write_model(FLAWED)
    done = check("--record", "h.db", "--diff")
    assert done.exit_code == 2 and "--record would keep what --diff does not" in done.output
    assert not (folder / "h.db").exists()


def test_external_data_count_and_are_hashed(folder):
    proto = model_from_text(SOUND)
    weights = onnx.numpy_helper.to_array(proto.graph.initializer[0])
    proto.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(weights, "w"))
    onnx.save(proto, "model.onnx", save_as_external_data=True, location="w.bin", size_threshold=0)
    assert check("--record", "h.db").exit_code == 0
    (record,) = read(folder / "h.db")[0].models
    files = [folder / "model.onnx", folder / "w.bin"]
    assert record.figures["bytes"] == sum(file.stat().st_size for file in files)
    assert record.hashes == {"external w.bin": sha256_of(files[1])}


def other_database(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE theirs (a)")
    database.close()


def newer(path: Path) -> None:
    add(path, run())
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 2")
    database.close()


def changed(path: Path) -> None:
    add(path, run())
    with sqlite3.connect(path) as database:
        database.execute("CREATE VIEW mine AS SELECT 1")
    database.close()


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda path: path.write_bytes(b"weights" * 300), "is no sound SQLite database"),
        (lambda path: path.mkdir(), "cannot be written"),
        (other_database, "is a database of another program"),
        (newer, "has schema version 2 (known: 1); update onnxlint"),
        (changed, "has other tables than onnxlint makes"),
    ],
)
def test_what_cannot_be_recorded_is_told_and_the_report_is_written(
    make, problem, write_model, folder
):
    write_model(FLAWED)
    path = folder / "h.db"
    make(path)
    before = path.read_bytes() if path.is_file() else None
    done = check("--record", "h.db", "-f", "json=out.json")
    assert done.exit_code == 2
    assert problem in done.stderr and done.stderr.count("\n") == 1 and "not recorded" in done.stderr
    assert json.loads((folder / "out.json").read_text())["models"][0]["findings"]
    assert before is None or path.read_bytes() == before


def test_a_folder_that_is_not_there(write_model):
    write_model(SOUND)
    done = check("--record", "none/h.db")
    assert done.exit_code == 2 and "unable to open database file" in done.stderr
    assert "passed" in done.stdout.lower() or done.stdout


def test_writers_at_the_same_time_lose_nothing(folder):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: add(folder / "h.db", run(errors=float(n))), range(24)))
    kept = read(folder / "h.db")
    assert [each.number for each in kept] == list(range(1, 25))
    assert sorted(each.models[0].figures["errors"] for each in kept) == list(range(24))


def test_names_of_every_kind_come_back(folder):
    name = "a\udcff\0\u202e<b>.onnx"
    add(folder / "h.db", run(found("ARC001", "1", message=name), path=name))
    (kept,) = read(folder / "h.db")
    assert kept.models[0].path == "a\\udcff\0\u202e<b>.onnx"


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE model SET ran = '{'", "UPDATE model SET hashes = '[]'",
        "UPDATE figure SET value = 9e999", "UPDATE figure SET value = 'x'",
        f"UPDATE model SET ran = '{'[' * 100_000}'",
    ],
)  # fmt: skip
def test_broken_entries_are_one_sentence(change, folder):
    add(folder / "h.db", run(errors=1))
    with sqlite3.connect(folder / "h.db") as database:
        database.execute(change)
    database.close()
    with pytest.raises(HistoryError, match="has entries of another form"):
        read(folder / "h.db")


def test_what_came_and_went():
    runs = [
        run(found("ARC001", "1"), found("ARC002", "2", "s"), ran=("ARC001", "ARC002")),
        run(found("ARC002", "3", "s"), found("ARC001", "4"), ran=("ARC001", "ARC002")),
        run(found("NUM001", "5"), ran=("ARC001", "NUM001")),
    ]
    (story,) = stories(runs)
    _, second, third = story.steps
    assert [each.fingerprint for each in second.came] == ["4"]
    assert [each.fingerprint for each in second.went] == ["1"]
    assert [each.fingerprint for each in third.went] == ["4"]
    assert [each.fingerprint for each in third.unjudged] == ["3"]
    assert [each.fingerprint for each in third.first_judged] == ["5"]


def test_a_model_is_found_by_path_and_by_content():
    told = stories([run(path="a.onnx"), run(path="b.onnx"), run(path="c.onnx", sha256="c" * 64)])
    assert [each.location for each in of_model(told, "a.onnx")] == ["/models/a.onnx"]
    assert [each.location for each in of_model(told, "aaaaaaaa")] == [
        "/models/a.onnx", "/models/b.onnx",
    ]  # fmt: skip
    assert [each.location for each in of_model(told, "x", "c" * 64)] == ["/models/c.onnx"]
    assert told[0].elsewhere == ("/models/b.onnx",)
    assert of_model(told, "aaaa") == []


@pytest.mark.parametrize(
    ("values", "bars"),
    [([], ""), ([3], "▁"), ([0, 7], "▁█"), ([1, None, 2], "▁·█"), ([-1.7e308, 0, 1.7e308], "▁▅█")],
)
def test_sparklines(values, bars):
    assert sparkline(values) == bars


def three_runs(folder: Path, message: str = "m") -> None:
    add(folder / "h.db", run(found("ARC001", "1", message=message), errors=1, accuracy=0.5))
    add(folder / "h.db", run(errors=0))
    add(folder / "h.db", run(found("ARC001", "2", message="back"), errors=1, accuracy=0.75))


def test_the_history_of_a_model_as_text(folder):
    three_runs(folder)
    done = invoke("history", "model.onnx", "--db", "h.db")
    assert done.exit_code == 0, done.output
    shown = done.stdout.splitlines()
    assert shown[0] == "/models/model.onnx: 3 runs, last failed"
    assert shown[1:3] == [
        "  accuracy             ▁·█  0.5 → 0.75",
        "  errors               █▁█  1 → 1",
    ]
    assert "    - error ARC001 a-rule: node 'n': m" in shown
    assert "    + error ARC001 a-rule: node 'n': back" in shown
    last = invoke("history", "model.onnx", "--db", "h.db", "--last", "1").stdout
    assert "1 run," in last and "+ error" in last and "- error" not in last
    assert invoke("history", "--db", "h.db").stdout.count("\n") == 2


def test_the_history_as_json(folder):
    three_runs(folder)
    told = json.loads(invoke("history", "--db", "h.db", "-f", "json").stdout)
    (model,) = told["models"]
    assert model["figures"] == {"accuracy": [0.5, None, 0.75], "errors": [1, 0, 1]}
    assert [each["run"] for each in model["runs"]] == [1, 2, 3]
    assert [len(each["came"]) for each in model["runs"]] == [0, 0, 1]
    assert model["runs"][1]["went"][0]["fingerprint"] == "1"


def test_hostile_texts_stay_text(folder):
    three_runs(folder, "<script>alert(1)</script>\x1b[31m\u202e")
    page = invoke("history", "--db", "h.db", "-f", "html", "-o", "h.html")
    assert page.exit_code == 0, page.output
    text = (folder / "h.html").read_text()
    assert "<script>alert" not in text and "&lt;script&gt;alert(1)" in text
    shown = invoke("history", "model.onnx", "--db", "h.db").stdout + text
    assert "\x1b" not in shown and "\u202e" not in shown


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--db", "none.db"], "'none.db' does not exist; 'onnxlint check --record' writes it"),
        (["other.onnx", "--db", "h.db"], "no run of 'other.onnx' is recorded"),
        (["--db", "h.db", "-o", "h.db"], "--output would overwrite the file of --db"),
        (["--db", "weights.bin"], "is no sound SQLite database"),
    ],
)
def test_what_cannot_be_shown(folder, arguments, problem):
    three_runs(folder)
    (folder / "weights.bin").write_bytes(b"weights" * 300)
    done = invoke("history", *arguments)
    assert done.exit_code in (1, 2) and problem in done.stderr, done.output


def test_a_run_is_logged_to_mlflow(write_model, monkeypatch):
    import types

    calls: list[tuple[str, ...]] = []

    class Client:
        def __init__(self, tracking_uri):
            calls.append(("open", tracking_uri))

        def get_experiment_by_name(self, name):
            return None

        def create_experiment(self, name):
            return "1"

        def create_run(self, experiment, run_name):
            return types.SimpleNamespace(info=types.SimpleNamespace(run_id="r"))

        def log_text(self, run, text, file):
            calls.append((file, json.loads(text)["model"]["findings"][0]["code"]))

        def __getattr__(self, name):
            return lambda *given: calls.append((name, *map(str, given[1:])))

    monkeypatch.setitem(
        __import__("sys").modules, "mlflow", types.SimpleNamespace(MlflowClient=Client)
    )
    write_model(FLAWED)
    assert check("--record", "http://tracker:5000").exit_code == 1
    assert calls[0] == ("open", "http://tracker:5000")
    assert ("log_metric", "onnxlint.errors", "1.0") in calls
    assert ("onnxlint/record.json", "ARC001") in calls
    monkeypatch.setitem(__import__("sys").modules, "mlflow", None)
    done = check("--record", "http://tracker:5000")
    assert done.exit_code == 2 and "needs MLflow: pip install 'onnxlint[mlflow]'" in done.stderr
