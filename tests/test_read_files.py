"""No report and no fixed model takes the place of a file that a command reads."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from onnxlint.cli.main import cli

GIVEN = {
    "data": "--data d.csv",
    "labels": "--data d.csv --labels l.csv:y",
    "train_data": "--data d.csv --labels l.csv --train-data td.csv --train-labels tl.csv",
    "config": "--config c.txt",
    "rules": "--rules r.txt",
    "accepted": "--accepted a.txt",
    "reference": "--reference two.txt",
}
"""Options that name files, as every command with them takes them."""

READ = {
    "d.csv": ("data", "the file of --data"),
    "l.csv": ("labels", "the file of --labels"),
    "td.csv": ("train_data", "the file of --train-data"),
    "tl.csv": ("train_data", "the file of --train-labels"),
    "c.txt": ("config", "the file of --config"),
    "a.txt": ("accepted", "the file of --accepted"),
    "two.txt": ("reference", "the file of --reference"),
}

COMMANDS = {
    "check": ("check one.onnx", set(READ)),
    "report": ("report one.onnx", set(READ)),
    "series": ("series one.onnx two.onnx", {*READ} - {"a.txt", "two.txt"}),
    "diff": ("diff one.onnx two.onnx", {"d.csv", "l.csv", "c.txt"}),
}

CASES = [(name, file) for name, (_, files) in COMMANDS.items() for file in sorted(files)]


@pytest.fixture
def folder(tmp_path: Path, write_model, monkeypatch) -> Path:
    """Two models and files of text, so that only their use tells that they are no reports."""
    one = write_model(name="one.onnx")
    for name in ("two.onnx", "two.txt"):
        shutil.copy(one, tmp_path / name)
    for name in ("d.csv", "td.csv", "l.csv", "tl.csv"):
        (tmp_path / name).write_text("y\n1\n2\n")
    (tmp_path / "c.txt").write_text("")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text('{"version": 1, "findings": []}')
    return tmp_path


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, [*words])


def refused(done: Result, written: str, what: str) -> None:
    assert done.exit_code == 2, done.output
    assert f"{written!r} would overwrite {what}; choose another name" in done.stderr


@pytest.mark.parametrize(("command", "file"), CASES)
def test_a_report_overwrites_nothing_that_is_read(command, file, folder):
    before = (folder / file).read_bytes()
    option, what = READ[file]
    words = [*COMMANDS[command][0].split(), *GIVEN[option].split()]
    refused(run(*words, "-o", file), file, what)
    assert (folder / file).read_bytes() == before


@pytest.mark.parametrize(
    ("command", "what"),
    [("check one.onnx two.onnx", "a model to lint"), ("report one.onnx", "a model to lint"),
     ("series one.onnx two.onnx", "a checkpoint of the series"), ("diff one.onnx two.onnx", "OLD"),
     ("diff two.onnx one.onnx", "NEW")],
)  # fmt: skip
def test_a_report_overwrites_no_model_by_another_name(command, what, folder):
    (folder / "o.txt").symlink_to("one.onnx")
    before = (folder / "one.onnx").read_bytes()
    done = run(*command.split(), "-o", "o.txt")
    refused(done, "o.txt", what)
    assert (folder / "one.onnx").read_bytes() == before


@pytest.mark.parametrize("command", ["check one.onnx", "report one.onnx", "diff one.onnx two.onnx"])
def test_what_a_configuration_names_is_read_too(command, folder):
    (folder / "onnxlint.toml").write_text("data = 'd.csv'")
    refused(run(*command.split(), "-o", "d.csv"), "d.csv", "'data' of the configuration")


def test_a_report_in_a_format_with_a_file_is_refused_too(folder):
    given = ("series", "one.onnx", "two.onnx", "--data", "d.csv", "--train-data", "td.csv",
             "--train-labels", "tl.csv")  # fmt: skip
    refused(run(*given, "-f", "json=tl.csv"), "json=tl.csv", "the file of --train-labels")


def test_a_fixed_model_overwrites_nothing_that_a_configuration_names(folder):
    pytest.importorskip("onnx_ir")
    (folder / "onnxlint.toml").write_text("reference = 'two.onnx'")
    done = run("check", "one.onnx", "--fix", "--fix-output", "two.onnx")
    refused(done, "two.onnx", "'reference' of the configuration")


def test_accepted_findings_that_lie_there_are_read_too(folder):
    shutil.copy(folder / "a.txt", folder / "onnxlint-accepted.json")
    done = run("check", "one.onnx", "-o", "onnxlint-accepted.json")
    refused(done, "onnxlint-accepted.json", "the accepted findings")


def test_a_history_and_a_report_are_two_files(folder):
    done = run("check", "one.onnx", "--record", "h.db", "-o", "h.db")
    assert done.exit_code == 2
    assert "--record and --output 'h.db' name one file; choose another name" in done.stderr
    assert not (folder / "h.db").exists()
