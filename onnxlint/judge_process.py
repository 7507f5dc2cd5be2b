"""A judge's own process: it judges one model after the other, and tells what it does and found."""

from __future__ import annotations

import json
import os
import signal
import sys
import warnings
from collections.abc import Callable, Collection
from typing import Any

from onnxlint.findings import Diagnostic
from onnxlint.light_onnx import use_light_onnx
from onnxlint.report import ModelReport, encode
from onnxlint.rules.rule import Rule
from onnxlint.safety.unfinished import remove_unfinished
from onnxlint.watcher import Watcher

HARMED = 76
"""Exit status of a judge whose streams a rule closed, so that the next open file would take their
place, or whose limits a rule changed."""

BEGINS, FOUND, ANEW, REPORT = b"b", b"f", b"a", b"r"
"""How a line begins that says what is begun, what a rule found, that nothing found before counts,
or all of it."""


class _Teller(Watcher):
    """The judge's end of the pipe.

    Each line wakes the process that reads it: that a rule found nothing is told with what comes
    next, which is begun at once.
    """

    may_interrupt = True

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self._held = b""
        self._limits = _limits()

    def begins(self, doing: str, rule: Rule | None = None) -> None:
        self.tell(BEGINS, json.dumps([doing, rule.code if rule is not None else None]).encode())

    def found(self, diagnostics: list[Diagnostic]) -> None:
        if diagnostics:
            self.tell(FOUND, encode(diagnostics))
        else:
            self._held = FOUND + b"[]\n"

    def check_unharmed(self) -> None:
        try:
            for stream in (0, 1, 2, self._pipe):
                os.fstat(stream)
        except OSError:
            os._exit(HARMED)
        if _limits() != self._limits:
            os._exit(HARMED)

    def begins_anew(self) -> None:
        self._limits = _limits()
        self.tell(ANEW, b"")

    def tell(self, kind: bytes, text: bytes) -> None:
        """Writes one line, whole, behind one that was held back."""
        left = memoryview(self._held + kind + text + b"\n")
        self._held = b""
        while left:
            left = left[os.write(self._pipe, left) :]


def _limits() -> list[tuple[int, int]]:
    """What this process may have of files and memory, where the platform tells."""
    try:
        import resource
    except ImportError:
        return []
    kinds = (resource.RLIMIT_NOFILE, resource.RLIMIT_DATA, resource.RLIMIT_AS)
    return [resource.getrlimit(kind) for kind in kinds]


Reported = Callable[[str, Any, Watcher, Collection[str]], ModelReport]
"""A judge that reports whatever happens, of the model at this path."""


def serve(judge: Reported, requests: int, replies: int, inherited: Collection[int]) -> None:
    """The judge's whole life."""
    os.setpgid(0, 0)
    for fd in inherited:
        os.close(fd)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    _private_streams()
    if not sys.warnoptions:  # they are for whoever writes a rule, and tests show them
        warnings.simplefilter("ignore")
    use_light_onnx()
    teller = _Teller(replies)
    with os.fdopen(requests, "rb") as lines:
        for line in lines:
            path, asked, without = json.loads(line)
            report = judge(path, asked, teller, without)
            teller.tell(REPORT, encode(report))
    os._exit(0)


def _leave(*_: Any) -> None:
    remove_unfinished()
    os._exit(128 + signal.SIGTERM)


def _private_streams() -> None:
    """What rules and libraries print goes to standard error; standard input is nobody's."""
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    try:
        os.dup2(2, 1)
    except OSError:  # standard error is closed
        os.dup2(null, 1)
        os.dup2(null, 2)
    os.close(null)
    sys.stdout = sys.stderr = os.fdopen(os.dup(2), "w", 1, "utf-8", "backslashreplace")
