"""Files that are written whole or not at all, and nowhere but where they were meant to be."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from onnxlint.safety.unfinished import UNFINISHED


@contextmanager
def replacing(target: Path, like: Path | None = None) -> Iterator[IO[bytes]]:
    """A file to write that takes the place of `target` at the end, with the mode of `like`.

    Without `like` the mode is its own. A link stays a link. Where anything fails, `target` stays as
    it was, and nothing is left beside it.
    """
    target = Path(os.path.realpath(target))
    if target.exists() and not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, "is read-only", str(target))
    with placed(target, _mode(like or target)) as file:
        yield file


@contextmanager
def placed(target: Path, mode: int) -> Iterator[IO[bytes]]:
    """A file to write that is put at `target` at the end, and follows no link there."""
    import tempfile

    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".onnxlint-", suffix=".part")
    made = Path(name)
    UNFINISHED.add(made)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        made.chmod(mode)
        made.replace(target)
    except BaseException:
        made.unlink(missing_ok=True)
        raise
    finally:
        UNFINISHED.discard(made)


def plain_mode(like: Path | None = None) -> int:
    """The permissions of a new file: all that the mask leaves, and `like` has; none to execute."""
    mask = os.umask(0)
    os.umask(mask)
    granted = 0o666 if like is None else like.stat().st_mode & 0o666
    return granted & ~mask


def _mode(like: Path) -> int:
    """The permissions of a file; of one that is not there, those that a new file gets."""
    return stat.S_IMODE(like.stat().st_mode) if like.exists() else plain_mode()


def obstacle(target: Path) -> str | None:
    """Why a file is not to be written there: it would land elsewhere, or end what is not a file."""
    reached = Path(os.path.realpath(target))
    if target.is_symlink() and not reached.is_relative_to(target.parent.resolve()):
        return "is a link that leaves its folder"
    if target.exists() and not target.is_file():
        return "is not a regular file"
    return None
