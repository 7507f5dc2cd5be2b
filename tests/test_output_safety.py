"""What is shown is inert, and a report takes the place of nothing but an earlier report."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import onnx
import pytest
from attacks import layouts
from conftest import SOUND

from onnxlint.safety.printable import INVISIBLE, json_text, printable, printable_lines

OBEYED = {chr(code) for code in (*range(0x20), *range(0x7F, 0xA0), *range(0x200B, 0x2010),
                                 *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x2028, 0x2029,
                                 0xFEFF)}  # fmt: skip


def assert_inert(text: str) -> None:
    assert not OBEYED - {"\n"} & set(text)
    assert not re.search(r"^\s*::|##\w*\[", text, re.MULTILINE)


# The home of escaping


@pytest.mark.parametrize(
    "character", sorted(OBEYED | INVISIBLE | {"\ud800", "\ue000", "\U000e0041"})
)
def test_every_character_that_is_obeyed_or_hidden_is_shown(character):
    shown = printable(f"a{character}b")
    assert shown == f"a{character.encode('unicode_escape', 'surrogatepass').decode()}b"
    assert printable_lines(f"a\n{shown}") == f"a\n{shown}"


def test_what_people_write_stays():
    text = "Schicht_3/μ, 层, слой é e\u0301 [bold] :smile: \\x1b function:a::b #3 ## 1 [x]"
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("::error::a", "\\x3a:error::a"),
        ("  ::set-output name=a::b", "  \\x3a:set-output name=a::b"),
        ("a ##[error]b", "a \\x23#[error]b"),
        ("###vso[task.setvariable]##[x]", "#\\x23#vso[task.setvariable]\\x23#[x]"),
        ("\u2028::a", "\\u2028::a"),
    ],
)
def test_what_a_log_obeys_is_shown(text, shown):
    assert printable(text) == shown


def test_json_is_ascii_and_says_the_same():
    document = {"a\x9b\x7f": ["\x1b é 层", float("inf")], "b": (True, None, 1.5, "\ud800")}
    text = json_text(document)
    assert text.isascii()
    assert_inert(text)
    assert json.loads(text) == {"a\x9b\x7f": ["\x1b é 层", "inf"],
                                "b": [True, None, 1.5, "\\ud800"]}  # fmt: skip


def test_numbers_of_numpy_are_numbers_in_json():
    assert json.loads(json_text([np.float32(0.5), np.int64(3)])) == [0.5, 3]


# Names from a model


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["--verbose"], id="text"),
        pytest.param(
            ["--verbose", "--unverified-fixes", "--fix", "--fix-output", "o.onnx"], id="fix"
        ),
        pytest.param(["--format", "json"], id="json"),
        pytest.param(["--diff", "--unverified-fixes"], id="diff"),
        pytest.param(["--diff"], id="diff that refuses"),
    ],
)
def test_names_reach_no_terminal(onnxlint, tmp_path, arguments):
    done = onnxlint(layouts.hostile_names(tmp_path), *arguments)
    assert done.returncode in (0, 1)
    assert_inert(done.stdout)
    assert_inert(done.stderr)
    shown = done.stdout + done.stderr
    assert layouts.INERT.partition("\\x9b")[0] in shown or "\\u001b[31m" in shown


@pytest.mark.parametrize("arguments", [[], ["--json"], ["--static-only"]])
def test_names_reach_no_terminal_by_inspect(onnxlint, tmp_path, arguments):
    done = onnxlint("inspect", layouts.hostile_names(tmp_path), *arguments)
    assert done.returncode == 0, done.stderr
    assert_inert(done.stdout)
    assert_inert(done.stderr)
    assert "x1b[31m" in done.stdout or "u001b[31m" in done.stdout


def test_inspect_takes_a_name_for_no_markup(onnxlint, write_model):
    path = write_model()
    model = onnx.load(path)
    model.producer_name = "[red]:smile:[/red]"
    model.graph.node[0].name = "[bold]:heart:"
    onnx.save(model, path)
    shown = onnxlint("inspect", path, "--static-only").stdout
    assert "[red]:smile:[/red]" in shown
    assert "[bold]:heart:" in shown


@pytest.mark.skipif(os.name == "nt", reason="no such names there")
def test_names_of_files_reach_no_terminal(onnxlint, tmp_path):
    name = "m\x1b[2J\n::error::\x9b\u202e.onnx"
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_bytes(layouts.net().SerializeToString())
    (tmp_path / "a" / f"broken{name}").write_bytes(b"\xff\xff")
    (tmp_path / "::error::m.onnx").write_bytes(layouts.net().SerializeToString())
    static = "--static-only"
    tries = [
        ("a", static), ("a", static, "--format", "json"), ("a", static, "--diff"),
        ("a", "b", "--fix", "--fix-output", "a"), ("inspect", f"a/broken{name}"),
        ("inspect", f"a/{name}", static), ("a", "--select", name), ("a", f"--{name}"),
        ("a", "--data", name), ("a", "--config", name), ("a", "--rules", name), (f"{name}x",),
        ("a", static, "-o", f"nowhere{name}/r.txt"), ("a", static, "-o", name),
        ("::error::m.onnx", static, "-v"), ("inspect", "::error::m.onnx", static),
        ("explain", name), ("targets", name), (name[1:],),
    ]  # fmt: skip
    for arguments in tries:
        done = onnxlint(*arguments)
        assert done.stdout or done.stderr, arguments
        assert_inert(done.stdout)
        assert_inert(done.stderr)
        assert "Traceback" not in done.stderr


RULES = '''
from onnxlint import Finding, Graph, Severity, rule

@rule("ACME001", "odd", severity=Severity.ERROR)
def odd(graph: Graph, *, word: str = "{0}"):
    """A node {0} [red]that[/red] is.

    Why: {0} it is.
    Fix: {0} none.

    Bad: net (float[2] x) => (float[2] y) {{y = Relu(x)}}
    Good: net (float[2] x) => (float[2] y) {{y = Abs(x)}}
    """
    for node in graph.nodes("Exp"):
        yield Finding(node, "{0}")
'''


def test_texts_of_rules_reach_no_terminal(onnxlint, tmp_path):
    (tmp_path / "odd.py").write_text(RULES.format("\\x1b[31m\\x9b\\u202e"))
    for arguments in (
        ["rules", "ACME", "--rules", "odd.py"],
        ["rules", "ACME", "--rules", "odd.py", "--format", "json"],
        ["explain", "ACME001", "--rules", "odd.py"],
        ["test-rules", "odd.py"],
    ):
        done = onnxlint(*arguments)
        assert done.returncode == int("test-rules" in arguments), done.stderr
        assert_inert(done.stdout)
        assert_inert(done.stderr)
        assert "[red]that[/red]" in done.stdout or "test-rules" in arguments


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_json_is_the_same_in_every_encoding(onnxlint, tmp_path, encoding):
    path = layouts.hostile_names(tmp_path)
    done = onnxlint(path, "--static-only", "--format", "json", PYTHONIOENCODING=encoding)
    (report,) = json.loads(done.stdout)["models"]
    places = [found["place"]["value"] for found in report["findings"]]
    assert f"{layouts.HOSTILE}forgotten" in places


# Where a report goes


def data_of(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=np.zeros((2, 3), np.float32))
    np.save(tmp_path / "y.npy", np.zeros(2, np.int64))
    (tmp_path / "c.toml").write_text('data = "in_config.csv"\n')
    (tmp_path / "in_config.csv").write_text("a,b,c\n1,2,3\n")
    (tmp_path / "r.py").write_text(RULES.format("odd"))
    (tmp_path / "t.json").write_text("")
    (tmp_path / "other.json").write_text("")


INPUTS = [
    pytest.param("model.onnx", ["model.onnx"], "is the name of a model", id="the model"),
    pytest.param("new.onnx", ["model.onnx"], "--fix-output the fixed model", id="a new model"),
    pytest.param("NEW.ONNXTXT", ["model.onnx"], "is the name of a model", id="a new text"),
    pytest.param("model.bin", ["model.bin"], "a model to lint", id="a model of another name"),
    pytest.param("./sub/../model.bin", ["model.bin"], "a model to lint", id="spelled otherwise"),
    pytest.param("link.txt", ["model.bin"], "a model to lint", id="a link"),
    pytest.param("hard.txt", ["model.bin"], "a model to lint", id="a hard link"),
    pytest.param("model.bin", ["link.txt"], "a model to lint", id="the model is the link"),
    pytest.param("x.npz", ["model.onnx", "--data", "x.npz"], "file of --data", id="data"),
    pytest.param("y.npy", ["model.onnx", "--data", "x.npz", "--labels", "y.npy"],
                 "file of --labels", id="labels"),
    pytest.param("model.bin", ["model.onnx", "--reference", "model.bin"], "file of --reference",
                 id="the reference"),
    pytest.param("c.toml", ["model.onnx", "--config", "c.toml"], "file of --config", id="config"),
    pytest.param("r.py", ["model.onnx", "--rules", "r.py"], "file of --rules", id="rules"),
    pytest.param("r.py", ["model.onnx", "--rules", "."], "named like a rule file",
                 id="rules of a folder"),
    pytest.param("in_config.csv", ["model.onnx", "--config", "c.toml"],
                 "'data' of the configuration", id="data of the configuration"),
    pytest.param("t.json", ["model.onnx", "--fix", "--fix-output", "t.json"],
                 "also the file of --fix-output", id="the fixed model"),
    pytest.param("new.json", ["model.onnx", "--fix", "--fix-output", "./new.json"],
                 "also the file of --fix-output", id="the fixed model, which is new"),
    pytest.param("sub/model.bin", ["model.bin", "--fix", "--fix-output", "sub"],
                 "also the file of --fix-output", id="the fixed model in a folder"),
    pytest.param("w.bin", ["model.onnx"], "is not a text file", id="weights"),
    pytest.param("none/r.txt", ["model.onnx"], "folder 'none' does not exist", id="no folder"),
]  # fmt: skip


def contents(folder: Path) -> dict[Path, bytes]:
    """All files of a folder but the bytecode that Python keeps of rules."""
    return {file: file.read_bytes() for file in folder.rglob("*")
            if file.is_file() and "__pycache__" not in file.parts}  # fmt: skip


@pytest.mark.parametrize(("output", "arguments", "told"), INPUTS)
def test_a_report_overwrites_no_input(onnxlint, write_model, tmp_path, output, arguments, told):
    data_of(tmp_path)
    path = write_model(SOUND)
    (tmp_path / "model.bin").write_bytes(path.read_bytes())
    (tmp_path / "link.txt").symlink_to("model.bin")
    (tmp_path / "hard.txt").hardlink_to(tmp_path / "model.bin")
    (tmp_path / "sub").mkdir()
    (tmp_path / "w.bin").write_bytes(np.arange(9, dtype="f4").tobytes())
    before = contents(tmp_path)
    done = onnxlint(*arguments, "-o", output)
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stdout == ""
    assert contents(tmp_path) == before


def test_standard_input_is_an_input(onnxlint, write_model, tmp_path):
    path = write_model(SOUND, "model.bin")
    before = path.read_bytes()
    with path.open("rb") as stdin:
        done = subprocess.run(
            [sys.executable, "-m", "onnxlint", "-", "--static-only", "-o", path],
            stdin=stdin, capture_output=True, check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert path.read_bytes() == before


def test_a_fixed_model_overwrites_no_input(onnxlint, write_model, tmp_path):
    data_of(tmp_path)
    write_model(SOUND)
    reference = write_model(SOUND, "out/model.onnx")
    before = (tmp_path / "x.npz").read_bytes()
    fix = ["model.onnx", "--fix", "--fix-output"]
    done = onnxlint(*fix, "x.npz", "--data", "x.npz")
    assert (done.returncode, "overwrite the file of --data" in done.stderr) == (2, True)
    assert (tmp_path / "x.npz").read_bytes() == before
    done = onnxlint(*fix, "out", "--reference", reference)
    assert (done.returncode, "overwrite the file of --reference" in done.stderr) == (2, True)


def test_an_earlier_report_is_replaced_whole(onnxlint, write_model, tmp_path):
    path, report = write_model(SOUND), tmp_path / "r.txt"
    report.write_text("an earlier and longer report\n" * 999)
    report.chmod(0o640)
    assert onnxlint(path, "--static-only", "-o", "r.txt").returncode == 0
    assert "earlier" not in report.read_text()
    assert report.stat().st_mode & 0o777 == 0o640
    (tmp_path / "r.json").touch()
    assert onnxlint(path, "--static-only", "--format", "json", "-o", "r.json").returncode == 0
    assert json.loads((tmp_path / "r.json").read_text())["version"] == 1
    assert sorted(file.name for file in tmp_path.iterdir()) == ["model.onnx", "r.json", "r.txt"]


def test_a_link_to_a_report_stays_a_link(onnxlint, write_model, tmp_path):
    path, link = write_model(SOUND), tmp_path / "latest.txt"
    link.symlink_to("r.txt")
    assert onnxlint(path, "--static-only", "-o", link).returncode == 0
    assert link.is_symlink()
    assert (tmp_path / "r.txt").read_text().startswith("0 errors")


FULL_DISK = """
import os, sys
def full(handle):
    raise OSError(28, "No space left on device")
