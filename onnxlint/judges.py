"""Judges many models in processes of their own, so that none of them can cost another its report.

A judge is a forked copy of this process that takes one model after the other, and tells as it goes
on what it begins and what it found. One that dies, hangs or is killed is replaced, and its model
keeps the findings that were told; the rule that it died in is left out when it is judged again.
Where a platform cannot fork, models are judged here, unprotected.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import selectors
import signal
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from onnxlint.findings import Diagnostic
from onnxlint.judge_process import ANEW, FOUND, HARMED, noted, serve
from onnxlint.report import ModelReport, decode, decoder
from onnxlint.rules.diagnosis import crashed, words
from onnxlint.rules.rule import Rule
from onnxlint.safety.forked import fork, leave_alone
from onnxlint.safety.limits import STUCK, Budget, jobs_at_work
from onnxlint.safety.memory import is_out_of_memory
from onnxlint.safety.note import Note
from onnxlint.watcher import Watcher

GRACE_SECONDS = 4.0
"""After its limit a model's judge has so long to end by itself, and to say what it found."""

AT_ONCE = 1 << 16
"""Bytes of a judge's words that are read at once; for a larger room the system is asked anew."""

FAREWELL_SECONDS = 0.5
"""So long a judge that is to end may tidy up."""

_BETWEEN_LOOKS = 0.1
"""Seconds, where somebody watches what judges are at."""

_LONGEST_WAIT = 3600.0
"""Seconds; Linux counts those that are waited for in milliseconds, and not beyond 24 days."""

MOST_TRIES = 3
"""How often one model is judged anew without the rule that its judge died in."""

Judge = Callable[[Any, Watcher, Collection[str]], ModelReport]
"""Judges the model that a case asks for, without the rules of these codes."""


class Case(Struct, frozen=True):
    """One model to judge: its path, what judging it may take, and which it is.

    `asked` is what the judge is told of it, in types of JSON: it may not know the case otherwise.
    """

    path: str
    budget: Budget
    asked: Any


Life = Callable[[int, int, Note, Collection[int]], None]
"""All that a judge's process does: with its ends of the pipes, the note, and what it has to close.
"""


class Process(Struct, frozen=True):
    """A judge's process, our ends of the pipes to and from it, and the note of what it is at."""

    child: int
    requests: int
    replies: int
    note: Note

    @classmethod
    def forked(cls, life: Life, others: Iterable[int] = ()) -> Process:
        """A copy of this one; `others` are our ends of pipes that are none of its business."""
        note = Note()
        theirs, ours = os.pipe()
        inherited = [ours, *others]
        child, replies = fork(lambda writer: life(theirs, writer, note, inherited))
        os.close(theirs)
        with contextlib.suppress(OSError):  # it did so itself, or is gone
            os.setpgid(child, child)
        return cls(child, ours, replies, note)


class _Trial(Struct):
    """One case, and what became of it so far."""

    number: int
    case: Case
    ends: float = 0.0
    tries: int = 0
    doing: str = "starting"
    rule: Rule | None = None
    findings: list[bytes] = field(default_factory=list)
    crashes: list[tuple[str, Diagnostic]] = field(default_factory=list)

    @property
    def without(self) -> list[str]:
        """The rules that killed its judges."""
        return [code for code, _ in self.crashes]


