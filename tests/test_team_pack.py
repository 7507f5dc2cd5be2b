"""Packs: made by `onnxlint new`, and the example of a team, installed from its wheel."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from onnxlint.cli.main import cli
from onnxlint.testing import model_from_text

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "examples" / "acme-rules"
POOLED = """<ir_version: 8, opset_import: ["" : 17]>
net (float[N, 1, 32, 32] x) => (float[N, 1, 2, 2] y) {
    [big] a = MaxPool<kernel_shape = [8, 8], strides = [8, 8]>(x)
    [small] y = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(a)
}"""


def new(*arguments: object) -> tuple[int, str]:
    """`onnxlint new`: its exit code, and what it says."""
    done = CliRunner().invoke(cli, ["new", *map(str, arguments)])
    return done.exit_code, done.output


@pytest.fixture
def acme(acme_site, tmp_path):
    """Runs the command where the pack is installed, in a folder with a model."""
    model = model_from_text(POOLED)
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "onnxlint", *map(str, arguments)],
            cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(acme_site)},
            capture_output=True, text=True,
        )  # fmt: skip

    run.folder = tmp_path
    return run


def test_its_rules_analysis_and_version_are_in_the_report(acme):
    done = acme("m.onnx", "--select", "ACME", "--static-only", "--format", "json")
    report = json.loads(done.stdout)
    assert report["tool"]["packs"]["acme_rules"] == "0.1.0"
    (finding,) = report["models"][0]["findings"]
    assert (finding["code"], finding["place"]["node"], finding["measured"]) == (
        "ACME001",
        "big",
        64,
    )
    assert finding["hint"] == "split MaxPool into two steps"


def test_its_version_is_in_every_report(acme):
    names = ["full", "concise", "markdown", "sarif", "junit", "jsonl"]
    asked = [part for name in names for part in ("--format", f"{name}=report.{name}")]
    acme("m.onnx", "--select", "ACME", "--static-only", *asked)
    said = {name: (acme.folder / f"report.{name}").read_text() for name in names}
    version = re.compile(r"acme\\?_rules\W.{0,40}0\.1\.0", re.DOTALL)
    assert {name for name in names if version.search(said[name])} == {*names}


@pytest.mark.parametrize("name", ["acme_rules", "acme-rules"])
def test_rules_of_one_pack(acme, name):
    listed = json.loads(acme("rules", "--pack", name, "--format", "json").stdout)
    assert [rule["code"] for rule in listed] == ["ACME001", "ACME002"]
    assert {rule["pack"] for rule in listed} == {"acme_rules"}


def test_a_pack_that_is_not_there(acme):
    done = acme("rules", "--pack", "acme_rulez")
    assert done.returncode == 2
    assert "no pack 'acme_rulez'; did you mean 'acme_rules'?" in done.stderr


def test_its_policy_is_extended(acme):
    config = acme.folder / "onnxlint.toml"
    config.write_text('extend = "acme_rules:policy.toml"\nrequire-packs = ["acme_rules"]\n'
                      '[rules.lost-image]\nseverity = "off"\n')  # fmt: skip
    done = acme("m.onnx", "--static-only")
    assert done.returncode == 2
    assert "ACME002 'lost-image' is mandatory by the policy of " in done.stderr
    assert "Traceback" not in done.stderr


def test_its_reader_gives_the_data(acme):
    rows = [" ".join(str((at * k) % 7) for at in range(1024)) for k in range(1, 9)]
    (acme.folder / "frames.camlog").write_text("\n".join(rows) + "\n")
    done = acme("m.onnx", "--data", "frames.camlog", "--format", "json", "--select", "RUN,ACME")
    summary = json.loads(done.stdout)["models"][0]["summary"]
    assert (summary["samples"], summary["data"]) == (8, "data frames.camlog")
    (acme.folder / "frames.camlog").write_text("1 2 x\n")
    broken = json.loads(acme("m.onnx", "--data", "frames.camlog", "--format", "json").stdout)
    assert (
        "frames.camlog (acme_rules.camera_logs:read): ValueError: " in broken["models"][0]["error"]
    )


# Made by the command


def test_a_new_pack_loads_and_its_tests_pass(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, said = new("pack", "nova-rules")
    assert code == 0, said
    code, said = new("rule", "NOVA", "second-rule", "--in", "nova-rules")
    assert code == 0, said
    second = (tmp_path / "nova-rules" / "nova_rules" / "second_rule.py").read_text()
    assert second.startswith('"""NOVA002 second-rule."""')
    pack = tmp_path / "nova-rules"
    for command in (("ruff", "format", "--check"), ("ruff", "check"), ("pytest", "-q")):
        done = subprocess.run(
            [sys.executable, "-m", *command], cwd=pack, capture_output=True, text=True,
            env=os.environ | {"PYTHONPATH": str(pack)},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


@pytest.mark.slow
def test_a_folder_with_packs_asks_for_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    new("pack", "nova-rules")
    new("pack", "orion-rules")
    code, said = new("rule", "ORION", "second-rule")
    assert code == 2
    assert "has packs in it: nova-rules (NOVA), orion-rules (ORION)" in said
    assert "choose one with --in orion-rules, or --in . for a rule outside" in said
    assert not (tmp_path / "second_rule.py").exists()
    assert new("rule", "OTHER", "second-rule", "--in", ".")[0] == 0


def test_a_distribution_of_several_packages_gets_the_rule_where_its_prefix_is(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text(
        '[project.entry-points."onnxlint.rules"]\nNOVA = "nova"\nORION = "orion"\n'
    )
    for package in ("nova", "orion"):
        (tmp_path / package).mkdir()
    code, said = new("rule", "ORION", "second-rule")
    assert code == 0 and (tmp_path / "orion" / "second_rule.py").exists(), said
    code, said = new("rule", "MARS", "third-rule")
    assert code == 2 and "'MARS' begins with no prefix of pyproject.toml: NOVA, ORION" in said


@pytest.fixture(scope="module")
def known_types(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What mypy found out of onnxlint and of numpy, eight seconds' work, for the next pack."""
    return tmp_path_factory.mktemp("mypy")


