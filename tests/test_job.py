"""What is decided about a model before it is read, and who decides it."""

from __future__ import annotations

from pathlib import Path

import pytest

from onnxlint import Finding, Graph, Severity, Stage, lint, lint_many, rule
from onnxlint.analyses import Analyses
from onnxlint.config import load
from onnxlint.contributions import Contributions, Loss
from onnxlint.job import Job, plan
from onnxlint.pipeline import lint_model
from onnxlint.planner import Planner
from onnxlint.report import ModelReport
from onnxlint.rules.packs import discover
from onnxlint.rules.rule import Rule
from onnxlint.settings import InputContract, LabelSource, OutputContract, Settings
from onnxlint.testing import Example, saved
from onnxlint.toml_tables import ConfigError

CONFIGURED = """
stage = "init"
targets = ["ort-web"]
[inputs.x]
range = [0, 1]
[outputs.y]
head = "logits"
"""
MODEL = "net (float[N, 2] x) => (float[N, 2] y) { y = Relu(x) }"


def planned(
    tmp_path: Path, settings: Settings, stage: Stage | None = None, text: str = CONFIGURED
) -> Job:
    file = tmp_path / "onnxlint.toml"
    file.write_text(text)
    return plan(load(file), discover(), "model.onnx", settings=settings, stage=stage)


def test_settings_take_paths_as_people_write_them() -> None:
    settings = Settings(data="d.npz", labels="d.npz:y", reference="old.onnx")  # type: ignore[arg-type]
    assert (settings.data, settings.reference) == (Path("d.npz"), Path("old.onnx"))
    assert settings.labels == LabelSource(Path("d.npz"), "y")


def test_one_text_selects_as_on_the_command_line(write_model) -> None:
    model = write_model("net (float[N] x) => (float[N] y) { y = Relu(x) }")
    report = lint(model, select="GRA001,GRA002")
    assert {*report.ran, *report.not_applicable} == {"GRA001", "GRA002"}


def test_the_configuration_fills_what_settings_leave_open(tmp_path: Path) -> None:
    settings = planned(tmp_path, Settings(samples=3)).settings
    assert (settings.samples, settings.stage, settings.targets) == (3, Stage.INIT, ("ort-web",))
    assert settings.inputs == {"x": InputContract(range=(0, 1))}
    assert settings.outputs == {"y": OutputContract(head="logits")}


def test_settings_win_over_the_configuration_and_an_argument_over_both(tmp_path: Path) -> None:
    contracts = {"z": OutputContract(head="none")}
    given = Settings(stage=Stage.INIT, targets=("ort-cpu",), outputs=contracts)
    trained = CONFIGURED.replace("init", "trained")
    settings = planned(tmp_path, given, text=trained).settings
    assert (settings.stage, settings.targets) == (Stage.INIT, ("ort-cpu",))
    assert settings.outputs == contracts
    assert settings.inputs == {"x": InputContract(range=(0, 1))}
    assert planned(tmp_path, given, Stage.TRAINED).settings.stage is Stage.TRAINED


def test_rules_are_loaded_once_for_all_models(tmp_path: Path) -> None:
    (tmp_path / "onnxlint.toml").write_text("")
    planner = Planner(config=tmp_path / "onnxlint.toml", static_only=True)
    first, second = (planner.job(f"{name}.onnx") for name in "ab")
    assert first.rules == second.rules
    assert len(planner._registries) == 1
    assert [*planner.packs] == ["onnxlint_rules"]


def test_a_broken_configuration_of_ours_ends_all(tmp_path: Path) -> None:
    file = tmp_path / "onnxlint.toml"
    file.write_text("stages = 3")
    with pytest.raises(ConfigError, match="stages"):
        lint_many(["a.onnx"], config=file)


class Said:
    """An analysis of a team's, which has something for the report."""

    @classmethod
    def build(cls, graph: Graph) -> Said:
        return cls()

    def contribute(self, report: Contributions) -> None:
        report.losses.append(
            Loss("half of it was not read", "the rest", Severity.INFO, hint="read the rest")
        )


class Absent:
    @classmethod
    def build(cls, graph: Graph) -> Absent:
        raise ValueError("there is none")

    @classmethod
    def contribute_failure(cls, problem: Exception, report: Contributions) -> None:
        report.not_executed = str(problem)


@rule("ACME001", "said", severity=Severity.INFO)
def said(analysis: Said) -> list[Finding]:
    """Asks for what has something to say."""
    return []


@rule("ACME002", "absent", severity=Severity.INFO)
def absent(analysis: Absent) -> list[Finding]:
    """Asks for what cannot be had."""
    return []


def judged(*rules: Rule) -> ModelReport:
    with saved(Example.parse(MODEL)) as path:
        return lint_model(Job(str(path), rules, static_only=True))


def test_an_analysis_has_its_say_in_the_report() -> None:
    (finding,) = judged(said).findings
    assert (finding.code, finding.severity) == ("LNT002", Severity.INFO)
    assert finding.message == "half of it was not read"
    assert finding.evidence == {"lost": "the rest"}
    assert finding.hint == "read the rest"
    assert judged(absent).not_executed == "there is none"
    assert Analyses().contributions() == Contributions()


@pytest.mark.parametrize("module", ["pipeline", "session", "rule_runner", "job_pool", "judges"])
def test_the_pipeline_knows_no_analysis_by_name(module: str) -> None:
    grimp = pytest.importorskip("grimp")  # import-linter's, of the extra `dev`
    graph = grimp.build_graph("onnxlint", exclude_type_checking_imports=False)
    imported = graph.find_modules_directly_imported_by(f"onnxlint.{module}")
    analyses = {name for name in imported if name.startswith("onnxlint.analyses.")}
    given = {"onnxlint.analyses.execution.worker", "onnxlint.analyses.static.remembered"}
    assert analyses <= given | {"onnxlint.analyses.reported"}
