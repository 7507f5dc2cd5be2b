"""What a person sees: lines that fit, colours where they are wanted, nothing hidden unsaid."""

from __future__ import annotations

import fcntl
import json
import os
import re
import struct
import termios
from pathlib import Path

import click
import pytest
from conftest import FLAWED, SOUND
from forked_command import start_forked
from msgspec.structs import replace

from onnxlint.cli.colours import of_environment
from onnxlint.findings import Diagnostic
from onnxlint.model.graph.place import Place
from onnxlint.report import ModelReport
from onnxlint.reporters.protocol import Outcome, Run, View, rendered
from onnxlint.reporters.text import Text
from onnxlint.reporters.wrapping import wrapped
from onnxlint.severity import Severity

RAN = tuple(f"GRA{number:03d}" for number in range(97))
WIDTHS = (60, 100, 200)
STYLE = re.compile(r"\x1b\[[0-9;]*m")
CONTROL = re.compile(r"\x1b\[(?!\d*m)[0-9;?]*[A-Za-z]")


@pytest.fixture
def terminal(tmp_path):
    """Runs the command on a terminal of so many columns; what stands there, and the exit code."""

    def run(columns: int, *arguments: object, **environment: str) -> tuple[str, int]:
        ours, theirs = os.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        inherited = {name: value for name, value in os.environ.items()
                     if name not in {"NO_COLOR", "FORCE_COLOR", "COLUMNS"}}  # fmt: skip
        nothing = os.open(os.devnull, os.O_RDONLY)
        environment = inherited | {"TERM": "xterm-256color"} | environment
        child = start_forked(
            [*map(str, arguments)], tmp_path, (nothing, theirs, theirs), environment, (ours,)
        )
        os.close(nothing)
        os.close(theirs)
        shown = b""
        while True:
            try:
                part = os.read(ours, 1 << 16)
            except OSError:  # how Linux says that the other end is closed
                break
            if not part:
                break
            shown += part
        os.close(ours)
        _, status = os.waitpid(child, 0)
        return shown.decode().replace("\r\n", "\n"), os.waitstatus_to_exitcode(status)

    return run


# Lines that fit

PLACE = Place(node="/layer2/conv/Conv", node_index=17, op_type="Conv", source="net.py:41")
LONG = Diagnostic(
    "WGT002",
    "all-zero-weight",
    Severity.WARNING,
    "all weights are 0 " * 8 + "here",
    PLACE,
    hint="export the trained weights " * 6 + "again",
    synthetic=True,
    fix="remove them",
)


def render(reports, seconds=None, **view):
    run = Run("1.2.3", {}, Path("/work"), len(reports), View(**view))
    return rendered(Text(run), reports, Outcome(seconds=seconds))


@pytest.mark.parametrize("width", WIDTHS)
def test_report_fits_and_says_the_same(width):
    names = tuple(f"folder/model{number}.onnx" for number in range(30))
    clean = [ModelReport(name, ran=RAN, samples=8, data="synthetic inputs") for name in names]
    reports = [ModelReport("m.onnx", findings=(LONG,), ran=RAN), *clean]
    narrow = click.unstyle(render(reports, width=width))
    assert max(map(len, narrow.splitlines())) <= width
    assert " ".join(narrow.split()) == " ".join(click.unstyle(render(reports)).split())
    finding = next(k for k, line in enumerate(narrow.splitlines()) if "Conv '" in line)
    assert narrow.splitlines()[finding].startswith("    Conv")
    assert re.match(r" {6}\S", narrow.splitlines()[finding + 1])


@pytest.mark.parametrize(
    ("line", "width", "pieces"),
    [
        ("  a bc def", 40, ["  a bc def"]),
        ("", 40, [""]),
        ("    " + "x" * 80, 40, ["    " + "x" * 80]),
        ("  " + "ab " * 12, 30, ["  " + "ab " * 8 + "ab", "    ab ab ab"]),
        ("  " + "層 " * 12, 30, ["  " + "層 " * 8 + "層", "    層 層 層"]),
        (" a" + " b" * 3, 1, [" a b b b"]),
        ("ab " * 7 + "::error::x ab", 22, ["ab " * 7 + "::error::x", "  ab"]),
    ],
)
def test_words_stay_whole(line, width, pieces):
    assert [*wrapped(line, width)] == pieces


