"""A fleet's results: those of single runs, once each, whatever order and interruption they meet."""

from __future__ import annotations

import importlib.util
import json
import os
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import FLAWED, SOUND

from onnxlint.cli.main import cli
from onnxlint.digests import sha256_of
from onnxlint.findings import Diagnostic
from onnxlint.fleet import bench, dispatch, doors, overview, running, store, tables, tally
from onnxlint.fleet.errors import FleetError
from onnxlint.fleet.folder import FleetFolder
from onnxlint.fleet.orders import Answer, Order, line_of, skew, versions
from onnxlint.fleet.planning import FleetPlanner
from onnxlint.fleet.running import Fleet
from onnxlint.fleet.states import stat_of, state_of
from onnxlint.job import Job
from onnxlint.model.graph.place import Place
from onnxlint.planner import Planner
from onnxlint.report import ModelReport
from onnxlint.reporters import registry
from onnxlint.severity import Severity
from onnxlint.testing import model_from_text


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


SOFTMAX = Diagnostic("ARC001", "repeated-softmax", Severity.ERROR, "applied twice",
                     Place("", "s", 1, "Softmax", "s"), 2, 1, "nodes")  # fmt: skip


def linted(order: bytes) -> bytes:
    """What a worker answers, as quickly as can be: what is found hangs on the file's bytes."""
    job = Order.opened(order).job
    before = stat_of(job.path)
    report = job.completed(_report(Path(job.path), job), seconds=0.0)
    return Answer(line_of(report), state_of(job.path, before, report.external)).sealed()


def _report(path: Path, job: Job) -> ModelReport:
    if not path.is_file():
        return ModelReport(job.path, error="there is no such file")
    content = path.read_bytes()
    if content == b"no model":
        return ModelReport(job.path, error="is not an ONNX model")
    found = (SOFTMAX,) if b"Softmax" in content else ()
    return ModelReport(
        job.path, sha256_of(path), findings=found, ran=tuple(rule.code for rule in job.rules)
        or ("ARC001",), exporter=("maker", "1"), external=("d.bin",) if b"d.bin" in content else (),
    )  # fmt: skip


class Door:
    """Workers that answer when they are asked how many more they take, the last one first."""

    note = None

    def __init__(self, judge: Callable[[bytes], bytes] = linted, window: int = 5) -> None:
        self._judge, self._window = judge, window
        self._waiting: list[tuple[Future, bytes]] = []
        self.sent: list[str] = []
        self.renewed = self.most = 0

    @property
    def window(self) -> int:
        return self._window

    def send(self, order: bytes) -> Future:
        self.sent.append(Order.opened(order).job.path)
        self._waiting.append((Future(), order))
        self.most = max(self.most, len(self._waiting))
        made = self._waiting[-1][0]
        if len(self._waiting) == self._window:
            self.answer()
        return made

    def answer(self) -> None:
        for future, order in reversed(self._waiting):
            try:
                future.set_result(self._judge(order))
            except Exception as error:
                future.set_exception(error)
        self._waiting.clear()

    def check(self) -> None:
        self.answer()

    def renew(self) -> None:
        self.renewed += 1

    def close(self, *, at_once: bool) -> None:
        pass


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(dispatch, "LOOK_SECONDS", 0.001)


@pytest.fixture
def small_parts(monkeypatch):
    for module in (store, running):
        monkeypatch.setattr(module, "PART", 4)


def write(*names: str) -> list[str]:
    """Models: every third is flawed, every fifth is none."""
    for number, name in enumerate(names):
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        model = model_from_text(FLAWED if number % 3 == 1 else SOUND)
        model.producer_name, model.producer_version = ("maker", str(number % 2))
        path.write_bytes(b"no model" if number % 5 == 4 else model.SerializeToString())
    return [*names]


def fleet_of(paths, to: str = "results", **given) -> Fleet:
    planner = FleetPlanner(Planner(**{"static_only": True, "select": ("ARC", "GRA")} | given))
    return Fleet(paths, planner, Path(to), with_tables=False)


def judged(paths, door: Door | None = None, to: str = "results", **given) -> Door:
    door = door or Door()
    made = fleet_of(paths, to, **given)
    with FleetFolder(Path(to)).locked():
        made.prepare(anew=False)
        made.judge(door, lambda: None)
    return door


