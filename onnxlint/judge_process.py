"""A judge's own process: it judges one model after the other, and tells what it does and found."""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import warnings
from collections.abc import Callable, Collection, Iterable
from typing import Any

from onnxlint.bundle import keep_bundle
from onnxlint.findings import Diagnostic
from onnxlint.light_numpy import use_light_numpy
from onnxlint.light_onnx import use_light_onnx
from onnxlint.report import ModelReport, encode
from onnxlint.rules.rule import Rule
from onnxlint.safety.limits import data_size, share_cores
from onnxlint.safety.note import Note
from onnxlint.safety.unfinished import remove_unfinished
from onnxlint.watcher import Watcher

HARMED = 76
"""Exit status of a judge whose streams a rule closed, so that the next open file would take their
place, or whose limits a rule changed."""

SELDOM = 50_000
"""Objects that a judge makes before the collector looks for circles among the newest: Python's 700
are a hundred looks at each of a large model's rules, a tenth of their time. A small model is done
before the first look, which would take 3 ms."""

LEFT_LYING = 16 * 2**20
"""Bytes that models leave behind before the collector looks for all of it: some ninety small ones,
or a large one. To look takes as long as half a model."""

LEFT_BLOCKS = LEFT_LYING // 128
"""So many blocks of Python's memory are as much: measured, small models leave 134 bytes in each."""

FOUND, ANEW, REPORT = b"f", b"a", b"r"
"""How a line begins that says what a rule found, that nothing found before counts, or all of it."""


class _Teller(Watcher):
    """The judge's end of the pipe, and the note of what it is at."""

    may_interrupt = True

    def __init__(self, pipe: int, note: Note) -> None:
        self._pipe, self._note = pipe, note
        self._doing = ""
        self._limits = _limits()

    def begins(self, doing: str, rule: Rule | None = None) -> None:
        self._doing = doing
        self._note.write(noted(doing, rule.code if rule is not None else ""))

    def found(self, diagnostics: list[Diagnostic]) -> None:
        if diagnostics:
            self.tell(FOUND, encode(diagnostics))
        self._note.write(noted(self._doing))  # from here on it is not the rule

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
        """Writes one line, whole."""
        left = memoryview(kind + text + b"\n")
        while left:
            left = left[os.write(self._pipe, left) :]


def noted(doing: str, code: str = "") -> bytes:
    """What a judge is at, and the code of the rule that runs, if one does."""
    return f"{code} {doing}".encode()


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


def serve(
    judge: Reported, requests: int, replies: int, note: Note, inherited: Collection[int]
) -> None:
    """The judge's whole life."""
    become_judge(inherited)
    with os.fdopen(requests, "rb") as lines:
        answer(judge, lines, replies, note)
    os._exit(0)


def become_judge(inherited: Collection[int]) -> None:
    """Makes of this process one that nothing but its own pipes reaches; `inherited` are others."""
    os.setpgid(0, 0)
    for fd in inherited:
        os.close(fd)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    _private_streams()
    if not sys.warnoptions:  # they are for whoever writes a rule, and tests show them
        warnings.simplefilter("ignore")
    use_light_numpy()
    use_light_onnx()
    gc.set_threshold(SELDOM)


def answer(judge: Reported, requests: Iterable[bytes], replies: int, note: Note) -> None:
    """Judges one model after the other."""
    teller, left_behind = _Teller(replies, note), _LeftBehind()
    for number, request in enumerate(requests):
        left_behind.collect_if_much()
        path, asked, without, jobs = json.loads(request)
        share_cores(jobs)
        report = judge(path, asked, teller, without)
        if not number:  # later this process may be ended at any time
            keep_bundle()
        teller.tell(REPORT, encode(report))
        del report


class _LeftBehind:
    """What models leave until the collector looks for it: each was a web of circles.

    How large the process is does not tell it: what Python frees, it keeps for what comes next.
    """

    def __init__(self) -> None:
        self._note()

    def _note(self) -> None:
        self._bytes, self._blocks = data_size(), sys.getallocatedblocks()

    def collect_if_much(self) -> None:
        """Has it looked for where it is as much as a large model or many small ones leave."""
        more_bytes = data_size() - self._bytes
        more_blocks = sys.getallocatedblocks() - self._blocks
        if more_bytes > LEFT_LYING or more_blocks > LEFT_BLOCKS:
            gc.collect()
            self._note()


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
