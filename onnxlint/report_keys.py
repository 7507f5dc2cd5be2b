"""What a report depends on, as a hash: files by their bytes, rules, settings, versions."""

from __future__ import annotations

import datetime
import hashlib
import json
import math
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from mmap import ACCESS_READ, mmap
from pathlib import Path
from stat import S_ISREG
from typing import Any

import msgspec
from msgspec.structs import fields

from onnxlint.code_hash import installed, own_code
from onnxlint.job import Job
from onnxlint.model.file.decoder_files import first_beside
from onnxlint.model.file.identity import identity
from onnxlint.model.file.mapped_files import Files, TensorError, opened
from onnxlint.model.file.signature_files import names_beside
from onnxlint.rules.packs import RULE_SUFFIXES
from onnxlint.toml_tables import exists

LARGEST_BYTES = 64 * 1024**3
"""Of a file that is hashed; a choice, larger than models that one machine runs."""

LEAST_LOOKED_AT = 64 * 1024**2
"""Bytes of external data that are hashed rather than looked at from outside: hashing more takes
longer than measuring it. A choice, of 50 ms."""

MOST_FILES = 100_000
"""In a folder of data whose bytes are hashed; a choice, of as many as are run in some minutes."""

PROMISES = "config.json"
"""What may stand beside a language model, and says how many positions it takes."""

_APART = {"source", "rules", "suppressions", "accepted", "remembers"}
"""Fields of a job that enter its key in their own way."""


class Unkeyed(Exception):  # noqa: N818 - it says that there is no key
    """A report depends on what has no hash: a function, a pipe, what is not there."""


def key_of(job: Job, code: Callable[[], str] | None = None) -> str:
    """64 hex digits that differ where the report may; external data of the model is left out.

    `code` gives the hash of our code, for whoever remembers it.

    Raises:
        Unkeyed: there is no such hash.
    """
    settings = job.settings
    is_fresh = settings.witnesses is not None or settings.timed
    if job.source is not None or job.path == "-" or is_fresh:
        raise Unkeyed
    if settings.series is not None:  # many files, which a run of minutes reads once
        raise Unkeyed
    parts = {
        **_parts(job),
        "model": file_state(Path(job.path)),
        "code": installed((code or own_code)()),
    }
    return hashlib.sha256(_text(parts)).hexdigest()


def plan_key(job: Job) -> str:
    """64 hex digits that differ where what is done with a model does, whatever the model holds.

    Data that code makes is taken to stay the same. No day counts, but whether a suppression ended.

    Raises:
        Unkeyed: there is no such hash.
    """
    try:
        parts = _parts(job)
    except Unkeyed:
        parts = _parts(job, with_files=False)
    ended = [each.has_expired for each in job.suppressions]
    return hashlib.sha256(_text(parts | {"day": ended})).hexdigest()


def _parts(job: Job, *, with_files: bool = True) -> dict[str, Any]:
    """What a report depends on beside the model and the code."""
    return {
        "files": [*_states_of(job)] if with_files else None,
        "job": {each.name: getattr(job, each.name) for each in fields(job)
                if each.name not in _APART},
        "rules": [(rule.code, rule.name, rule.severity) for rule in job.rules],
        "suppressions": job.suppressions,
        "day": _day(job),
        "accepted": _accepted(job),
    }  # fmt: skip


def _text(parts: object) -> bytes:
    try:
        plain = msgspec.to_builtins(parts, order="sorted", enc_hook=_plain)
    except (TypeError, NotImplementedError) as error:
        raise Unkeyed from error
    return json.dumps(plain, sort_keys=True).encode()


def _plain(thing: Any) -> Any:
    if isinstance(thing, Path):
        return str(thing)
    raise NotImplementedError(type(thing))


def _day(job: Job) -> str | None:
    """Today, where a suppression ends some day."""
    ends = any(each.entry.until is not None for each in job.suppressions)
    return datetime.date.today().isoformat() if ends else None


def _accepted(job: Job) -> Any:
    if job.accepted is None:
        return None
    return job.accepted.file, job.accepted.of(job.path)


