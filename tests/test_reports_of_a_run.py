"""The reports of one run: several formats, where they go, what is never green, formats of packs."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from types import ModuleType

import junitparser
import pytest
from click.testing import CliRunner
from conftest import FLAWED, SOUND

from onnxlint.cli.formats import Wanted, wanted_reports
from onnxlint.cli.main import cli
from onnxlint.cli.models import expand, unmatched
from onnxlint.cli.reporting import Reporting
from onnxlint.cli.verdict import outcome_of
from onnxlint.findings import Diagnostic
from onnxlint.installed import Brought
from onnxlint.job import Job
from onnxlint.model.graph.place import Place
from onnxlint.report import ModelReport
from onnxlint.reporters import registry
from onnxlint.reporters.protocol import Outcome, Run
from onnxlint.severity import Severity
from onnxlint_rules.act.dead_relu import dead_relu
from onnxlint_rules.arc.repeated_softmax import repeated_softmax


@pytest.fixture
def run(tmp_path, monkeypatch, write_model):
    """Runs the command in this process, beside a flawed model and a sound one."""
    write_model(FLAWED, "flawed.onnx")
    write_model(SOUND, "sound.onnx")
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(cli, [*arguments])


def test_one_run_writes_every_format(run, tmp_path):
    files = {name: f"out.{name}" for name in registry.FORMATS if name != "concise"}
    asked = [part for name, file in files.items() for part in ("-f", f"{name}={file}")]
    done = run("flawed.onnx", "sound.onnx", "--static-only", *asked, "-f", "concise")
    assert done.exit_code == 1
    first = done.stdout.splitlines()[0]
    assert first.startswith("flawed.onnx: Softmax #2: ARC001 ")
    for file in files.values():
        assert "ARC001" in (tmp_path / file).read_text(encoding="utf-8"), file
    assert len(json.loads((tmp_path / "out.json").read_text())["models"]) == 2
    suites = junitparser.JUnitXml.fromfile("out.junit")
    assert [suite.failures for suite in suites] == [1, 0]
    again = run("flawed.onnx", "sound.onnx", "--static-only", "-f", "sarif")
    assert again.stdout == (tmp_path / "out.sarif").read_text()


def test_output_is_the_file_of_the_format_without_one(run, tmp_path):
    done = run("sound.onnx", "--static-only", "-f", "json=a.json", "-f", "TEXT", "-o", "b.txt")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")
    assert json.loads((tmp_path / "a.json").read_text())["exit_code"] == 0
    assert (tmp_path / "b.txt").read_text().startswith("0 errors")


MISUSES = {
    "two on standard output": (["-f", "json", "-f", "full"], "both go to standard output"),
    "unknown": (["-f", "sarfi"], "unknown format 'sarfi'; did you mean 'sarif'?"),
    "no name near": (
        ["-f", "xyz"],
        "known are full, concise, json, jsonl, sarif, code-scanning, junit, github",
    ),
    "no file": (["-f", "sarif="], "names no file; write sarif=FILE"),
    "output left over": (["-f", "sarif=a", "-o", "b"], "--output 'b' has no report"),
    "one file twice": (["-f", "json=a", "-f", "full=./a"], "'full=./a' name one file"),
    "file of --output": (["-f", "json=a", "-f", "full", "-o", "a"], "--output 'a' name one file"),
    "a model": (["-f", "json=sound.onnx"], "is the name of a model"),
    "a new model": (["-f", "json=new.onnx"], "is the name of a model"),
    "what is read": (["-f", "json=x.toml", "--config", "x.toml"], "the file of --config"),
    "no folder": (["-f", "json=no/such/a.json"], "folder 'no/such' does not exist"),
    "weights": (["-f", "json=w.bin"], "is not a text file"),
    "a diff": (["--diff", "-f", "sarif=a"], "remove --format"),
}


@pytest.mark.parametrize(("asked", "told"), MISUSES.values(), ids=MISUSES.keys())
def test_misuse_is_told_before_a_model_is_read(run, tmp_path, asked, told):
    (tmp_path / "x.toml").write_text("")
    (tmp_path / "w.bin").write_bytes(b"\xff\0\xff")
    before = sorted(tmp_path.iterdir())
    done = run("sound.onnx", "--static-only", *asked)
    assert done.exit_code == 2
    assert told in done.stderr
    assert (done.stdout, sorted(tmp_path.iterdir())) == ("", before)


def test_dash_is_standard_output():
    assert wanted_reports(["json=-"], None) == [Wanted("json")]


# While models are linted


def test_what_streams_appears_before_the_next_model_is_linted(tmp_path, capsys):
    wanted = [Wanted("jsonl"), Wanted("concise", tmp_path / "c.txt", "--output 'c.txt'")]
    reporting = Reporting(wanted, Run(folder=tmp_path, models=2))
    seen = []

    def linted():
        for name in ("a.onnx", "b.onnx"):
            seen.append(capsys.readouterr().out)
            yield ModelReport(name, error="is empty")

    assert len([*reporting.models(linted())]) == 2
    assert ['"type": "run"' in seen[0], '"a.onnx"' in seen[1]] == [True, True]
    assert not (tmp_path / "c.txt").exists()  # a file is written whole or not at all
    reporting.end(Outcome(2, "no rule ran"))
    told = capsys.readouterr()
    assert '"b.onnx"' in told.out
    assert told.err == "Error: no rule ran\n"
    lines = (tmp_path / "c.txt").read_text().splitlines()
    assert lines[0] == "a.onnx: cannot lint: is empty"
    assert lines[-1] == "failed: no rule ran"


def test_other_files_are_written_where_one_cannot_be(run, tmp_path, monkeypatch):
    (tmp_path / "full").mkdir()
    done = run("sound.onnx", "--static-only", "-f", "json=full", "-f", "sarif=b.sarif")
    assert done.exit_code == 2
    assert "--format 'json=full'" in done.stderr
    assert (tmp_path / "b.sarif").exists()


# Never green


NOTHING = {
    "static": (["--static-only", "--select", "ACT"],
               "no rule ran: ACT001, ACT002, ACT003, ACT004, ACT005 and "),
    "ignored": (["--select", "GRA", "--ignore", "GRA"], "every rule that was selected is ignored"),
    "stage": (["--static-only", "--select", "PRD001"],
              "no rule ran: PRD001 (for stage init only; this is trained, --stage sets it)"),
}  # fmt: skip


@pytest.mark.parametrize(("asked", "told"), NOTHING.values(), ids=NOTHING.keys())
def test_a_run_that_checked_nothing_is_an_error_in_every_format(run, tmp_path, asked, told):
    names = [name for name in registry.FORMATS if name != "full"]
    formats = [part for name in names for part in ("-f", f"{name}=out.{name}")]
    done = run("sound.onnx", *asked, *formats, "-f", "full")
    assert done.exit_code == 2
    assert done.stderr.startswith("Error: no rule ran: ")
    assert told in done.stderr
    for name in names:
        text = (tmp_path / f"out.{name}").read_text()
        assert "no rule ran" in text, name
    assert json.loads((tmp_path / "out.json").read_text())["error"].startswith("no rule ran")
    (own, _) = junitparser.JUnitXml.fromfile("out.junit")
    assert own.errors == 1


@pytest.mark.parametrize(
    ("rules", "not_executed", "error"),
    [
        ((dead_relu,), "it does not load",
         "no rule ran: ACT003 (the model was not executed: it does not load)"),
        ((dead_relu,), None, None),
        ((dead_relu, repeated_softmax), "it does not load", None),
        ((), None, "no rule ran: every rule that was selected is ignored, too; check --select, "
         "--ignore and the configuration"),
    ],
)  # fmt: skip
def test_a_model_that_no_rule_could_look_at(rules, not_executed, error):
    skipped = {rule.code: "the model has none" for rule in rules}
    report = ModelReport("m", not_applicable=skipped, not_executed=not_executed)
    outcome = outcome_of([Job("m", rules)], [report])
    assert (outcome.error, outcome.exit_code) == (error, 2 * bool(error))
    assert bool(outcome.notes) != bool(error)
    other = ModelReport("n", ran=("ACT003",))
    assert outcome_of([Job("m", rules), Job("n", rules)], [report, other]).error is None


def test_rules_that_looked_and_had_nothing_to_judge_are_green_with_a_note(run):
    done = run("sound.onnx", "--static-only", "--select", "ARC001", "-f", "json")
    document = json.loads(done.stdout)
    assert (done.exit_code, document["error"]) == (0, None)
    assert document["notes"] == [
        "no rule had anything to judge: all were not applicable (--show-not-applicable)"
    ]


def test_selected_rules_that_need_a_run_are_noted_beside_others(run):
    done = run("sound.onnx", "--static-only", "--select", "ACT001,GRA")
    assert done.exit_code == 0
    assert done.stdout.splitlines()[-1] == (
        "not run: ACT001 (they run the model, which --static-only forbids)"
    )
    assert "not run" not in run("sound.onnx", "--static-only").stdout


@pytest.mark.parametrize("format_", ["json", "sarif", "full"])
def test_no_model_is_an_error_in_machine_formats_too(run, format_):
    done = run("nothing.onnx", "*.none", "-f", format_)
    assert done.exit_code == 2
    assert "Error: no model matches 'nothing.onnx'; check the path" in done.stderr
    if format_ == "json":
        document = json.loads(done.stdout)
        assert document["error"] == "no model matches 'nothing.onnx'; check the path"
        assert [each["path"] for each in document["models"]] == ["nothing.onnx", "*.none"]
    assert bool(done.stdout) == (format_ != "full")


def test_a_missing_model_leaves_the_others(run):
    done = run("missing.onnx", "sound.onnx", "--static-only", "-f", "json")
    missing, sound = json.loads(done.stdout)["models"]
    assert done.exit_code == 2
    assert missing["error"] == "no model matches 'missing.onnx'; check the path"
    assert sound["summary"]["rules_run"] > 10


@pytest.mark.parametrize(
    ("name", "meant"), [("chekc", "check"), ("lint", "check"), ("version", "--version")]
)
def test_a_command_with_a_slip_is_suggested(name, meant):
    assert unmatched(expand([name])).endswith(f"did you mean 'onnxlint {meant}'?")


# What fails


WARNED = ModelReport("a", ran=("TST001",), findings=tuple(
    Diagnostic("TST001", "odd", Severity.WARNING, "it", Place()) for _ in range(3)
))  # fmt: skip
FAILED = ModelReport("b", ran=("TST001",), fail_on=Severity.WARNING, findings=WARNED.findings)


@pytest.mark.parametrize(
    ("reports", "asked", "code", "failures"),
    [
        ([WARNED], {}, 0, 0),
        ([WARNED], {"most_warnings": 3}, 0, 0),
        ([WARNED], {"most_warnings": 2}, 1, 1),
        ([WARNED, WARNED], {"most_warnings": 5}, 1, 1),
        ([WARNED], {"most_warnings": 2, "exit_zero": True}, 0, 1),
        ([FAILED], {}, 1, 0),
        ([FAILED], {"exit_zero": True}, 0, 0),
        ([ModelReport("c", error="is empty")], {"exit_zero": True}, 2, 0),
        ([], {"unmatched": "no model", "exit_zero": True}, 2, 0),
    ],
)
def test_exit_codes(reports, asked, code, failures):
    outcome = outcome_of(reports, reports, **asked)
    assert (outcome.exit_code, len(outcome.failures)) == (code, failures)


def test_too_many_warnings_are_told_beside_any_format(run):
    rules = "[[rule]]\ncode = 'TST001'\nname = 'odd'\nseverity = 'warning'\nmessage = 'm'\n"
    body = "pattern = 'y = Softmax(x)'\nwhy = 'w'\n"
    with open("own.toml", "w", encoding="utf-8") as file:  # noqa: PTH123
        file.write(rules + body)
    asked = ("flawed.onnx", "--rules", "own.toml", "--select", "TST", "--static-only")
    done = run(*asked, "--max-warnings", "1", "-f", "github")
    assert done.exit_code == 1
    assert done.stderr == "failed: 2 warnings (limit 1, --max-warnings)\n"
    assert "::error title=onnxlint::2 warnings (limit 1, --max-warnings)" in done.stdout
    assert run(*asked, "--max-warnings", "1", "--exit-zero").exit_code == 0


# Formats that packs bring


class Count:
    """A format as a pack would write it."""

    def __init__(self, run):
        self.reports = []

    def begin(self):
        print("a pack may print")
        return f"{0} "

    def model(self, report):
        self.reports.append(report)
        return f"{len(self.reports)} "

    def end(self, outcome):
        return f"end {outcome.exit_code}\n"


class Raising(Count):
    def model(self, report):
        raise SystemExit(3)


class Numbering(Count):
    def end(self, outcome):
        return 3


@pytest.fixture
def brings(monkeypatch):
    """Makes packs bring formats."""
    module = ModuleType("a_pack")
    vars(module).update(Count=Count, Raising=Raising, Numbering=Numbering, constant=3)
    monkeypatch.setitem(sys.modules, "a_pack", module)

    def bring(*formats):
        entries = [Brought(name, value, "onnxlint.reporters") for name, value in formats]
        monkeypatch.setattr(registry, "brought", lambda group: entries)

    return bring


def test_a_pack_brings_a_format(run, brings):
    brings(("count", "a_pack:Count"))
    done = run("flawed.onnx", "sound.onnx", "--static-only", "-f", "count")
    assert (done.stdout, done.exit_code) == ("0 1 2 end 1\n", 1)
    assert "markdown, card, html, count" in run("sound.onnx", "-f", "xyz").stderr


def test_the_format_of_the_guide_works(run, brings, tmp_path):
    page = Path(__file__).parent.parent / "docs" / "guides" / "reports.md"
    (code,) = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    exec(code, vars(sys.modules["a_pack"]))
    brings(("chat", "a_pack:Chat"))
    done = run("flawed.onnx", "sound.onnx", "--static-only", "-f", "chat")
    assert done.stdout == "1 models fail: flawed.onnx\n"


@pytest.mark.parametrize(
    ("formats", "told"),
    [
        ([("sarif", "a_pack:Count")], "brings format 'sarif', which onnxlint has"),
        ([("own", "a_pack:Count"), ("own", "b_pack:Count")], "which pack 'a_pack:Count' has"),
        ([("own", "no_pack:Count")], "cannot load format 'own' of pack 'no_pack:Count'"),
        ([("own", "a_pack:Absent")], "has no attribute 'Absent'"),
        ([("own", "a_pack:constant")], "it is not a class or function"),
        ([("own", "a_pack:Raising")], "failed: SystemExit: 3; report it there"),
        ([("own", "a_pack:Numbering")], "returned a int (expected str)"),
    ],
)
def test_a_packs_mistake_is_one_sentence(run, brings, formats, told):
    brings(*formats)
    done = run("sound.onnx", "--static-only", "-f", "own")
    assert told in str(done.exception)
    assert type(done.exception).__name__ == "PackError"
