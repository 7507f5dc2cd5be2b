"""The folder of a fleet's results: written as they come, sorted part by part, never twice.

Models are in parts of `PART`, in the order in which they were named. What comes is appended to the
journal of its part; when all of a part is there, it is sealed: its reports in their order, its
tables, and last its index, which says that it is whole.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from onnxlint.fleet import tables
from onnxlint.fleet.errors import FleetError
from onnxlint.fleet.orders import Answer, State
from onnxlint.fleet.states import is_unchanged
from onnxlint.fleet.tally import Tally, merged, tally_of
from onnxlint.safety.writing import placed, plain_mode

PART = 1_000
"""Models of a part; a choice: some 10 MB of reports, which a reader takes in at once."""

KeyOf = Callable[[str], str]
"""The hash of what is done with the model at a path."""


class Entry(msgspec.Struct):
    """One line of a journal: a model's report, and what it was made of."""

    path: str
    key: str
    state: State | None
    model: msgspec.Raw


class Indexed(msgspec.Struct, array_like=True):
    """One line of the index of a part: of which model a report is, and what it was made of."""

    path: str
    key: str
    state: State | None


def plain(path: str) -> str:
    """A path as JSON can hold it: bytes that are no text are escaped."""
    return path if path.isascii() else path.encode("utf-8", "backslashreplace").decode()


