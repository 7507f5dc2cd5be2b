"""Which files are the checkpoints of a run, in which order, and at which step each was saved."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from onnxlint.findings import counted
from onnxlint.safety.limits import Budget
from onnxlint.settings import CheckpointFiles

KEYS = {
    "step": "step", "global_step": "step", "training_step": "step", "train_step": "step",
    "iteration": "step", "global_iteration": "step", "epoch": "epoch",
}  # fmt: skip
"""Keys of metadata that hold the step, the surest first, and what each counts."""

_UNITS = {
    "step": "step", "steps": "step", "iter": "step", "iters": "step", "iteration": "step",
    "it": "step", "epoch": "epoch", "epochs": "epoch", "ep": "epoch",
}  # fmt: skip
"""What stands before a number in a file's name, and what the number counts."""

_NUMBER = re.compile(r"(?:([A-Za-z]+)[_=\-. ]*)?(\d+)")

LONGEST_NUMBER = 15
"""Digits; a longer number is a date and a time, or a hash, and no step."""

SECONDS = 60.0
"""So long the metadata of all files may take to read; a choice, for they are small."""


class SeriesError(Exception):
    """Files that are no series of checkpoints; the message is one sentence for a person."""


def checkpoint_files(
    paths: Sequence[str], steps: Sequence[int] = (), *, jobs: int = 1
) -> CheckpointFiles:
    """The checkpoints in the order of their steps.

    These are given, else read from metadata or names; where nothing tells, the files stay in their
    order.

    Raises:
        SeriesError: there are too few files, or some have no step, or the same.
    """
    if len(paths) < 2:
        given = "none was given" if not paths else f"{paths[0]!r} is only one"
        raise SeriesError(f"a series needs at least two checkpoints; {given}")
    if steps:
        return _given(paths, steps, jobs)
    told = _metadata(paths)
    for key, unit in KEYS.items():
        found = [_number(each.get(key)) for each in told]
        if any(step is not None for step in found):
            return _ordered(paths, found, unit, "metadata", jobs)
    found, unit = _from_names(paths)
    if any(step is not None for step in found):
        return _ordered(paths, found, unit, "names", jobs)
    places = tuple(range(len(paths)))
    return CheckpointFiles(tuple(map(Path, paths)), places, jobs=jobs)


def natural(name: str) -> list[tuple[bool, int, str]]:
    """A sort key: epoch_2 before epoch_10."""
    parts = re.split(r"(\d+)", name)
    return [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts]


def _given(paths: Sequence[str], steps: Sequence[int], jobs: int) -> CheckpointFiles:
    """Files whose names have numbers are in the order of these; others in the one given."""
    if len(steps) != len(paths):
        raise SeriesError(
            f"--steps has {counted(len(steps), 'number')} for {len(paths):,} checkpoints; "
            "give one for each"
        )
    numbered = all(step is not None for step in _from_names(paths)[0])
    files = sorted(paths, key=natural) if numbered else [*paths]
    return _ordered(files, [*steps], "step", "--steps", jobs)


def _ordered(
    paths: Sequence[str], steps: Sequence[int | None], unit: str, source: str, jobs: int
) -> CheckpointFiles:
    where = {"metadata": "its metadata", "names": "its name"}.get(source, source)
    known: list[tuple[int, str]] = []
    for path, step in zip(paths, steps, strict=True):
        if step is None:
            raise SeriesError(
                f"checkpoint {path!r} has no step in {where}, which others have; give --steps"
            )
        known.append((step, path))
    twice = [step for step, times in Counter(step for step, _ in known).items() if times > 1]
    if twice:
        files = [path for step, path in known if step == twice[0]]
        raise SeriesError(
            f"{files[0]!r} and {files[1]!r} are both of {unit} {twice[0]:,} by {source}; "
            f"{'give another number' if source == '--steps' else 'give --steps'}, or leave one out"
        )
    known.sort(key=lambda each: each[0])
    return CheckpointFiles(
        tuple(Path(path) for _, path in known), tuple(step for step, _ in known), unit, source,
        jobs,
    )  # fmt: skip


def _number(text: str | None) -> int | None:
    try:
        return None if text is None else int(float(text))
    except (ValueError, OverflowError):
        return None


def _from_names(paths: Sequence[str]) -> tuple[list[int | None], str]:
    """The number in each name that tells the files apart, and what it counts.

    Files of one name are told apart by their folders: checkpoint-100/model.onnx.
    """
    levels = [[Path(path).stem for path in paths]]
    levels += [[path.name for path in level] for level in _parents(paths)]
    told = [_from_parts(parts) for parts in levels]
    for found, unit in told:
        if None not in found and len({*found}) == len(found):
            return found, unit
    return told[0]


def _parents(paths: Sequence[str]) -> list[list[Path]]:
    folders = [Path(path).absolute().parent for path in paths]
    return [folders, [folder.parent for folder in folders]]


def _from_parts(parts: Sequence[str]) -> tuple[list[int | None], str]:
    named = [_numbers(part) for part in parts]
    for unit in ("step", "epoch"):
        found = [each.get(unit) for each in named]
        if None not in found and len({*found}) > 1:
            return found, unit
    return [each.get("") for each in named], "checkpoint"


def _numbers(part: str) -> dict[str, int]:
    """The numbers in a name by what they count; the last one under an empty name."""
    found: dict[str, int] = {}
    for match in _NUMBER.finditer(part):
        if len(match[2]) <= LONGEST_NUMBER:
            unit = _UNITS.get((match[1] or "").lower())
            if unit is not None:
                found[unit] = int(match[2])
            found[""] = int(match[2])
    return found


def _metadata(paths: Sequence[str]) -> list[dict[str, str]]:
    """The metadata of all files, read in a child process: they may be anybody's.

    Raises:
        SeriesError: one cannot be read.
    """
    from onnxlint.safety.forked import Crashed, Isolated
    from onnxlint.safety.limits import default_memory_limit

    budget = Budget(SECONDS, default_memory_limit())
    try:
        answer = json.loads(Isolated(partial(_answer, paths=paths), b"", budget).result())
    except Crashed as error:
        raise SeriesError(f"the checkpoints cannot be read: {error}") from error
    if isinstance(answer, str):
        raise SeriesError(answer)
    found: list[dict[str, str]] = answer
    return found


def _answer(_: bytes, *, paths: Sequence[str]) -> bytes:
    from onnxlint.model.file.errors import ModelError
    from onnxlint.model.file.load import open_model

    found: list[Mapping[str, str]] = []
    try:
        for path in paths:
            with open_model(path, Budget(SECONDS, None)) as model:
                entries = {entry.key: entry.value for entry in model.proto.metadata_props}
            found.append({key: text for key, text in entries.items() if key in KEYS})
    except ModelError as error:
        return json.dumps(str(error)).encode()
    return json.dumps(found).encode()