def lines(to: str = "results") -> list[dict]:
    files = sorted(Path(to, "reports").iterdir())
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def contents(to: str = "results") -> dict[str, bytes]:
    return {str(file.relative_to(to)): file.read_bytes()
            for file in sorted(Path(to).rglob("*")) if file.is_file()}  # fmt: skip


def invoke(*arguments: object, **given):
    return CliRunner().invoke(cli, ["fleet", *map(str, arguments)], **given)


@pytest.fixture
def in_door(monkeypatch) -> Door:
    """The command's models are judged here."""
    door, opened = Door(window=1), doors.opened
    monkeypatch.setattr(doors, "opened", lambda named, jobs: opened(named, jobs) if named else door)
    return door


OPTIONS = ("--to", "results", "--static-only", "--no-parquet", "--select", "ARC")


# What comes out.


def test_reports_are_those_of_check(onnxlint):
    paths = write(*(f"m/{n}.onnx" for n in range(6)))
    done = onnxlint("fleet", "m", "--to", "results", "--static-only", "-j", "2")
    assert done.returncode == 2 and "6 models: 4 passed, 1 failed, 1 not linted" in done.stdout
    checked = onnxlint("check", "m", "--static-only", "-f", "jsonl").stdout.splitlines()
    models = [json.loads(line) for line in checked if '"type": "model"' in line]
    told = lines()
    assert [each.pop("verdict") for each in told] == [
        "passed", "failed", "passed", "passed", "not linted", "passed"]  # fmt: skip
    assert [each.pop("exporter") for each in told][:2] == [
        {"name": "maker", "version": "0"}, {"name": "maker", "version": "1"}]  # fmt: skip
    assert told == models
    assert [each["path"] for each in told] == paths
    again = onnxlint("fleet", "m", "--to", "results", "--static-only", "--executor", "no:where")
    assert again.returncode == 2 and again.stderr == "" and again.stdout == done.stdout


def test_the_dataset_has_a_row_for_each_model_and_each_finding():
    parquet = pytest.importorskip("pyarrow.parquet")
    paths = write(*(f"{n}.onnx" for n in range(5)))
    made = fleet_of(paths)
    made = Fleet(paths, made._planner, Path("results"), with_tables=True)
    made.prepare(anew=False)
    made.judge(Door(), lambda: None)
    models = parquet.read_table("results/models").to_pylist()
    assert [(row["path"], row["verdict"], row["errors"]) for row in models][:2] == [
        ("0.onnx", "passed", 0), ("1.onnx", "failed", 1)]  # fmt: skip
    assert models[4]["error"].startswith("is not an ONNX model") and models[4]["sha256"] is None
    found = parquet.read_table("results/findings").to_pylist()
    told = [(each["path"], finding["code"]) for each in lines() for finding in each["findings"]]
    assert [(row["path"], row["code"]) for row in found] == told
    row = next(row for row in found if row["code"] == "ARC001")
    assert row["severity"] == "error" and row["op_type"] == "Softmax" and row["suppressed"] is None


