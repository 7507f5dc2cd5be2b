"""Configuration: found, extended, validated; every mistake is told with the key and a hint."""

from __future__ import annotations

import pytest
from conftest import FLAWED

from onnxlint.config import ConfigError, find, load
from onnxlint.job import plan
from onnxlint.rules.packs import discover
from onnxlint.severity import Severity, Stage
from onnxlint.toml_tables import parse_bytes


@pytest.fixture
def configure(tmp_path):
    def write(text: str, name: str = "onnxlint.toml"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


MISTAKES = {
    'selct = ["ACT"]': "did you mean 'select'?",
    'select = "ACT"': "Expected `array`",
    'stage = "training"': "Invalid enum value 'training'",
    '[[ignore]]\nrule = "dead-relu"': "missing required field `reason`",
    "[[per-model]]\nstage = 'init'": "missing required field `path`",
    "samples = 'many'": "Expected `int | null`",
    "[outputs.y]\nhead = 'sofmax'": "must be one of",
    "[outputs.y]\nrange = [1, 0]": "write [lowest, highest]",
    "select = [": "is not TOML",
    "extend = 'missing.toml'": "cannot be read",
    "extend = 'onnxlint.toml'": "extends itself",
}


@pytest.mark.parametrize("text", MISTAKES)
def test_mistake_in_the_file(text, configure):
    with pytest.raises(ConfigError, match=r"(onnxlint|missing)\.toml") as caught:
        load(configure(text))
    assert MISTAKES[text].lower() in str(caught.value).lower()
    assert "\n" not in str(caught.value)


RULE_MISTAKES = {
    "[rules.ded-relu]\nseverity = 'error'": "did you mean 'dead-relu'?",
    "[rules.dead-relu]\nmax-dead-fracton = 0.5": "did you mean 'max-dead-fraction'?",
    "[rules.dead-relu]\nmax-dead-fraction = 'half'": "Expected `float`",
    "[rules.dead-relu]\nseverity = 'fatal'": "'fatal' is not one of error, warning, info, off",
    "select = ['XYZ']": "unknown rule 'XYZ'",
}


@pytest.mark.parametrize("text", RULE_MISTAKES)
def test_mistake_about_a_rule(text, configure):
    loaded = load(configure(text))
    with pytest.raises(ConfigError) as caught:
        plan(loaded, discover(), "model.onnx")
    assert RULE_MISTAKES[text].lower() in str(caught.value).lower()


def test_options_and_severities_reach_the_plan(configure):
    loaded = load(configure("[rules.dead-relu]\nseverity = 'error'\nmax-dead-fraction = 0.8"))
    chosen = plan(loaded, discover(), "model.onnx")
    assert chosen.severities == {"ACT003": Severity.ERROR}
    assert chosen.options == {"ACT003": {"max_dead_fraction": 0.8}}


def test_a_family_can_be_configured_at_once(configure):
    loaded = load(configure("[rules.ACT]\nseverity = 'info'"))
    chosen = plan(loaded, discover(), "model.onnx")
    assert set(chosen.severities) == {r.code for r in discover().rules if r.family == "ACT"}


def test_per_model_choices_hold_for_matching_paths_alone(configure, tmp_path):
    loaded = load(
        configure("""
        [[ignore]]
        rule = "GRA"
        reason = "generated elsewhere"
        [[per-model]]
        path = "init/*.onnx"
        stage = "init"
        [[per-model.ignore]]
        rule = "dead-relu"
        reason = "sparse by design"
    """)
    )
    inside = plan(loaded, discover(), str(tmp_path / "init" / "a.onnx"))
    outside = plan(loaded, discover(), str(tmp_path / "a.onnx"))
    assert inside.settings.stage is Stage.INIT
    assert outside.settings.stage is Stage.TRAINED
    assert "ACT003" not in {rule.code for rule in inside.rules}
    assert "ACT003" in {rule.code for rule in outside.rules}
    assert not [rule for rule in inside.rules if rule.family == "GRA"]


def test_the_command_line_wins(configure):
    loaded = load(configure("stage = 'init'\nselect = ['GRA']\nfail-on = 'info'"))
    chosen = plan(loaded, discover(), "m.onnx", select=["ACT003"], stage=Stage.TRAINED,
                  fail_on=Severity.WARNING)  # fmt: skip
    assert [rule.code for rule in chosen.rules] == ["ACT003"]
    assert chosen.settings.stage is Stage.TRAINED
    assert chosen.fail_on is Severity.WARNING


def test_ignores_add_up_over_extend(configure):
    configure("[[ignore]]\nrule = 'GRA'\nreason = 'a'", "base.toml")
    loaded = load(configure("extend = 'base.toml'\n[[ignore]]\nrule = 'ACT'\nreason = 'b'"))
    families = {rule.family for rule in plan(loaded, discover(), "m.onnx").rules}
    assert families.isdisjoint({"GRA", "ACT"})
    assert "ONX" in families


def test_nearest_file_wins(tmp_path):
    (tmp_path / "onnxlint.toml").write_text("seed = 1")
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "pyproject.toml").write_text("[tool.onnxlint]\nseed = 2")
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'no config here'")
    assert load(find(str(inner / "model.onnx"))).config.seed == 2
    assert load(find(str(tmp_path / "model.onnx"))).config.seed == 1


@pytest.mark.parametrize(
    ("text", "size"), [("1000", 1000), ("2K", 2048), ("1.5 MiB", 3 << 19), ("8GiB", 8 << 30)]
)
def test_sizes(text, size):
    assert parse_bytes(text) == size


@pytest.mark.parametrize("text", ["", "-1", "0", "GiB", "1 XB", "nan"])
def test_wrong_sizes(text):
    with pytest.raises(ConfigError, match="is not a valid size"):
        parse_bytes(text)


def test_config_beside_the_model_is_used_by_the_command(onnxlint, write_model, configure):
    path = write_model(FLAWED)
    assert onnxlint(path, "--static-only").returncode == 1
    configure("[[ignore]]\nrule = 'repeated-softmax'\nreason = 'two heads share it'")
    assert onnxlint(path, "--static-only").returncode == 0
