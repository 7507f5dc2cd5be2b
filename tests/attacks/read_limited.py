"""Reads data in a process that may take 1 GiB: a line of JSON on standard output for each file.

Arguments: `labels` or `data`, then the files.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

from onnxlint.model.file.errors import DataError
from onnxlint.runtime.data import labels
from onnxlint.runtime.data.reading import read
from onnxlint.runtime.feeds.synthesis import Slot
from onnxlint.settings import InputContract

LIMIT = 1 << 30
TABLE = [Slot("x", "float32", ("N", 2))]
IMAGE = [Slot("x", "float32", ("N", 3, 4, 6))]


def result(kind: str, path: Path) -> str:
    """The sentence that reading ends in; empty where it was read."""
    slots = IMAGE if path.name.startswith("image") else TABLE
    contracts = {"x": InputContract(size=(4, 6))} if slots is IMAGE else {}
    try:
        if kind == "labels":
            labels.read(path, None if path.suffix in (".npy", ".npz") else "b")
        else:
            read(path, slots, 8, contracts)
    except DataError as error:
        return str(error)
    return ""


def peak() -> int:
    """MiB that the process had at most, where the system tells."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


def main() -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (LIMIT, LIMIT))
    kind, *paths = sys.argv[1:]
    for path in paths:
        start = time.perf_counter()
        try:
            told, crash = result(kind, Path(path)), ""
        except BaseException as error:
            told, crash = "", f"{type(error).__name__}: {error}"[:300]
        line = {"path": path, "told": told, "crash": crash, "peak": peak(),
                "seconds": time.perf_counter() - start}  # fmt: skip
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