class Store:
    """The results of a fleet, in a folder."""

    def __init__(self, folder: Path, paths: Sequence[str], *, with_tables: bool) -> None:
        self.folder = folder
        self._paths = paths
        self._with_tables = with_tables
        self._journals: dict[int, dict[int, tuple[int, int]]] = {}
        self.known = bytearray(len(paths))
        """A 1 for each model whose result is there."""

    @property
    def parts(self) -> int:
        """How many parts there will be."""
        return -(-len(self._paths) // PART)

    def add(self, number: int, key: str, answer: Answer) -> None:
        """Keeps the result of a model; the last one of a part seals it."""
        part = number // PART
        entry = Entry(plain(self._paths[number]), key, answer.state, msgspec.Raw(answer.line))
        self._append(part, number, msgspec.json.encode(entry))
        self._seal_if_whole(part)

    def seal_all(self) -> None:
        """Seals every part that is whole, and was not sealed before an interruption."""
        for part in [*self._journals]:
            self._seal_if_whole(part)

    def _append(self, part: int, number: int, line: bytes) -> None:
        file = self.journal(part)
        with file.open("ab") as journal:
            start = journal.tell()
            journal.write(line + b"\n")
        self._journals.setdefault(part, {})[number] = (start, len(line))
        self.known[number] = 1

    def _seal_if_whole(self, part: int) -> None:
        first, end = self._span(part)
        places = self._journals.get(part, {})
        if len(places) < end - first:
            return
        with self.journal(part).open("rb") as journal:
            entries = [_entry_at(journal, *places[number]) for number in range(first, end)]
        self._write(part, entries)
        del self._journals[part]
        self.journal(part).unlink()

    def _write(self, part: int, entries: list[Entry]) -> None:
        self._index(part).unlink(missing_ok=True)
        models = [msgspec.json.decode(entry.model) for entry in entries]
        _place(self.reports(part), (bytes(entry.model) + b"\n" for entry in entries))
        if self._with_tables:
            rows = (row for model in models for row in tables.finding_rows(model))
            tables.write(map(tables.model_row, models), tables.MODELS, self.table("models", part))
            tables.write(rows, tables.FINDINGS, self.table("findings", part))
        head = msgspec.json.encode(tally_of(models))
        lines = (msgspec.json.encode(Indexed(each.path, each.key, each.state)) for each in entries)
        _place(self._index(part), (line + b"\n" for line in (head, *lines)))

    def _span(self, part: int) -> tuple[int, int]:
        return part * PART, min((part + 1) * PART, len(self._paths))

    def prepare(self) -> None:
        """Makes the folders that are not there."""
        for name in ("reports", "index", "open", *(("models", "findings") * self._with_tables)):
            (self.folder / name).mkdir(parents=True, exist_ok=True)

    def reports(self, part: int) -> Path:
        """The file with the reports of a part."""
        return self.folder / "reports" / f"part-{part:06}.jsonl"

    def table(self, name: str, part: int) -> Path:
        """The file with the rows of a part."""
        return self.folder / name / f"part-{part:06}.parquet"

    def journal(self, part: int) -> Path:
        """The file to which what comes of a part is appended."""
        return self.folder / "open" / f"part-{part:06}.jsonl"

    def _index(self, part: int) -> Path:
        return self.folder / "index" / f"part-{part:06}.jsonl"

    def tally(self) -> Tally:
        """What is there by now, as a whole."""
        return merged(tally for _, tally in sorted(self._tallies(), key=lambda each: each[0]))

    def _tallies(self) -> Iterator[tuple[int, Tally]]:
        for file in self._files("index"):
            with file.open("rb") as index, _undamaged(file):
                tally = msgspec.json.decode(index.readline(), type=Tally)
            yield _number(file), tally
        for file in self._files("open"):
            latest = {entry.path: entry.model for _, _, entry in read_journal(file)}
            yield _number(file), tally_of(map(msgspec.json.decode, latest.values()))

    def _files(self, name: str) -> list[Path]:
        return sorted((self.folder / name).glob("part-*.jsonl"))

    def adopt(self, key_of: KeyOf) -> None:
        """Takes over what an earlier run left that still holds; removes the rest.

        A report holds while the files of its model have their sizes and times, and the same would
        be done with it. Parts of other models are taken apart, and their reports kept.
        """
        foreign = [file for file in self._files("index") if not self._is_whole(file, key_of)]
        journals = self._files("open")
        if not (foreign or journals):
            return
        numbers = {plain(path): number for number, path in enumerate(self._paths)}
        for file in journals:  # read as they are, written anew: another list has other parts
            file.rename(file.with_name(f"old-{file.name}"))
        for file in sorted((self.folder / "open").glob("old-*")):
            self._carry((entry for _, _, entry in read_journal(file)), numbers, key_of)
            file.unlink()
        for file in foreign:
            self._carry(self._sealed_entries(file), numbers, key_of)
            self._remove(_number(file))

    def _is_whole(self, file: Path, key_of: KeyOf) -> bool:
        """Whether a part is what would come of its models now; they are known then."""
        part = _number(file)
        first, end = self._span(part)
        models = range(first, end)
        entries = [*_indexed(file)]
        if len(entries) != len(models) or not self.reports(part).is_file():
            return False
        for number, entry in zip(models, entries, strict=True):
            if entry.path != plain(self._paths[number]) or not self._holds(number, entry, key_of):
                return False
        self.known[first:end] = b"\1" * (end - first)
        return True

    def _holds(self, number: int, entry: Indexed | Entry, key_of: KeyOf) -> bool:
        path = self._paths[number]
        return bool(entry.key) and is_unchanged(path, entry.state) and entry.key == key_of(path)

    def _carry(self, entries: Iterator[Entry], numbers: dict[str, int], key_of: KeyOf) -> None:
        """Appends what still holds to the journals of the parts that it belongs to now."""
        for entry in entries:
            number = numbers.get(entry.path)
            if number is None or self.known[number] or not self._holds(number, entry, key_of):
                continue
            self._append(number // PART, number, msgspec.json.encode(entry))

    def _sealed_entries(self, index: Path) -> Iterator[Entry]:
        reports = self.reports(_number(index))
        if not reports.is_file():
            return
        with reports.open("rb") as lines:
            for line, told in zip(lines, _indexed(index), strict=False):
                yield Entry(told.path, told.key, told.state, msgspec.Raw(line.rstrip(b"\n")))

    def _remove(self, part: int) -> None:
        for file in (self._index(part), self.reports(part), self.table("models", part),
                     self.table("findings", part)):  # fmt: skip
            file.unlink(missing_ok=True)

    def clear(self) -> None:
        """Removes all results."""
        for name in ("index", "open", "reports", "models", "findings"):
            for file in (self.folder / name).glob("*part-*"):
                file.unlink()

    def close(self) -> None:
        """Removes the folder of journals, where there is none left."""
        with suppress(OSError):
            (self.folder / "open").rmdir()


def read_journal(file: Path) -> Iterator[tuple[int, int, Entry]]:
    """The entries of a journal with their places; a last line that was torn is none."""
    start = 0
    with file.open("rb") as lines:
        for line in lines:
            if line.endswith(b"\n"):
                with suppress(msgspec.DecodeError):  # torn, and something was written behind it
                    yield start, len(line) - 1, msgspec.json.decode(line, type=Entry)
            start += len(line)


def _entry_at(journal: Any, start: int, size: int) -> Entry:
    journal.seek(start)
    return msgspec.json.decode(journal.read(size), type=Entry)


@contextmanager
def _undamaged(file: Path) -> Iterator[None]:
    """Says which file holds what we did not write."""
    try:
        yield
    except msgspec.DecodeError as error:
        told = f"{os.fspath(file)} is damaged; remove it, and its part is made again"
        raise FleetError(told) from error


def _indexed(file: Path) -> Iterator[Indexed]:
    with file.open("rb") as lines, _undamaged(file):
        next(lines, None)
        for line in lines:
            yield msgspec.json.decode(line, type=Indexed)


def _place(file: Path, lines: Iterator[bytes]) -> None:
    with placed(file, plain_mode()) as stream:
        stream.writelines(lines)


def _number(file: Path) -> int:
    """The number of the part that a file belongs to."""
    number = "".join(filter(str.isdigit, file.stem))
    if not number:
        raise FleetError(f"{os.fspath(file)}: is not a file of a fleet; remove it")
    return int(number)
