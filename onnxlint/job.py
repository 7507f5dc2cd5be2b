"""What is done with one model, decided before it is read: by configuration and caller, at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import reduce
from pathlib import Path
from typing import Any, TypeVar

from msgspec import Struct, field
from msgspec.structs import replace

from onnxlint.acceptance import Accepted
from onnxlint.choosing import Mandate, Overrides, chosen, floors, strictest
from onnxlint.config import Choices, Loaded, shown
from onnxlint.model.file.source import Source
from onnxlint.promises import laid_over
from onnxlint.remote.address import is_remote
from onnxlint.report import Configuration, ModelReport
from onnxlint.rules.packs import PackError, Registry
from onnxlint.rules.rule import Rule
from onnxlint.settings import DEFAULT_SAMPLES, LABELLED_SAMPLES, LabelSource, Settings
from onnxlint.severity import Severity, Stage
from onnxlint.suppression import Suppression, resolved
from onnxlint.toml_tables import ConfigError, parse_bytes


class Job(Struct, frozen=True):
    """One model, and everything that is decided about linting it.

    `path` is the model's as it was written, `source` where it is read from if it is not that file.
    `settings` are what rules and analyses see. `options` of rules and `severities` of their
    findings, as configured, are by code; `floors` are the least severities that policies, and a
    file beside the model, ask for. A finding from `fail_on` on fails the gate. `configuration`
    names the file that held. `suppressions` and `accepted` are findings that do not count; those of
    rules of the codes `mandatory` always do. `rule_sources` are the files and folders that rules
    were loaded from, beside packs. `portrays` is whether the report is to have a portrait.
    `asked` are the options of the command that ask for this job again. `remembers` is a folder in
    which statistics of weights are kept from run to run.
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
    mandatory: frozenset[str] = frozenset()
    suppressions: tuple[Suppression, ...] = ()
    accepted: Accepted | None = None
    rule_sources: tuple[Path, ...] = ()
    portrays: bool = False
    asked: tuple[str, ...] = ()
    remembers: Path | None = None

    def severity_of(self, rule: Rule) -> tuple[Severity | None, Severity | None]:
        """What is set for a rule's findings, and the least that is allowed."""
        return self.severities.get(rule.code), self.floors.get(rule.code)

    def without(self, codes: Collection[str]) -> Job:
        """The same without the rules of these codes."""
        return replace(self, rules=tuple(rule for rule in self.rules if rule.code not in codes))

    def completed(self, report: ModelReport, *, seconds: float) -> ModelReport:
        """A report of this job, with what was known before it began."""
        return replace(
            report,
            seconds=seconds,
            fail_on=self.fail_on,
            configuration=self.configuration,
            asked=self.asked,
        )


def plan(
    loaded: Loaded,
    registry: Registry,
    model: str,
    *,
    select: Iterable[str] = (),
    ignore: Iterable[str] = (),
    preview: bool = False,
    stage: Stage | None = None,
    fail_on: Severity | None = None,
    targets: Iterable[str] = (),
    static_only: bool = False,
    settings: Settings | None = None,
    accepted: Accepted | None = None,
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
    mandate = Mandate.of(loaded, registry)
    try:
        codes = chosen(choices, registry, mandate, [*select], [*ignore],
                       preview=preview or loaded.config.preview)  # fmt: skip
        overrides = Overrides.of(choices, registry, mandate)
    except PackError as error:
        source = f"{loaded.file}: " if loaded.file else ""
        raise ConfigError(f"{source}{error}") from error
    asked, unknown = floors(declared, registry)
    settings = settings_of(loaded, model) if settings is None else settings
    return Job(
        model,
        rules=tuple(rule for rule in registry.rules if rule.code in codes - overrides.off),
        settings=replace(
            _resolved(settings, [*declared, *choices], stage),
            targets=_targets([*targets] or settings.targets, choices, declared, loaded),
        ),
        options=overrides.options,
        severities=overrides.severities,
        floors=strictest(mandate.floors, asked),
        fail_on=fail_on or _strictest(choices, declared, mandate),
        mandatory=frozenset(mandate.mandatory),
        suppressions=resolved(loaded, registry, mandate, model),
        accepted=accepted,
        static_only=static_only,
        configuration=_origin(loaded, unknown),
    )


def settings_of(loaded: Loaded, model: str | None = None, **given: Any) -> Settings:
    """The settings that a configuration file makes for a model; what is given and not None wins.

    Raises:
        ConfigError: a size is none.
    """
    choices = [loaded.config] if model is None else loaded.for_model(model)

    def said(key: str) -> Any:
        return next(
            (getattr(c, key) for c in reversed(choices) if getattr(c, key) is not None), None
        )

    data, reference, labels, memory = map(said, ("data", "reference", "labels", "memory_limit"))
    train_data, train_labels = map(said, ("train_data", "train_labels"))
    baselines = next((each.baselines for each in reversed(choices) if each.baselines), ())
    settings = Settings(
        data=loaded.path(data) if data else None,
        reference=loaded.path(reference) if reference else None,
        labels=LabelSource.of(loaded.path(labels)) if labels else None,
        train_data=loaded.path(train_data) if train_data else None,
        train_labels=LabelSource.of(loaded.path(train_labels)) if train_labels else None,
        compare_simple=said("compare_simple"),
        baselines=tuple(map(loaded.path, baselines)),
        seed=said("seed"),
        time_limit=said("time_limit"),
        memory_limit=parse_bytes(memory) if memory else None,
        budget=said("budget"),
        full_trace=said("trace") == "full",
    )
    overrides = {name: value for name, value in given.items() if value is not None}
    settings = with_copies(replace(settings, **overrides))
    if "samples" in overrides:
        return settings
    both = settings.train_labels, settings.train_data
    is_labelled = settings.labels is not None or both != (None, None)
    default = LABELLED_SAMPLES if is_labelled else DEFAULT_SAMPLES
    return replace(settings, samples=said("samples") or default)


def with_copies(settings: Settings) -> Settings:
    """The settings with copies of data and labels that are at remote addresses.

    Raises:
        ConfigError: they cannot be read.
    """
    sources = filter(None, (settings.labels, settings.train_labels))
    files = [settings.data, settings.train_data, *(each.file for each in sources)]
    if not any(file is not None and is_remote(file) for file in files):
        return settings
    from onnxlint.remote.given import localised

    return localised(settings)


def contracted_settings(loaded: Loaded, model: str, **given: Any) -> Settings:
    """The same with what the configuration declares of the model, where no rules are chosen.

    Raises:
        ConfigError: a size is none.
    """
    declared = loaded.declared.for_model(model) if loaded.declared is not None else []
    by_weight = [*declared, *loaded.for_model(model)]
    return _resolved(settings_of(loaded, model, **given), by_weight, None)


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


def _strictest(
    choices: Iterable[Choices], declared: Iterable[Choices], mandate: Mandate
) -> Severity:
    """The severity from which on a finding fails the gate."""
    trusted = _last([each.fail_on for each in choices], None) or Severity.ERROR
    asked = _last([each.fail_on for each in declared], None) or trusted
    return max(trusted, asked, mandate.fail_on or trusted, key=lambda severity: severity.rank)


def _origin(loaded: Loaded, unknown: Iterable[str]) -> Configuration | None:
    """Which file held, as it is reported."""
    if loaded.declared is not None:
        ignored = (*loaded.declared.ignored, *unknown)
        return Configuration(shown(loaded.declared.file or Path()), False, ignored)
    return None if loaded.file is None else Configuration(shown(loaded.file))


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