def test_a_style_ends_with_each_line_and_goes_on_in_the_next():
    first, second = wrapped("  x " + click.style("many words " * 3, fg="red", dim=True) + "y", 28)
    assert click.unstyle(first) == "  x many words many words"
    assert first.endswith("\x1b[0m")
    assert second.startswith("    \x1b[31m\x1b[2mmany")
    assert second.endswith("\x1b[0my")


@pytest.mark.parametrize("width", WIDTHS)
def test_terminal_is_filled_but_not_exceeded(terminal, write_model, width):
    write_model(FLAWED)
    shown, code = terminal(width, "model.onnx", "--static-only", "-v", "-q")
    assert code == 1
    lines = click.unstyle(shown).splitlines()
    assert max(map(len, lines)) <= width
    assert "ARC001 repeated-softmax" in shown.replace("\x1b[1m", "").replace("\x1b[0m", "")


def test_no_line_is_broken_where_there_is_no_terminal(onnxlint, write_model):
    write_model(FLAWED)
    arguments = ("model.onnx", "--static-only", "-v")
    wide = onnxlint(*arguments).stdout
    narrow = onnxlint(*arguments, COLUMNS="40").stdout
    assert narrow.splitlines()[:-1] == wide.splitlines()[:-1]
    assert max(map(len, narrow.splitlines())) > 80


# Colours

COMMANDS = {
    "report": ["model.onnx", "--static-only"],
    "rules": ["rules", "ACT"],
    "explain": ["explain", "ACT001"],
    "inspect": ["inspect", "model.onnx", "--static-only"],
    "targets": ["targets", "ort-cpu"],
    "diff": ["model.onnx", "--static-only", "--diff", "--unverified-fixes"],
}


@pytest.fixture
def fixable(write_model):
    return write_model(
        "net (float[N] x) => (float[N] y) <float[2] forgotten = {5, 7}> {y = Relu(x)}"
    )


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS.keys())
def test_colours_where_they_are_wanted(command, onnxlint, terminal, fixable):
    nothing = {"NO_COLOR": "", "FORCE_COLOR": ""}
    assert not STYLE.search(onnxlint(*command, **nothing).stdout)
    assert STYLE.search(onnxlint(*command, **nothing | {"FORCE_COLOR": "1"}).stdout)
    assert STYLE.search(onnxlint(*command, "--color", "always", NO_COLOR="1").stdout)
    assert STYLE.search(terminal(100, *command)[0])
    assert not STYLE.search(terminal(100, *command, NO_COLOR="1")[0])
    dumb, _ = terminal(100, *command, TERM="dumb")
    assert not STYLE.search(dumb)
    assert not CONTROL.search(dumb)