os.fsync = full
"""


def test_a_full_disk_leaves_no_part_of_a_report(onnxlint, write_model, tmp_path):
    (tmp_path / "site" / "sitecustomize.py").parent.mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(FULL_DISK)
    (tmp_path / "old.txt").write_text("old")
    path = write_model(SOUND)
    there = os.pathsep.join([str(tmp_path / "site"), *filter(None, sys.path)])
    for name in ("r.txt", "old.txt"):
        done = onnxlint(path, "--static-only", "-o", name, PYTHONPATH=there)
        assert done.returncode == 2
        assert f"--output '{name}': No space left on device" in done.stderr
        assert "Traceback" not in done.stderr
    assert (tmp_path / "old.txt").read_text() == "old"
    assert {file.name for file in tmp_path.iterdir()} == {"site", "old.txt", "model.onnx"}


@pytest.mark.skipif(os.name == "nt", reason="there are none")
def test_streams_are_written_to(onnxlint, write_model, tmp_path):
    path = write_model(SOUND)
    assert onnxlint(path, "--static-only", "-o", "/dev/null").returncode == 0
    assert Path("/dev/null").is_char_device()
    assert onnxlint(path, "--static-only", "-o", "/dev/stdout").stdout.startswith("0 errors")
    read: list[str] = []
    os.mkfifo(tmp_path / "pipe")
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_text()))
    reader.start()
    assert onnxlint(path, "--static-only", "-o", "pipe").returncode == 0
    reader.join(30)
    assert read[0].startswith("0 errors")
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.skipif(os.name == "nt", reason="no such path there")
def test_standard_output_in_a_file_keeps_what_stands_in_it(write_model, tmp_path):
    path, log = write_model(SOUND), tmp_path / "log"
    log.write_text("before\n")
    with log.open("a") as stdout:
        for name in ("/dev/stdout", log):
            command = [sys.executable, "-m", "onnxlint", path, "--static-only", "-o", name]
            assert subprocess.run(command, stdout=stdout, check=False).returncode == 0
    lines = log.read_text().splitlines()
    assert lines[0] == "before"
    assert [line.partition(",")[0] for line in lines[1:]] == ["0 errors"] * 2
