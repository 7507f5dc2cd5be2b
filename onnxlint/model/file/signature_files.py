"""Where the signature of a model lies: beside it, under a name that signers give it."""

from __future__ import annotations

from pathlib import Path

from onnxlint.model.file.mapped_files import Files, TensorError, opened
from onnxlint.model.file.memory_files import MemoryFiles

USUAL = "model.sig"
"""What model-signing calls the signature of a file or folder, where no other name is given."""

LARGEST = 16 * 1024**2
"""Bytes of a signature that is read: a choice, as of a folder of some 80,000 files."""


class SignatureFileError(Exception):
    """A signature file that cannot be read: why."""


def names_beside(model: Path) -> list[str]:
    """The names under which a signature may lie in the model's folder, the most special first."""
    return [*dict.fromkeys((f"{model.name}.sig", f"{model.stem}.sig", USUAL))]


def beside(files: Files) -> dict[str, bytes | SignatureFileError]:
    """The signature files beside a model, by their names; a model in memory has none."""
    found: dict[str, bytes | SignatureFileError] = {}
    for name in () if isinstance(files, MemoryFiles) else names_beside(files.model_file):
        try:
            found[name] = content(files.resolved(name))
        except TensorError:  # there is none, or it is a link out of the folder
            continue
        except SignatureFileError as error:
            found[name] = error
    return found


def content(file: Path) -> bytes:
    """The bytes of a signature file.

    Raises:
        SignatureFileError: it cannot be read, or is too large.
    """
    try:
        with opened(file.resolve()) as source:
            data = source.read(LARGEST + 1) or b""
    except (OSError, RuntimeError, ValueError) as error:
        told = error.strerror if isinstance(error, OSError) else error
        raise SignatureFileError(f"cannot be read ({told})") from error
    if len(data) > LARGEST:
        raise SignatureFileError(f"has more than {LARGEST // 1024**2} MiB")
    return data
