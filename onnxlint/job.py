"""What is done with one model, decided before it is read: by configuration and caller, at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import reduce
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from onnxlint.config import Choices, Config, Loaded
from onnxlint.model.file.source import Source
from onnxlint.promises import laid_over
from onnxlint.report import Configuration, ModelReport
from onnxlint.rules.packs import PackError, Registry
from onnxlint.rules.rule import Option, Rule
from onnxlint.safety.trust import GUARDED_FAMILIES
from onnxlint.settings import DEFAULT_SAMPLES, LABELLED_SAMPLES, LabelSource, Settings
from onnxlint.severity import Severity, Stage
from onnxlint.toml_tables import ConfigError, parse_bytes


@dataclass(frozen=True)
class Job:
    """One model, and everything that is decided about linting it.

    `path` is the model's as it was written, `source` where it is read from if it is not that file.
    `settings` are what rules and analyses see. `options` of rules and `severities` of their
    findings, as configured, are by code; `floors` are the severities that a file beside the model
    asks for at least. A finding from `fail_on` on fails the gate. `configuration` names the file
    that held.
    """

    path: str
    rules: tuple[Rule, ...]
    settings: Settings = field(default_factory=Settings)
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    severities: Mapping[str, Severity] = field(default_factory=dict)
    floors: Mapping[str, Severity] = field(default_factory=dict)
    fail_on: Severity = Severity.ERROR
    static_only: bool = False
    configuration: Configuration | None = None
    source: Source | None = None

    def severity_of(self, rule: Rule) -> tuple[Severity | None, Severity | None]:
        """What is set for a rule's findings, and the least that is allowed."""
        return self.severities.get(rule.code), self.floors.get(rule.code)

    def without(self, codes: Collection[str]) -> Job:
        """The same without the rules of these codes."""
        return replace(self, rules=tuple(rule for rule in self.rules if rule.code not in codes))

    def completed(self, report: ModelReport, *, seconds: float) -> ModelReport:
        """A report of this job, with what was known before it began."""
        return replace(
            report, seconds=seconds, fail_on=self.fail_on, configuration=self.configuration
        )


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
    static_only: bool = False,
    settings: Settings | None = None,
) -> Job:
    """What the configuration and the caller choose for a model; the latter wins.

    `settings` take the place of those of the configuration; their stage, targets, inputs and
    outputs where they are not the defaults. What a file beside the model declares holds where all
    these are silent, or milder.

    Raises:
        ConfigError: a selector, an option, a severity or a target does not exist.
    """
    choices = loaded.for_model(model)
    declared = loaded.declared.for_model(model) if loaded.declared is not None else []
    try:
        chosen = _chosen(choices, registry, select, ignore)
        severities, options = _overrides(choices, registry)
    except PackError as error:
        source = f"{loaded.file}: " if loaded.file else ""
        raise ConfigError(f"{source}{error}") from error
    floors, unknown = _floors(declared, registry)
    settings = settings_of(loaded) if settings is None else settings
    return Job(
        model,
        rules=tuple(rule for rule in registry.rules if rule.code in chosen),
        settings=replace(
            _resolved(settings, [*declared, *choices], stage),
            targets=_targets([*targets] or settings.targets, choices, declared, loaded),
        ),
        options=options,
        severities=severities,
        floors=floors,
        fail_on=fail_on or _strictest(choices, declared),
        static_only=static_only,
        configuration=_origin(loaded, unknown),
    )


def settings_of(loaded: Loaded, **given: Any) -> Settings:
    """The settings that a configuration file makes; what is given and not None wins over it."""
    config: Config = loaded.config
    settings = Settings(
        data=loaded.path(config.data) if config.data else None,
        reference=loaded.path(config.reference) if config.reference else None,
        labels=LabelSource.of(loaded.path(config.labels)) if config.labels else None,
        baseline=config.baseline,
        seed=config.seed,
        time_limit=config.time_limit,
        memory_limit=parse_bytes(config.memory_limit) if config.memory_limit else None,
        full_trace=config.trace == "full",
    )
    overrides = {name: value for name, value in given.items() if value is not None}
    settings = replace(settings, **overrides)
    if "samples" in overrides:
        return settings
    default = DEFAULT_SAMPLES if settings.labels is None else LABELLED_SAMPLES
    return replace(settings, samples=config.samples or default)


def _resolved(settings: Settings, by_weight: list[Choices], stage: Stage | None) -> Settings:
    """The settings with the stage and the contracts that hold for the model."""
    outputs = {name: output for each in by_weight for name, output in each.outputs.items()}
    inputs = {name: each for choices in by_weight for name, each in choices.inputs.items()}
    stage = stage or (settings.stage if settings.stage is not Settings().stage else None)
    return replace(
        settings,
        stage=_last([each.stage for each in by_weight], stage) or settings.stage,
        inputs=settings.inputs or inputs,
        outputs=settings.outputs or outputs,
        **promised(by_weight, settings),
    )


def promised(by_weight: list[Choices], settings: Settings | None = None) -> dict[str, Any]:
    """The rest of the contract: keys of a more special table take the place of those before."""
    settings = settings or Settings()
    promises: dict[str, Any] = {}
    for name in ("architecture", "budgets", "provenance"):
        own = getattr(settings, name)
        told = [table for each in by_weight if (table := getattr(each, name)) is not None]
        promises[name] = reduce(laid_over, [*told, own], type(own)())
    values = {name: value for each in by_weight for name, value in each.values.items()}
    return promises | {"values": settings.values or values}


