"""`onnxlint.toml`, or `[tool.onnxlint]` in `pyproject.toml`: found, read and validated."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from onnxlint.config_files import extended, files_of, merged
from onnxlint.promises import (
    Architecture,
    Budgets,
    Provenance,
    ValuePromise,
)
from onnxlint.rules.packs import Registry, discover
from onnxlint.safety.trust import declarations, is_ours
from onnxlint.settings import (
    DEFAULT_TIME_LIMIT,
    LONGEST_TIME_LIMIT,
    MOST_SAMPLES,
    InputContract,
    OutputContract,
)
from onnxlint.severity import Severity, Stage
from onnxlint.toml_tables import (
    OWN_FILE,
    TABLE,
    ConfigError,
    converted,
    is_file,
    own_table,
    parse_bytes,
    real_path,
)


class Ignore(msgspec.Struct, **TABLE):
    """A rule that is not to be run, and why: `{rule = "unused-node", reason = "…"}`."""

    rule: str
    reason: str


LONGEST_GLOB = 1_000
"""Characters of a glob. A choice: `fnmatch` looks through what follows each of its brackets."""

Glob = Annotated[str, msgspec.Meta(max_length=LONGEST_GLOB)]


class Suppress(msgspec.Struct, **TABLE):
    """Findings that do not count, why, and until when.

    `rule` is a code, a prefix or a name; `model` a glob for paths, `where` one for a module, or for
    the name of a node or a value. `until` is the last day, a date of TOML.
    """

    rule: str
    reason: str
    model: Glob | None = None
    where: Glob | None = None
    until: datetime.date | None = None


class Policy(msgspec.Struct, **TABLE):
    """What no file that extends this one can take back.

    Rules of `mandatory` are always run and never suppressed; findings of those in `severities` are
    at least as severe, and the gate fails from `fail_on` on at the latest.
    """

    mandatory: list[str] = []
    severities: dict[str, Severity] = {}
    fail_on: Severity | None = None


class Choices(msgspec.Struct, **TABLE):
    """What can be set for all models, and for some by `[[per-model]]`."""

    select: list[str] = []
    ignore: list[Ignore] = []
    stage: Stage | None = None
    fail_on: Severity | None = None
    rules: dict[str, dict[str, Any]] = {}
    outputs: dict[str, OutputContract] = {}
    inputs: dict[str, InputContract] = {}
    architecture: Architecture | None = None
    values: dict[Glob, ValuePromise] = {}
    budgets: Budgets | None = None
    provenance: Provenance | None = None
    targets: list[str] = []
    samples: Annotated[int, msgspec.Meta(ge=1, le=MOST_SAMPLES)] | None = None
    seed: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] | None = None
    data: str | None = None
    reference: str | None = None
    labels: str | None = None
    train_data: str | None = None
    train_labels: str | None = None
    compare_simple: bool | None = None
    time_limit: Annotated[float, msgspec.Meta(gt=0, le=LONGEST_TIME_LIMIT)] | None = None
    memory_limit: str | None = None
    trace: Literal["default", "full"] | None = None


class PerModel(Choices, **TABLE):
    """Choices for the models whose path matches the glob `path`."""

    path: Glob  # type: ignore[misc]  # keyword-only


class Config(Choices, **TABLE):
    """The whole file."""

    extend: str | list[str] | None = None
    rule: list[dict[str, Any]] = []  # read with the rules of other files, each file by itself
    rule_paths: list[str] = []
    require_packs: list[str] = []
    policy: Policy | None = None
    suppress: list[Suppress] = []
    accepted: str | None = None
    preview: bool = False
    seed: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] = 0
    compare_simple: bool = False
    time_limit: Annotated[float, msgspec.Meta(gt=0, le=LONGEST_TIME_LIMIT)] = DEFAULT_TIME_LIMIT
    trace: Literal["default", "full"] = "default"
    per_model: list[PerModel] = []


HEADS = ("softmax", "log-softmax", "logits", "sigmoid", "none")


class Loaded(Struct, frozen=True):
    """A configuration and the file it came from (None: the defaults).

    `rule_files` are the files that hold `[[rule]]` tables: itself, and those that it extends.
    `suppress_files` are those of the entries of `suppress`, `per_model_files` those of `per_model`,
    `policies` those that hold a policy. `tables` is what each file says, those that are extended
    first.
    `declared` is what a file that lies with the model says of it beside that: it is not trusted,
    and its other keys, `ignored`, have no effect.
    """

    config: Config
    file: Path | None = None
    rule_files: tuple[Path, ...] = ()
    suppress_files: tuple[Path, ...] = ()
    per_model_files: tuple[Path, ...] = ()
    policies: tuple[tuple[Path, Policy], ...] = ()
    tables: Mapping[Path, dict[str, Any]] = field(default_factory=dict)
    declared: Loaded | None = None
    ignored: tuple[str, ...] = ()

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
        return fits(model, choices.path, self.file)


def fits(model: str, glob: str, file: Path | None) -> bool:
    """Whether a glob that stands in a file means a model: by its path from there, or its name."""
    path = Path(model)
    relative = real_path(model)
    if file and relative.is_relative_to(real_path(file.parent)):
        relative = relative.relative_to(real_path(file.parent))
    return any(fnmatch(str(name), glob) for name in (relative, path, path.name))


def shown(file: Path) -> str:
    """A file as reports name it: from the working directory, where it lies below it."""
    here = Path.cwd()
    return str(file.relative_to(here) if file.is_relative_to(here) else file)


def find(model: str) -> Path | None:
    """The nearest configuration, upwards from the model and then from the working directory."""
    for start in (real_path(model).parent, Path.cwd()):
        for folder in (start, *start.parents):
            for name in (OWN_FILE, "pyproject.toml"):
                file = folder / name
                if is_file(file) and (name == OWN_FILE or own_table(file) is not None):
                    return file
    return None


def load_for(model: str, given: Path | None = None, *, trusts_all: bool = False) -> Loaded:
    """The configuration that holds for a model: the one given, else the nearest.

    Where the nearest lies with the model, and not at or above the working directory, whoever made
    the model may have made it: then the working directory's holds, and the other may declare what
    the model is, and be stricter. `trusts_all` takes its word for everything.

    Raises:
        ConfigError: a file cannot be read, or says something that it must not.
    """
    file = given or find(model)
    if file is None or given is not None or trusts_all or is_ours(file):
        return load(file)
    table, ignored = declarations(file)
    declared = _validated(table, file)
    return replace(load(find("-")), declared=Loaded(declared, file, ignored=ignored))


def load(file: Path | None) -> Loaded:
    """Reads and validates a configuration file, with those it extends; None gives the defaults.

    Raises:
        ConfigError: the file cannot be read, or says something it must not.
    """
    if file is None:
        return Loaded(Config())
    tables = extended(file)
    config = _validated(merged(tables.values()), file)
    return Loaded(
        config,
        file,
        rule_files=tuple(path for path, table in tables.items() if "rule" in table),
        suppress_files=files_of("suppress", tables),
        per_model_files=files_of("per-model", tables),
        policies=tuple(_policies(tables)),
        tables=tables,
    )


def _policies(tables: Mapping[Path, dict[str, Any]]) -> Iterator[tuple[Path, Policy]]:
    for file, table in tables.items():
        if "policy" in table:
            policy = _validated({"policy": table["policy"]}, file).policy
            if policy is not None:
                yield file, policy


def _validated(table: dict[str, Any], file: Path) -> Config:
    try:
        config = converted(table, Config, top=Config)
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from error
    for choices in (config, *config.per_model):
        for name, output in choices.outputs.items():
            _check_output(file, name, output)
        if choices.memory_limit is not None:
            _check_size(file, "memory-limit", choices.memory_limit)
    return config


def _check_size(file: Path, key: str, written: str) -> None:
    try:
        parse_bytes(written)
    except ConfigError as error:
        raise ConfigError(f"{file}: {key}: {error}") from error


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
