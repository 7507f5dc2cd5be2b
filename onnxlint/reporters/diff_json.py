"""What changed between two releases as one strict JSON document, version 1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import to_builtins

from onnxlint.findings import Diagnostic
from onnxlint.release_diff import ReleaseDiff
from onnxlint.safety.printable import json_text
from onnxlint.version import __version__

DIFF_VERSION = 1

DIGITS = 9
"""Significant digits of what was measured; behind them stands in which order it was added up."""


def render(diff: ReleaseDiff, packs: Mapping[str, str]) -> str:
    """The whole document, ending in a line break."""
    return json_text(_shortened(document(diff, packs))) + "\n"


def document(diff: ReleaseDiff, packs: Mapping[str, str]) -> dict[str, Any]:
    """What is written, as plain values."""
    return {
        "version": DIFF_VERSION,
        "tool": {"name": "onnxlint", "version": __version__, "packs": dict(packs)},
        "differs": diff.differs,
        "old": to_builtins(diff.old),
        "new": to_builtins(diff.new),
        "samples": diff.samples,
        "data": diff.data,
        "facts": [to_builtins(each) for each in diff.facts],
        "ports": [to_builtins(each) for each in diff.ports],
        "layers": _changed(diff.layers, matched=diff.layers_matched),
        "operators": [to_builtins(each) for each in diff.operators],
        "weights": _changed(
            diff.weights, compared=diff.weights_compared, unchanged=diff.weights_unchanged
        ),
        "ranges": _changed(diff.ranges, compared=diff.values_compared),
        "predictions": _changed(diff.predictions, compared=diff.outputs_compared),
        "score": diff.score and to_builtins(diff.score),
        "findings": {
            "new": [_finding(each) for each in diff.findings_new],
            "gone": [_finding(each) for each in diff.findings_gone],
            "kept": diff.findings_kept,
        },
        "not_compared": dict(diff.not_compared),
        "incomplete": list(diff.incomplete),
    }


def _changed(changes: tuple[Any, ...], **counts: int) -> dict[str, Any]:
    return {**counts, "changes": [to_builtins(each) for each in changes]}


def _finding(found: Diagnostic) -> dict[str, Any]:
    return {
        "code": found.code,
        "name": found.name,
        "severity": found.severity.value,
        "message": found.message,
        "hint": found.hint,
        "place": to_builtins(found.place),
        "synthetic": found.synthetic,
        "fingerprint": found.fingerprint,
        "structural_fingerprint": found.structural_fingerprint,
    }


def _shortened(value: Any) -> Any:
    """The same with as many digits of each number as mean something."""
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, dict):
        return {key: _shortened(each) for key, each in value.items()}
    return [_shortened(each) for each in value] if isinstance(value, list | tuple) else value
