"""`--budget`: what runs may cost, in seconds that are counted in operations."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from conftest import FLAWED

from onnxlint.cli.main import cli as main
from onnxlint.pipeline import lint
from onnxlint.settings import Settings


def report(write_model, budget):
    return lint(write_model(FLAWED), settings=Settings(budget=budget))


def left_out(found):
    notes = [each for each in found.findings if each.code == "LNT002"]
    return [question for note in notes for question in note.evidence.get("questions", ())]


def test_a_budget_leaves_out_what_is_least_likely_to_find_something(write_model):
    counts = [len(left_out(report(write_model, budget))) for budget in (0.0, 0.003, 5.0)]
    assert counts[0] > counts[1] > counts[2] == 0


def test_what_is_left_out_is_told_with_the_remedy(write_model):
    (note,) = [each for each in report(write_model, 0.0).findings if each.code == "LNT002"]
    assert "no runs for" in note.message
    assert note.hint == "make all runs with a larger --budget"


FIXED = """net (float[1, 4] x) => (float[1, 4] y) {
    y = Softmax(x)
}"""


def test_two_samples_are_run_in_any_case(write_model):
    path = write_model(FIXED)
    samples = [lint(path, settings=Settings(budget=each)).samples for each in (0.0, None)]
    assert samples == [2, 8]


def test_no_budget_and_an_ample_one_say_the_same(write_model):
    ample, usual = report(write_model, 1000.0), report(write_model, None)
    assert [each.code for each in ample.findings] == [each.code for each in usual.findings]


@pytest.mark.parametrize("seconds", ["0", "0s", "0.0"])
def test_the_option_and_its_unit(write_model, seconds):
    path = write_model(FLAWED)
    run = CliRunner().invoke(main, ["check", str(path), "--budget", seconds, "-f", "json"])
    (model,) = json.loads(run.stdout)["models"]
    assert "LNT002" in {each["code"] for each in model["findings"]}


@pytest.mark.parametrize("seconds", ["-1", "soon", "nan", "5m"])
def test_no_budget(write_model, seconds):
    run = CliRunner().invoke(main, ["check", str(write_model(FLAWED)), "--budget", seconds])
    assert run.exit_code == 2


def test_the_configuration_has_it_too(tmp_path, monkeypatch, write_model):
    monkeypatch.chdir(tmp_path)
    path = write_model(FLAWED)
    (tmp_path / "onnxlint.toml").write_text("budget = 0\n")
    assert left_out(lint(path))
