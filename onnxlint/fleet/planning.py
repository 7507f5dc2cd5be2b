"""Plans a million models: what holds for all of a folder is worked out once."""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import fields, replace

from onnxlint.config import Loaded, find, fits
from onnxlint.config_globs import check_globs
from onnxlint.job import Job
from onnxlint.planner import Planner
from onnxlint.report import ModelReport
from onnxlint.report_keys import Unkeyed, plan_key
from onnxlint.toml_tables import ConfigError

MOST_FOLDERS = 10_000
"""Folders of which is remembered where their configuration is; a choice."""


class Planned(Struct, frozen=True):
    """What is done with a model, and a hash that differs where that does."""

    job: Job | ModelReport
    key: str


class FleetPlanner:
    """Plans models one by one, as a planner does; configurations stay what they were at first."""

    def __init__(self, planner: Planner) -> None:
        self._planner = planner
        self._files: OrderedDict[str, Path | None] = OrderedDict()
        self._loaded: dict[Path | None, Loaded | str] = {}
        self._plans: dict[Hashable, Planned] = {}

    def check(self, paths: Sequence[str]) -> None:
        """Refuses a configuration of ours that cannot be used, before anything is done.

        Raises:
            ConfigError, PackError: it cannot.
        """
        if not paths:
            return
        loaded = self._planner.loaded(paths[0])
        self._planner.planned(paths[0], loaded)
        check_globs(loaded, paths)

    def plan(self, path: str) -> Planned:
        """What is done with a model; its report, where a configuration beside it is of no use.

        Raises:
            ConfigError, PackError: what is trusted, or what the caller asks for, cannot be used.
        """
        loaded = self._loaded_for(path)
        if isinstance(loaded, str):
            return Planned(ModelReport(path, error=loaded), "")
        alike = (id(loaded), *_matches(loaded, path))
        if alike not in self._plans:
            try:
                self._plans[alike] = _keyed(self._planner.planned(path, loaded))
            except ConfigError as error:
                if loaded.declared is None:
                    raise
                return Planned(ModelReport(path, error=str(error)), "")
        return _for_path(self._plans[alike], path)

    def _loaded_for(self, path: str) -> Loaded | str:
        file = self._planner.config or self._nearest(path)
        if file not in self._loaded:
            try:
                self._loaded[file] = self._planner.loaded(path)
            except ConfigError as error:
                if self._planner.config is not None:
                    raise
                self._loaded[file] = str(error)
        return self._loaded[file]

    def _nearest(self, path: str) -> Path | None:
        folder = os.path.dirname(os.path.realpath(path))  # noqa: PTH120 - as `find` takes it
        if folder not in self._files:
            self._files[folder] = find(path)
            if len(self._files) > MOST_FOLDERS:
                self._files.popitem(last=False)
        return self._files[folder]

    @cached_property
    def options(self) -> str:
        """A hash of all that the command line says beside the models."""
        given = {each.name: getattr(self._planner, each.name)
                 for each in fields(self._planner)
                 if not each.name.startswith("_") and each.name != "packs"}  # fmt: skip
        told = msgspec.json.encode(given, enc_hook=str, order="sorted")
        return hashlib.sha256(told).hexdigest()


def _matches(loaded: Loaded, path: str) -> tuple[bool, ...]:
    """Which of a configuration's globs mean a model: where all are alike, all else is."""
    found: list[bool] = []
    for each in (loaded, loaded.declared):
        if each is None:
            continue
        globs: list[Any] = [table.path for table in each.config.per_model]
        globs += [entry.model for entry in each.config.suppress if entry.model is not None]
        found += [fits(path, glob, each.file) for glob in globs]
    return tuple(found)


def _keyed(job: Job) -> Planned:
    try:
        return Planned(job, plan_key(replace(job, path="", accepted=None)))
    except Unkeyed:
        return Planned(job, "")


def _for_path(planned: Planned, path: str) -> Planned:
    job, key = planned.job, planned.key
    assert isinstance(job, Job)
    job = replace(job, path=path)
    if job.accepted is not None and key:
        entries = msgspec.json.encode(job.accepted.of(path))
        key = hashlib.sha256(key.encode() + entries).hexdigest()
    return Planned(job, key)
