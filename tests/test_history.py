"""`--record` and `onnxlint history`: what is kept of runs, and what came and went between them."""

from __future__ import annotations

import json
import sqlite3
import sys
import types
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jsonschema
import onnx
import pytest
from click.testing import CliRunner
from conftest import FLAWED, SOUND
from msgspec.structs import replace

from onnxlint.cli.main import cli
from onnxlint.digests import sha256_of
from onnxlint.history import mlflow_runs, store, text
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


def test_a_database_that_others_hold_is_one_sentence(folder, monkeypatch):
    add(folder / "h.db", run())
    monkeypatch.setattr(store, "WAIT_SECONDS", 0.05)
    with sqlite3.connect(folder / "h.db", isolation_level=None) as database:
        database.execute("BEGIN IMMEDIATE")
        with pytest.raises(HistoryError, match=r"written \(database is locked\); others held it"):
            add(folder / "h.db", run())
        assert len(read(folder / "h.db")) == 1
        done = invoke("history", "--db", "h.db", "--prune", "1")
        assert done.exit_code != 0 and "locked" in done.stderr and done.stderr.count("\n") == 1
        database.execute("ROLLBACK")
    database.close()


def test_a_database_that_cannot_be_written_is_read(folder):
    add(folder / "h.db", run())
    address = f"file:{folder / 'h.db'}?mode=ro&immutable=1"  # as on a medium that is read-only
    (folder / "h.db").chmod(0o400)
    assert len(read(folder / "h.db")) == 1
    with (
        sqlite3.connect(address, uri=True) as database,
        pytest.raises(HistoryError, match="check that file and folder are writable"),
        store._told(folder / "h.db", "written"),
    ):
        database.execute("DELETE FROM run")
    database.close()


def test_old_runs_are_pruned_model_by_model(folder):
    for name in ("a.onnx", "b.onnx", "a.onnx", "a.onnx"):
        add(folder / "h.db", run(found("ARC001", "1"), path=name, errors=1))
    done = invoke("history", "--db", "h.db", "--prune", "2")
    assert done.stdout == "removed 1 run of models, kept 3\n"
    kept = read(folder / "h.db")
    assert [(each.number, each.models[0].path) for each in kept] == [
        (2, "b.onnx"), (3, "a.onnx"), (4, "a.onnx"),
    ]  # fmt: skip
    assert all(each.models[0].findings and each.models[0].figures for each in kept)
    add(folder / "h.db", run())
    assert read(folder / "h.db")[-1].number == 5
    with sqlite3.connect(folder / "h.db") as database:
        assert database.execute("SELECT count(*) FROM finding").fetchone() == (3,)
    database.close()
    for given, problem in ((["m.onnx"], "leave out MODEL"), (["--db", "http://t:1"], "mlflow gc")):
        done = invoke("history", "--db", "h.db", "--prune", "2", *given)
        assert done.exit_code == 2 and problem in done.stderr


def test_a_series_is_recorded_under_its_folder(folder):
    from conftest import ROOT

    files = ROOT / "fixtures" / "series" / "dying"
    done = invoke("series", f"{files}/step_*.onnx", "--static-only", "--record", "h.db")
    assert done.exit_code in (0, 1), done.output
    ((record,),) = (each.models for each in read(folder / "h.db"))
    assert record.location == str(files) and record.figures["checkpoints"] > 2
    assert record.figures["last step"] > 0 and all(code[:3] == "CKP" for code in record.ran)
    assert sum(name.startswith("checkpoint ") for name in record.hashes) > 1
    assert invoke("history", str(files), "--db", "h.db").exit_code == 0


def test_a_page_can_be_recorded_with_the_entropy_that_it_measures(write_model, folder):
    write_model(FLAWED)
    done = invoke("report", "model.onnx", "--select", "RUN001", "--record", "h.db", "-o", "p.html")
    assert done.exit_code == 0 and (folder / "p.html").exists(), done.output
    (record,) = read(folder / "h.db")[0].models
    assert record.figures["samples"] == 8
    assert any(name.startswith("entropy of ") for name in record.figures), record.figures


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


