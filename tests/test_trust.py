"""A configuration beside the model may declare what it is, and decides nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import FLAWED, SOUND

from onnxlint import lint
from onnxlint.config import load, load_for
from onnxlint.job import plan
from onnxlint.rules.packs import discover
from onnxlint.severity import Severity, Stage
from onnxlint.toml_tables import ConfigError

CODE = "open({!r}, 'w').close()\n"

ESCAPING = """net (float[2] x) => (float[2] y) <float[2] w = {1, 2}> { y = Add(x, w) }"""


@pytest.fixture
def beside(write_model, tmp_path):
    """A model in a folder of its own with a configuration beside it; the command runs above."""

    def write(text: str, model: str = FLAWED, name: str = "onnxlint.toml") -> Path:
        path = write_model(model, "theirs/model.onnx")
        (tmp_path / "theirs" / name).write_text(text)
        return path

    return write


def judged(onnxlint, *arguments, **environment):
    done = onnxlint(*arguments, "--static-only", "--format", "json", **environment)
    assert "Traceback" not in done.stderr
    (model,) = json.loads(done.stdout)["models"]
    return done.returncode, model


RUNS = {
    "rule-paths": "rule-paths = ['evil.py']",
    "pyproject": "[tool.onnxlint]\nrule-paths = ['evil.py']",
    "extend": "extend = 'more.toml'",
    "data": "data = 'evil:samples'",
    "baselines": "data = 'x.npz'\nlabels = 'x.npz:y'\nbaselines = ['evil:fit']",
    "reference": "reference = 'other.onnx'\nrule-paths = ['evil.py']",
}


@pytest.mark.parametrize("how", RUNS)
def test_it_runs_no_code(how, beside, onnxlint, tmp_path):
    name = "pyproject.toml" if how == "pyproject" else "onnxlint.toml"
    path = beside(RUNS[how], SOUND, name)
    marker = tmp_path / "ran"
    (path.parent / "evil.py").write_text(CODE.format(str(marker)))
    (path.parent / "more.toml").write_text("rule-paths = ['evil.py']")
    done = onnxlint(path, "--format", "json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not marker.exists()
    assert json.loads(done.stdout)["models"][0]["configuration"]["ignored"]


def test_whoever_owns_the_folder_can_say_so(beside, onnxlint, tmp_path):
    path = beside("rule-paths = ['mine.py']", SOUND)
    marker = tmp_path / "ran"
    (path.parent / "mine.py").write_text(
        CODE.format(str(marker)) + "from onnxlint import Finding, Graph, Severity, rule\n"
        '@rule("TEAM001", "ours", severity=Severity.INFO)\n'
        'def ours(graph: Graph):\n    "It is ours."\n    return []\n'
    )
    config = path.parent / "onnxlint.toml"
    for arguments, environment in (
        (["--trust-config"], {}),
        (["--config", config], {}),
        ([], {"ONNXLINT_TRUST_CONFIG": "1"}),
    ):
        status, model = judged(onnxlint, path, *arguments, **environment)
        assert status == 0
        assert model["configuration"]["trusted"] is True
        assert marker.exists()
        marker.unlink()


def test_it_silences_nothing(beside, onnxlint):
    path = beside(
        "select = ['GRA']\n[[ignore]]\nrule = 'ALL'\nreason = 'trust me'\n"
        "[rules.ARC001]\nseverity = 'info'\n[[per-model]]\npath = '*'\nselect = ['GRA']"
    )
    status, model = judged(onnxlint, path)
    assert status == 1
    assert [f["code"] for f in model["findings"] if f["severity"] == "error"] == ["ARC001"]
    assert model["configuration"] == {
        "file": str(Path("theirs", "onnxlint.toml")),
        "trusted": False,
        "ignored": ["select", "ignore ALL", "per-model[1].select"],
    }
    text = onnxlint(path, "--static-only").stdout
    assert text.count("not trusted; ignored: select, ignore ALL, per-model[1].select") == 1


def test_it_lifts_no_limit(beside, write_model):
    path = beside("time-limit = 9e6\nmemory-limit = '9TiB'\nsamples = 9\nseed = 9\ntrace = 'full'")
    loaded = load_for(str(path))
    assert loaded.config == load(None).config
    assert loaded.declared is not None
    assert loaded.declared.ignored == ("time-limit", "memory-limit", "samples", "seed", "trace")


def test_it_declares_what_the_model_is(beside):
    path = beside(
        "stage = 'init'\ntargets = ['ort-cpu']\n"
        "[outputs.y]\nhead = 'logits'\n[inputs.x]\nrange = [0, 1]\n"
        "[[per-model]]\npath = 'model.onnx'\n[per-model.outputs.z]\nhead = 'softmax'"
    )
    loaded = load_for(str(path))
    assert loaded.declared is not None
    assert loaded.declared.ignored == ()
    made = plan(loaded, discover(), str(path)).settings
    assert made.stage is Stage.INIT
    assert made.targets == ("ort-cpu",)
    assert made.inputs["x"].range == (0, 1)
    assert {name: each.head for name, each in made.outputs.items()} == {
        "y": "logits", "z": "softmax",
    }  # fmt: skip


def test_ours_holds_where_both_speak(beside, tmp_path, monkeypatch):
    path = beside("stage = 'init'\n[outputs.y]\nhead = 'none'\n[outputs.z]\nhead = 'none'")
    home = tmp_path / "home"
    home.mkdir()
    (home / "onnxlint.toml").write_text("stage = 'trained'\n[outputs.y]\nhead = 'softmax'")
    monkeypatch.chdir(home)
    made = plan(load_for(str(path)), discover(), str(path)).settings
    assert made.stage is Stage.TRAINED
    assert [made.outputs[name].head for name in "yz"] == ["softmax", "none"]


@pytest.mark.parametrize(
    ("own", "theirs", "held"),
    [
        ("error", "warning", Severity.WARNING),
        ("warning", "error", Severity.WARNING),
        ("error", "info", Severity.INFO),
        (None, "info", Severity.INFO),
    ],
)
def test_a_gate_gets_stricter_only(own, theirs, held, beside, tmp_path, monkeypatch):
    path = beside(f"fail-on = '{theirs}'")
    home = tmp_path / "home"
    home.mkdir()
    if own is not None:
        (home / "onnxlint.toml").write_text(f"fail-on = '{own}'")
    monkeypatch.chdir(home)
    assert plan(load_for(str(path)), discover(), str(path)).fail_on is held


def test_a_finding_gets_graver_only(beside):
    path = beside("[rules.ARC001]\nseverity = 'info'")
    assert lint(path, select=["ARC001"]).findings[0].severity is Severity.ERROR
    text = "net (float[2] x, float[2] z) => (float[2] y) { y = Relu(x) }"
    path = beside("[rules.GRA004]\nseverity = 'error'\n[rules.NONE001]\nseverity = 'error'", text)
    before = {f.code: f.severity for f in lint(path, config=None, select=["GRA"]).findings}
    report = lint(path, select=["GRA"])
    assert report.configuration is not None
    assert report.configuration.ignored == ("rules.NONE001",)
    assert before == {f.code: f.severity for f in report.findings}
    raised = {f.severity for f in report.findings if f.code == "GRA004"}
    assert raised <= {Severity.ERROR}


def test_a_link_to_a_configuration_elsewhere_is_not_read(beside, onnxlint, tmp_path):
    path = beside("")
    secret = tmp_path / "secret.toml"
    secret.write_text("password = 'hunter2'")
    config = path.parent / "onnxlint.toml"
    config.unlink()
    config.symlink_to(secret)
    status, model = judged(onnxlint, path)
    assert status == 2
    assert "leaves its folder" in model["error"]
    assert "hunter2" not in json.dumps(model)


@pytest.mark.parametrize(
    "text", ["select = [", "a = " + "[" * 20_000, "a = " + "1" * 5_000, "fail-on = 3", "x" * 2**21]
)
def test_one_that_makes_no_sense_costs_its_own_model_only(text, beside, onnxlint, write_model):
    path = beside(text)
    done = onnxlint(path, write_model(FLAWED, "ours.onnx"), "--static-only", "--format", "json")
    assert done.returncode == 2
    theirs, ours = json.loads(done.stdout)["models"]
    assert "onnxlint.toml" in theirs["error"]
    assert ours["error"] is None
    assert ours["findings"]


def test_at_or_above_the_working_directory_it_is_ours(write_model, tmp_path, monkeypatch):
    path = write_model(SOUND, "models/model.onnx")
    (tmp_path / "onnxlint.toml").write_text("seed = 7")
    (tmp_path / "here").mkdir()
    for folder in (tmp_path, tmp_path / "here", path.parent):
        monkeypatch.chdir(folder)
        assert load_for(str(path)).config.seed == 7


SECURITY = ["SEC001", "SEC003"]


def test_our_selection_keeps_the_security_rules(tmp_path):
    file = tmp_path / "onnxlint.toml"
    file.write_text("select = ['ACT003']")
    codes = {rule.code for rule in plan(load(file), discover(), "m.onnx").rules}
    assert {"ACT003", *SECURITY} <= codes
    assert "ARC001" not in codes
    asked = plan(load(file), discover(), "m.onnx", select=["ACT003"]).rules
    assert [rule.code for rule in asked] == ["ACT003"]


def test_a_security_rule_is_ignored_for_a_reason_only(tmp_path):
    file = tmp_path / "onnxlint.toml"
    file.write_text("[[ignore]]\nrule = 'SEC'\nreason = ' '")
    with pytest.raises(ConfigError, match="only ignored with a reason"):
        plan(load(file), discover(), "m.onnx")
    file.write_text("[[ignore]]\nrule = 'SEC'\nreason = 'our own exports only'")
    assert not {r.family for r in plan(load(file), discover(), "m.onnx").rules} & {"SEC"}


def test_a_security_rule_gets_milder_for_a_reason_only(tmp_path):
    file = tmp_path / "onnxlint.toml"
    file.write_text("[rules.SEC001]\nseverity = 'info'")
    with pytest.raises(ConfigError, match="reason"):
        plan(load(file), discover(), "m.onnx")
    file.write_text("[rules.SEC001]\nseverity = 'info'\nreason = 'blobs lie elsewhere'")
    assert plan(load(file), discover(), "m.onnx").severities["SEC001"] is Severity.INFO


def test_paths_of_an_extended_file_are_its_own(tmp_path):
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "shared.toml").write_text(
        "rule-paths = ['rules']\ndata = 'data.npz'\nextend = 'more/deep.toml'"
    )
    (tmp_path / "base" / "more").mkdir()
    (tmp_path / "base" / "more" / "deep.toml").write_text("rule-paths = ['deep']\nlabels = 'y.npy'")
    (tmp_path / "onnxlint.toml").write_text("extend = 'base/shared.toml'\nrule-paths = ['own']")
    loaded = load(tmp_path / "onnxlint.toml")
    names = [path.relative_to(tmp_path).as_posix() for path in loaded.rule_sources]
    assert names == ["base/more/deep", "base/rules", "own"]
    assert loaded.config.data == str(tmp_path / "base" / "data.npz")
    assert loaded.config.labels == str(tmp_path / "base" / "more" / "y.npy")


MODULES = ("numpy", "struct", "typing", "signal", "msgspec", "onnxruntime", "onnx", "json",
           "multiprocessing", "selectors", "click", "rich", "networkx", "__future__")  # fmt: skip
"""Not `importlib`: `python -m` itself imports that before there is anything of ours."""


@pytest.mark.fresh
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_no_module_of_the_working_folder_is_imported(jobs, onnxlint, write_model, tmp_path):
    models = [write_model(FLAWED), write_model(SOUND, "sound.onnx")]
    marker = tmp_path / "ran"
    for name in MODULES:
        (tmp_path / f"{name}.py").write_text(CODE.format(str(marker)))
    done = onnxlint(*models, "-j", jobs, "--format", "json")
    assert done.returncode == 1, done.stderr
    assert not marker.exists()
    assert all(model["summary"]["samples"] for model in json.loads(done.stdout)["models"])
