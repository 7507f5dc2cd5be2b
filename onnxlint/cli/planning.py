"""From options and configurations to what is done with each model, before any is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from onnxlint.severity import Severity, Stage
from onnxlint.toml_tables import ConfigError, exists, is_file

if TYPE_CHECKING:
    from onnxlint.config import Loaded, Plan
    from onnxlint.fixing import Wish
    from onnxlint.rules.packs import Registry
    from onnxlint.settings import Settings


@dataclass(frozen=True)
class Options:
    """The command line, as it was given; None where an option was not."""

    select: tuple[str, ...]
    ignore: tuple[str, ...]
    stage: Stage | None
    target: tuple[str, ...]
    fail_on: Severity | None
    data: Path | None
    reference: Path | None
    labels: Path | None
    baseline: bool
    samples: int | None
    seed: int | None
    time_limit: float | None
    memory_limit: str | None
    static_only: bool
    trace: str | None
    save_witness: Path | None
    config: Path | None
    trust_config: bool
    rules: tuple[Path, ...]
    wish: Wish | None = None


@dataclass(frozen=True)
class Job:
    """One model and what is to be done with it; `problem` says why it cannot be."""

    path: str
    plan: Plan | None = None
    settings: Settings | None = None
    problem: str | None = None


@dataclass
class Planner:
    """Plans each model by the configuration that holds for it; each file of rules is read once."""

    options: Options
    registry: Registry | None = None
    _registries: dict[tuple[tuple[Path, ...], tuple[str, ...]], Registry] = field(
        default_factory=dict
    )

    def jobs(self, models: Mapping[str, str | None]) -> list[Job]:
        """A job for each model, or the problem with it.

        Raises:
            click.UsageError: what the command line asks for is not there.
            ConfigError, PackError: what we trust cannot be used.
        """
        _check_data(self.options.data)
        return [
            Job(path, problem=f"{problem}; check the path") if problem else self._job(path)
            for path, problem in models.items()
        ]

    def _job(self, path: str) -> Job:
        from onnxlint.config import load_for

        options = self.options
        try:
            loaded = load_for(path, options.config, trusts_all=options.trust_config)
        except ConfigError as error:
            if options.config is not None:
                raise
            return Job(path, problem=str(error))
        try:
            plan = self._plan(path, loaded)
        except ConfigError as error:
            if loaded.declared is None:
                raise
            return Job(path, problem=str(error))
        settings = self._settings(loaded)
        _check_files(settings)
        return Job(path, plan, settings)

    def _plan(self, path: str, loaded: Loaded) -> Plan:
        from onnxlint.config import plan

        options = self.options
        registry = self._discovered(
            (*loaded.rule_sources, *options.rules), tuple(loaded.config.require_packs)
        )
        self.registry = self.registry or registry
        return plan(loaded, registry, path, select=options.select, ignore=options.ignore,
                    stage=options.stage, fail_on=options.fail_on,
                    targets=options.target)  # fmt: skip

    def _settings(self, loaded: Loaded) -> Settings:
        from onnxlint.config import parse_bytes
        from onnxlint.pipeline import settings_of
        from onnxlint.settings import LabelSource

        options = self.options
        return settings_of(
            loaded,
            data=options.data,
            reference=options.reference,
            labels=options.labels and LabelSource.of(options.labels),
            baseline=options.baseline or None,
            samples=options.samples,
            seed=options.seed,
            time_limit=options.time_limit,
            memory_limit=options.memory_limit and parse_bytes(options.memory_limit),
            full_trace=options.trace and options.trace == "full",
            witnesses=options.save_witness,
        )

    def _discovered(self, paths: tuple[Path, ...], required: tuple[str, ...]) -> Registry:
        from onnxlint.rules.packs import discover

        key = paths, required
        if key not in self._registries:
            self._registries[key] = discover(paths, required)
        return self._registries[key]


def _check_data(data: Path | None) -> None:
    if data is not None and ":" not in data.name and not exists(data):
        raise click.UsageError(f"--data {str(data)!r} does not exist; check the path")


def _check_files(settings: Settings) -> None:
    """Whether there is all that a reference, labels and a baseline need."""
    if settings.reference is not None and not exists(settings.reference):
        told = f"the reference {str(settings.reference)!r} does not exist; check the path"
        raise click.UsageError(told)
    labels = settings.labels
    if labels is None:
        if settings.baseline:
            raise click.UsageError("--baseline requires --labels")
        return
    if settings.data is None:
        raise click.UsageError("--labels requires --data")
    if not is_file(labels.file):
        raise click.UsageError(f"--labels {str(labels.file)!r} is not a file; check the path")
    if labels.file == settings.data and labels.key is None:
        told = f"--labels and --data are one file; select a column: {labels.file.name}:COLUMN"
        raise click.UsageError(told)
    if settings.baseline and find_spec("sklearn") is None:
        told = "--baseline requires scikit-learn: pip install 'onnxlint[baseline]'"
        raise click.UsageError(told)
