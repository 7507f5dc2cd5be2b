"""Data and labels at remote addresses: copied into the cache before any model is judged."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from onnxlint.remote import cache
from onnxlint.remote.address import WEB, Address, entered, is_remote
from onnxlint.remote.allowance import Allowance
from onnxlint.remote.errors import RemoteError
from onnxlint.remote.listing import files_below
from onnxlint.remote.names import call
from onnxlint.remote.remote_file import RemoteFile
from onnxlint.safety.forked import Crashed, Isolated
from onnxlint.safety.limits import LONGEST_SECONDS, Budget, default_memory_limit
from onnxlint.settings import LabelSource, Settings
from onnxlint.toml_tables import ConfigError


def localised(settings: Settings) -> Settings:
    """The same settings with the paths of copies, where data or labels are remote.

    Raises:
        ConfigError: they cannot be read.
    """
    given: dict[str, Any] = {}
    for name in ("data", "train_data"):
        path = getattr(settings, name)
        if path is not None and is_remote(path):
            given[name] = _copied(name, str(path))
    for name in ("labels", "train_labels"):
        source = getattr(settings, name)
        if source is not None and is_remote(source.file):
            given[name] = LabelSource(_copied(name, str(source.file)), source.key)
    return replace(settings, **given) if given else settings


def _copied(option: str, given: str) -> Path:
    address = Address.of(given)
    try:
        path = _copy(address)
    except RemoteError as error:
        raise ConfigError(f"{option.replace('_', '-')} {address.shown}: {error}") from error
    call(path, address.shown)
    return path


@lru_cache(maxsize=64)
def _copy(address: Address) -> Path:
    """The path of a copy, which a process of its own makes."""
    copy = partial(_copy_here, address=address)
    try:
        answer = json.loads(
            Isolated(copy, b"", Budget(LONGEST_SECONDS, default_memory_limit())).result()
        )
    except Crashed as error:
        raise RemoteError(f"cannot be read: {error}", "check the address") from error
    if isinstance(answer, dict):
        raise RemoteError(answer["problem"], answer["remedy"])
    path, *files = map(Path, answer)
    for each in files:
        cache.hold(each)
    return path


def _copy_here(_: bytes, *, address: Address) -> bytes:
    try:
        return json.dumps([*map(str, _read(address))]).encode()
    except RemoteError as error:
        return json.dumps({"problem": error.problem, "remedy": error.remedy}).encode()


def _read(address: Address) -> list[Path]:
    """A file, or a folder of links to files, all of them read; then these files."""
    listed = files_below(address) if address.is_folder or address.scheme not in WEB else None
    allowance = Allowance()
    if listed is None:
        file = RemoteFile.of(address, allowance)
        file.need_all()
        file.check_unchanged()
        return [file.path, file.path]
    found = [(each, RemoteFile.of(Address.of(entered(each)), allowance)) for each in listed]
    allowance.check(sum(file.missing_bytes for _, file in found))
    versions = "\0".join(f"{file.address.identity} {file.version}" for _, file in found)
    folder = cache.folder() / "views" / hashlib.sha256(versions.encode()).hexdigest()[:32]
    root = address.url.rstrip("/") + "/"
    for url, file in found:
        file.need_all()
        file.check_unchanged()
        relative = url.removeprefix(root)
        if ".." not in Path(relative).parts and not Path(relative).is_absolute():
            cache.link(folder / relative, file.path)
    return [folder, *(file.path for _, file in found)]
