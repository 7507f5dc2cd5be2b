"""A file of SQLite with runs: the standard library's, for a record must be readable everywhere.

Writers take turns: each run is one short transaction, for which others wait. There is no
write-ahead log, which needs files beside and shared memory, and so no network folder.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from onnxlint.history.records import Found, Record, Recorded

VERSION = 1
APPLICATION = 0x6F6E6C74
"""`onlt`, in the header of the file: it is ours, and no other program's."""

WAIT_SECONDS = 30.0
"""For other writers, each of which takes milliseconds; a choice."""

LONGEST_CELL = 64 * 1024**2
"""Bytes of a text or number list that is read; a choice, far beyond what is written."""

TABLES = {
    "run": "CREATE TABLE run (number INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, "
    "exit_code INTEGER NOT NULL, versions TEXT NOT NULL)",
    "model": "CREATE TABLE model (id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES run, "
    "path TEXT NOT NULL, location TEXT NOT NULL, sha256 TEXT, verdict TEXT NOT NULL, error TEXT, "
    "seed INTEGER, hashes TEXT NOT NULL, ran TEXT NOT NULL, options TEXT NOT NULL, "
    "not_applicable TEXT NOT NULL)",
    "figure": "CREATE TABLE figure (model INTEGER NOT NULL REFERENCES model, name TEXT NOT NULL, "
    "value REAL NOT NULL)",
    "finding": "CREATE TABLE finding (model INTEGER NOT NULL REFERENCES model, "
    "fingerprint TEXT NOT NULL, structural TEXT NOT NULL, code TEXT NOT NULL, name TEXT NOT NULL, "
    "severity TEXT NOT NULL, message TEXT NOT NULL, place TEXT NOT NULL)",
    "model_of_run": "CREATE INDEX model_of_run ON model (run)",
    "figure_of_model": "CREATE INDEX figure_of_model ON figure (model)",
    "finding_of_model": "CREATE INDEX finding_of_model ON finding (model)",
}


_MISSHAPEN = (
    ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError,
)  # fmt: skip
"""What entries raise that somebody else wrote."""


class HistoryError(Exception):
    """A file or server that cannot serve as history: which, why, and what to do."""

    def __init__(self, file: Path | str, problem: str, remedy: str) -> None:
        super().__init__(f"{str(file)!r} {problem}; {remedy}")


def add(file: Path, run: Recorded) -> None:
    """Adds a run, whole or not at all; the file is made where there is none.

    Raises:
        HistoryError: that is not possible.
    """
    with _told(file, "written"), closing(_connected(file, "rwc")) as database:
        database.execute("BEGIN IMMEDIATE")
        with database:
            if _is_new(database):
                _make(database)
            _check(database, file)
            _insert(database, run)


def read(file: Path) -> list[Recorded]:
    """All runs, in the order in which they were added.

    Raises:
        HistoryError: the file is none, or has another form.
    """
    if not file.is_file():
        raise HistoryError(file, "does not exist", "'onnxlint check --record' writes it")
    with _told(file, "read"), closing(_connected(file, "ro")) as database:
        database.execute("BEGIN")
        _check(database, file)
        return [*_runs(database)]


def prune(file: Path, keep: int) -> tuple[int, int]:
    """Removes all but the last runs of each model; says how many are gone, and how many left.

    Raises:
        HistoryError: the file is none, or cannot be written.
    """
    if not file.is_file():
        raise HistoryError(file, "does not exist", "'onnxlint check --record' writes it")
    with _told(file, "written"), closing(_connected(file, "rw")) as database:
        database.execute("BEGIN IMMEDIATE")
        with database:
            _check(database, file)
            gone = database.execute(_EARLIER, (keep,)).fetchall()
            for table, column in (("figure", "model"), ("finding", "model"), ("model", "id")):
                database.executemany(f"DELETE FROM {table} WHERE {column} = ?", gone)
            database.execute("DELETE FROM run WHERE number NOT IN (SELECT run FROM model)")
            (left,) = database.execute("SELECT count(*) FROM model").fetchone()
        database.execute("VACUUM")
    return len(gone), int(left)


_EARLIER = (
    "SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY location ORDER BY run DESC, "
    "id DESC) AS place FROM model) WHERE place > ?"
)


def _connected(file: Path, mode: str) -> sqlite3.Connection:
    address = f"file:{quote(str(file.absolute()))}?mode={mode}"
    database = sqlite3.connect(address, uri=True, timeout=WAIT_SECONDS, isolation_level=None)
    database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_CELL)
    database.execute("PRAGMA trusted_schema = OFF")
    database.text_factory = lambda data: data.decode("utf-8", "replace")
    return database