@pytest.mark.parametrize(
    ("environment", "coloured"),
    [
        ({}, None),
        ({"TERM": "xterm"}, None),
        ({"TERM": "dumb"}, False),
        ({"NO_COLOR": "0"}, False),
        ({"NO_COLOR": ""}, None),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "1", "TERM": "dumb"}, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_what_the_environment_says_of_colours(environment, coloured, monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert of_environment() is coloured


def test_a_colour_that_is_none_is_a_mistake(onnxlint):
    done = onnxlint("rules", "--color", "sometimes")
    assert (done.returncode, done.stdout) == (2, "")


def test_files_have_no_colours(onnxlint, write_model, tmp_path):
    write_model(FLAWED)
    onnxlint("model.onnx", "--static-only", "--color", "always", "-o", "r.txt", FORCE_COLOR="1")
    assert "\x1b" not in (tmp_path / "r.txt").read_text()


# Nothing hidden unsaid


def test_what_is_not_shown_is_counted_and_how_to_see_it_said(onnxlint, write_model):
    write_model("net (float[N] x, float[N] z) => (float[N] y) {y = Relu(x)}")
    arguments = ("model.onnx", "--static-only", "--select", "INT001,GRA009,GRA010,unused-input")
    document = json.loads(onnxlint(*arguments, "--format", "json").stdout)
    summary = document["models"][0]["summary"]
    assert summary["warning"] >= 1
    assert summary["info"] >= 1
    usual = onnxlint(*arguments).stdout
    assert f", {summary['info']} info ({summary['info']} not shown; --show info): " in usual
    assert "not shown" not in onnxlint(*arguments, "--show", "info").stdout
    assert "  info " in onnxlint(*arguments, "--show", "info").stdout
    assert f" ({summary['warning'] + summary['info']} not shown; --show info): " in (
        onnxlint(*arguments, "-q").stdout
    )
    assert "  warning " in onnxlint(*arguments, "-q", "--show", "warning").stdout


def test_why_rules_were_not_applicable_is_shown_when_asked(onnxlint, write_model):
    write_model(SOUND)
    arguments = ("model.onnx", "--static-only", "--select", "ARC001")
    assert "ARC001" not in onnxlint(*arguments).stdout
    for asked in (["--show-not-applicable"], ["-v"]):
        lines = onnxlint(*arguments, *asked).stdout.splitlines()
        assert lines[0] == "model.onnx"
        assert lines[1].startswith("  ARC001 not applicable: ")


def test_clean_models_are_named_together(onnxlint, write_model):
    for name in ("a", "b", "c"):
        write_model(SOUND, f"{name}.onnx")
    write_model(FLAWED, "d.onnx")
    arguments = ("a.onnx", "b.onnx", "c.onnx", "d.onnx", "--static-only", "--select", "ARC001")
    done = onnxlint(*arguments)
    assert done.stdout.count("a.onnx") == 1
    assert "3 models without findings: a.onnx, b.onnx, c.onnx\n" in done.stdout
    assert "1 error, 0 warnings, 0 info in 4 models: " in done.stdout


def reported(name: str, *severities: Severity, **more: object) -> ModelReport:
    found = tuple(Diagnostic("ABC001", "a-rule", each, "it", Place()) for each in severities)
    return ModelReport(name, findings=found, ran=RAN[:1], **more)


def told(*reports: ModelReport, **asked: object) -> list[str]:
    return click.unstyle(render(reports, **asked)).splitlines()


def test_models_with_milder_findings_are_named_as_such():
    mild, clean = reported("a", Severity.INFO), reported("b")
    assert told(mild, clean)[0] == "2 models without errors or warnings: a, b"
    assert told(clean, clean)[0] == "2 models without findings: b, b"
    quiet = told(reported("a", Severity.WARNING), clean, show=Severity.ERROR)
    assert quiet[0] == "2 models without errors: a, b"
    assert quiet[2].startswith("0 errors, 1 warning, 0 info (1 not shown; --show warning) in 2 ")
    assert told(mild, clean, show=Severity.INFO)[-3].startswith("1 model without findings: b")
    many = told(*(reported(f"m{k}") for k in range(25)))[0]
    assert many.endswith("m18, m19 … and 5 more")


def test_the_summary_tells_of_all_models():
    first = reported("a", samples=8, data="synthetic inputs (seed 0)")
    other = reported("b", samples=1, data="synthetic inputs (seed 0)")
    csv = reported("c", samples=400, data="x.csv")
    assert told(first)[-1] == (
        "0 errors, 0 warnings, 0 info: 1 rule ran on 8 synthetic inputs (seed 0), 0 not applicable"
    )
    assert "on 1 synthetic input (seed 0)," in told(other)[-1]
    assert told(replace(first, ran=RAN[:7]), other, csv, csv, reported("d"), seconds=2.34)[-1] == (
        "0 errors, 0 warnings, 0 info in 5 models: 1 to 7 rules ran on 400 samples of x.csv "
        "(2 models), 8 synthetic inputs (seed 0) (1 model), 1 synthetic input (seed 0) (1 model), "
        "1 model not executed, 0 not applicable; 2.3 s"
    )


def test_a_finding_without_a_module_is_under_no_heading():
    inside = Place(node="a", node_index=0, op_type="Relu", module="layer1")
    outside = Place(value="w")
    found = tuple(Diagnostic("ABC001", "a-rule", Severity.ERROR, "it", place)
                  for place in (inside, outside, replace(inside, node_index=2)))  # fmt: skip
    assert told(ModelReport("m", findings=found))[1:6] == [
        "  error ABC001 a-rule",
        "    'w': it",
        "    in layer1",
        "    Relu 'a': it",
        "    Relu 'a': it",
    ]
