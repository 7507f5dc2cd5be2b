"""Whose word counts: what a configuration that lies with the model may say, and what not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from onnxlint.toml_tables import ConfigError, own_table, real_path

GUARDED_FAMILIES = frozenset({"SEC"})
"""Families of rules that guard against a hostile file: not silenced in passing."""

_DECLARED = (
    "stage", "inputs", "outputs", "architecture", "values", "budgets", "provenance", "targets",
    "fail-on",
)  # fmt: skip
"""What a model is and promises, where it is to run, and how strict to be; the latter counts if it
is stricter than without. Promises add findings only."""


def is_ours(file: Path) -> bool:
    """Whether a configuration lies at or above the working directory, whose owner we work for."""
    return real_path(Path.cwd()).is_relative_to(real_path(file.parent))


def declarations(file: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What a file says that everybody may say of a model, and the keys of everything else.

    Raises:
        ConfigError: it cannot be read, or is no TOML.
    """
    if not real_path(file).is_relative_to(real_path(file.parent)):
        raise ConfigError(f"{file}: leaves its folder through a link and is not read")
    kept, ignored = _separated(own_table(file) or {})
    tables = kept.get("per-model", [])
    for number, table in enumerate(tables, 1):
        own, others = _separated(table)
        tables[number - 1] = own | {"path": table.get("path")}
        ignored += [f"per-model[{number}].{key}" for key in others if key != "path"]
    return kept, tuple(ignored)


def _separated(table: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    kept = {key: table[key] for key in _DECLARED if key in table}
    known = (*_DECLARED, "rules", "per-model")
    ignored = [word for key in table if key not in known for word in _named(key, table[key])]
    budgets = kept.get("budgets")
    if isinstance(budgets, dict) and "latency" in budgets:  # names a file, which would be run
        kept["budgets"] = {key: each for key, each in budgets.items() if key != "latency"}
        ignored.append("budgets.latency")
    provenance = kept.get("provenance")
    if isinstance(provenance, dict) and "signature" in provenance:  # anybody's key proves nothing
        own = {key: each for key, each in provenance.items() if key != "signature"}
        kept["provenance"] = own
        ignored.append("provenance.signature")
    rules, more = _graded(table.get("rules"))
    if rules:
        kept["rules"] = rules
    per_model = table.get("per-model")
    if isinstance(per_model, list) and all(isinstance(each, dict) for each in per_model):
        kept["per-model"] = list(per_model)
    elif per_model is not None:
        ignored.append("per-model")
    return kept, ignored + more


def _named(key: str, value: Any) -> list[str]:
    """A key as it is reported; rules that were to be silenced each by itself."""
    entries = value if key == "ignore" and isinstance(value, list) else []
    rules = [entry.get("rule") for entry in entries if isinstance(entry, dict)]
    return [f"{key} {rule}" for rule in rules if isinstance(rule, str)] or [key]


def _graded(rules: Any) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """The severities of rules: options may weaken a rule as well as sharpen it."""
    if not isinstance(rules, dict):
        return {}, [] if rules is None else ["rules"]
    kept: dict[str, dict[str, Any]] = {}
    ignored: list[str] = []
    for name, table in rules.items():
        settings = table if isinstance(table, dict) else {}
        if "severity" in settings:
            kept[name] = {"severity": settings["severity"]}
        ignored += [f"rules.{name}.{key}" for key in settings if key != "severity"]
    return kept, ignored