@contextmanager
def _told(file: Path, done: str) -> Iterator[None]:
    """SQLite's errors as one sentence."""
    try:
        yield
    except (sqlite3.Error, *_MISSHAPEN) as error:
        if not isinstance(error, sqlite3.Error):
            raise HistoryError(file, f"has entries of another form ({error})", _OTHER) from error
        reason = str(error)
        if "not a database" in reason or "malformed" in reason:
            raise HistoryError(file, f"is no sound SQLite database ({reason})", _OTHER) from error
        remedy = "check that file and folder are writable, or name another file"
        if "locked" in reason:
            remedy = f"others held it for {WAIT_SECONDS:g} seconds: try again"
        raise HistoryError(file, f"cannot be {done} ({reason})", remedy) from error


_OTHER = "name another file"


def _is_new(database: sqlite3.Connection) -> bool:
    (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return bool(tables == 0 and _pragma(database, "user_version") == 0)


def _make(database: sqlite3.Connection) -> None:
    for statement in TABLES.values():
        database.execute(statement)
    database.execute(f"PRAGMA application_id = {APPLICATION}")
    database.execute(f"PRAGMA user_version = {VERSION}")


def _pragma(database: sqlite3.Connection, name: str) -> int:
    return int(database.execute(f"PRAGMA {name}").fetchone()[0])


def _check(database: sqlite3.Connection, file: Path) -> None:
    """Whether it is ours, as we know it: a view in a table's place could do anything."""
    if _pragma(database, "application_id") != APPLICATION:
        raise HistoryError(file, "is a database of another program", _OTHER)
    version = _pragma(database, "user_version")
    if version != VERSION:
        raise HistoryError(
            file, f"has schema version {version} (known: {VERSION})",
            "update onnxlint, or name another file",
        )  # fmt: skip
    held = dict(database.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
    held.pop("sqlite_sequence", None)
    if held != TABLES:
        raise HistoryError(file, "has other tables than onnxlint makes", _OTHER)


def _insert(database: sqlite3.Connection, run: Recorded) -> None:
    number = database.execute(
        "INSERT INTO run (at, exit_code, versions) VALUES (?, ?, ?)",
        (run.at, run.exit_code, _json(dict(run.versions))),
    ).lastrowid
    for each in run.models:
        key = database.execute(
            "INSERT INTO model (run, path, location, sha256, verdict, error, seed, hashes, ran, "
            "options, not_applicable) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (number, _text(each.path), _text(each.location), each.sha256, each.verdict,
             each.error and _text(each.error), each.seed, _json(dict(each.hashes)),
             _json(each.ran), _json(each.options), _json(each.not_applicable)),
        ).lastrowid  # fmt: skip
        database.executemany(
            "INSERT INTO figure VALUES (?, ?, ?)",
            [(key, _text(name), value) for name, value in each.figures.items()],
        )
        database.executemany(
            "INSERT INTO finding VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [(key, found.fingerprint, found.structural, found.code, _text(found.name),
              found.severity, _text(found.message), _text(found.place))
             for found in each.findings],
        )  # fmt: skip


def _text(text: str) -> str:
    """Text that SQLite takes: a path may hold what is no UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()


def _json(plain: Any) -> str:
    return json.dumps(plain)


def _runs(database: sqlite3.Connection) -> Iterator[Recorded]:
    rows = database.execute("SELECT number, at, exit_code, versions FROM run ORDER BY number")
    for number, at, code, versions in rows.fetchall():
        models = database.execute(
            "SELECT id, path, location, sha256, verdict, error, seed, hashes, ran, options, "
            "not_applicable "
            "FROM model WHERE run = ? ORDER BY id", (number,)
        )  # fmt: skip
        records = tuple(_record(database, row) for row in models.fetchall())
        yield Recorded(str(at), int(code), _table(versions), records, int(number))


def _record(database: sqlite3.Connection, row: tuple[Any, ...]) -> Record:
    key, path, location, sha256, verdict, error, seed, hashes, ran, options, idle = row
    figures = database.execute("SELECT name, value FROM figure WHERE model = ?", (key,))
    found = database.execute(
        "SELECT fingerprint, structural, code, name, severity, message, place FROM finding "
        "WHERE model = ? ORDER BY rowid", (key,)
    )  # fmt: skip
    return Record(
        str(path), str(location), None if sha256 is None else str(sha256), str(verdict),
        None if error is None else str(error),
        {str(name): _finite(value) for name, value in figures.fetchall()},
        _table(hashes), _list(ran), _list(options), None if seed is None else int(seed),
        tuple(Found(*map(str, each)) for each in found.fetchall()), _list(idle),
    )  # fmt: skip


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"figure {number}")
    return number


def _table(text: str) -> dict[str, str]:
    return {str(key): str(value) for key, value in json.loads(text).items()}


def _list(text: str) -> tuple[str, ...]:
    return tuple(map(str, json.loads(text)))
