"""Which rules judge a model, with which options, at which severity: as configured, under policy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct, field

from onnxlint.config import Choices, Loaded
from onnxlint.nearest import nearest
from onnxlint.rules.packs import PackError, Registry
from onnxlint.rules.rule import Option, Rule
from onnxlint.safety.trust import GUARDED_FAMILIES
from onnxlint.severity import Severity
from onnxlint.toml_tables import ConfigError

OFF: Literal["off"] = "off"
"""The severity of a rule that is not run."""


class Mandate(Struct, frozen=True):
    """What the policies of a configuration demand, by code, with the file that does.

    Files that extend it cannot take it back.
    """

    mandatory: Mapping[str, Path] = field(default_factory=dict)
    least: Mapping[str, tuple[Severity, Path]] = field(default_factory=dict)
    fail_on: Severity | None = None

    @classmethod
    def of(cls, loaded: Loaded, registry: Registry) -> Mandate:
        """The policies of a file and of those that it extends.

        Raises:
            ConfigError: one names a rule that is not there.
        """
        mandatory: dict[str, Path] = {}
        least: dict[str, tuple[Severity, Path]] = {}
        for file, policy in loaded.policies:
            for name in policy.mandatory:
                for rule in _named(name, registry, file):
                    mandatory.setdefault(rule.code, file)  # the base's, who else repeats it
            for name, severity in policy.severities.items():
                for rule in _named(name, registry, file):
                    before = least.get(rule.code)
                    if before is None or severity.rank < before[0].rank:
                        least[rule.code] = severity, file
        mandate = cls(mandatory)
        mandate._check_options(loaded, registry)
        failing = [policy.fail_on for _, policy in loaded.policies if policy.fail_on is not None]
        return cls(mandatory, least, max(failing, key=lambda each: each.rank, default=None))

    @property
    def floors(self) -> dict[str, Severity]:
        """The least severity of findings, by the code of their rule."""
        return {code: severity for code, (severity, _) in self.least.items()}

    def check_run(self, rules: Iterable[Rule], what: str) -> None:
        """Refuses what would leave out a mandatory rule.

        Raises:
            ConfigError: one of the rules is mandatory.
        """
        for rule in rules:
            if rule.code in self.mandatory:
                file = self.mandatory[rule.code]
                raise ConfigError(
                    f"{what}: {rule.code} {rule.name!r} is mandatory by the policy of {file}"
                )

    def _check_options(self, loaded: Loaded, registry: Registry) -> None:
        """Refuses options of a mandatory rule in a file that extends the policy's."""
        order = {file: at for at, file in enumerate(loaded.tables)}
        for file, name, table in _rule_tables(loaded):
            options = [key for key in table if key not in ("severity", "reason")]
            for rule in _named(name, registry, file) if options and self.mandatory else ():
                owner = self.mandatory.get(rule.code)
                if owner is not None and order[file] > order.get(owner, 0):
                    what = f"{file}: rules.{name}.{options[0]}: {rule.code} {rule.name!r}"
                    raise ConfigError(
                        f"{what} is mandatory by the policy of {owner}, which sets its options"
                    )

    def check_severity(self, rule: Rule, severity: Severity, what: str) -> None:
        """Refuses a severity that is milder than a policy's.

        Raises:
            ConfigError: it is.
        """
        least, file = self.least.get(rule.code, (severity, None))
        if severity.rank > least.rank:
            raise ConfigError(
                f"{what}: {severity.value!r} is milder than {least.value!r}, which the policy of "
                f"{file} sets for {rule.code}"
            )


def _rule_tables(loaded: Loaded) -> Iterator[tuple[Path, str, Mapping[str, Any]]]:
    """The tables of rules of all files, with their names."""
    for file, table in loaded.tables.items():
        per_model = table.get("per-model", [])
        for each in (table, *per_model):
            for name, settings in each.get("rules", {}).items():
                yield file, name, settings


def _named(name: str, registry: Registry, file: Path) -> list[Rule]:
    try:
        return registry.select(name)
    except PackError as error:
        raise ConfigError(f"{file}: {error}") from error


