"""The folder that a fleet's results go to: whose it is, and what made what is in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec
from msgspec import Struct

from onnxlint.fleet.errors import FleetError
from onnxlint.safety.printable import json_text
from onnxlint.safety.writing import placed, plain_mode

FORMAT = 1
MANIFEST = "fleet.json"
LOCK = "lock"


class Manifest(msgspec.Struct, forbid_unknown_fields=True):
    """What made the results of a folder. `made_by` is a hash of the options and versions."""

    version: int
    onnxlint: str
    packs: dict[str, str]
    models: int
    parquet: bool
    made_by: str
    complete: bool = False


class FleetFolder(Struct, frozen=True):
    """A folder for the results of one fleet."""

    path: Path

    def manifest(self) -> Manifest | None:
        """What it says of itself; None where it is empty or not there.

        Raises:
            FleetError: it is something else.
        """
        file = self.path / MANIFEST
        try:
            return self._read(file)
        except FileNotFoundError as error:
            if not self.path.exists() or self._is_empty():
                return None
            told = f"{self.path} holds other files, and no results of a fleet"
            raise FleetError(f"{told}; name an empty or a new folder") from error
        except NotADirectoryError as error:
            raise FleetError(f"{self.path} is not a folder; name another") from error
        except OSError as error:
            raise FleetError(f"{file}: {error.strerror}") from error

    def _read(self, file: Path) -> Manifest:
        try:
            found = msgspec.json.decode(file.read_bytes(), type=Manifest)
        except msgspec.DecodeError as error:
            raise FleetError(f"{file} was not written by onnxlint; name another folder") from error
        if found.version != FORMAT:
            told = f"{file} has version {found.version}, and this onnxlint reads {FORMAT}"
            raise FleetError(f"{told}; name another folder")
        return found

    def _is_empty(self) -> bool:
        return all(each.name == LOCK for each in self.path.iterdir())

    def write(self, manifest: Manifest) -> None:
        """Says what makes the results."""
        with placed(self.path / MANIFEST, plain_mode()) as file:
            file.write((json_text(msgspec.to_builtins(manifest)) + "\n").encode())

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else writes here meanwhile.

        Raises:
            FleetError: somebody does, or nobody can.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with (self.path / LOCK).open("ab") as file:
                _lock(file, self.path)
                yield
        except FileExistsError as error:
            raise FleetError(f"{self.path} is not a folder; name another") from error
        except OSError as error:
            where = error.filename or self.path
            raise FleetError(f"{where}: {error.strerror or error}") from error


def _lock(file: IO[bytes], folder: Path) -> None:
    """Holds a lock that ends with this process, where the platform has such."""
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        told = f"another run writes into {os.fspath(folder)}"
        raise FleetError(f"{told}; wait for it, or name another folder") from error