def _states_of(job: Job) -> Iterator[Any]:
    """The files beside the model: data, labels, those of training, reference, rules."""
    settings = job.settings
    if job.path and (beside := Path(job.path).with_name(PROMISES)).is_file():
        yield file_state(beside)
    if job.path and (first := first_beside(Path(job.path))) is not None:
        yield _reference_state(first)
    for data in filter(None, (settings.data, settings.train_data)):
        from onnxlint.runtime.data import generators, readers  # numpy, which a known report spares

        if generators.is_one(data) or readers.reader_of(data) is not None:
            raise Unkeyed  # its code may read anything
        yield tree_state(data)
    for labels in filter(None, (settings.labels, settings.train_labels)):
        yield _label_state(labels.file)
    for model in filter(None, (settings.reference, *settings.baselines)):
        yield _reference_state(model)
    for source in job.rule_sources:
        yield tree_state(source, RULE_SUFFIXES)
    yield from _signature_states(job)


def _signature_states(job: Job) -> Iterator[Any]:
    """The signatures beside the model, and what they are verified with."""
    for name in names_beside(Path(job.path)):
        file = Path(job.path).parent / name
        yield file_state(file) if exists(file) else None
    signers = job.settings.provenance.signature
    if signers is not None:
        yield from (file_state(Path(file)) for file in (*signers.files, signers.file) if file)


def _label_state(labels: Path) -> Any:
    """The state of a file of labels; of folders of the data, which are known, the names."""
    if not labels.is_dir():
        return file_state(labels)
    return sorted(each.name for each in labels.iterdir() if each.is_dir())


def _reference_state(reference: Path) -> Any:
    """The state of a model that has no external data for sure."""
    state = file_state(reference)
    if _may_name_files(reference, _signature(reference)):
        raise Unkeyed
    return state


@lru_cache
def _may_name_files(model: Path, _signature: object) -> bool:
    with opened(model.resolve()) as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
        return data.find(b"location") >= 0  # as each entry of external data does


def tree_state(path: Path, suffixes: Iterable[str] | None = None) -> Any:
    """The state of a file, or of all files below a folder.

    Raises:
        Unkeyed: one is not a regular file, or they are too many.
    """
    if not path.is_dir():
        return file_state(path)
    states: list[Any] = []
    for file in sorted(path.rglob("*")):
        if file.is_dir() and not file.is_symlink():
            continue
        if suffixes is not None and file.suffix not in suffixes and file.is_file():
            continue
        if len(states) == MOST_FILES:
            raise Unkeyed
        states.append((str(file.relative_to(path)), file_state(file)))
    return states


State = tuple[str, bool, bool]
"""The hash of a file's bytes, and whether it is a link, or has several names."""


def file_state(path: Path) -> State:
    """The state of a file.

    Raises:
        Unkeyed: it is not a regular file, or cannot be read.
    """
    try:
        status = path.stat()
        if not S_ISREG(status.st_mode) or status.st_size > LARGEST_BYTES:
            raise Unkeyed
        digest = _digest(path.resolve(), _signature(path))
        return digest, path.is_symlink(), status.st_nlink > 1
    except (OSError, ValueError, RuntimeError) as error:
        raise Unkeyed from error


def _state_at_sight(path: Path, before: float) -> State:
    """The state of a file by its identity instead of a hash of its bytes."""
    status, known = path.stat(), identity(path, before)
    if known is None or not S_ISREG(status.st_mode):
        raise Unkeyed
    return known, path.is_symlink(), status.st_nlink > 1


def _signature(path: Path) -> tuple[int, ...]:
    """What changes with a file while we run."""
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


@lru_cache(maxsize=4096)
def _digest(path: Path, _signature: object) -> str:
    with opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def external_states(
    model: str, locations: Iterable[str], before: float = math.inf, *, looks_only: bool = False
) -> dict[str, State]:
    """The states of a model's files of external data, by how the model names them.

    Who `looks_only` takes a large file for the same whose bytes nobody touched; they are not read.

    Raises:
        Unkeyed: one lies outside its folder, is not a regular file, or was not yet so at a time.
    """
    files = Files(Path(model), Path(model).parent)
    found = {}
    for location in locations:
        try:
            files.resolved(location)
        except TensorError as error:
            raise Unkeyed from error
        file = files.folder / location
        large = looks_only and file.stat().st_size >= LEAST_LOOKED_AT
        found[location] = _state_at_sight(file, before) if large else file_state(file)
        if file.stat().st_ctime >= before:
            raise Unkeyed
    return found
