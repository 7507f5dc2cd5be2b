"""Which files a remote glob or folder holds."""

from __future__ import annotations

import json
from functools import partial
from glob import has_magic
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from onnxlint.remote.address import WEB, Address, entered
from onnxlint.remote.errors import MissingError, RemoteError, explained
from onnxlint.remote.remote_file import tried
from onnxlint.remote.stores import store
from onnxlint.safety.forked import Crashed, Isolated
from onnxlint.safety.limits import Budget, default_memory_limit

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

LISTING_SECONDS = 600.0
"""So long a listing may take; a choice, of some million names."""

MOST_FILES = 1_000_000

DEEPEST = 16
"""Folders in folders that are looked into."""


def expanded(name: str, suffixes: Collection[str]) -> list[str]:
    """The files that an address means, as reports name them, in order.

    That is itself, what its glob matches, or the files with these endings below its folder. A
    server is asked only about the latter two, by a process of its own.

    Raises:
        RemoteError: it cannot be listed.
    """
    address = Address.of(name)
    if not _is_many(address, suffixes):
        return [address.shown]
    listed = _apart(partial(_listed, address=address, suffixes=tuple(suffixes)))
    if listed is None:
        return [address.shown]
    return [*map(entered, listed)]


def files_below(address: Address) -> list[str] | None:
    """All files below a folder; None where it is a file.

    Raises:
        RemoteError: it cannot be listed.
    """
    return _found(address, None)


def _is_many(address: Address, suffixes: Collection[str]) -> bool:
    if address.is_folder or _is_glob(address):
        return True
    return address.scheme not in WEB and PurePosixPath(address.path).suffix not in suffixes


def _is_glob(address: Address) -> bool:
    """Whether there is a sign of a glob; `?` begins the query of a web address."""
    return "*" in address.path if address.scheme in WEB else has_magic(address.url)


def _apart(look: partial[bytes]) -> list[str] | None:
    try:
        answer = json.loads(
            Isolated(look, b"", Budget(LISTING_SECONDS, default_memory_limit())).result()
        )
    except Crashed as error:
        raise RemoteError(f"cannot be listed: {error}", "name its files") from error
    if isinstance(answer, dict):
        raise RemoteError(answer["problem"], answer["remedy"])
    found: list[str] | None = answer
    return found


def _listed(_: bytes, *, address: Address, suffixes: tuple[str, ...]) -> bytes:
    try:
        return json.dumps(_found(address, suffixes)).encode()
    except RemoteError as error:
        return json.dumps({"problem": error.problem, "remedy": error.remedy}).encode()


def _found(address: Address, suffixes: Iterable[str] | None) -> list[str] | None:
    files = store(address)
    path = files._strip_protocol(address.url)
    if _is_glob(address):
        found = tried(lambda: files.glob(path, detail=True))
        wanted = None
    else:
        if not address.is_folder and not _is_folder(files, path):
            return None
        found = tried(lambda: files.find(path, maxdepth=DEEPEST, detail=True))
        wanted = suffixes
    if len(found) > MOST_FILES:
        told = f"holds {len(found):,} files (limit {MOST_FILES:,})"
        raise RemoteError(told, "name a part of it")
    root = address.path[: address.path.find("*")] if _is_glob(address) else address.path
    names = sorted(files.unstrip_protocol(each) for each, told in found.items()
                   if told.get("type") != "directory")  # fmt: skip
    if address.scheme in WEB:  # a page may link to anything
        names = [each for each in names if each.startswith(root)]
    return [each for each in names
            if wanted is None or PurePosixPath(each).suffix.lower() in wanted]  # fmt: skip


def _is_folder(files: object, path: str) -> bool:
    try:
        return bool(tried(lambda: files.info(path))["type"] == "directory")  # type: ignore[attr-defined]
    except MissingError:
        return False
    except RemoteError:
        raise
    except Exception as error:
        raise explained(error) from error
