"""From what is asked of many models, and the configurations that hold for them, to jobs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from onnxlint.acceptance import ACCEPTED_FILE, Accepted
from onnxlint.config import Loaded, load_for
from onnxlint.config_globs import check_globs
from onnxlint.job import Job, plan, settings_of, with_copies
from onnxlint.report import ModelReport
from onnxlint.rules.packs import Registry, discover
from onnxlint.settings import Settings
from onnxlint.severity import Severity, Stage
from onnxlint.toml_tables import ConfigError, exists, is_file, real_path


class Planner(Struct):
    """Plans model after model; each set of rule files is loaded once.

    `config` is a file that holds for all models; without it the nearest of each does, and
    `trust_config` says whether also where that lies with the model. `settings` take the place of
    the configuration's, `overrides` are single settings that win over them.
    `accepted` is a file of accepted findings; without it the configuration's holds, or the one that
    lies beside that, or in the working directory; none where `accepts` is false. Where new ones are
    to be written, `is_accepting`, no file need be there yet. `portrays` asks for portraits.
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
    accepted: Path | None = None
    accepts: bool = True
    is_accepting: bool = False
    portrays: bool = False
    packs: dict[str, str] = field(default_factory=dict)
    """The packs whose rules the first model is linted by, with their versions."""
    _registries: dict[tuple[tuple[Path, ...], tuple[str, ...]], Registry] = field(
        default_factory=dict
    )
    _configurations: dict[Path, Loaded] = field(default_factory=dict)
    _accepted_files: dict[Path, Accepted] = field(default_factory=dict)

    def job(self, path: str) -> Job:
        """What is done with a model.

        Raises:
            ConfigError, PackError: the configuration, or what the caller asks for, cannot be used.
        """
        loaded = self.loaded(path)
        check_globs(loaded, [path])
        return self.planned(path, loaded)

    def jobs(self, paths: Iterable[str]) -> list[Job | ModelReport]:
        """A job for each model, or its report, where a configuration beside it cannot be used.

        Raises:
            ConfigError, PackError: what is trusted, or what the caller asks for, cannot be used.
        """
        models = [*paths]
        beside: dict[Path, Loaded] = {}
        told = [self._job_or_report(path, beside) for path in models]
        for loaded in self._configurations.values():
            check_globs(loaded, models)
        return told

    def _job_or_report(self, path: str, beside: dict[Path, Loaded]) -> Job | ModelReport:
        """`beside` has the configurations that were read so far, by the folders of the models."""
        folder = real_path(path).parent
        try:
            if folder not in beside:
                beside[folder] = self.loaded(path)
            loaded = beside[folder]
        except ConfigError as error:
            if self.config is not None:
                raise
            return ModelReport(path, error=str(error))
        try:
            return self.planned(path, loaded)
        except ConfigError as error:
            if loaded.declared is None:
                raise
            return ModelReport(path, error=str(error))

    def loaded(self, path: str) -> Loaded:
        """The configuration that holds for a model.

        Raises:
            ConfigError: it cannot be used.
        """
        loaded = load_for(path, self.config, trusts_all=self.trust_config)
        if loaded.file is not None:
            self._configurations[loaded.file] = loaded
        return loaded

    def planned(self, path: str, loaded: Loaded) -> Job:
        """What is done with a model under its configuration.

        Raises:
            ConfigError, PackError: this, or what the caller asks for, cannot be used.
        """
        registry = self._registry(loaded)
        own = self.settings and with_copies(self.settings)
        settings = own or settings_of(loaded, path, **self.overrides)
        if self.portrays and settings.layer is None:
            settings = replace(settings, layer="")
        job = plan(loaded, registry, path, select=self.select, ignore=self.ignore,
                   preview=self.preview, stage=self.stage, fail_on=self.fail_on,
                   targets=self.targets, static_only=self.static_only, settings=settings,
                   accepted=self._accepted(loaded))  # fmt: skip
        return replace(job, rule_sources=_sources(loaded, self.rules),
                       portrays=self.portrays, asked=tuple(options_of(self)))  # fmt: skip

    def _accepted(self, loaded: Loaded) -> Accepted | None:
        file = self.accepted or loaded.path(loaded.config.accepted or ACCEPTED_FILE)
        is_named = self.accepted is not None or loaded.config.accepted is not None
        if not self.accepts or not (is_named or self.is_accepting or is_file(file)):
            return None
        if file not in self._accepted_files:
            is_new = self.is_accepting and not exists(file)
            self._accepted_files[file] = Accepted(file) if is_new else Accepted.read(file)
        return self._accepted_files[file]

    def _registry(self, loaded: Loaded) -> Registry:
        key = (*loaded.rule_sources, *self.rules), tuple(loaded.config.require_packs)
        if key not in self._registries:
            self._registries[key] = discover(*key)
            self.packs = self.packs or self._registries[key].packs
        return self._registries[key]


def _sources(loaded: Loaded, given: tuple[Path, ...]) -> tuple[Path, ...]:
    """The files and folders that rules came from."""
    files = loaded.rule_files if loaded.config.rule else ()
    return (*files, *map(loaded.path, loaded.config.rule_paths), *given)


_VALUES = {
    "data": "--data", "labels": "--labels", "train_data": "--train-data",
    "train_labels": "--train-labels", "reference": "--reference", "samples": "--samples",
    "seed": "--seed", "budget": "--budget",
}  # fmt: skip
_FLAGS = {"compare_simple": ["--compare-simple"], "full_trace": ["--trace", "full"]}


def options_of(planner: Planner) -> Iterator[str]:
    """The options of `onnxlint check` that plan as a planner does, but for the choice of rules.

    Limits, which decide how long and not what, are left out.
    """
    given = dict(planner.overrides)
    if planner.settings is not None:
        own, default = planner.settings, Settings()
        names = [
            name
            for name in (*_VALUES, *_FLAGS, "baselines")
            if getattr(own, name) != getattr(default, name)
        ]
        given = {name: getattr(own, name) for name in names}
    yield from _option("--stage", planner.stage)
    yield from _option("--target", ",".join(planner.targets))
    yield from _option("--config", planner.config)
    yield from (word for path in planner.rules for word in ("--rules", str(path)))
    flags = {"--preview": planner.preview, "--trust-config": planner.trust_config,
             "--static-only": planner.static_only}  # fmt: skip
    yield from (flag for flag, is_set in flags.items() if is_set)
    for name, option in _VALUES.items():
        yield from _option(option, given.get(name))
    yield from (word for each in given.get("baselines") or ()
                for word in ("--baseline", str(each)))  # fmt: skip
    yield from (word for name, words in _FLAGS.items() if given.get(name) for word in words)
    signers = given["provenance"].signature if given.get("provenance") else None
    if signers is not None:
        yield from _option("--public-key", signers.public_key)
        yield from (word for each in signers.certificates for word in ("--certificate-chain", each))


def _option(name: str, value: object) -> Iterator[str]:
    if value is not None and value != "":
        yield from (name, str(value))
