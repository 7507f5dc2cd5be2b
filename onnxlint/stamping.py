"""`stamp`: writes into a model where it comes from, for `[provenance] require` to judge.

    import onnxlint

    torch.onnx.export(net, args, "model.onnx")
    onnxlint.stamp("model.onnx", git_commit=True, seed=7, data="train.csv", frameworks=True)

The repository and the clock are read only where that is asked for; SOURCE_DATE_EPOCH takes the
clock's place, so that the same export gives the same bytes.
"""

from __future__ import annotations

import datetime
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from onnxlint.digests import sha256_of
from onnxlint.model.file.errors import ModelError
from onnxlint.origins import FACTS

if TYPE_CHECKING:
    from onnxlint.model.file.source import InMemory

M = TypeVar("M", bound="str | Path | InMemory")

_FRAMEWORKS = {
    "torch": "torch", "tensorflow": "tensorflow", "keras": "keras", "jax": "jax", "flax": "flax",
    "sklearn": "scikit-learn", "lightgbm": "lightgbm", "xgboost": "xgboost",
    "catboost": "catboost", "transformers": "transformers", "optimum": "optimum",
    "skl2onnx": "skl2onnx", "tf2onnx": "tf2onnx", "onnxmltools": "onnxmltools",
    "onnxscript": "onnxscript", "onnx": "onnx",
}  # fmt: skip
"""Modules that train or export models, and the packages that bring them."""

_ALONE = {"git-commit": "git-dirty"}
"""What says nothing true any more where a key is written anew and it is not."""


def stamp(
    model: M, *, git_commit: str | bool = False, seed: int | Iterable[int] | None = None,
    data: str | Path | None = None, labels: str | Path | None = None,
    config: str | Path | None = None, frameworks: Iterable[str] | bool = (),
    date: str | datetime.date | bool | None = None, run: str | None = None,
    license: str | None = None,  # noqa: A002 - as the metadata key
    others: Mapping[str, str] | None = None, output: str | Path | None = None,
) -> M | Path:  # fmt: skip
    """Writes provenance into the metadata of a model; its other metadata stay as they are.

    Args:
        model: a path, whose file is replaced as a whole; or a model in memory: bytes, an
            `onnx.ModelProto`, an `onnx_ir.Model`, a `torch.onnx.ONNXProgram`. Its external data
            are neither read nor written.
        git_commit: the whole hash of the commit; True takes that of the repository of the working
            folder, and `git-dirty`, whether a file that git tracks differs from it.
        seed: the seed of the training, or several.
        data: the file or folder of the training data; its SHA-256 is written.
        labels: that of the labels.
        config: that of the training's configuration.
        frameworks: names of installed packages; their versions are written. True takes those of
            the known ones that this process has imported.
        date: the date of the training or export. True takes the time now, or, where that is set,
            of the environment variable SOURCE_DATE_EPOCH.
        run: the name of the training run.
        license: the licence, as SPDX names it.
        others: metadata of your own. A key that `[provenance] require` knows needs its form.
        output: write to this file instead; external data must lie beside it.

    Returns:
        The path that was written; the changed bytes; or `model` itself, changed.

    Raises:
        ValueError: a fact has not its form, a package is not installed, or there is no repository
            or known framework.
        ModelError: the model cannot be read or written.
        OSError: a file cannot be read or written.
    """
    entries = {
        **(_repository() if git_commit is True else {}),
        **({"git-commit": git_commit.strip().lower()} if isinstance(git_commit, str) else {}),
        **({} if seed is None else {"seed": _joined(seed)}),
        **_hashes({"data": data, "labels": labels, "config": config}),
        **_frameworks(frameworks),
        **_date(date),
        **({} if run is None else {"run": run}),
        **({} if license is None else {"license": license}),
        **(others or {}),
    }
    _check(entries)
    return _written(model, entries, None if output is None else Path(output))


def _joined(seeds: int | Iterable[int]) -> str:
    return ",".join(str(int(seed)) for seed in ([seeds] if isinstance(seeds, int) else seeds))


def _hashes(paths: Mapping[str, str | Path | None]) -> dict[str, str]:
    return {f"{name}-sha256": sha256_of(Path(path)) for name, path in paths.items()
            if path is not None}  # fmt: skip


def _date(given: str | datetime.date | bool | None) -> dict[str, str]:
    if given is None or given is False:
        return {}
    if given is True:
        given = _now().isoformat(timespec="seconds").replace("+00:00", "Z")
    return {"date": given if isinstance(given, str) else given.isoformat()}


