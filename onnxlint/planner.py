"""From what is asked of many models, and the configurations that hold for them, to jobs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from onnxlint.config import Loaded, load_for
from onnxlint.job import Job, plan, settings_of
from onnxlint.report import ModelReport
from onnxlint.rules.packs import Registry, discover
from onnxlint.settings import Settings
from onnxlint.severity import Severity, Stage
from onnxlint.toml_tables import ConfigError


@dataclass
class Planner:
    """Plans model after model; each set of rule files is loaded once.

    `config` is a file that holds for all models; without it the nearest of each does, and
    `trust_config` says whether also where that lies with the model. `settings` take the place of
    the configuration's, `overrides` are single settings that win over them.
    """

    config: Path | None = None
    trust_config: bool = False
    rules: tuple[Path, ...] = ()
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    preview: bool = False
    stage: Stage | None = None
    fail_on: Severity | None = None
    targets: tuple[str, ...] = ()
    static_only: bool = False
    settings: Settings | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    packs: dict[str, str] = field(default_factory=dict, init=False)
    """The packs whose rules the first model is linted by, with their versions."""
    _registries: dict[tuple[tuple[Path, ...], tuple[str, ...]], Registry] = field(
        default_factory=dict, init=False
    )

    def job(self, path: str) -> Job:
        """What is done with a model.

        Raises:
            ConfigError, PackError: the configuration, or what the caller asks for, cannot be used.
        """
        return self._planned(path, self._loaded(path))

    def jobs(self, paths: Iterable[str]) -> list[Job | ModelReport]:
        """A job for each model, or its report, where a configuration beside it cannot be used.

        Raises:
            ConfigError, PackError: what is trusted, or what the caller asks for, cannot be used.
        """
        return [self._job_or_report(path) for path in paths]

    def _job_or_report(self, path: str) -> Job | ModelReport:
        try:
            loaded = self._loaded(path)
        except ConfigError as error:
            if self.config is not None:
                raise
            return ModelReport(path, error=str(error))
        try:
            return self._planned(path, loaded)
        except ConfigError as error:
            if loaded.declared is None:
                raise
            return ModelReport(path, error=str(error))

    def _loaded(self, path: str) -> Loaded:
        return load_for(path, self.config, trusts_all=self.trust_config)

    def _planned(self, path: str, loaded: Loaded) -> Job:
        registry = self._registry(loaded)
        settings = self.settings or settings_of(loaded, **self.overrides)
        return plan(loaded, registry, path, select=self.select, ignore=self.ignore,
                    preview=self.preview, stage=self.stage, fail_on=self.fail_on,
                    targets=self.targets, static_only=self.static_only,
                    settings=settings)  # fmt: skip

    def _registry(self, loaded: Loaded) -> Registry:
        key = (*loaded.rule_sources, *self.rules), tuple(loaded.config.require_packs)
        if key not in self._registries:
            self._registries[key] = discover(*key)
            self.packs = self.packs or self._registries[key].packs
        return self._registries[key]