T = TypeVar("T")


def _last(configured: Iterable[T | None], override: T | None) -> T | None:
    return next(filter(None, [override, *reversed([*configured])]), None)


def _strictest(choices: Iterable[Choices], declared: Iterable[Choices]) -> Severity:
    """The severity from which on a finding fails the gate."""
    trusted = _last([each.fail_on for each in choices], None) or Severity.ERROR
    asked = _last([each.fail_on for each in declared], None) or trusted
    return max(trusted, asked, key=lambda severity: severity.rank)


def _origin(loaded: Loaded, unknown: Iterable[str]) -> Configuration | None:
    """Which file held, as it is reported."""
    if loaded.declared is not None:
        ignored = (*loaded.declared.ignored, *unknown)
        return Configuration(_shown(loaded.declared.file), False, ignored)
    return None if loaded.file is None else Configuration(_shown(loaded.file))


def _shown(file: Path | None) -> str:
    path, here = Path(file or ""), Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _chosen(
    choices: Iterable[Choices], registry: Registry, select: Iterable[str], ignore: Iterable[str]
) -> set[str]:
    """The codes of the rules that run.

    Those that guard against a hostile file are left out by the command line, or for a reason.
    """
    asked = list(select)
    wanted = asked or [name for each in choices for name in each.select] or ["ALL"]
    chosen = {
        rule.code for name in wanted for rule in registry.select(name) if rule.is_chosen_by(name)
    }
    if not asked:
        chosen |= {rule.code for rule in registry.rules if _is_guard(rule) and rule.default}
    chosen -= {rule.code for name in ignore for rule in registry.select(name)}
    for entry in (entry for each in choices for entry in each.ignore):
        ignored = registry.select(entry.rule)
        if not entry.reason.strip() and any(map(_is_guard, ignored)):
            raise ConfigError(
                f"ignore {entry.rule!r}: a security rule is ignored for a reason only"
            )
        chosen -= {rule.code for rule in ignored}
    return chosen


def _is_guard(rule: Rule) -> bool:
    return rule.family in GUARDED_FAMILIES


def _targets(
    given: Iterable[str], choices: Iterable[Choices], declared: Iterable[Choices], loaded: Loaded
) -> tuple[str, ...]:
    """The targets of the command line, else those of the most special table that names any.

    A file beside the model may add to the latter.
    """
    named = tuple(given)
    file = None if named else loaded.file
    if not named:
        own, more = (
            next((tuple(c.targets) for c in reversed([*each]) if c.targets), ())
            for each in (choices, declared)
        )
        named = tuple(dict.fromkeys([*own, *more]))
    if not named:
        return ()
    from onnxlint.analyses.targets.targets import TargetError, resolve

    try:
        for name in named:
            resolve(name)
    except TargetError as error:
        raise ConfigError(f"{file}: {error}" if file else str(error)) from error
    return named


def _overrides(
    choices: Iterable[Choices], registry: Registry
) -> tuple[dict[str, Severity], dict[str, dict[str, Any]]]:
    severities: dict[str, Severity] = {}
    options: dict[str, dict[str, Any]] = {}
    for name, table in ((name, table) for each in choices for name, table in each.rules.items()):
        reason = _converted(name, "reason", table.get("reason", ""), str)
        for rule in registry.select(name):
            for key, setting in table.items():
                if key == "severity":
                    severities[rule.code] = _converted(name, key, setting, Severity)
                    _check_grading(name, rule, severities[rule.code], reason)
                elif key != "reason":
                    option = _option(rule, name, key)
                    converted = _converted(name, key, setting, option.type)
                    options.setdefault(rule.code, {})[key.replace("-", "_")] = converted
    return severities, options


def _check_grading(name: str, rule: Rule, severity: Severity, reason: str) -> None:
    if _is_guard(rule) and severity.rank > rule.severity.rank and not reason.strip():
        raise ConfigError(
            f"rules.{name}.severity: {rule.code} is a security rule, and milder for a reason only; "
            'add reason = "…"'
        )


def _floors(
    declared: Iterable[Choices], registry: Registry
) -> tuple[dict[str, Severity], list[str]]:
    """The severities that a file beside the model asks for, and the rules that are not there."""
    floors: dict[str, Severity] = {}
    unknown: list[str] = []
    for name, table in ((name, table) for each in declared for name, table in each.rules.items()):
        severity = _converted(name, "severity", table["severity"], Severity)
        try:
            rules = registry.select(name)
        except PackError:
            unknown.append(f"rules.{name}")
            continue
        for rule in rules:
            before = floors.get(rule.code, severity)
            floors[rule.code] = min(before, severity, key=lambda each: each.rank)
    return floors, unknown


def _option(rule: Rule, name: str, key: str) -> Option:
    if key in rule.options:
        return rule.options[key]
    known = ["severity", "reason", *rule.options]
    near = get_close_matches(key, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(known)}"
    raise ConfigError(f"rule {name!r} has no option {key!r}; {hint}")


def _converted(name: str, key: str, setting: Any, kind: Any) -> Any:
    try:
        return msgspec.convert(setting, kind)
    except msgspec.ValidationError as error:
        raise ConfigError(f"rules.{name}.{key}: {error}") from error
