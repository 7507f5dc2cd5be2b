"""Recorded runs in MLflow: one of its runs for each model, in the experiment `onnxlint`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from onnxlint.safety.printable import json_text

if TYPE_CHECKING:
    import mlflow

    from onnxlint.history.records import Record, Recorded

EXPERIMENT = "onnxlint"
LONGEST_KEY = 250
"""Characters of a name that every server takes, as of `LONGEST_PARAMETER`."""

LONGEST_PARAMETER = 500
"""Characters of a parameter that every server takes."""


def log(recorded: Recorded, address: str) -> None:
    """Logs each model: figures as metrics, hashes and versions as parameters, all as a file."""
    import mlflow

    client = mlflow.MlflowClient(tracking_uri=address)
    known = client.get_experiment_by_name(EXPERIMENT)
    experiment = known.experiment_id if known else client.create_experiment(EXPERIMENT)
    for record in recorded.models:
        run = client.create_run(experiment, run_name=record.path[:LONGEST_PARAMETER])
        _log_model(client, run.info.run_id, recorded, record)
        client.set_terminated(run.info.run_id)


def _log_model(client: mlflow.MlflowClient, run: str, recorded: Recorded, record: Record) -> None:
    for name, value in record.figures.items():
        client.log_metric(run, _key(name), value)
    parameters = {
        "model": record.path,
        "sha256": record.sha256,
        "seed": record.seed,
        **{f"sha256 of {name}": digest for name, digest in record.hashes.items()},
        **{f"version of {name}": version for name, version in recorded.versions.items()},
    }
    for name, told in parameters.items():
        client.log_param(run, _key(name), str(told)[:LONGEST_PARAMETER])
    client.set_tag(run, "onnxlint.verdict", record.verdict)
    document = {"at": recorded.at, "exit_code": recorded.exit_code,
                "model": msgspec.to_builtins(record)}  # fmt: skip
    client.log_text(run, json_text(document), "onnxlint/record.json")


def _key(name: str) -> str:
    """A name in the characters that MLflow takes."""
    kept = "".join(letter if letter.isalnum() or letter in "_-. /" else "_" for letter in name)
    return f"onnxlint.{kept}"[:LONGEST_KEY]