GUIDE = (Path(__file__).parents[1] / "docs" / "guides" / "fleets.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"```sql\n(.*?)```", GUIDE, re.DOTALL)


@pytest.mark.parametrize("name", ["models", "findings"])
def test_the_guide_has_every_column(name):
    section = GUIDE.partition(f"### `{name}`")[2].partition("\n#")[0]
    told = dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", section, re.MULTILINE))
    assert told == getattr(tables, name.upper())


def test_duckdb_reads_the_dataset_and_answers_the_queries_of_the_guide():
    duckdb = pytest.importorskip("duckdb")
    paths = write(*(f"{n}.onnx" for n in range(5)))
    made = Fleet(paths, fleet_of(paths)._planner, Path("results"), with_tables=True)
    made.prepare(anew=False)
    made.judge(Door(), lambda: None)
    answers = [duckdb.sql(query).fetchall() for query in QUERIES]
    assert answers[0] == [("ARC001", "repeated-softmax", 1, 1)]
    assert answers[1] == [("maker", "1", "ARC001", 1)]
    assert answers[2] == [("is not an ONNX model", 1, "4.onnx")]
    assert len(answers[3]) == 1 and len(answers) == 5
    assert answers[4] == [("1.onnx", "applied twice")]
    asked = "SELECT count(DISTINCT path) FROM 'results/findings/*.parquet' WHERE code = 'ARC001'"
    assert duckdb.sql(asked).fetchall() == [(1,)]
    asked = (
        "SELECT verdict, count(*) FROM read_json('results/reports/*.jsonl') GROUP BY 1 ORDER BY 1"
    )
    assert duckdb.sql(asked).fetchall() == [("failed", 1), ("not linted", 1), ("passed", 3)]


@pytest.mark.usefixtures("small_parts")
def test_the_order_in_which_answers_come_does_not_matter():
    paths = write(*(f"{n}.onnx" for n in range(11)))
    judged(paths, Door(window=1), to="serial")
    judged(paths, Door(window=7), to="parallel")
    assert contents("serial") == contents("parallel")
    assert [each["path"] for each in lines("serial")] == paths
    assert sorted(file.name for file in Path("serial/reports").iterdir()) == [
        f"part-{number:06}.jsonl" for number in range(3)]  # fmt: skip


# Going on.


def interrupted_after(number: int) -> Callable[[bytes], bytes]:
    left = [number]

    def judge(order: bytes) -> bytes:
        left[0] -= 1
        if left[0] < 0:
            raise ImportError("gone")
        return linted(order)

    return judge


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("torn", [b"", b'{"path":"1.on', b"\0\xff"])
def test_an_interrupted_run_goes_on_where_it_ended(torn):
    paths = write(*(f"{n}.onnx" for n in range(11)))
    judged(paths, to="whole")
    with pytest.raises(FleetError, match="cannot load onnxlint"):
        judged(paths, Door(interrupted_after(7), window=1))
    (journal,) = Path("results/open").glob("part-*.jsonl")
    journal.write_bytes(journal.read_bytes() + torn)
    door = judged(paths)
    assert sorted(door.sent) == sorted(paths[7:])
    assert contents("results") == contents("whole")


@pytest.mark.usefixtures("small_parts")
def test_a_torn_result_is_made_again():
    paths = write(*(f"{n}.onnx" for n in range(3)))
    judged(paths, to="whole")
    with pytest.raises(FleetError):
        judged(paths, Door(interrupted_after(2), window=1))
    journal = Path("results/open/part-000000.jsonl")
    journal.write_bytes(journal.read_bytes()[:-20])
    assert sorted(judged(paths).sent) == paths[1:]
    assert contents("results") == contents("whole")


@pytest.mark.usefixtures("small_parts")
def test_a_crash_while_a_part_is_sealed_loses_nothing(monkeypatch):
    paths = write(*(f"{n}.onnx" for n in range(4)))
    judged(paths, to="whole")
    place = store._place

    def crash(file, rows):
        if file.parent.name == "index":
            raise KeyboardInterrupt
        place(file, rows)

    with monkeypatch.context() as patched:
        patched.setattr(store, "_place", crash)
        with pytest.raises(KeyboardInterrupt):
            judged(paths)
    assert judged(paths).sent == []
    assert contents("results") == contents("whole")


def test_only_what_changed_is_linted_again():
    paths = write("a.onnx", "b.onnx", "c.onnx")
    Path("onnxlint.toml").touch()
    Path("d.onnx").write_bytes(b"with d.bin")
    Path("d.bin").write_bytes(b"1")
    paths.append("d.onnx")
    assert sorted(judged(paths).sent) == paths
    assert judged(paths).sent == []
    os.utime("b.onnx", ns=(1, 1))
    assert judged(paths).sent == ["b.onnx"]
    Path("d.bin").write_bytes(b"\0" * 24)
    assert judged(paths).sent == ["d.onnx"]
    Path("onnxlint.toml").write_text('[[per-model]]\npath = "c.onnx"\nstage = "init"\n')
    assert judged(paths).sent == ["c.onnx"]
    Path("a.onnx").unlink()
    assert judged(paths).sent == ["a.onnx"]
    assert lines()[0]["error"] is not None
    assert judged(paths).sent == ["a.onnx"], "a file that could not be read is tried again"


@pytest.mark.usefixtures("small_parts")
def test_another_list_of_models_keeps_what_it_shares():
    paths = write(*(f"{n}.onnx" for n in range(10)))
    judged(paths)
    more = write("new.onnx")
    shifted = [*more, *reversed(paths[2:])]
    assert judged(shifted).sent == more
    judged(shifted, to="whole")
    assert contents("results") == contents("whole")
    assert judged(paths[:3]).sent == paths[:2]
    assert [each["path"] for each in lines()] == paths[:3]


def test_results_of_other_options_are_not_mixed_or_lost():
    paths = write("a.onnx", "b.onnx")
    judged(paths)
    before = contents()
    with pytest.raises(FleetError, match="holds 2 results that were made with other options"):
        judged(paths, preview=True)
    assert contents() == before
    made = fleet_of(paths, preview=True)
    made.prepare(anew=True)
    door = Door()
    made.judge(door, lambda: None)
    assert sorted(door.sent) == paths


def test_results_are_not_thrown_away_for_workers_that_are_not_there(in_door):
    write("a.onnx")
    assert invoke("a.onnx", *OPTIONS).exit_code == 0
    before = contents()
    for options in ((), ("--preview",)):
        done = invoke("a.onnx", *OPTIONS, "--restart", "--executor", "nobody", *options)
        assert "--executor 'nobody' is unknown" in done.output and contents() == before
    del in_door.sent[:]
    assert invoke("a.onnx", *OPTIONS, "--restart").exit_code == 0 and in_door.sent == ["a.onnx"]


def test_two_runs_do_not_write_into_one_folder():
    pytest.importorskip("fcntl")
    with FleetFolder(Path("results")).locked():
        write("a.onnx")
        done = invoke("a.onnx", "--to", "results", "--no-parquet")
    assert done.exit_code == 1 or done.exit_code == 2
    assert "another run writes into results" in done.output


# Workers that fail.


def failing(broken: dict[str, type[Exception]], lasting: int = 100) -> Callable[[bytes], bytes]:
    """Models that break their worker, so many times."""
    left = dict.fromkeys(broken, lasting)

    def judge(order: bytes) -> bytes:
        path = Order.opened(order).job.path
        if left.get(path, 0) > 0:
            left[path] -= 1
            raise broken[path]("it ended")
        return linted(order)

    return judge


def test_no_more_models_are_handed_out_than_there_is_room_for():
    paths = write(*(f"{n}.onnx" for n in range(20)))
    assert judged(paths, Door(window=6)).most == 6


@pytest.mark.parametrize("lasting", [1, 2])
def test_what_a_worker_lost_is_linted_elsewhere(lasting):
    paths = write("a.onnx", "b.onnx", "c.onnx")
    judged(paths, to="whole")
    judged(paths, Door(failing({"b.onnx": OSError}, lasting)))
    assert contents("results") == contents("whole")


def test_a_model_that_no_worker_survives_is_reported_and_tried_again_later():
    paths = write("a.onnx", "b.onnx", "c.onnx")
    door = judged(paths, Door(failing({"b.onnx": OSError})))
    assert Counter(door.sent) == {"a.onnx": 1, "b.onnx": dispatch.MOST_TRIES, "c.onnx": 1}
    assert [each["verdict"] for each in lines()] == ["passed", "not linted", "passed"]
    assert lines()[1]["error"] == "OSError: it ended (3 tries)"
    assert judged(paths).sent == ["b.onnx"]


class BreakingDoor(Door):
    """An executor that breaks as a whole, with all that is under way."""

    def answer(self) -> None:
        guilty = [order for _, order in self._waiting
                  if Order.opened(order).job.path == "4.onnx"]  # fmt: skip
        if not guilty:
            super().answer()
            return
        for future, _ in self._waiting:
            future.set_exception(BrokenProcessPool("broken"))
        self._waiting.clear()


def test_of_models_that_broke_an_executor_together_the_guilty_one_is_reported():
    paths = write(*(f"{n}.onnx" for n in range(8)))
    write("4.onnx")
    door = judged(paths, BreakingDoor(window=3))
    told = {each["path"]: each["error"] for each in lines()}
    assert told == dict.fromkeys(paths) | {"4.onnx": "the worker that linted it ended (3 tries)"}
    assert Counter(door.sent)["4.onnx"] == door.renewed == 3
    assert max(Counter(door.sent[4:]).values()) <= 3 and len(door.sent) <= 8 + 2 + 2


def test_workers_that_all_left_end_the_run_at_once():
    class Gone(Door):
        def send(self, order):
            raise BrokenExecutor

        def renew(self):
            raise FleetError("there is no other")

    with pytest.raises(FleetError, match="there is no other"):
        judged(write("a.onnx"), Gone())


def test_an_executor_that_breaks_again_and_again_ends_the_run():
    class Broken(Door):
        def send(self, order):
            raise BrokenExecutor("no process can be started")

    door = Broken()
    with pytest.raises(FleetError, match="broke 3 times before it did anything"):
        judged(write("a.onnx"), door)
    assert door.renewed == dispatch.MOST_TRIES - 1


def test_an_answer_that_was_lost_is_asked_for_again():
    class Losing(Door):
        lost = 3

        def send(self, order):
            future = super().send(order)
            if self.lost and future.cancel():
                self.lost -= 1
                self._waiting.clear()
                future.set_running_or_notify_cancel()
            return future

    paths = write("a.onnx", "b.onnx")
    door = judged(paths, Losing(window=3))
    assert len(door.sent) == 5 and [each["path"] for each in lines()] == paths


def test_a_cluster_that_gave_a_model_up_is_believed():
    killed = type("KilledWorker", (Exception,), {})
    door = judged(write("a.onnx"), Door(failing({"a.onnx": killed})))
    assert door.sent == ["a.onnx"]
    assert lines()[0]["error"] == "each worker that linted it ended"


def test_a_worker_with_another_version_is_refused():
    assert skew(versions(), "host") is None
    other = versions() | {"onnxlint": "9.9"}
    assert skew(other, "host") == (
        f"a worker on host has onnxlint {versions()['onnxlint']}, and this command has onnxlint "
        "9.9; install the same versions on all workers"
    )
    assert skew(versions() | {"acme": "1"}, "h").startswith("a worker on h does not have acme, and")
    assert "has other code of onnxlint" in skew(versions() | {"code": ""}, "host")

    def refuse(order: bytes) -> bytes:
        return Answer(refusal=skew(other, "host")).sealed()

    with pytest.raises(FleetError, match=r"has onnxlint 9\.9; install the same versions"):
        judged(write("a.onnx"), Door(refuse))


class DyingBench:
    made = 0

    def __init__(self, jobs: int) -> None:
        assert jobs == 1
        DyingBench.made += 1

    def answer(self, order: bytes) -> bytes:
        raise bench.BenchDied

    def close(self) -> None:
        pass


def test_a_model_that_ends_three_processes_is_reported_by_the_worker(monkeypatch):
    monkeypatch.setattr(bench, "Bench", DyingBench)
    judged(write("a.onnx"), Door(bench.Benches().judge))
    assert DyingBench.made == 3
    assert lines()[0]["error"] == "the process that lints models ended 3 times"


# Planning.


def test_plans_are_those_of_single_models():
    Path("onnxlint.toml").write_text(
        '[[per-model]]\npath = "x/*.onnx"\nstage = "init"\n'
        '[[suppress]]\nrule = "ARC001"\nreason = "known"\nmodel = "y.onnx"\n'
    )
    paths = write("x/1.onnx", "x/2.onnx", "y.onnx", "z/1.onnx", "z/2.onnx", "q.onnx")
    Path("z/onnxlint.toml").write_text("[inputs.x]\nrange = [0, 1]\n")
    Path("w").mkdir()
    Path("w/onnxlint.toml").write_text("not TOML")
    fleet, single = FleetPlanner(Planner()), Planner()
    for path in paths:
        assert fleet.plan(path).job == single.job(path)
    keys = [fleet.plan(path).key for path in paths]
    assert keys[0] == keys[1] and keys[3] == keys[4] and len(set(keys)) == 4
    assert fleet.plan("w/a.onnx").job.error.startswith(f"{Path.cwd()}/w/onnxlint.toml: is not TOML")


# The whole.


def model(path: str = "a.onnx", verdict: str = "passed", codes: str = "", exporter=None) -> dict:
    found = [{"code": code, "name": "rule", "severity": "error", "message": "m"}
             for code in codes.split()]  # fmt: skip
    summary = {"error": len(found), "warning": 0, "info": 0, "rules_run": 3, "suppressed": 0}
    return {"path": path, "verdict": verdict, "error": None, "exporter": exporter,
            "findings": found, "summary": summary}  # fmt: skip


def test_tallies_of_parts_add_up_to_that_of_the_whole():
    pick = random.Random(0)
    models = [
        model(f"{n}.onnx", pick.choice(tally.VERDICTS), pick.choice(["", "A1", "A1 A1 B2", "B2"]),
              pick.choice([None, {"name": "a", "version": "1"}, {"name": "", "version": ""}]))
        for n in range(60)
    ]  # fmt: skip
    whole = tally.tally_of(models)
    assert tally.merged(map(tally.tally_of, (models[:7], models[7:30], models[30:]))) == whole
    assert whole.models == 60 and len(whole.worst) == tally.MOST_WORST
    assert sum(each.models for each in whole.exporters) == 60
    assert whole.exit_code == 2


def test_exporters_without_number_are_taken_together(monkeypatch):
    monkeypatch.setattr(tally, "MOST_EXPORTERS", 2)
    models = [model(f"{n}", exporter={"name": f"e{n}", "version": ""}) for n in range(5)]
    told = {each.name: each.models for each in tally.tally_of(models).exporters}
    assert told == {"e0": 1, "e1": 1, "(others)": 3}


def shown() -> overview.Overview:
    hostile = {"name": "<b>\x1b[31m", "version": "‮1"}
    models = [model("<i>.onnx", "failed", "A1", hostile), model("b.onnx"),
              model("c.onnx", "not linted") | {"error": "is <empty>"}]  # fmt: skip
    return overview.Overview(tally.tally_of(models), 4)


def test_the_summary_as_text():
    told = overview.text(shown())
    assert told.startswith("\x1b[31m3 of 4 models: 1 passed, 1 failed, 1 not linted")
    assert "error    A1 rule" in told.replace("\x1b[31m", "").replace("\x1b[0m", "")
    assert "\n  c.onnx: is <empty>\n" in told and "\u202e" not in told


def test_the_summary_as_a_page():
    page = overview.html(shown())
    assert "&lt;i&gt;.onnx" in page and "<i>" not in page and "is &lt;empty&gt;" in page
    assert "\x1b" not in page and "\u202e" not in page
    assert "3 of 4 models: 1 passed, 1 failed, 1 not linted" in page and "Incomplete" in page


def test_the_summary_as_json():
    told = json.loads(overview.json(shown()))
    section = GUIDE.partition("The JSON has")[2].partition("\n\n")[0]
    assert {*told} <= {*re.findall(r"`(\w+)`", section)}
    assert told["complete"] is False and told["expected"] == 4
    (rule,) = told["rules"]
    assert rule == {
        "code": "A1", "name": "rule", "severity": "error", "models": 1, "findings": 1,
    }  # fmt: skip


# The command.


def test_models_from_standard_input(in_door):
    paths = write("b.onnx", "a.onnx")
    listed = "\n".join([*paths, "", "a.onnx"])
    done = invoke("--models-from", "-", *OPTIONS, input=listed)
    assert done.exit_code == 1, done.output
    assert in_door.sent == paths
    assert invoke("--to", "results").output == done.output, "the summary alone"


def test_bytes_that_are_no_text_are_part_of_a_path(in_door):
    name = os.fsdecode(b"\xff.onnx")
    write(name)
    Path("list").write_bytes(b"\xff.onnx\n")
    assert invoke("--models-from", "list", *OPTIONS).exit_code == 0
    assert lines()[0]["path"] == "\\udcff.onnx"
    in_door.sent.clear()
    assert invoke("--models-from", "list", *OPTIONS).exit_code == 0 and not in_door.sent


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["none.onnx", *OPTIONS], "no model matches 'none.onnx'; check the path"),
        (["--models-from", "none", *OPTIONS], "--models-from 'none': No such file or directory"),
        (["--models-from", "empty", *OPTIONS], "--models-from 'empty' names no model"),
        (["-", *OPTIONS], "a fleet is read from files; - is for --models-from"),
        (["--to", "nowhere"], "--to 'nowhere' holds no results; name models, too"),
        (["a.onnx", "--to", "full"], "full holds other files, and no results of a fleet"),
        (["a.onnx", "--to", "a.onnx"], "a.onnx is not a folder; name another"),
        (["a.onnx", *OPTIONS, "-f", "xml"], "--format 'xml' is unknown; give one of text, json"),
        (["a.onnx", *OPTIONS, "-f", "json", "-f", "html"], "give each --format but one a file"),
        (["a.onnx", *OPTIONS, "--executor", "ray"], "--executor 'ray' is unknown; give dask://"),
        (["a.onnx", *OPTIONS, "--executor", "no.such:thing"], "No module named 'no'"),
        (["a.onnx", *OPTIONS, "--executor", "os:sep"], "is a str, which has no submit(function"),
        (["a.onnx", *OPTIONS, "--executor", "os:abort_"], "has no attribute 'abort_'"),
        (["a.onnx", *OPTIONS, "--data", "no.npz"], "--data 'no.npz' does not exist"),
        (["a.onnx", *OPTIONS, "--ignore", "ARC"], "no rule ran: check --select, --ignore"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_one_sentence(arguments, sentence, folder):
    write("a.onnx")
    (folder / "empty").touch()
    (folder / "full").mkdir()
    (folder / "full" / "x").touch()
    done = invoke(*arguments)
    assert done.exit_code in (1, 2) and sentence in done.output
    assert "Traceback" not in done.output


def inherited():
    """Workers of an executor, which import nothing: this process did."""
    return ProcessPoolExecutor(2, get_context("fork"))


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="a fork beside threads is warned of there")
def test_check_on_an_executor_reports_the_same():
    write(*(f"m/{number}.onnx" for number in range(4)))
    asked = ["check", "m", "--static-only", "--select", "ARC,GRA", "-f", "json"]
    here = CliRunner().invoke(cli, asked)
    named = f"{__name__}:inherited"
    there = CliRunner().invoke(cli, [*asked, "--executor", named])
    assert (there.exit_code, there.stdout) == (here.exit_code, here.stdout) and there.stderr == ""
    assert there.exit_code == 1