def test_a_rule_that_paused_tells_nothing_twice():
    runs = [
        run(found("ARC001", "1"), found("NUM001", "2"), ran=("ARC001", "NUM001")),
        run(found("NUM001", "2"), ran=("NUM001",)),
        run(ran=()),
        run(found("ARC001", "1"), found("NUM001", "2"), ran=("ARC001", "NUM001")),
    ]
    (story,) = stories([replace(each, number=at) for at, each in enumerate(runs, 1)])
    told = [(step.came, step.went, step.first_judged) for step in story.steps]
    assert told == [((), (), ())] * 4
    assert [len(step.unjudged) for step in story.steps] == [0, 1, 0, 0]
    assert [(each.finding.code, each.since) for each in story.standing] == [
        ("ARC001", 1), ("NUM001", 1),
    ]  # fmt: skip


def idle(each: Recorded, *codes: str, **hashes: str) -> Recorded:
    record = replace(each.models[0], not_applicable=codes, hashes=hashes)
    return replace(each, models=(record,))


def test_a_rule_with_nothing_left_to_judge_says_that_the_finding_went():
    runs = [
        run(found("ARC001", "1"), ran=("ARC001", "NUM001")),
        idle(run(ran=("NUM001",)), "ARC001"),
        run(found("ARC001", "1"), ran=("ARC001", "NUM001")),
    ]
    (story,) = stories(runs)
    assert [[each.code for each in step.went] for step in story.steps] == [[], ["ARC001"], []]
    assert [[each.code for each in step.came] for step in story.steps] == [[], [], ["ARC001"]]
    first, second, third = (idle(each, *each.models[0].not_applicable, labels="1" * 64)
                            for each in runs)  # fmt: skip
    (story,) = stories([first, idle(second, "ARC001"), third])
    assert [len(step.unjudged) for step in story.steps] == [0, 1, 0]
    assert not any(step.went or step.came or step.first_judged for step in story.steps)
    (story,) = stories([idle(second, "ARC001"), third])
    assert [each.code for each in story.steps[1].first_judged] == ["ARC001"]


def test_what_a_run_depended_on_and_is_no_more_as_it_was():
    first = run()
    record = replace(first.models[0], sha256="b" * 64, hashes={"data": "d" * 64}, seed=7)
    second = replace(first, versions={"onnxlint": "2"}, models=(record,))
    (story,) = stories([first, second, second])
    assert [(each.what, each.before, each.now) for each in story.steps[1].changed] == [
        ("model", "a" * 64, "b" * 64), ("data", None, "d" * 64), ("seed", "0", "7"),
        ("version of onnxlint", "1", "2"),
    ]  # fmt: skip
    assert [step.is_first for step in story.steps] == [True, False, False]
    assert not story.steps[2].changed
    told = "\n".join(text.lines([story], detailed=True))
    assert "~ model: aaaaaaaaaaaa → bbbbbbbbbbbb" in told and "~ data: none → dddddd" in told


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
    schema = json.loads(invoke("schema", "history").stdout)
    jsonschema.validate(told, schema)
    assert model["figures"] == {"accuracy": [0.5, None, 0.75], "errors": [1, 0, 1]}
    assert [each["run"] for each in model["runs"]] == [1, 2, 3]
    assert [len(each["came"]) for each in model["runs"]] == [0, 0, 1]
    assert model["runs"][1]["went"][0]["fingerprint"] == "1"
    assert [each["since"] for each in model["standing"]] == [3]


