"""Whether the files of a model are those that were signed: by path and by hash."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any

from onnxlint.model.file.load import Model
from onnxlint.model.file.protobuf_wire import INLINE
from onnxlint.model.file.signature_bundle import BundleError, SignedFile
from onnxlint.safety.printable import printable

ITSELF = PurePosixPath()
"""The path of the one file that was signed by itself."""

READ_AT_ONCE = 4 * 1024**2


class UnsignedError(Exception):
    """The model, or its external data, is not among the signed files: which."""


Parts = Sequence[SignedFile]


def difference(model: Model, locations: Iterable[str], signed: Iterable[SignedFile]) -> str | None:
    """What of a model is not as it was signed; None where all of it is.

    Raises:
        UnsignedError: the model is not among the signed files, or its external data is not.
        BundleError: a hash is of a kind that is not known.
        TensorError: a file cannot be read.
    """
    held: dict[PurePosixPath, list[SignedFile]] = defaultdict(list)
    for each in signed:
        held[each.path].append(each)
    path = Path(os.path.abspath(model.files.model_file))  # noqa: PTH100 - of a link, where it lies
    size = model.size
    named = _named(path, held)
    if not named:
        raise UnsignedError("does not list the model's file")
    fitting = [each for each in named if _is(model, INLINE, size, held[each])]
    if not fitting:
        return "the model's file is not the one that was signed"
    return _beside(model, sorted({*locations}), path, fitting[0], held)


def _named(path: Path, held: Mapping[PurePosixPath, Parts]) -> list[PurePosixPath]:
    """The signed paths with which this one ends, the longest first."""
    parts = path.parts
    ends = [PurePosixPath(*parts[start:]) for start in range(1, len(parts))]
    return [each for each in (*ends, ITSELF) if each in held]


def _beside(
    model: Model, locations: Iterable[str], path: Path, signed: PurePosixPath,
    held: Mapping[PurePosixPath, Parts],
) -> str | None:  # fmt: skip
    """What of the external data is not as it was signed, from the same folder as the model."""
    for location in locations:
        name = repr(printable(location))
        beside = PurePosixPath(os.path.normpath(signed.parent / location))
        if signed == ITSELF or beside not in held:
            raise UnsignedError(f"does not list the external data {name}")
        size = model.files.resolved(location).stat().st_size
        if not _is(model, location, size, held[beside]):
            return f"the external data {name} are not those that were signed"
    return None


def _is(model: Model, location: str, size: int, parts: Parts) -> bool:
    """Whether a file is the signed one: all of its parts, and nothing beyond them."""
    if any(each.extent is None for each in parts):
        return all(_digest(model, location, size, each) == each.digest for each in parts)
    ordered = sorted(parts, key=lambda each: each.extent or (0, 0))
    ends = [(0, 0), *(each.extent or (0, 0) for each in ordered)]
    if ends[-1][1] != size or any(before[1] != after[0] for before, after in pairwise(ends)):
        return False
    return all(_digest(model, location, size, each) == each.digest for each in ordered)


def _digest(model: Model, location: str, size: int, signed: SignedFile) -> str:
    begin, end = signed.extent or (0, size)
    algorithm = signed.algorithm.partition("-sharded-")[0]
    whole = location == INLINE and (begin, end) == (0, size)
    if whole and algorithm == "sha256" and model.sha256 is not None:
        return model.sha256  # of the bytes that were parsed
    digest = _hash(algorithm)
    for piece in model.files.pieces(location, begin, end - begin, READ_AT_ONCE):
        digest.update(piece)
    return str(digest.hexdigest())


def _hash(algorithm: str) -> Any:
    known: dict[str, Callable[[], Any]] = {
        "sha256": hashlib.sha256, "blake2b": hashlib.blake2b,
    }  # fmt: skip
    if algorithm in known:
        return known[algorithm]()
    if algorithm == "blake3":
        try:
            from blake3 import blake3
        except ImportError as error:
            told = "has hashes of BLAKE3, which need: pip install 'onnxlint[signing]'"
            raise BundleError(told) from error
        return blake3()
    raise BundleError(f"has hashes of an unknown kind ({algorithm[:40]!r})")
