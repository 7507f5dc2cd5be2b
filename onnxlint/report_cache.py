"""Reports of models that have not changed since, kept in files: no model can forge another's."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from stat import S_ISDIR, S_IWOTH

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from onnxlint import recent
from onnxlint.code_hash import known_code, remember_code
from onnxlint.job import Job
from onnxlint.report import ModelReport, decode, encode
from onnxlint.report_keys import State, Unkeyed, external_states, key_of
from onnxlint.safety.cache_folder import prepared
from onnxlint.safety.writing import placed
from onnxlint.toml_tables import ConfigError

MAGIC = b"onnxlint-report-1 "

LARGEST_ENTRY = 64 * 1024**2
"""Bytes of an entry; a choice, a report of a hundred thousand findings."""

LARGEST_CACHE = 512 * 1024**2
"""Bytes of all entries, the oldest of which go; a choice, of some ten thousand models."""


class _Entry(Struct, frozen=True):
    """What a file holds: a report, and the states of the external data that it was made of.

    `key` is its own, so that no entry can take the place of another.
    """

    key: str
    external: Mapping[str, State]
    report: ModelReport


class Looked(Struct, frozen=True):
    """What the cache has for a job: its key, None where it has none, and its report, if known.

    `began` is when it was looked up, in seconds since 1970.
    """

    key: str | None = None
    report: ModelReport | None = None
    began: float = 0.0


class ReportCache:
    """Keeps reports in a folder, a file each; several processes may use it at the same time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._added = False
        self._reported: list[str] = []

    @classmethod
    def usual(cls) -> ReportCache:
        """The one in the user's folder of caches."""
        import platformdirs

        return cls(platformdirs.user_cache_path("onnxlint", appauthor=False) / "reports")

    @classmethod
    def of_environment(cls) -> ReportCache | None:
        """That of the command without options: `ONNXLINT_CACHE_DIR` or the usual one, if any.

        Raises:
            ConfigError: the folder that the environment names cannot be used.
        """
        if os.environ.get("ONNXLINT_NO_CACHE", "").strip().lower() not in recent.NO:
            return None
        named = os.environ.get("ONNXLINT_CACHE_DIR")
        cache = cls(Path(named)) if named else cls.usual()
        if cache.obstacle is None:
            return cache
        if not named:
            return None
        raise ConfigError(
            f"ONNXLINT_CACHE_DIR {named!r} {cache.obstacle}; name another, or set "
            "ONNXLINT_NO_CACHE=1"
        )

    @property
    def obstacle(self) -> str | None:
        """Why the folder is not to be used: somebody else could write reports into it."""
        try:
            status = self.folder.stat()
        except OSError:
            return None  # it is made when there is something to keep
        if not S_ISDIR(status.st_mode):
            return "is not a directory"
        if not hasattr(os, "geteuid"):
            return None
        if status.st_uid != os.geteuid():
            return "belongs to another user"
        return "can be written by everybody" if status.st_mode & S_IWOTH else None

    def look_up(self, job: Job) -> Looked:
        """The report of a job, if nothing that it depends on has changed."""
        start, began = time.perf_counter(), time.time()
        try:
            key = key_of(job, partial(known_code, self.folder))
        except (Unkeyed, OSError, ValueError):  # an empty file cannot be mapped
            return Looked()
        file = self._file(key)
        entry = _read(file)
        if entry is None or entry.key != key or not _holds(entry, job):
            return Looked(key, began=began)
        with contextlib.suppress(OSError):
            os.utime(file)  # so that it goes last
        self._note(job)
        return Looked(key, replace(entry.report, seconds=time.perf_counter() - start))

    def keep(self, looked: Looked, job: Job, report: ModelReport) -> None:
        """Keeps the report of a job that was looked up before, if it may be kept.

        The model must be what it was then: a file may be replaced meanwhile.
        """
        if looked.key is None or not _may_keep(report):
            return
        try:
            states = external_states(job.path, report.external or (), looked.began, looks_only=True)
            if key_of(job, partial(known_code, self.folder)) != looked.key:
                return
            self._write(looked.key, encode(_Entry(looked.key, states, report)))
            self._note(job)
        except (Unkeyed, OSError):  # a full disk, say: the report is there all the same
            return

    def _note(self, job: Job) -> None:
        if job.source is None and len(self._reported) <= recent.MOST_AT_ONCE:
            line = recent.line_of(job.path, is_static=job.static_only)
            self._reported += [] if line is None else [line]

    def _write(self, key: str, payload: bytes) -> None:
        if len(payload) > LARGEST_ENTRY:
            return
        with placed(prepared(self.folder, key) / key, 0o600) as stream:
            stream.write(MAGIC + hashlib.sha256(payload).hexdigest().encode() + b"\n" + payload)
        remember_code(self.folder)
        self._added = True

    def _file(self, key: str) -> Path:
        return self.folder / key[:2] / key

    def trim(self) -> None:
        """Removes the entries that were used longest ago, where there is too much."""
        recent.remember(str(self.folder), self._reported)
        self._reported.clear()
        if not self._added:
            return
        files = []
        for file in self.folder.glob("??/*"):
            with contextlib.suppress(OSError):
                status = file.stat()
                files.append((status.st_mtime, status.st_size, file))
        size = sum(each[1] for each in files)
        for _, bytes_of_it, file in sorted(files):
            if size <= LARGEST_CACHE:
                break
            with contextlib.suppress(OSError):  # another process may have removed it
                file.unlink()
            size -= bytes_of_it


def _may_keep(report: ModelReport) -> bool:
    """Whether the same comes out the next time: nothing of it hangs on limits, or on a crash."""
    ours = any(finding.code.startswith("LNT") for finding in report.findings)
    return report.complete and report.external is not None and not ours and report.mending is None


def _holds(entry: _Entry, job: Job) -> bool:
    """Whether the external data is the same, too."""
    try:
        return external_states(job.path, entry.external, looks_only=True) == entry.external
    except Unkeyed:
        return False


def _read(file: Path) -> _Entry | None:
    """An entry that is whole; another is removed, as nobody can use it."""
    try:
        with file.open("rb") as stream:
            data = stream.read(LARGEST_ENTRY + len(MAGIC) + 65)
    except OSError:
        return None
    head, _, payload = data.partition(b"\n")
    if head == MAGIC + hashlib.sha256(payload).hexdigest().encode():
        with contextlib.suppress(msgspec.MsgspecError, ValueError, RecursionError):
            return decode(payload, _Entry)
    with contextlib.suppress(OSError):
        file.unlink()
    return None
