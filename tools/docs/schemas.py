"""Writes the JSON Schemas of the configuration and of the JSON reports: into `onnxlint/schemas/`.

Types come from the code, descriptions from `described.py`; a test compares the files with both.
Run it after a change: `python tools/docs/schemas.py`.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import described
import msgspec

from onnxlint.choosing import OFF
from onnxlint.config import HEADS, Config
from onnxlint.findings import Diagnostic
from onnxlint.model.graph.place import Place
from onnxlint.release_diff import (
    FactChange,
    LayerChange,
    LayerRef,
    Observation,
    OperatorCount,
    OutputChange,
    PortChange,
    RangeChange,
    Release,
    ScoreChange,
    WeightChange,
)
from onnxlint.report import Configuration, Gone, Metrics, Suppressed, TraceRow
from onnxlint.reporters.diff_json import DIFF_VERSION
from onnxlint.reporters.json import REPORT_VERSION
from onnxlint.rules.packs import discover
from onnxlint.rules.rule import Rule
from onnxlint.rules.toml_rules import RuleTable
from onnxlint.series_report import (
    ActivationCurve,
    EntropyCurve,
    GradientCurve,
    ScoreCurve,
    SeriesReport,
    TensorCurve,
)
from onnxlint.severity import Severity

FOLDER = Path(__file__).parents[2] / "onnxlint" / "schemas"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
TEXT, COUNT = {"type": "string"}, {"type": "integer", "minimum": 0}
SEVERITY = {"enum": [severity.value for severity in Severity]}
RULE_SEVERITY = {"enum": [*SEVERITY["enum"], OFF]}


def main() -> None:
    named = {"config": config, "report": report, "jsonl": jsonl, "diff": diff}
    for name, schema in ((name, made()) for name, made in named.items()):
        (FOLDER / f"{name}.json").write_text(rendered(schema), encoding="utf-8")


def rendered(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def config() -> dict[str, Any]:
    """The schema of `onnxlint.toml`."""
    _, parts = msgspec.json.schema_components([Config, RuleTable], ref_template="#/$defs/{name}")
    parts = _without_null(parts)
    for name, part in parts.items():
        part["description"] = described.TABLES[name]
        for key, about in part.get("properties", {}).items():
            about["description"] = described.KEYS.get(f"{name}.{key}") or described.KEYS[key]
    parts["RuleTables"] = {"description": described.KEYS["rules"], **_rule_tables()}
    for choices in (parts["Config"], parts["PerModel"]):
        about = described.KEYS["rules"]
        choices["properties"]["rules"] = {"$ref": "#/$defs/RuleTables", "description": about}
    parts["Config"]["properties"]["rule"]["items"] = {"$ref": "#/$defs/RuleTable"}
    parts["OutputContract"]["properties"]["head"]["enum"] = list(HEADS)
    whole = parts.pop("Config")
    return {
        "$schema": DIALECT,
        **whole,
        "title": "onnxlint.toml",
        "$defs": dict(sorted(parts.items())),
    }


def _without_null(schema: Any) -> Any:
    """TOML has no null: a key that may be None may be left out. Nor need titles be repeated."""
    if isinstance(schema, list):
        return [_without_null(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: each for key, each in schema.items() if key != "title"}
    if kept.get("default", 0) is None:
        del kept["default"]
    options = [each for each in kept.pop("anyOf", []) if each != {"type": "null"}]
    if len(options) == 1:
        kept = {**options[0], **kept}
    elif options:
        kept["anyOf"] = options
    return {
        key: _without_null(each) for key, each in kept.items() if each != [] or key != "required"
    }


def _rule_tables() -> dict[str, Any]:
    rules = {rule.name: _rule_table(rule) for rule in discover().rules}
    other = {"type": "object", "properties": {"severity": RULE_SEVERITY, "reason": TEXT}}
    return {"type": "object", "properties": rules, "additionalProperties": other}


def _rule_table(rule: Rule) -> dict[str, Any]:
    severity = {**RULE_SEVERITY, "default": rule.severity.value}
    options = {name: _option(option) for name, option in rule.options.items()}
    return {
        "type": "object",
        "description": f"{rule.code}: {' '.join(rule.documentation.summary.split())}",
        "properties": {"severity": severity, "reason": TEXT, **options},
        "additionalProperties": False,
    }


def _option(option: Any) -> dict[str, Any]:
    schema = _without_null(copy.deepcopy(msgspec.json.schema(option.type)))
    description = getattr(option, "description", "")
    default = {} if option.default is None else {"default": msgspec.to_builtins(option.default)}
    return {**schema, **({"description": description} if description else {}), **default}


UNTOLD = {"surroundings", "fed_by"}  # by which an accepted finding is known again


def report() -> dict[str, Any]:
    """The schema of what `--format json` prints."""
    whole = _closed({
        "version": {"const": REPORT_VERSION},
        "tool": _tool(),
        "models": {"type": "array", "items": {"$ref": "#/$defs/model"}},
        **_outcome(),
    })  # fmt: skip
    _describe("report", whole)
    return {"$schema": DIALECT, "title": "onnxlint report", **whole, "$defs": _parts()}


def jsonl() -> dict[str, Any]:
    """The schema of a line that `--format jsonl` prints."""
    parts = _parts()
    model = parts.pop("model")
    model["properties"] = {"type": {"const": "model"}, **model["properties"]}
    model["required"] = ["type", *model["required"]]
    run = _closed({
        "type": {"const": "run"}, "version": {"const": REPORT_VERSION}, "tool": _tool(),
    })  # fmt: skip
    counts = (*(each.value for each in Severity), "suppressed", "models")
    totals = _closed(dict.fromkeys(counts, COUNT))
    end = _closed({"type": {"const": "end"}, "totals": totals, **_outcome()})
    for name, part in (("line_run", run), ("line_totals", totals), ("line_end", end)):
        _describe(name, part)
    model["properties"]["type"] = {
        "description": described.FIELDS["line_model.type"], **model["properties"]["type"],
    }  # fmt: skip
    whole = {"description": described.PARTS["line"], "oneOf": [run, model, end]}
    return {"$schema": DIALECT, "title": "onnxlint report line", **whole, "$defs": parts}


def _outcome() -> dict[str, Any]:
    texts = {"type": "array", "items": TEXT}
    code = {"enum": [0, 1, 2]}
    return {"exit_code": code, "error": _or_null(TEXT), "failures": texts, "notes": texts}


def _tool() -> dict[str, Any]:
    tool = _closed({"name": {"const": "onnxlint"}, "version": TEXT, "packs": _by_name(TEXT)})
    _describe("tool", tool)
    return tool


def _parts() -> dict[str, Any]:
    finding = _record(Diagnostic, place={"$ref": "#/$defs/place"}, severity=SEVERITY)
    for key in ("fingerprint", "structural_fingerprint"):
        _add(finding, key, TEXT)
    parts = {
        "model": _model(),
        "summary": _summary(),
        "finding": finding,
        "place": _record(Place),
        "fixes": _fixes(),
        "metrics": _record(Metrics, train=_or_null({"$ref": "#/$defs/metrics"})),
        "configuration": _record(Configuration),
        "trace_row": _record(TraceRow),
        **_series(),
        "suppressed_finding": _record(Suppressed, finding={"$ref": "#/$defs/finding"}),
        "gone_finding": _record(Gone),
    }
    for name, part in parts.items():
        _describe(name, part)
    return parts


def diff() -> dict[str, Any]:
    """The schema of what `onnxlint diff -f json` prints."""
    layer, seen = {"$ref": "#/$defs/layer"}, {"$ref": "#/$defs/observation"}
    fact = {"$ref": "#/$defs/fact_change"}
    finding = _record(Diagnostic, place={"$ref": "#/$defs/place"}, severity=SEVERITY)
    for key in ("measured", "limit", "unit", "evidence", "fix"):
        del finding["properties"][key]
        finding["required"].remove(key)
    for key in ("fingerprint", "structural_fingerprint"):
        _add(finding, key, TEXT)
    details = {"type": "array", "items": fact}
    parts = {
        "release": _record(Release),
        "fact_change": _record(FactChange),
        "port_change": _record(PortChange),
        "layer": _record(LayerRef),
        "layer_change": _record(LayerChange, old=_or_null(layer), new=_or_null(layer),
                                details=details),
        "operator_count": _record(OperatorCount),
        "weight_change": _record(WeightChange, layer=layer),
        "observation": _record(Observation),
        "range_change": _record(RangeChange, layer=layer, old=seen, new=seen),
        "output_change": _record(OutputChange),
        "score_change": _record(ScoreChange),
        "diff_finding": finding,
        "place": _record(Place),
    }  # fmt: skip
    for name, part in parts.items():
        _describe(name, part)
    tool = _closed({"name": {"const": "onnxlint"}, "version": TEXT, "packs": _by_name(TEXT)})
    _describe("tool", tool)
    found = _closed({"new": _array("diff_finding"), "gone": _array("diff_finding"), "kept": COUNT})
    _describe("diff_findings", found)
    whole = _closed({
        "version": {"const": DIFF_VERSION},
        "tool": tool,
        "differs": {"type": "boolean"},
        "old": {"$ref": "#/$defs/release"},
        "new": {"$ref": "#/$defs/release"},
        "samples": _or_null(COUNT),
        "data": _or_null(TEXT),
        "facts": _array("fact_change"),
        "ports": _array("port_change"),
        "layers": _changed("layer_change", "matched"),
        "operators": _array("operator_count"),
        "weights": _changed("weight_change", "compared", "unchanged"),
        "ranges": _changed("range_change", "compared"),
        "predictions": _changed("output_change", "compared"),
        "score": _or_null({"$ref": "#/$defs/score_change"}),
        "findings": found,
        "not_compared": _by_name(TEXT),
        "incomplete": {"type": "array", "items": TEXT},
    })  # fmt: skip
    _describe("diff", whole)
    return {"$schema": DIALECT, "title": "onnxlint diff", **whole, "$defs": parts}


def _array(part: str) -> dict[str, Any]:
    return {"type": "array", "items": {"$ref": f"#/$defs/{part}"}}


def _changed(part: str, *counts: str) -> dict[str, Any]:
    section = _closed({**dict.fromkeys(counts, COUNT), "changes": _array(part)})
    _describe("changed", section)
    return section


def _model() -> dict[str, Any]:
    return _closed({
        "path": TEXT,
        "sha256": _or_null(TEXT),
        "error": _or_null(TEXT),
        "configuration": _or_null({"$ref": "#/$defs/configuration"}),
        "summary": {"$ref": "#/$defs/summary"},
        "metrics": _or_null({"$ref": "#/$defs/metrics"}),
        "findings": {"type": "array", "items": {"$ref": "#/$defs/finding"}},
        "suppressed": {"type": "array", "items": {"$ref": "#/$defs/suppressed_finding"}},
        "gone": {"type": "array", "items": {"$ref": "#/$defs/gone_finding"}},
        "mending": _or_null({"$ref": "#/$defs/fixes"}),
        "series": _or_null({"$ref": "#/$defs/series"}),
        "trace": _or_null({"type": "array", "items": {"$ref": "#/$defs/trace_row"}}),
    })  # fmt: skip


def _series() -> dict[str, Any]:
    place = {"$ref": "#/$defs/place"}
    return {
        "series": _record(
            SeriesReport, tensors=_array("tensor_curve"), activations=_array("activation_curve"),
            entropies=_array("entropy_curve"), scores=_array("score_curve"),
            gradient=_or_null({"$ref": "#/$defs/gradient_curve"}),
        ),
        "tensor_curve": _record(TensorCurve, place=place),
        "activation_curve": _record(ActivationCurve, place=place),
        "entropy_curve": _record(EntropyCurve, place=place),
        "gradient_curve": _record(GradientCurve, place=place),
        "score_curve": _record(ScoreCurve),
    }  # fmt: skip


def _summary() -> dict[str, Any]:
    return _closed({
        **{severity.value: COUNT for severity in Severity},
        "rules_run": COUNT,
        "not_applicable": COUNT,
        "suppressed": COUNT,
        "not_run": {"type": "array", "items": TEXT},
        "samples": _or_null(COUNT),
        "data": _or_null(TEXT),
        "sample_files": _or_null({"type": "array", "items": TEXT}),
        "not_executed": _or_null(TEXT),
    })  # fmt: skip


def _fixes() -> dict[str, Any]:
    finding = {"$ref": "#/$defs/finding"}
    refused = _closed({"finding": finding, "reason": TEXT})
    return _closed({
        "fixed": {"type": "array", "items": finding},
        "refused": {"type": "array", "items": refused},
        "written": _or_null(TEXT),
        "unverified": _or_null(TEXT),
        "problem": _or_null(TEXT),
    })  # fmt: skip


def _record(kind: type, **given: dict[str, Any]) -> dict[str, Any]:
    """A record that is written field by field."""
    _, parts = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    properties = parts[kind.__name__]["properties"]
    found = {}
    for field in (each for each in msgspec.structs.fields(kind) if each.name not in UNTOLD):
        found[field.name] = given.get(field.name) or {
            key: each for key, each in properties[field.name].items() if key != "default"
        }
    return _closed({name: _perhaps_infinite(about) for name, about in found.items()})


def _perhaps_infinite(about: dict[str, Any]) -> dict[str, Any]:
    """A number as JSON has it: it knows neither NaN nor infinities."""
    kinds = about.get("anyOf", [about])
    if {"type": "number"} not in kinds:
        return about
    return {"anyOf": [*kinds, {"enum": ["nan", "inf", "-inf"]}]}


def _add(schema: dict[str, Any], name: str, kind: dict[str, Any]) -> None:
    schema["properties"][name] = kind
    schema["required"].append(name)


def _closed(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _or_null(kind: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [kind, {"type": "null"}]}


def _by_name(kind: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": kind}


def _describe(name: str, part: dict[str, Any]) -> None:
    part["description"] = described.PARTS[name]
    for key, about in part["properties"].items():
        part["properties"][key] = {"description": described.FIELDS[f"{name}.{key}"], **about}


if __name__ == "__main__":
    main()
