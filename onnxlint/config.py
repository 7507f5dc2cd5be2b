"""`onnxlint.toml`, or `[tool.onnxlint]` in `pyproject.toml`: found, read and validated."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import msgspec

from onnxlint.findings import Severity, Stage
from onnxlint.packs import PackError, Registry
from onnxlint.rules import Option, Rule
from onnxlint.settings import DEFAULT_SAMPLES, DEFAULT_TIME_LIMIT

FILE_NAME = "onnxlint.toml"


class ConfigError(Exception):
    """A configuration that cannot be used: the file, the key, and what it should be."""


_TABLE: Any = {"rename": "kebab", "forbid_unknown_fields": True, "kw_only": True, "frozen": True}
"""A table of the file: keys are written with hyphens, unknown ones are refused."""


class Ignore(msgspec.Struct, **_TABLE):
    """A rule that is not to be run, and why: `{rule = "unused-node", reason = "…"}`."""

    rule: str
    reason: str


class Head(msgspec.Struct, **_TABLE):
    """What an output predicts, where the graph does not tell."""

    head: str


class Choices(msgspec.Struct, **_TABLE):
    """What can be set for all models, and for some by `[[per-model]]`."""

    select: list[str] = []
    ignore: list[Ignore] = []
    stage: Stage | None = None
    fail_on: Severity | None = None
    rules: dict[str, dict[str, Any]] = {}
    outputs: dict[str, Head] = {}


class PerModel(Choices, **_TABLE):
    """Choices for the models whose path matches the glob `path`."""

    path: str  # type: ignore[misc]  # keyword-only, which mypy cannot see


class Config(Choices, **_TABLE):
    """The whole file."""

    extend: str | None = None
    rule_paths: list[str] = []
    require_packs: list[str] = []
    samples: int = DEFAULT_SAMPLES
    seed: int = 0
    data: str | None = None
    time_limit: float = DEFAULT_TIME_LIMIT
    memory_limit: str | None = None
    per_model: list[PerModel] = []


HEADS = ("softmax", "log-softmax", "logits", "sigmoid", "none")


@dataclass(frozen=True)
class Loaded:
    """A configuration and the file it came from (None: the defaults)."""

    config: Config
    file: Path | None = None

    def path(self, written: str) -> Path:
        """A path of the file, which is relative to the file's folder."""
        return (self.file.parent if self.file else Path()) / written

    def for_model(self, model: str) -> list[Choices]:
        """The choices that hold for a model, the general ones first."""
        return [self.config, *(each for each in self.config.per_model if self._fits(model, each))]

    def _fits(self, model: str, choices: PerModel) -> bool:
        path = Path(model)
        relative = path.resolve()
        if self.file and relative.is_relative_to(self.file.parent.resolve()):
            relative = relative.relative_to(self.file.parent.resolve())
        return any(fnmatch(str(name), choices.path) for name in (relative, path, path.name))


def find(model: str) -> Path | None:
    """The nearest configuration, upwards from the model and then from the working directory."""
    for start in (Path(model).resolve().parent, Path.cwd()):
        for folder in (start, *start.parents):
            for name in (FILE_NAME, "pyproject.toml"):
                file = folder / name
                if file.is_file() and (name == FILE_NAME or "onnxlint" in _tools(file)):
                    return file
    return None


def load(file: Path | None) -> Loaded:
    """Reads and validates a configuration file, with those it extends; None gives the defaults.

    Raises:
        ConfigError: the file cannot be read, or says something it must not.
    """
    if file is None:
        return Loaded(Config())
    table = _with_extended(file, seen=())
    try:
        config = msgspec.convert(table, Config)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{file}: {_explained(str(error))}") from error
    for choices in (config, *config.per_model):
        for name, output in choices.outputs.items():
            if output.head not in HEADS:
                raise ConfigError(
                    f"{file}: head of output {name!r} is {output.head!r}; "
                    f"it must be one of {', '.join(HEADS)}"
                )
    return Loaded(config, file)


def _with_extended(file: Path, seen: tuple[Path, ...]) -> dict[str, Any]:
    if file.resolve() in seen:
        raise ConfigError(f"{file}: extends itself; remove one 'extend'")
    table = _tools(file)["onnxlint"] if file.name == "pyproject.toml" else _toml(file)
    base_path = table.get("extend")
    if not isinstance(base_path, str):
        return table
    base = _with_extended(file.parent / base_path, (*seen, file.resolve()))
    merged = base | table
    for key in ("ignore", "per-model", "rule-paths", "require-packs"):  # these add up
        if key in base and key in table:
            merged[key] = [*base[key], *table[key]]
    if "rules" in base and "rules" in table:
        merged["rules"] = base["rules"] | table["rules"]
    return merged


