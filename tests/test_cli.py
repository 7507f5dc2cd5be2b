"""The command end to end, as a user runs it: output, exit codes, one sentence for every mistake."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import FLAWED, SOUND

from onnxlint import __version__


@pytest.mark.fresh
def test_sound_model_passes(onnxlint, write_model):
    done = onnxlint(write_model())
    assert done.returncode == 0
    assert done.stdout.startswith("0 errors, 0 warnings")
    assert done.stderr == ""


def test_flawed_model_fails_and_says_where(onnxlint, write_model):
    done = onnxlint(write_model(FLAWED))
    assert done.returncode == 1
    assert "ARC001 repeated-softmax" in done.stdout
    assert "1 error" in done.stdout


def test_fail_on_decides_the_exit_code(onnxlint, write_model):
    path = write_model("net (float[N] x, float[N] z) => (float[N] y) {y = Relu(x)}")
    assert onnxlint(path, "--static-only").returncode == 0
    assert onnxlint(path, "--static-only", "--fail-on", "warning").returncode == 1


def test_select_and_ignore(onnxlint, write_model):
    path = write_model(FLAWED)
    assert onnxlint(path, "--ignore", "repeated-softmax").returncode == 0
    assert onnxlint(path, "--select", "GRA,ONX011").returncode == 0
    assert onnxlint(path, "--select", "ARC").returncode == 1


@pytest.mark.fresh
def test_json_is_one_strict_document_for_many_models(onnxlint, write_model, tmp_path):
    write_model(FLAWED, "models/flawed.onnx")
    write_model(SOUND, "models/sound.onnx")
    (tmp_path / "models" / "broken.onnx").write_bytes(b"\xff\xff")
    done = onnxlint("models", "--format", "json")
    assert done.returncode == 2
    document = json.loads(done.stdout, parse_constant=pytest.fail)
    assert document["version"] == 1
    assert document["tool"]["name"] == "onnxlint"
    assert document["tool"]["version"] == __version__
    broken, flawed, sound = document["models"]
    assert "is not an ONNX model" in broken["error"]
    assert [f["code"] for f in flawed["findings"] if f["severity"] == "error"] == ["ARC001"]
    assert flawed["error"] is None
    assert len(flawed["sha256"]) == 64
    assert {finding["severity"] for finding in sound["findings"]} <= {"info"}
    assert sound["summary"]["rules_run"] > 10


def test_output_file_holds_what_standard_output_would(onnxlint, write_model, tmp_path):
    path = write_model(FLAWED)
    done = onnxlint(path, "--static-only", "--format", "json", "-o", "report.json")
    assert done.stdout == ""
    assert json.loads((tmp_path / "report.json").read_text())["models"][0]["findings"]


@pytest.mark.fresh
def test_standard_input(onnxlint, write_model):
    done = onnxlint("-", stdin=write_model(FLAWED).read_bytes())
    assert done.returncode == 1
    assert "<stdin>" in done.stdout


def test_glob_and_folder_name_each_model_once(onnxlint, write_model):
    write_model(SOUND, "a/one.onnx")
    write_model(SOUND, "a/b/two.onnx")
    done = onnxlint("a", "a/**/*.onnx", "--static-only", "--format", "json")
    paths = [Path(model["path"]).name for model in json.loads(done.stdout)["models"]]
    assert sorted(paths) == ["one.onnx", "two.onnx"]


def test_jobs_give_the_same_report(onnxlint, write_model):
    for name in ("a.onnx", "b.onnx", "c.onnx"):
        write_model(FLAWED, f"models/{name}")
    one = onnxlint("models", "--static-only", "--format", "json")
    many = onnxlint("models", "--static-only", "--format", "json", "--jobs", "2")
    assert one.stdout == many.stdout


HINTED = '''
from onnxlint import Finding, Graph, Severity, rule


@rule("ACM001", "counted-node", severity=Severity.WARNING)
def counted_node(graph: Graph):
    """A node.

    Why: a test counts them.
    Fix: none.

    Bad:
    net (float[N] x) => (float[N] y) {y = Relu(x)}

    Good:
    net (float[N] x) => (float[N] x) {}
    """
    for node in graph.main.nodes:
        yield Finding(node, "is a node", hint="remove\\x1b it" if node.op == "Softmax" else None)
'''


def test_advice_stands_under_its_findings_and_in_json(onnxlint, write_model, tmp_path):
    write_model(FLAWED)
    (tmp_path / "own.py").write_text(HINTED)
    asked = ("model.onnx", "--rules", "own.py", "--select", "ACM")
    lines = onnxlint(*asked).stdout.splitlines()
    assert lines[2:6] == [
        "    MatMul #0: is a node",
        "    Softmax #1: is a node",
        "    Softmax #2: is a node",
        "    hint: remove\\x1b it",
    ]
    assert "hint" not in onnxlint(*asked, "--no-hints").stdout
    document = json.loads(onnxlint(*asked, "--format", "json").stdout)
    hints = [finding["hint"] for finding in document["models"][0]["findings"]]
    assert hints == [None, "remove\x1b it", "remove\x1b it"]


def test_no_colours_in_a_pipe(onnxlint, write_model):
    assert "\x1b" not in onnxlint(write_model(FLAWED), "--static-only").stdout


def test_control_characters_of_a_model_do_not_reach_the_terminal(onnxlint, write_model, tmp_path):
    path = write_model(FLAWED)
    import onnx

    model = onnx.load(path)
    for node in model.graph.node:
        node.name = "evil\x1b[2J\n::error::"
    onnx.save(model, path)
    output = onnxlint(path, "--static-only").stdout
    assert "\x1b" not in output
    assert "\n::error::" not in output


MISTAKES = {
    "no such file": ["missing.onnx"],
    "folder without models": ["empty"],
    "glob without match": ["*.nothing"],
    "unknown rule": ["model.onnx", "--select", "DEAD"],
    "unknown option": ["model.onnx", "--fast"],
    "bad size": ["model.onnx", "--memory-limit", "lots"],
    "missing data": ["model.onnx", "--data", "missing.npz"],
    "missing config": ["model.onnx", "--config", "missing.toml"],
    "missing rules": ["model.onnx", "--rules", "missing.py"],
    "unwritable output": ["model.onnx", "--static-only", "-o", "no/such/folder.txt"],
}


@pytest.mark.parametrize("arguments", MISTAKES.values(), ids=MISTAKES.keys())
def test_mistake_is_one_sentence_and_exit_2(arguments, onnxlint, write_model, tmp_path):
    write_model()
    (tmp_path / "empty").mkdir()
    done = onnxlint(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    errors = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1
    assert "Traceback" not in done.stderr
    assert "bug in onnxlint" not in done.stderr


UNREADABLE = {
    "empty": (b"", "is empty"),
    "truncated": (None, "is not an ONNX model"),
    "random": (bytes(range(255, 0, -1)) * 8, "is not an ONNX model"),
    "text": (b"hello, this is no model\n" * 5, "is not an ONNX model"),
    "git-lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
    "no graph": (b"\x08\x07", "contains no graph"),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_unreadable_file_is_told_and_others_are_still_linted(case, onnxlint, write_model, tmp_path):
    content, sentence = UNREADABLE[case]
    good = write_model(FLAWED, "z.onnx")
    (tmp_path / "a.onnx").write_bytes(good.read_bytes()[:-7] if content is None else content)
    done = onnxlint("a.onnx", "z.onnx", "--static-only", "--format", "json")
    assert done.returncode == 2
    assert done.stderr == ""
    broken, flawed = json.loads(done.stdout)["models"]
    assert sentence in broken["error"]
    assert flawed["findings"][0]["code"] == "ARC001"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_file_without_permission(onnxlint, write_model):
    path = write_model()
    path.chmod(0)
    done = onnxlint(path)
    assert done.returncode == 2
    assert "cannot be read" in done.stdout


def test_help_and_explain_import_nothing_heavy():
    code = (
        "import sys\n"
        "from onnxlint.cli.main import cli\n"
        "for arguments in (['--help'], ['check', '--help'], ['explain', 'dead-relu'], ['rules']):\n"
        "    cli.main(arguments, standalone_mode=False)\n"
        "heavy = {'onnx', 'onnxruntime', 'networkx', 'numpy'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_command_itself_never_imports_what_is_native(write_model):
    code = (
        "import sys\n"
        "from onnxlint.cli.main import cli\n"
        "try:\n"
        f"    cli.main(['{write_model()}'], standalone_mode=False)\n"
        "except SystemExit:\n"
        "    sys.exit(', '.join({'onnx', 'onnxruntime', 'numpy'} & set(sys.modules)) or 0)\n"
        "sys.exit('did not end')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_inspect_counts_what_was_learnt(onnxlint, write_model):
    """Weights, biases, gains: not running statistics, ratios, limits and scalars of arithmetic."""
    path = write_model("""n (float[N, 2, 6, 6] x) => (float[N, 1] y)
    <float[3, 2, 3, 3] k = {1}, float[3] g = {1}, float[3] b = {0}, float[3] m = {0},
     float[3] v = {1}, float ratio = {0.5}, float low = {0}, float high = {6}, float[1] two = {2},
     float[48, 1] w = {1}, float[1] bias = {1}, int64[2] shape = {0, 48}> {
        c = Conv(x, k) n = BatchNormalization(c, g, b, m, v) d = Dropout(n, ratio)
        r = Clip(d, low, high) h = Mul(r, two) f = Reshape(h, shape)
        p = MatMul(f, w) y = Add(p, bias)
    }""")
    done = onnxlint("inspect", path, "--json", "--static-only")
    counts = {layer["op"]: layer["parameters"] for layer in json.loads(done.stdout)["layers"]}
    learnt = {"Conv": 54, "BatchNormalization": 6, "MatMul": 48, "Add": 1}
    assert {op: count for op, count in counts.items() if count} == learnt


@pytest.mark.fresh
def test_inspect_shows_layers(onnxlint, write_model):
    done = onnxlint("inspect", write_model(FLAWED), "--json")
    described = json.loads(done.stdout)
    assert [layer["op"] for layer in described["layers"]] == ["MatMul", "Softmax", "Softmax"]
    first = described["layers"][0]
    assert first["parameters"] == 6
    assert first["shape"] == "float[N, 2]"
    assert described["layers"][2]["maximum"] <= 1


@pytest.mark.fresh
def test_rules_and_explain(onnxlint):
    listed = json.loads(onnxlint("rules", "ACT", "--format", "json").stdout)
    assert {"ACT003"} <= {rule["code"] for rule in listed}
    page = onnxlint("explain", "ACT003").stdout
    for part in ("dead-relu", "Why", "Fix", "Bad", "Use instead", "max-dead-fraction"):
        assert part in page


def test_explain_suggests_the_nearest_rule(onnxlint):
    done = onnxlint("explain", "ded-relu")
    assert done.returncode == 2
    assert "did you mean 'dead-relu'?" in done.stderr


def test_help_lists_every_option_in_a_section():
    from onnxlint.cli.check import SECTIONS, command

    listed = [name for names in SECTIONS.values() for name in names]
    options = {parameter.name for parameter in command.params} - {"models"}
    assert sorted(listed) == sorted(options)


def test_help_says_defaults_and_no_limits_of_numbers(onnxlint):
    page = onnxlint("check", "--help").stdout
    assert "-j, --jobs N" in page
    assert "x>=1" not in page
    assert "<=x" not in page
    for heading in ("Rules:", "Input data:", "Execution:", "Fixes:", "Report:"):
        assert f"\n{heading}\n" in page


def test_counts_have_their_plurals(onnxlint, write_model):
    assert onnxlint("rules", "ACT001").stdout.endswith("\n1 rule\n")
    done = onnxlint(write_model(), "--select", "GRA002,ARC001", "--static-only")
    assert ": 1 rule ran, model not executed, 1 not applicable; " in done.stdout
    shown = onnxlint("inspect", write_model(), "--static-only").stdout
    assert " 1 node\n" in shown
    assert shown.endswith("6 parameters\n")


def test_inspect_has_the_format_of_other_commands(onnxlint, write_model):
    asked = ("inspect", write_model(), "--static-only")
    assert onnxlint(*asked, "--json").stdout == onnxlint(*asked, "--format", "json").stdout
