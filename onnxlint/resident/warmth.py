"""What the resident process has loaded, and whether that is still what lies on the disk."""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path

_PACKAGES = ("onnxlint.analyses", "onnxlint.model", "onnxlint.reporters", "onnxlint.rules")
"""All of their modules are loaded; none of them loads what runs models."""

_MODULES = (
    "numpy", "onnx.helper", "onnx.numpy_helper", "onnx.shape_inference", "onnx.checker",
    "onnxlint.cli.check", "onnxlint.cli.output", "onnxlint.cli.presentation",
    "onnxlint.cli.progress", "onnxlint.cli.recording", "onnxlint.cli.reporting",
    "onnxlint.cli.verdict", "onnxlint.job_pool", "onnxlint.pipeline", "onnxlint.report_cache",
    "onnxlint.runtime.statistics.compiled", "onnxlint.runtime.shape_inference.inference", "ctypes",
    "tempfile",
)  # fmt: skip

State = dict[str, tuple[int, int] | None]
"""Of files and folders: when they were changed, and how many bytes they have."""


def load() -> None:
    """Loads what a command may need, but for what runs models."""
    from onnxlint.light_numpy import use_light_numpy
    from onnxlint.light_onnx import use_light_onnx
    from onnxlint.rules.packs import discover

    use_light_numpy()
    use_light_onnx()
    for name in _MODULES:
        importlib.import_module(name)
    for package in _PACKAGES:
        for name in _modules_of(package):
            importlib.import_module(name)
    for rule in discover().rules:
        importlib.import_module(rule.module)


def _modules_of(package: str) -> Iterator[str]:
    parts = importlib.import_module(package).__path__
    return (each.name for each in pkgutil.walk_packages(parts, f"{package}."))


def state() -> State:
    """What would have to be loaded anew where it changes.

    An installation of anything changes the folder that it is installed in; of other modules each
    file counts, as they are those that somebody works on.
    """
    folders = [Path(each).resolve() for each in sys.path if each and Path(each).is_dir()]
    installed = [each for each in folders if each.name in ("site-packages", "dist-packages")]
    loaded = [getattr(module, "__file__", None) for module in [*sys.modules.values()]]
    files = {Path(each).resolve() for each in loaded if each}
    passive = (*installed, Path(os.__file__).resolve().parent)
    own = [each for each in files if not any(map(each.is_relative_to, passive))]
    places = {each.parent for each in own}  # where new modules and rules appear
    return {str(path): _of(str(path)) for path in (*folders, *sorted(places), *sorted(own))}


def has_changed(known: State) -> bool:
    """Whether anything of it is not as it was."""
    return any(_of(path) != found for path, found in known.items())


def _of(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - hundreds of them, for each command
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