def chosen(
    choices: Iterable[Choices], registry: Registry, mandate: Mandate,
    select: Sequence[str], ignore: Iterable[str], *, preview: bool = False,
) -> set[str]:  # fmt: skip
    """The codes of the rules that run.

    Those that guard against a hostile file are left out by the command line, or for a reason;
    mandatory ones by no more than a selection of the command line.

    Raises:
        ConfigError: a rule is to be left out that cannot be.
        PackError: a selector does not exist.
    """
    configured = list(choices)
    wanted = select or [name for each in configured for name in each.select] or ["ALL"]
    codes = {
        rule.code
        for name in wanted
        for rule in registry.select(name)
        if rule.is_chosen_by(name, preview=preview)
    }
    if not select:
        guards = filter(_is_guard, registry.rules)
        codes |= {rule.code for rule in guards if rule.runs_unasked(preview=preview)}
        codes |= mandate.mandatory.keys()
    for name in ignore:
        ignored = registry.select(name)
        mandate.check_run(ignored, f"--ignore {name}")
        codes -= {rule.code for rule in ignored}
    for entry in (entry for each in configured for entry in each.ignore):
        ignored = registry.select(entry.rule)
        mandate.check_run(ignored, f"ignore {entry.rule!r}")
        if not entry.reason.strip() and any(map(_is_guard, ignored)):
            raise ConfigError(
                f"ignore {entry.rule!r}: a security rule is only ignored with a reason"
            )
        codes -= {rule.code for rule in ignored}
    return codes


def _is_guard(rule: Rule) -> bool:
    return rule.family in GUARDED_FAMILIES


class Overrides(Struct):
    """What is set for rules, by code: their severities, their options, and which are off."""

    severities: dict[str, Severity] = field(default_factory=dict)
    options: dict[str, dict[str, Any]] = field(default_factory=dict)
    off: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, choices: Iterable[Choices], registry: Registry, mandate: Mandate) -> Overrides:
        """What tables of rules set, the later ones over the earlier.

        Raises:
            ConfigError: an option does not exist or has a wrong value, or is milder than allowed.
            PackError: a rule does not exist.
        """
        overrides = cls()
        for name, table in (
            (name, table) for each in choices for name, table in each.rules.items()
        ):
            reason = _converted(name, "reason", table.get("reason", ""), str)
            for rule in registry.select(name):
                overrides._set(rule, name, table, reason.strip(), mandate)
        return overrides

    def _set(
        self, rule: Rule, name: str, table: Mapping[str, Any], reason: str, mandate: Mandate
    ) -> None:
        for key, setting in table.items():
            if key == "severity":
                self._grade(rule, name, _severity(name, setting), reason, mandate)
            elif key != "reason":
                option = _option(rule, name, key)
                converted = _converted(name, key, setting, option.type)
                self.options.setdefault(rule.code, {})[key.replace("-", "_")] = converted

    def _grade(
        self, rule: Rule, name: str, severity: Severity | Literal["off"], reason: str,
        mandate: Mandate,
    ) -> None:  # fmt: skip
        what = f"rules.{name}.severity"
        is_milder = severity == OFF or severity.rank > rule.severity.rank
        if _is_guard(rule) and is_milder and not reason:
            raise ConfigError(
                f"{what}: {rule.code} is a security rule, and milder for a reason only; "
                'reason = "…"'
            )
        self.off.discard(rule.code)
        if severity == OFF:
            mandate.check_run([rule], what)
            self.off.add(rule.code)
        else:
            mandate.check_severity(rule, severity, what)
            self.severities[rule.code] = severity


def _severity(name: str, setting: object) -> Severity | Literal["off"]:
    if setting == OFF:
        return OFF
    known = [*(each.value for each in Severity), OFF]
    if setting not in known:
        raise ConfigError(f"rules.{name}.severity: {setting!r} is not one of {', '.join(known)}")
    return Severity(setting)


def floors(
    declared: Iterable[Choices], registry: Registry
) -> tuple[dict[str, Severity], list[str]]:
    """The severities that a file beside the model asks for, and the rules that are not there."""
    least: dict[str, Severity] = {}
    unknown: list[str] = []
    for name, table in ((name, table) for each in declared for name, table in each.rules.items()):
        severity = _severity(name, table["severity"])
        try:
            rules = registry.select(name)
        except PackError:
            unknown.append(f"rules.{name}")
            continue
        if severity == OFF:
            unknown.append(f"rules.{name}.severity")
            continue
        for rule in rules:
            before = least.get(rule.code, severity)
            least[rule.code] = min(before, severity, key=lambda each: each.rank)
    return least, unknown


def strictest(one: Mapping[str, Severity], other: Mapping[str, Severity]) -> dict[str, Severity]:
    """Of two severities for a rule the graver."""
    return {
        code: min((each[code] for each in (one, other) if code in each), key=lambda s: s.rank)
        for code in {**one, **other}
    }


def _option(rule: Rule, name: str, key: str) -> Option:
    if key in rule.options:
        return rule.options[key]
    known = ["severity", "reason", *rule.options]
    near = nearest(key, known)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
    raise ConfigError(f"rule {name!r} has no option {key!r}; {hint}")


def _converted(name: str, key: str, setting: Any, kind: Any) -> Any:
    try:
        return msgspec.convert(setting, kind)
    except msgspec.ValidationError as error:
        raise ConfigError(f"rules.{name}.{key}: {error}") from error
