"""Recorded runs in MLflow: one of its runs for each model, in the experiment `onnxlint`."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from onnxlint.history.records import Record, Recorded
from onnxlint.history.store import HistoryError
from onnxlint.safety.printable import json_text

if TYPE_CHECKING:
    import mlflow

EXPERIMENT = "onnxlint"
LONGEST_KEY = 250
"""Characters of a name that every server takes, as of `LONGEST_PARAMETER`."""

LONGEST_PARAMETER = 500
"""Characters of a parameter that every server takes."""

DOCUMENT = "onnxlint/record.json"
"""The artifact that has all that is recorded of a model."""

PAGE = 1_000
"""Runs that a server is asked for at once; a choice, far below what it allows."""

_ADDRESS = re.compile(r"[a-zA-Z][\w+.-]+://")


class _Document(msgspec.Struct):
    """The artifact; earlier ones had no versions."""

    at: str
    exit_code: int
    model: Record
    versions: dict[str, str] = {}


def is_address(target: str) -> bool:
    """Whether a target of `--record` is a tracking URI, and no file."""
    return _ADDRESS.match(target) is not None


def log(recorded: Recorded, address: str) -> None:
    """Logs each model: figures as metrics, hashes and versions as parameters, all as a file.

    Raises:
        HistoryError: that is not possible.
    """
    with _told(address, "written"):
        client = _client(address)
        known = client.get_experiment_by_name(EXPERIMENT)
        experiment = known.experiment_id if known else client.create_experiment(EXPERIMENT)
        for record in recorded.models:
            run = client.create_run(experiment, run_name=record.path[:LONGEST_PARAMETER])
            _log_model(client, run.info.run_id, recorded, record)
            client.set_terminated(run.info.run_id)


def read(address: str) -> list[Recorded]:
    """All runs, in the order in which they were logged; a run of several models is one again.

    Raises:
        HistoryError: they cannot be read.
    """
    with _told(address, "read"):
        client = _client(address)
        known = client.get_experiment_by_name(EXPERIMENT)
        if known is None:
            problem = f"has no experiment {EXPERIMENT!r}"
            raise HistoryError(_shown(address), problem, "'onnxlint check --record' makes it")
        return _joined([_document(run) for run in _runs(client, known.experiment_id)])


def _runs(client: mlflow.MlflowClient, experiment: str) -> Iterator[Any]:
    token = None
    while True:
        page = client.search_runs(
            [experiment], "attributes.status = 'FINISHED'", max_results=PAGE,
            order_by=["attributes.start_time ASC"], page_token=token,
        )  # fmt: skip
        yield from page
        token = page.token
        if not token:
            return


def _document(run: Any) -> _Document:
    import mlflow

    text = mlflow.artifacts.load_text(f"{run.info.artifact_uri}/{DOCUMENT}")
    return msgspec.json.decode(text, type=_Document)


def _joined(documents: Sequence[_Document]) -> list[Recorded]:
    """Runs as they were: models of one time and other paths that follow each other."""
    runs: list[Recorded] = []
    for each in documents:
        last = runs[-1] if runs else None
        is_same = last is not None and (last.at, last.exit_code, last.versions) == (
            each.at, each.exit_code, each.versions)  # fmt: skip
        if (
            last is not None
            and is_same
            and each.model.location not in {known.location for known in last.models}
        ):
            models = (*last.models, each.model)
            runs[-1] = Recorded(last.at, last.exit_code, last.versions, models, last.number)
            continue
        runs.append(Recorded(each.at, each.exit_code, each.versions, (each.model,), len(runs) + 1))
    return runs


def _client(address: str) -> mlflow.MlflowClient:
    import mlflow

    logging.getLogger("mlflow").setLevel(logging.WARNING)  # which tells how it makes its tables
    return mlflow.MlflowClient(tracking_uri=address)


@contextmanager
def _told(address: str, done: str) -> Iterator[None]:
    """MLflow's errors, which are of many types, as one sentence."""
    try:
        yield
    except HistoryError:
        raise
    except ImportError as error:
        remedy = "pip install 'onnxlint[mlflow]'"
        if getattr(error, "name", None) not in (None, "mlflow"):
            remedy = f"install {error.name}, which MLflow needs for such an address"
        raise HistoryError(_shown(address), "needs MLflow", remedy) from error
    except msgspec.DecodeError as error:
        problem = f"has a run with another {DOCUMENT} ({error})"
        raise HistoryError(_shown(address), problem, "delete that run") from error
    except Exception as error:
        first = _shown(str(error).strip().partition("\n")[0])[:300]
        remedy = "check the address and the server"
        raise HistoryError(_shown(address), f"cannot be {done} ({first})", remedy) from error


def _shown(text: str) -> str:
    """A text without the password of an address."""
    return re.sub(r"//[^/@\s]*@", "//…@", text)


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
                "versions": dict(recorded.versions),
                "model": msgspec.to_builtins(record)}  # fmt: skip
    client.log_text(run, json_text(document), DOCUMENT)


def _key(name: str) -> str:
    """A name in the characters that MLflow takes."""
    kept = "".join(letter if letter.isalnum() or letter in "_-. /" else "_" for letter in name)
    return f"onnxlint.{kept}"[:LONGEST_KEY]