@pytest.mark.parametrize(
    ("lacks", "options", "sentence"),
    [
        ("pyarrow", (), "Parquet requires pyarrow: pip install 'onnxlint[data]', or give --no-par"),
        ("distributed", ("--executor", "dask://x:1"), "requires distributed: pip install 'onnxli"),
        ("jinja2", ("-f", "html=a.html"), "format 'html' requires jinja2: pip install 'onnxlint["),
    ],
)
def test_a_library_that_is_not_installed_is_named(lacks, options, sentence, monkeypatch):
    write("a.onnx")
    for module in (importlib.util, doors, registry):
        monkeypatch.setattr(module, "find_spec", lambda name: None if name == lacks else name)
    done = invoke("a.onnx", "--to", "results", "--static-only", *options)
    assert done.exit_code != 0 and sentence in done.output


def test_as_many_models_are_under_way_as_keep_workers_busy():
    named = f"{__name__}:inherited"
    assert doors.opened(named, None).window == 2 * doors.AHEAD
    assert doors.opened(named, 7).window == 7
    assert doors.opened(None, 3).window == 3 * doors.AHEAD


def slept(order: bytes) -> bytes:
    time.sleep(60)
    return order


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="a fork beside threads is warned of there")
def test_processes_of_an_executor_that_is_given_up_are_ended(monkeypatch):
    monkeypatch.setattr(doors, "judge", slept)
    door = doors.opened(f"{__name__}:inherited", None)
    future = door.send(b"")
    processes = [*door._executor._processes.values()]
    assert processes
    door.close(at_once=True)
    with pytest.raises(BrokenExecutor):
        future.result(timeout=30)
    for process in processes:
        process.join(30)
        assert process.exitcode is not None