class Judges:
    """As many judges as asked for, and the reports of all cases in their order.

    `ready` is the process of a first one that knows the cases already. Who does not stay when the
    reports are there does not wait until the judges have given back what they took.
    """

    def __init__(
        self, judge: Judge, cases: Sequence[Case], rules: Collection[Rule], jobs: int = 1,
        ready: Process | None = None, *, stays: bool = True,
    ) -> None:  # fmt: skip
        self._judge, self._cases, self._ready, self._stays = judge, cases, ready, stays
        self._rules = {rule.code: rule for rule in rules}
        self._jobs = min(jobs, len(cases)) or 1
        self._servers: list[_Server] = []
        self._selector = selectors.DefaultSelector()

    def reports(self, begins: Callable[[str], None] | None = None) -> Iterator[ModelReport]:
        """A report for each case; `begins` hears what is being done."""
        if not hasattr(os, "fork"):
            yield from (self._unprotected(case) for case in self._cases)
            return
        waiting = deque(_Trial(number, case) for number, case in enumerate(self._cases))
        done: dict[int, ModelReport] = {}
        try:
            for number in range(len(self._cases)):
                while number not in done:
                    self._hand_out(waiting)
                    for trial, report in self._hear(begins):
                        if report is None:
                            waiting.appendleft(trial)
                        else:
                            done[trial.number] = report
                yield done.pop(number)
        finally:
            self.close()

    def report_of(self, case: Case) -> ModelReport:
        """The report of one more case; its judge stays for the next one, until `close`."""
        if not hasattr(os, "fork"):
            return self._unprotected(case)
        waiting = deque([_Trial(0, case)])
        while True:
            self._hand_out(waiting)
            for trial, report in self._hear(None):
                if report is not None:
                    return report
                waiting.appendleft(trial)

    def close(self) -> None:
        """Ends all judges."""
        for server in self._servers:
            if self._stays or server.trial is not None:
                server.end()
            else:
                _dismiss(server.process)
        self._servers.clear()
        self._selector.close()

    def _hand_out(self, waiting: deque[_Trial]) -> None:
        while waiting:
            server = next((each for each in self._servers if each.trial is None), None)
            if server is None:
                if len(self._servers) == self._jobs:
                    return
                server = _Server(self._process(), self._rules)
                self._servers.append(server)
                self._selector.register(server.replies, selectors.EVENT_READ, server)
            trial = waiting.popleft()
            beside = self._jobs if waiting else 1  # soon the last one is alone
            server.take(trial, max(beside, jobs_at_work()))
        decoder(ModelReport)  # while the judges work

    def _process(self) -> Process:
        ready, self._ready = self._ready, None
        others = [fd for each in self._servers for fd in each.ends]
        return ready or Process.forked(partial(serve, partial(reported, self._judge)), others)

    def _hear(
        self, begins: Callable[[str], None] | None
    ) -> Iterator[tuple[_Trial, ModelReport | None]]:
        """What is done by now; a trial without a report is to be taken up again."""
        now = time.monotonic()
        soonest = min(server.trial.ends for server in self._servers if server.trial is not None)
        longest = _LONGEST_WAIT if begins is None else _BETWEEN_LOOKS
        for key, _ in self._selector.select(min(max(0.0, soonest - now), longest)):
            server: _Server = key.data
            trial, report = server.trial, server.hear()
            if not server.is_open:
                self._discard(server)
            if trial is None:
                server.end()  # it died without a trial: nobody talks to it else
            elif report is not None:
                if report.crashed and server.is_open:  # whatever else the rule has done to it
                    self._discard(server)
                    server.end()
                yield trial, report
            elif not server.is_open:
                yield trial, self._after(trial, server.end())
        for server in [*self._servers]:
            trial = server.trial
            if trial is not None and begins is not None:
                server.look()
                begins(trial.doing)
            if trial is not None and time.monotonic() >= trial.ends:
                self._discard(server)
                server.end()
                yield trial, _partial(trial, _too_late(trial))

    def _unprotected(self, case: Case) -> ModelReport:
        return reported(self._judge, case.path, case.asked, Watcher(), ())

    def _discard(self, server: _Server) -> None:
        self._servers.remove(server)
        self._selector.unregister(server.replies)

    def _after(self, trial: _Trial, ending: str) -> ModelReport | None:
        """The report of a case whose judge died; None if it is to be judged again."""
        rule = trial.rule
        if rule is None or trial.tries == MOST_TRIES:
            return _partial(
                trial, f"the process that linted the model {ending} while {trial.doing}"
            )
        finding = crashed(rule, f"the process {ending}", ending)
        trial.crashes.append((rule.code, finding))
        trial.rule = None
        return None


def reported(
    judge: Judge, path: str, asked: Any, watcher: Watcher, without: Collection[str]
) -> ModelReport:
    """A judge's report, whatever happens in it."""
    try:
        return judge(asked, watcher, without)
    except Exception as error:
        return ModelReport(path, error=_sentence(error))


def _sentence(error: Exception) -> str:
    """Why a model was not judged, where no rule and no analysis is to blame."""
    if is_out_of_memory(error):
        return "linting needs more memory than allowed (--memory-limit)"
    if isinstance(error, OSError):
        return f"the system refused a resource that linting needs ({error.strerror or error})"
    if isinstance(error, ImportError) and not isinstance(error, ModuleNotFoundError):
        if "failed to map" in str(error) or "cannot allocate" in str(error).lower():
            return "too little memory is allowed to load onnx (--memory-limit allows more)"
        return f"{error}; the installation is broken, or too little memory is allowed"
    return f"this is a bug in onnxlint: {words(error)}; please report it"


def _too_late(trial: _Trial) -> str:
    allowed = trial.case.budget.allowed_time
    return f"linting took longer than the {allowed} allowed while {trial.doing} (--time-limit)"


def _partial(trial: _Trial, problem: str) -> ModelReport:
    """What is known of a case that was not judged to its end."""
    findings = tuple(each for line in trial.findings for each in decode(line, list[Diagnostic]))
    return _with_crashes(ModelReport(trial.case.path, error=problem, findings=findings), trial)