def test_the_page_shows_curves_and_links_findings_to_their_runs(folder):
    three_runs(folder)
    add(folder / "h.db", replace(run(path="b.onnx"), versions={"onnxlint": "2"}))
    page = invoke("history", "--db", "h.db", "-f", "html").stdout
    assert page.count('<section class="model"') == 2 and '<a href="#model-2">' in page
    assert '<polyline points="0.0,0.0 120.0,48.0 240.0,0.0"/>' in page  # errors: 1, 0, 1
    assert "0.5 → 0.75" in page and "lowest 0 in run 2" in page
    assert '<a href="#model-2-run-3">run 3</a>' in page and 'id="model-2-run-3"' in page
    assert "first run, 1 finding" in page and "1 went" in page
    assert "2027-01-31 00:00:00 UTC" in page
    assert invoke("history", "--db", "h.db", "-f", "html", "--last", "1").exit_code == 0


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


class Server:
    """What MLflow's client does with runs, without MLflow; a real one is in test_mlflow.py."""

    def __init__(self) -> None:
        self.runs: list[types.SimpleNamespace] = []
        self.texts: dict[str, str] = {}
        self.calls: list[tuple[str, ...]] = []
        self.artifacts = types.SimpleNamespace(load_text=lambda name: self.texts[name])

    def MlflowClient(self, tracking_uri):  # noqa: N802 - as MLflow calls it
        self.calls.append(("open", tracking_uri))
        return self

    def get_experiment_by_name(self, name):
        return types.SimpleNamespace(experiment_id="1") if self.runs else None

    def create_experiment(self, name):
        return "1"

    def create_run(self, experiment, run_name):
        info = types.SimpleNamespace(run_id=run_name, artifact_uri=f"a{len(self.runs)}")
        self.runs.append(types.SimpleNamespace(info=info))
        return self.runs[-1]

    def log_text(self, run, text, file):
        self.texts[f"{self.runs[-1].info.artifact_uri}/{file}"] = text

    def search_runs(self, experiments, query, *, max_results, order_by, page_token):
        at = int(page_token or 0)
        page = type("Page", (list,), {"token": str(at + 1) if at + 1 < len(self.runs) else None})
        return page(self.runs[at : at + 1])

    def __getattr__(self, name):
        return lambda *given: self.calls.append((name, *map(str, given[1:])))


@pytest.fixture
def server(monkeypatch):
    made = Server()
    monkeypatch.setitem(sys.modules, "mlflow", made)
    return made


def test_runs_are_logged_to_mlflow_and_read_again(write_model, server):
    write_model(FLAWED)
    write_model(SOUND, "other.onnx")
    address = "http://tracker:5000"
    assert check("other.onnx", "--record", address).exit_code == 1
    assert server.calls[0] == ("open", address)
    assert ("log_metric", "onnxlint.errors", "1.0") in server.calls
    write_model(SOUND)
    assert check("--record", address).exit_code == 0
    first, second = mlflow_runs.read(address)
    assert [each.path for each in first.models] == ["model.onnx", "other.onnx"]
    assert (first.number, second.number) == (1, 2) and first.versions["onnx"] == onnx.__version__
    done = invoke("history", "model.onnx", "--db", address)
    assert "- error ARC001 repeated-softmax" in done.stdout, done.output


def test_what_mlflow_does_not_give_is_one_sentence(write_model, server, monkeypatch):
    def told(address: str = "http://me:secret@tracker:5000") -> str:
        done = invoke("history", "--db", address)
        assert done.exit_code != 0 and done.stderr.count("\n") == 1 and "secret" not in done.stderr
        return done.stderr

    assert "'http://…@tracker:5000' has no experiment 'onnxlint'" in told()
    write_model(SOUND)
    assert check("--record", "http://tracker:5000").exit_code == 0
    server.texts = dict.fromkeys(server.texts, '{"at": 7}')
    assert "has a run with another onnxlint/record.json" in told()
    server.texts = {}
    assert "cannot be read (" in told() and "check the address and the server" in told()
    monkeypatch.setitem(sys.modules, "mlflow", None)
    assert "needs MLflow; pip install 'onnxlint[mlflow]'" in told()
    done = check("--record", "http://tracker:5000")
    assert done.exit_code == 2 and "needs MLflow; pip install 'onnxlint[mlflow]'" in done.stderr
