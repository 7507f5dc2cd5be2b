"""MLflow: reports of runs and the gate before registration, tried against a store in SQLite."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path

import pytest
from conftest import FLAWED, SOUND

from onnxlint import lint

pytest.importorskip("sqlalchemy")  # not in the extra `dev`: MLflow takes longer than the tests
pytest.importorskip("alembic")
mlflow = pytest.importorskip("mlflow")

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's own
SELECT = ["ARC"]


@pytest.fixture(scope="module")
def tracking(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mlflow")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mlflow.set_tracking_uri(f"sqlite:///{folder / 'mlflow.db'}")
        mlflow.set_registry_uri(f"sqlite:///{folder / 'mlflow.db'}")
        mlflow.create_experiment("models", artifact_location=(folder / "artifacts").as_uri())
        mlflow.set_experiment("models")
    return mlflow.MlflowClient()


def test_a_report_becomes_artifacts_and_metrics(tracking, write_model, tmp_path):
    from onnxlint.mlflow import log_report

    with mlflow.start_run() as run:
        log_report(lint(write_model(FLAWED), select=SELECT))
    kept = tracking.get_run(run.info.run_id).data
    assert kept.metrics["onnxlint.errors"] == 1
    assert kept.metrics["onnxlint.rules_run"] > 1
    assert kept.tags["onnxlint.verdict"] == "failed"
    folder = Path(mlflow.artifacts.download_artifacts(
        run_id=run.info.run_id, artifact_path="onnxlint", dst_path=str(tmp_path)
    ))  # fmt: skip
    document = json.loads((folder / "report.json").read_text())
    assert document["models"][0]["findings"][0]["code"] == "ARC001"
    assert (folder / "report.md").read_text().startswith("## onnxlint failed")


def test_the_gate_keeps_a_flawed_model_out_of_the_registry(tracking, write_model):
    from onnxlint.mlflow import GateError, gate

    with mlflow.start_run() as run:
        mlflow.log_artifact(str(write_model(FLAWED)), "model")
    address = f"runs:/{run.info.run_id}/model"
    with pytest.raises(GateError, match="ARC001 repeated-softmax") as caught:
        gate(address, select=SELECT, run_id=run.info.run_id)
    assert caught.value.report.failing
    assert caught.value.report.path == address
    assert tracking.get_run(run.info.run_id).data.tags["onnxlint.verdict"] == "failed"
    with mlflow.start_run() as run:
        mlflow.log_artifact(str(write_model(SOUND)), "model")
    report = gate(f"runs:/{run.info.run_id}/model", select=["GRA"])
    assert report.complete
    tracking.create_registered_model("classifier")
    source = f"{run.info.artifact_uri}/model"
    version = tracking.create_model_version("classifier", source, run.info.run_id)
    assert gate(f"models:/classifier/{version.version}", select=["GRA"]).sha256 == report.sha256


def test_a_history_is_recorded_and_shown(tracking, write_model, tmp_path, monkeypatch):
    from click.testing import CliRunner

    from onnxlint.cli.main import cli

    monkeypatch.chdir(tmp_path)
    address = mlflow.get_tracking_uri()
    mlflow.create_experiment("onnxlint", artifact_location=(tmp_path / "runs").as_uri())
    given = ["--static-only", "--select", "ARC", "--no-cache", "--record", address]
    for text in (FLAWED, SOUND):
        done = CliRunner().invoke(cli, ["check", str(write_model(text)), *given])
        assert done.exit_code == (text is FLAWED), done.output
    shown = CliRunner().invoke(cli, ["history", "model.onnx", "--db", address])
    assert "2 runs, last passed" in shown.stdout, shown.output
    assert "- error ARC001 repeated-softmax" in shown.stdout


def test_a_path_is_linted_where_it_lies(write_model, tmp_path):
    from onnxlint.mlflow import GateError, gate

    assert gate(write_model(SOUND), select=["GRA"]).complete
    with pytest.raises(GateError, match="is empty"):
        (tmp_path / "empty.onnx").touch()
        gate(tmp_path / "empty.onnx")


def test_an_address_without_a_model_says_so(tracking, tmp_path):
    from onnxlint.mlflow import gate

    (tmp_path / "notes.txt").touch()
    with mlflow.start_run() as run:
        mlflow.log_artifact(str(tmp_path / "notes.txt"), "model")
    with pytest.raises(FileNotFoundError, match=r"contains no file \*.onnx"):
        gate(f"runs:/{run.info.run_id}/model")


def test_the_example_of_the_guide(tracking, write_model, tmp_path, monkeypatch):
    guide = Path(__file__).parents[1] / "docs" / "guides" / "pipelines.md"
    example = re.findall(r"^```python\n(.*?)^```$", guide.read_text(), re.MULTILINE | re.DOTALL)[-1]
    write_model(SOUND, "classifier.onnx")
    (tmp_path / "onnxlint.toml").write_text('select = ["GRA"]')
    monkeypatch.chdir(tmp_path)
    exec(example.replace('"classifier")', '"of the guide")'), {})
    assert tracking.get_registered_model("of the guide").name == "of the guide"