def _now() -> datetime.datetime:
    """The time of a reproducible build where one is set, else that of the clock; in UTC."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not epoch:
        return datetime.datetime.now(datetime.UTC)
    try:
        return datetime.datetime.fromtimestamp(int(epoch), datetime.UTC)
    except (ValueError, OverflowError, OSError) as error:
        told = f"SOURCE_DATE_EPOCH is {epoch[:40]!r}"
        raise ValueError(f"date=True: {told}; it must be seconds since 1970") from error


def _imported() -> list[str]:
    """The known frameworks that this process has imported."""
    found = [package for module, package in _FRAMEWORKS.items() if module in sys.modules]
    if not found:
        raise ValueError("frameworks=True: no known framework is imported; name the packages")
    return found


def _frameworks(names: Iterable[str] | bool) -> dict[str, str]:
    if isinstance(names, bool):
        names = _imported() if names else ()
    try:
        told = [f"{name} {version(name)}" for name in names]
    except PackageNotFoundError as error:
        raise ValueError(f"frameworks: {error.name!r} is not installed") from error
    return {"framework": ", ".join(told)} if told else {}


def _check(entries: Mapping[str, str]) -> None:
    for key, value in entries.items():
        if not (isinstance(key, str) and isinstance(value, str)):
            raise ValueError(f"metadata {key!r} is {value!r}; keys and values must be texts")
        fact = None if key == "git-clean" else FACTS.get(key)
        if fact is not None and not fact.accepts(value):
            raise ValueError(f"{key} is {value!r}; it must be {fact.form}")


def _repository() -> dict[str, str]:
    """Commit and state of the repository of the working folder.

    Git runs no program that the repository's configuration names as a monitor of files.
    """
    commit = _git("rev-parse", "--verify", "HEAD^{commit}")
    changed = _git("status", "--porcelain", "--untracked-files=no")
    return {"git-commit": commit, "git-dirty": "true" if changed else "false"}


def _git(*arguments: str) -> str:
    command = ["git", "--no-optional-locks", "-c", "core.fsmonitor=false", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, check=False, text=True)
    except FileNotFoundError as error:
        told = "git is not installed; give git_commit as text"
        raise ValueError(f"git_commit=True: {told}") from error
    if done.returncode:
        reason = done.stderr.strip().partition("\n")[0] or f"git exits with {done.returncode}"
        raise ValueError(
            f"git_commit=True: no commit at {str(Path.cwd())!r} ({reason}); commit first, "
            "or give git_commit as text"
        )
    return done.stdout.strip()


def _written(model: M, entries: Mapping[str, str], output: Path | None) -> M | Path:
    if isinstance(model, str | Path):
        return _write_file(Path(model), entries, output)
    if output is not None:
        raise ValueError("output is for a model in a file; save the model that stamp returns")
    if isinstance(model, bytes | bytearray):
        return _stamped(model, entries)  # type: ignore[return-value]
    is_proto = getattr(getattr(model, "DESCRIPTOR", None), "full_name", "") == "onnx.ModelProto"
    held: Any = getattr(model, "model", model)  # of a torch.onnx.ONNXProgram
    if is_proto:
        _set(model, entries)
    elif isinstance(getattr(held, "metadata_props", None), dict):
        for key in _outdated(entries):
            held.metadata_props.pop(key, None)
        held.metadata_props.update(entries)
    else:
        raise TypeError(
            f"a {type(model).__name__} is not a model; give a path, bytes, an onnx.ModelProto, "
            "an onnx_ir.Model or a torch.onnx.ONNXProgram"
        )
    return model


def _stamped(data: bytes | bytearray, entries: Mapping[str, str]) -> bytes | bytearray:
    import onnx

    proto = onnx.ModelProto()
    try:
        proto.ParseFromString(bytes(data))
    except Exception as error:  # protobuf's DecodeError
        raise ModelError("<bytes>", f"is not an ONNX model ({error})", "give its bytes") from error
    _set(proto, entries)
    return type(data)(proto.SerializeToString())


def _outdated(entries: Mapping[str, str]) -> set[str]:
    return {old for new, old in _ALONE.items() if new in entries and old not in entries}


def _set(proto: Any, entries: Mapping[str, str]) -> None:
    """Replaces what has one of these keys, and keeps the others in their order."""
    gone = {*entries, *_outdated(entries)}
    kept = [(each.key, each.value) for each in proto.metadata_props if each.key not in gone]
    del proto.metadata_props[:]
    for key, value in [*kept, *entries.items()]:
        proto.metadata_props.add(key=key, value=value)


def _write_file(path: Path, entries: Mapping[str, str], output: Path | None) -> Path:
    """Writes a model's file as a whole; its large tensors are copied without being read in."""
    from onnxlint.model.edit.save import check_target, external_files, write
    from onnxlint.model.file.load import open_model
    from onnxlint.safety.writing import replacing

    if str(path) == "-":
        raise ModelError("-", "is standard input, which is not written", "name a file")
    target = path if output is None else output
    with ExitStack() as later, open_model(str(path)) as model:
        check_target(model, target, in_place=output is None)
        elsewhere = target.parent.resolve() != model.files.folder.resolve()
        if elsewhere and external_files(model.proto):
            raise ModelError(
                str(path), "has external data, which would not lie beside the output",
                "write into its own folder, or copy the data and stamp the copy",
            )  # fmt: skip
        _set(model.proto, entries)
        file = later.enter_context(replacing(target, path))
        write(model, file, target.suffix)
    return target