def _tools(file: Path) -> dict[str, Any]:
    tool = _toml(file).get("tool", {})
    return tool if isinstance(tool, dict) else {}


def _toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: is not TOML: {error}") from error


def _explained(message: str) -> str:
    """msgspec's message, with a suggestion where a key is unknown."""
    unknown = re.search(r"unknown field `([^`]+)`", message)
    if unknown is None:
        return message
    known = {field.encode_name for kind in (Config, PerModel, Ignore, Head)
             for field in msgspec.structs.fields(kind)}  # fmt: skip
    near = get_close_matches(unknown[1], sorted(known), n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(known))}"
    where = re.search(r" - at `\$([^`]*)`", message)
    table = f" in {where[1].lstrip('.')}" if where and where[1] else ""
    return f"unknown key {unknown[1]!r}{table}; {hint}"


@dataclass(frozen=True)
class Plan:
    """Which rules run on one model, how grave their findings are, and with which options."""

    rules: tuple[Rule, ...]
    severities: Mapping[str, Severity]
    options: Mapping[str, Mapping[str, Any]]
    stage: Stage
    fail_on: Severity
    heads: Mapping[str, str]


def plan(
    loaded: Loaded,
    registry: Registry,
    model: str,
    *,
    select: Iterable[str] = (),
    ignore: Iterable[str] = (),
    stage: Stage | None = None,
    fail_on: Severity | None = None,
) -> Plan:
    """What the configuration and the command line choose for a model; the latter wins.

    Raises:
        ConfigError: a selector, an option or a severity does not exist.
    """
    choices = loaded.for_model(model)
    try:
        wanted = list(select) or [name for each in choices for name in each.select] or ["ALL"]
        unwanted = [*ignore, *(entry.rule for each in choices for entry in each.ignore)]
        chosen = {rule.code for name in wanted for rule in registry.select(name)}
        chosen -= {rule.code for name in unwanted for rule in registry.select(name)}
        severities, options = _overrides(choices, registry)
    except PackError as error:
        source = f"{loaded.file}: " if loaded.file else ""
        raise ConfigError(f"{source}{error}") from error
    stages = [stage, *(each.stage for each in reversed(choices))]
    limits = [fail_on, *(each.fail_on for each in reversed(choices))]
    return Plan(
        rules=tuple(rule for rule in registry.rules if rule.code in chosen),
        severities=severities,
        options=options,
        stage=next(filter(None, stages), Stage.TRAINED),
        fail_on=next(filter(None, limits), Severity.ERROR),
        heads={name: output.head for each in choices for name, output in each.outputs.items()},
    )


def _overrides(
    choices: Iterable[Choices], registry: Registry
) -> tuple[dict[str, Severity], dict[str, dict[str, Any]]]:
    severities: dict[str, Severity] = {}
    options: dict[str, dict[str, Any]] = {}
    for name, table in ((name, table) for each in choices for name, table in each.rules.items()):
        for rule in registry.select(name):
            for key, setting in table.items():
                if key == "severity":
                    severities[rule.code] = _converted(name, key, setting, Severity)
                else:
                    option = _option(rule, name, key)
                    converted = _converted(name, key, setting, option.type)
                    options.setdefault(rule.code, {})[key.replace("-", "_")] = converted
    return severities, options


def _option(rule: Rule, name: str, key: str) -> Option:
    if key in rule.options:
        return rule.options[key]
    known = ["severity", *rule.options]
    near = get_close_matches(key, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(known)}"
    raise ConfigError(f"rule {name!r} has no option {key!r}; {hint}")


def _converted(name: str, key: str, setting: Any, kind: Any) -> Any:
    try:
        return msgspec.convert(setting, kind)
    except msgspec.ValidationError as error:
        raise ConfigError(f"rules.{name}.{key}: {error}") from error


_UNITS = {"": 1, "B": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def parse_bytes(text: str) -> int:
    """`8GiB`, `512M`, `1000000` as bytes; units are powers of 1024.

    Raises:
        ConfigError: it is no such size.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(?:iB|B)?\s*", text, re.IGNORECASE)
    if match is None or float(match[1]) <= 0:
        raise ConfigError(f"{text!r} is no size in bytes; write it like 512MiB or 8GiB")
    return int(float(match[1]) * _UNITS[match[2].upper()])
