"""The models whose reports were kept last: where they are as they were, nobody is started for them.

What is started ahead loads for a tenth of a second, which is for nothing where the cache has the
report. This is a guess by the state of the files; a wrong one costs time, and nothing else.
"""

import os
import sys

FILE = "recent"
"""In the folder of reports: a line for each model, the latest last."""

MOST = 256
"""Models that are remembered; a choice, 12 kB."""

MOST_AT_ONCE = 16
"""Models of one command; of more, one is likely to have changed."""

NO = ("", "0", "false", "f", "no", "n", "off")
"""What the command, too, takes for a no in `ONNXLINT_NO_CACHE`."""

_OWN_WAY = ("--no-cache", "--cache-dir")


def are_reported(arguments: list[str]) -> bool:
    """Whether the cache seems to have what a command asks for."""
    models = [each for each in arguments if not each.startswith("-") and each != "check"]
    if not 0 < len(models) <= MOST_AT_ONCE or any(each.startswith(_OWN_WAY) for each in arguments):
        return False
    folder = _folder()
    known = _lines(folder) if folder else []
    is_static = "--static-only" in arguments
    return bool(known) and all(line_of(each, is_static=is_static) in known for each in models)


def line_of(path: str, *, is_static: bool) -> str | None:
    """What tells that a file is as it was; None where there is none."""
    try:
        status = os.stat(path)  # noqa: PTH116 - pathlib takes longer to load than all of this
    except OSError:
        return None
    state = status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, int(is_static)
    return " ".join(map(str, state))


def remember(folder: str, lines: list[str]) -> None:
    """Adds what was reported to what is known in a folder of reports, if it is not there."""
    known = _lines(folder)
    new = [line for line in lines if line not in known]
    if not new or len(lines) > MOST_AT_ONCE:
        return
    from pathlib import Path

    from onnxlint.safety.writing import placed

    try:
        with placed(Path(folder, FILE), 0o600) as stream:
            stream.write(("\n".join([*known, *new][-MOST:]) + "\n").encode())
    except OSError:  # a full disk, say: what is not known is looked up
        return


def _lines(folder: str) -> list[str]:
    try:
        with open(f"{folder}/{FILE}", encoding="ascii") as file:  # noqa: PTH123
            return file.read(1 << 16).split("\n")[:-1]
    except (OSError, ValueError):
        return []


def _folder() -> str:
    """That of the reports without options, as `ReportCache.of_environment` has it; else empty."""
    if sys.platform != "linux" or os.environ.get("ONNXLINT_NO_CACHE", "").strip().lower() not in NO:
        return ""
    caches = os.environ.get("XDG_CACHE_HOME", "").strip() or os.path.expanduser("~/.cache")  # noqa: PTH111
    return os.environ.get("ONNXLINT_CACHE_DIR") or f"{caches}/onnxlint/reports"