def _with_crashes(report: ModelReport, trial: _Trial) -> ModelReport:
    """A report, and the rules that killed judges before this one, in the order of reports."""
    findings = [*report.findings, *(finding for _, finding in trial.crashes)]
    return replace(
        report,
        findings=tuple(sorted(findings, key=Diagnostic.order)),
        crashed=(*report.crashed, *trial.without),
    )


class _Server:
    """One judge, seen from this side: which trial it has, and the pipes to and from it."""

    def __init__(self, process: Process, rules: dict[str, Rule]) -> None:
        self.process, self._rules = process, rules
        self.replies = process.replies
        self.trial: _Trial | None = None
        self.is_open = True
        self._ending = ""
        self._parts: list[bytes] = []

    @property
    def ends(self) -> tuple[int, int]:
        """Our ends of its pipes."""
        return self.process.requests, self.replies

    def take(self, trial: _Trial, jobs: int) -> None:
        """Gives it a trial, and a share of the cores beside so many jobs with its own."""
        self.trial = trial
        trial.tries += 1
        if trial.tries == 1:
            trial.ends = time.monotonic() + trial.case.budget.seconds + GRACE_SECONDS
        trial.findings, trial.rule = [], None
        self.process.note.write(noted(trial.doing))
        told = [trial.case.path, trial.case.asked, trial.without, jobs]
        request = json.dumps(told).encode() + b"\n"
        with contextlib.suppress(OSError):  # it is dead: its end of the other pipe tells
            os.write(self.process.requests, request)

    def hear(self) -> ModelReport | None:
        """Reads what it says; a report ends the trial."""
        data = os.read(self.replies, AT_ONCE)
        self.is_open = bool(data)
        *lines, rest = data.split(b"\n")
        for line in lines:
            whole = b"".join([*self._parts, line])
            self._parts = []
            report = self._understood(whole)
            if report is not None:
                return report
        self._parts.append(rest)
        return None

    def _understood(self, line: bytes) -> ModelReport | None:
        trial = self.trial
        assert trial is not None
        kind, text = line[:1], line[1:]
        if kind == FOUND:
            trial.findings.append(text)
        elif kind == ANEW:
            trial.findings = []
        else:
            self.trial = None
            return _with_crashes(decode(text, ModelReport), trial)
        return None

    def look(self) -> None:
        """Takes down what it is at, or was at its end."""
        if self.trial is not None and (read := self.process.note.read()):
            code, _, doing = read.decode(errors="replace").partition(" ")
            self.trial.doing, self.trial.rule = doing, self._rules.get(code)

    def end(self) -> str:
        """Ends it, and what it started; how it ended."""
        if not self._ending:
            self._ending = _ended(self.process.child)
            self.look()
            self.process.note.close()
            for fd in self.ends:
                os.close(fd)
        return self._ending


def _dismiss(process: Process) -> None:
    """Ends a judge that has nothing to tidy up, and what it started; nobody waits for that."""
    with contextlib.suppress(OSError):  # it has ended by itself
        os.killpg(process.child, signal.SIGKILL)
    leave_alone(process.child)
    process.note.close()
    for fd in (process.requests, process.replies):
        os.close(fd)


def _ended(child: int) -> str:
    """Asks a process to end, then makes it; how it ended, or was found to have ended."""
    pid, status = os.waitpid(child, os.WNOHANG)
    if not pid:
        os.kill(child, signal.SIGTERM)
        pid, status = _awaited(child, FAREWELL_SECONDS)
    with contextlib.suppress(OSError):  # nothing of its group is left
        os.killpg(child, signal.SIGKILL)
    if not pid:
        _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code == STUCK:
        return "was ended: it took too long and ignored interruptions"
    if code == HARMED:
        return "was ended: its standard streams were closed, or its limits changed"
    if code >= 0:
        return f"ended with exit status {code}"
    name = signal.Signals(-code).name
    return f"was killed ({name})" if name == "SIGKILL" else f"crashed ({name})"


def _awaited(child: int, seconds: float) -> tuple[int, int]:
    """A process and its status when it has ended, or twice 0 when the time is over."""
    last = time.monotonic() + seconds
    with contextlib.ExitStack() as stack:
        ends = _end_of(child)
        if ends is not None:
            stack.callback(os.close, ends)
            looked = select.poll()
            looked.register(ends, select.POLLIN)
        pid, status = 0, 0
        while not pid and (left := last - time.monotonic()) > 0:
            if ends is None:
                time.sleep(0.001)
            else:
                looked.poll(left * 1000)
            pid, status = os.waitpid(child, os.WNOHANG)
        return pid, status


def _end_of(child: int) -> int | None:
    """What can be read when a process has ended, where the platform has such a thing."""
    try:
        return os.pidfd_open(child) if hasattr(os, "pidfd_open") else None
    except OSError:
        return None
