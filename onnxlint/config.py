"""`onnxlint.toml`, or `[tool.onnxlint]` in `pyproject.toml`: found, read and validated."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Literal

import msgspec

from onnxlint.findings import Severity, Stage
from onnxlint.packs import PackError, Registry, discover
from onnxlint.rules import Option, Rule
from onnxlint.settings import (
    DEFAULT_TIME_LIMIT,
    InputContract,
    OutputContract,
)
from onnxlint.tables import OWN_FILE, TABLE, ConfigError, converted, own_table


class Ignore(msgspec.Struct, **TABLE):
    """A rule that is not to be run, and why: `{rule = "unused-node", reason = "…"}`."""

    rule: str
    reason: str


class Choices(msgspec.Struct, **TABLE):
    """What can be set for all models, and for some by `[[per-model]]`."""

    select: list[str] = []
    ignore: list[Ignore] = []
    stage: Stage | None = None
    fail_on: Severity | None = None
    rules: dict[str, dict[str, Any]] = {}
    outputs: dict[str, OutputContract] = {}
    inputs: dict[str, InputContract] = {}
    targets: list[str] = []


class PerModel(Choices, **TABLE):
    """Choices for the models whose path matches the glob `path`."""

    path: str  # type: ignore[misc]  # keyword-only, which mypy cannot see


class Config(Choices, **TABLE):
    """The whole file."""

    extend: str | None = None
    rule: list[dict[str, Any]] = []  # read with the rules of other files, each file by itself
    rule_paths: list[str] = []
    require_packs: list[str] = []
    samples: int | None = None
    seed: int = 0
    data: str | None = None
    reference: str | None = None
    labels: str | None = None
    baseline: bool = False
    time_limit: float = DEFAULT_TIME_LIMIT
    memory_limit: str | None = None
    trace: Literal["default", "full"] = "default"
    per_model: list[PerModel] = []


HEADS = ("softmax", "log-softmax", "logits", "sigmoid", "none")


@dataclass(frozen=True)
class Loaded:
    """A configuration and the file it came from (None: the defaults).

    `rule_files` are the files that hold `[[rule]]` tables: itself, and those that it extends.
    """

    config: Config
    file: Path | None = None
    rule_files: tuple[Path, ...] = ()

    def registry(self, more: Iterable[Path] = ()) -> Registry:
        """The rules of installed packs, of the configuration and of more files and folders.

        Raises:
            PackError: a pack or file does not load, or is required and missing.
        """
        return discover([*self.rule_sources, *more], self.config.require_packs)

    @property
    def rule_sources(self) -> list[Path]:
        """The files and folders whose rules the configuration adds."""
        return [*self.rule_files, *map(self.path, self.config.rule_paths)]

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
            for name in (OWN_FILE, "pyproject.toml"):
                file = folder / name
                if file.is_file() and (name == OWN_FILE or own_table(file) is not None):
                    return file
    return None


def load(file: Path | None) -> Loaded:
    """Reads and validates a configuration file, with those it extends; None gives the defaults.

    Raises:
        ConfigError: the file cannot be read, or says something it must not.
    """
    if file is None:
        return Loaded(Config())
    tables = _extended(file)
    try:
        config = converted(
            _merged(tables.values()), Config, (PerModel, Ignore, InputContract, OutputContract)
        )
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from error
    for choices in (config, *config.per_model):
        for name, output in choices.outputs.items():
            _check_output(file, name, output)
    return Loaded(config, file, tuple(path for path, table in tables.items() if "rule" in table))


def _check_output(file: Path, name: str, output: OutputContract) -> None:
    if output.head not in (None, *HEADS):
        raise ConfigError(
            f"{file}: head of output {name!r} is {output.head!r}; "
            f"it must be one of {', '.join(HEADS)}"
        )
    if output.range is not None and not output.range[0] < output.range[1]:
        raise ConfigError(
            f"{file}: range of output {name!r} is {list(output.range)}; write [lowest, highest]"
        )


def _extended(file: Path, seen: tuple[Path, ...] = ()) -> dict[Path, dict[str, Any]]:
    """What a file says, after what those say that it extends."""
    if file.resolve() in seen:
        raise ConfigError(f"{file}: extends itself; remove one 'extend'")
    table = own_table(file) or {}
    base = table.get("extend")
    before = {}
    if isinstance(base, str):
        before = _extended(file.parent / base, (*seen, file.resolve()))
    return {**before, file: table}


def _merged(tables: Iterable[dict[str, Any]]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for table in tables:
        both = merged | table
        for key in ("ignore", "per-model", "rule", "rule-paths", "require-packs"):  # these add up
            if key in merged and key in table:
                both[key] = [*merged[key], *table[key]]
        if "rules" in merged and "rules" in table:
            both["rules"] = merged["rules"] | table["rules"]
        merged = both
    return merged


@dataclass(frozen=True)
class Plan:
    """Which rules run on one model, how grave their findings are, and with which options."""

    rules: tuple[Rule, ...]
    severities: Mapping[str, Severity]
    options: Mapping[str, Mapping[str, Any]]
    stage: Stage
    fail_on: Severity
    outputs: Mapping[str, OutputContract]
    targets: tuple[str, ...] = ()
    inputs: Mapping[str, InputContract] = field(default_factory=dict)


def plan(
    loaded: Loaded,
    registry: Registry,
    model: str,
    *,
    select: Iterable[str] = (),
    ignore: Iterable[str] = (),
    stage: Stage | None = None,
    fail_on: Severity | None = None,
    targets: Iterable[str] = (),
) -> Plan:
    """What the configuration and the command line choose for a model; the latter wins.

    Raises:
        ConfigError: a selector, an option, a severity or a target does not exist.
    """
    choices = loaded.for_model(model)
    try:
        wanted = list(select) or [name for each in choices for name in each.select] or ["ALL"]
        unwanted = [*ignore, *(entry.rule for each in choices for entry in each.ignore)]
        chosen = {
            rule.code
            for name in wanted
            for rule in registry.select(name)
            if rule.is_chosen_by(name)
        }
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
        outputs={name: output for each in choices for name, output in each.outputs.items()},
        targets=_targets(targets, choices, loaded.file),
        inputs={name: each for c in choices for name, each in c.inputs.items()},
    )


def _targets(
    given: Iterable[str], choices: Iterable[Choices], file: Path | None
) -> tuple[str, ...]:
    """The targets of the command line, else those of the most special table that names any."""
    told = tuple(given)
    named = told or next((tuple(c.targets) for c in reversed([*choices]) if c.targets), ())
    if not named:
        return ()
    from onnxlint.analyses.targets import TargetError, resolve

    try:
        for name in named:
            resolve(name)
    except TargetError as error:
        source = f"{file}: " if file and not told else ""
        raise ConfigError(f"{source}{error}") from error
    return named


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