@pytest.mark.parametrize("pack", ["new", "example"])
def test_types_of_a_pack(tmp_path, monkeypatch, known_types, pack):
    monkeypatch.chdir(tmp_path)
    if pack == "new":
        new("pack", "acme-rules")
    else:
        shutil.copytree(EXAMPLE, "acme-rules")
    done = subprocess.run([sys.executable, "-m", "mypy", "--cache-dir", str(known_types)],
                          cwd="acme-rules", capture_output=True, text=True,
                          env=os.environ | {"MYPYPATH": "."})  # fmt: skip
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("pack", "Acme"), "'Acme' is not the name of a pack"),
        (("pack", "json"), "package 'json' would hide another"),
        (("pack", "a-rules"), "'A' is not a prefix: 3 to 8 capitals, such as ACME"),
        (("pack", "there"), "'there' exists; choose another name"),
        (("rule", "acme", "n"), "'acme' is not a code"),
        (("rule", "ACME", "Not_So"), "'Not_So' is not the name of a rule"),
        (("rule", "ACME", "n", "--in", "none"), "'none' is no folder"),
        (("rule", "ACT003", "n", "--in", "there"), "ACT003 'n' is taken by ACT003 'dead-relu'"),
        (("rule", "ACME", "dead-relu"), "ACME001 'dead-relu' is taken by ACT003 'dead-relu'"),
    ],
)
def test_what_cannot_be_made(tmp_path, monkeypatch, arguments, problem):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    code, said = new(*arguments)
    assert (code, problem in said) == (2, True), said


def test_a_rule_in_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ours").mkdir()
    for name in ("one-thing", "other-thing"):
        code, said = new("rule", "ACME", name, "--in", "ours")
        assert code == 0, said
    assert "ACME002" in (tmp_path / "ours" / "other_thing.py").read_text()
    done = CliRunner().invoke(cli, ["test-rules", "ours"])
    assert done.exit_code == 0, done.output
