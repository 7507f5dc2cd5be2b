"""The code of modules in one file, beside what Python compiled of each.

Python looks for every module, and opens and reads it, by itself: for the four hundred parts of
packages that a run loads, that takes a tenth of its time. Here they are found by their path. What
Python compiled is copied, and holds on the terms on which Python takes it: while the source has the
time and the size that it had. Any other module is loaded as usual.
"""

import importlib.util
import marshal
import mmap
import os
import sys
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import CodeType, ModuleType

FEW = 16
"""Modules that may be missing: to write the file anew takes as long as a hundred runs save."""

_HEAD = 16
"""Bytes before the table of modules: Python's number and the length of the table; in a file of
Python's, before the code: its number, flags, and the source's time and size."""

State = tuple[int, int]
"""When a source was changed, in nanoseconds, and its bytes."""

TYPE_CHECKING = False
if TYPE_CHECKING:  # the module `typing` takes longer to load than all that this does
    from collections.abc import Iterator, Sequence

_used: "Bundle | None" = None


def use_bundle() -> None:
    """From now on this process takes modules from the file."""
    global _used
    if _used is None:
        here = os.path.join(os.path.dirname(__file__), "_bundled.py")  # noqa: PTH118, PTH120
        _used = Bundle(importlib.util.cache_from_source(here))
        sys.meta_path.insert(0, _used)


def keep_bundle() -> None:
    """Has the file hold what this process has loaded, if it takes modules from there."""
    if _used is not None:
        _used.keep()


def rest_bundle() -> None:
    """Gives the file's pages back, once most of what this process loads is loaded."""
    if _used is not None:
        _used.rest()


class _Loader(SourceFileLoader):
    """Takes code from the bundle."""

    def __init__(self, name: str, path: str, bundle: "Bundle") -> None:
        super().__init__(name, path)
        self._bundle = bundle

    def get_code(self, fullname: str) -> CodeType | None:
        return self._bundle.code(self.path) or super().get_code(fullname)


class Bundle:
    """The file, and the modules in it by the paths of their sources."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._known = set(sys.modules)
        self._data: mmap.mmap | bytes = b""
        self._begin = 0
        self._places: dict[str, tuple[State, int, int]] = {}
        try:
            self._read()
        except (OSError, ValueError, EOFError, TypeError):  # none, or not one of ours
            self._places = {}

    def _read(self) -> None:
        with open(self._file, "rb") as opened:  # noqa: PTH123 - pathlib loads for long
            self._data = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
        if self._data[:4] == importlib.util.MAGIC_NUMBER:
            self._begin = _HEAD + int.from_bytes(self._data[4:_HEAD], "little")
            self._places = dict(marshal.loads(self._data[_HEAD : self._begin]))

    def find_spec(
        self, name: str, path: "Sequence[str] | None", target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A part of a package, if it is in the file, and its source is what it was."""
        if path is None or len(path) != 1:
            return None
        stem = f"{path[0]}{os.sep}{name.rpartition('.')[2]}"
        for file, is_package in ((f"{stem}.py", False), (f"{stem}{os.sep}__init__.py", True)):
            if file in self._places and self._places[file][0] == _state(file):
                spec = ModuleSpec(
                    name, _Loader(name, file, self), origin=file, is_package=is_package
                )
                spec.has_location = True
                spec.cached = importlib.util.cache_from_source(file)
                if spec.submodule_search_locations is not None:
                    spec.submodule_search_locations.append(stem)
                self._known.add(name)
                return spec
        return None

    def code(self, file: str) -> CodeType | None:
        """What a source says; None where it is not told whole."""
        try:
            code: CodeType = marshal.loads(self._compiled(file))
        except (ValueError, EOFError, TypeError):
            return None
        return code

    def _compiled(self, file: str) -> bytes:
        _, start, end = self._places[file]
        return self._data[self._begin + start : self._begin + end]

    def rest(self) -> None:
        """What is read again comes out of the page cache."""
        if isinstance(self._data, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
            self._data.madvise(mmap.MADV_DONTNEED)

    def keep(self) -> None:
        """Adds what this process has loaded, where that is more than a few modules."""
        may_write = os.access(os.path.dirname(self._file), os.W_OK)  # noqa: PTH120
        if sys.dont_write_bytecode or not may_write:
            return
        try:
            missing = [*self._loaded_otherwise()]
            if len(missing) > FEW:
                self._add(missing)
        except (OSError, MemoryError):  # the next process may have more
            pass

    def _add(self, files: list[str]) -> None:
        """Another process may have added some of them since this one began."""
        known = Bundle(self._file)._codes()
        found = {file: each for file in files
                 if file not in known and (each := _compiled(file)) is not None}  # fmt: skip
        if len(found) > FEW:
            self._write(known | found)

    def _loaded_otherwise(self) -> "Iterator[str]":
        """The sources of parts of packages that were loaded since, and not from here."""
        for name in sys.modules.keys() - self._known:
            loader = getattr(getattr(sys.modules[name], "__spec__", None), "loader", None)
            if isinstance(loader, SourceFileLoader) and "." in name:
                yield loader.path

    def _codes(self) -> dict[str, tuple[State, bytes]]:
        return {
            file: (state, self._compiled(file))
            for file, (state, *_) in self._places.items()
            if state == _state(file)
        }

    def _write(self, codes: dict[str, tuple[State, bytes]]) -> None:
        from pathlib import Path

        from onnxlint.safety.writing import placed, plain_mode

        places, end = {}, 0
        for file, (state, code) in codes.items():
            places[file] = state, end, end + len(code)
            end += len(code)
        table = marshal.dumps(places)
        head = importlib.util.MAGIC_NUMBER + len(table).to_bytes(_HEAD - 4, "little")
        with placed(Path(self._file), plain_mode()) as stream:
            stream.write(b"".join([head, table, *(code for _, code in codes.values())]))


def _state(file: str) -> State | None:
    try:
        status = os.stat(file)  # noqa: PTH116
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def _compiled(file: str) -> tuple[State, bytes] | None:
    """The code that Python has compiled of a source as it is; None where it has not."""
    state = _state(file)
    try:
        with open(importlib.util.cache_from_source(file), "rb") as opened:  # noqa: PTH123
            data = opened.read()
    except OSError:
        return None
    if state is None or data[:8] != importlib.util.MAGIC_NUMBER + bytes(4):
        return None
    times = state[0] // 10**9, state[1]
    told = b"".join((each & 0xFFFFFFFF).to_bytes(4, "little") for each in times)
    return (state, data[_HEAD:]) if data[8:_HEAD] == told else None
