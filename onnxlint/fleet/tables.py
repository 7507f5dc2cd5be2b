"""The dataset of a fleet: a row for each model, and one for each finding, in files of Parquet."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from onnxlint.safety.writing import placed, plain_mode

MODELS = {
    "path": "string", "sha256": "string", "verdict": "string", "error": "string",
    "exporter_name": "string", "exporter_version": "string",
    "errors": "int64", "warnings": "int64", "infos": "int64", "suppressed": "int64",
    "rules_run": "int64", "not_applicable": "int64", "samples": "int64", "data": "string",
    "not_executed": "string", "configuration": "string",
}  # fmt: skip
"""The columns of `models`, and their types."""

FINDINGS = {
    "path": "string", "code": "string", "name": "string", "severity": "string",
    "message": "string", "hint": "string", "scope": "string", "node": "string",
    "node_index": "int64", "op_type": "string", "value": "string", "module": "string",
    "source": "string", "source_path": "string", "measured": "double", "limit": "double",
    "unit": "string", "synthetic": "bool", "fix": "string", "fingerprint": "string",
    "structural_fingerprint": "string", "evidence": "string", "suppressed": "string",
    "reason": "string",
}  # fmt: skip
"""The columns of `findings`, and their types."""

_PLACE = ("scope", "node", "node_index", "op_type", "value", "module", "source",
          "source_path")  # fmt: skip
_AS_IT_IS = ("code", "name", "severity", "message", "hint", "unit", "synthetic", "fix",
             "fingerprint", "structural_fingerprint")  # fmt: skip
_COUNTS = {"errors": "error", "warnings": "warning", "infos": "info"}
_SUMMARY = ("suppressed", "rules_run", "not_applicable", "samples", "data", "not_executed")


def model_row(model: Mapping[str, Any]) -> dict[str, Any]:
    """The row of a model, from the line of its report."""
    summary, exporter = model["summary"], model["exporter"] or {}
    return {
        **{name: model[name] for name in ("path", "sha256", "verdict", "error")},
        "exporter_name": exporter.get("name"),
        "exporter_version": exporter.get("version"),
        **{name: summary[severity] for name, severity in _COUNTS.items()},
        **{name: summary[name] for name in _SUMMARY},
        "configuration": (model["configuration"] or {}).get("file"),
    }


def finding_rows(model: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The rows of a model's findings, and of those that do not count."""
    for finding in model["findings"]:
        yield _finding_row(model["path"], finding, None, None)
    for away in model["suppressed"]:
        yield _finding_row(model["path"], away["finding"], away["kind"], away["reason"])


def _finding_row(
    path: str, finding: Mapping[str, Any], kind: str | None, reason: str | None
) -> dict[str, Any]:
    return {
        "path": path,
        **{name: finding[name] for name in _AS_IT_IS},
        **{name: finding["place"][name] for name in _PLACE},
        "measured": _number(finding["measured"]),
        "limit": _number(finding["limit"]),
        "evidence": json.dumps(finding["evidence"], sort_keys=True),
        "suppressed": kind,
        "reason": reason,
    }


def _number(told: Any) -> float | None:
    """A number of JSON, which has NaN and infinities as text."""
    if told is None:
        return None
    try:
        return float(told)
    except OverflowError:  # an integer of more than 308 digits
        return math.inf if told > 0 else -math.inf


def write(rows: Iterable[Mapping[str, Any]], columns: Mapping[str, str], file: Path) -> None:
    """Writes rows to a file, whole or not at all; the same rows give the same bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, _type(pa, kind)) for name, kind in columns.items()])
    table = pa.Table.from_pylist([*rows], schema=schema)
    with placed(file, plain_mode()) as stream:
        pq.write_table(table, stream, compression="zstd")


def _type(pa: Any, kind: str) -> Any:
    return getattr(pa, {"double": "float64", "bool": "bool_"}.get(kind, kind))()
