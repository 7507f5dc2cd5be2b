"""Runs the command on one attack, watches every process of it, and says what broke.

A `Case` builds its files in a fresh folder and says how the command is called. `run` starts it as
a session of its own, with its own temporary folder and home, and measures: exit code, output,
seconds, memory of every process, processes and files left behind, files changed, code executed
that must not be. `standard` is what every case must hold; its own `checks` come on top.
"""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
import tty
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

GIB = 2**30

REPOSITORY = Path(__file__).resolve().parents[2]
"""What is attacked, wherever another copy may be installed."""

SLACK_SECONDS = 15.0
"""What may come on top of a time limit: 5 s for the command, 10 s for a shared machine."""

LEFT_SECONDS = 2.0
"""How long a process may outlive the command."""

TICK_SECONDS = 0.05
"""Between two looks at the processes."""

LOOKS_TO_ONE_AT_ALL = 40
"""A machine has hundreds of processes; those that are not the command's are looked at so seldom."""

KILL_SHARE = 1.75
"""At this multiple of the memory limit a process is killed: others work on the machine."""

OWN_CODE = "AAA"
"""Prefix of the rules that attacks bring along: they are first in every order, and may crash."""

COMMANDS = ("check", "rules", "explain", "inspect", "targets", "test-rules", "--version", "--help")

Stream = Literal["file", "terminal", "gone"]


@dataclass(frozen=True)
class Running:
    """The command while it runs, for what is done to it meanwhile."""

    process: subprocess.Popen[bytes]
    folder: Path

    def signal(self, number: int, *, group: bool = False) -> None:
        """Sends a signal, to the process alone or as a terminal does to its whole group."""
        with suppress(ProcessLookupError):
            if group:
                os.killpg(self.process.pid, number)
            else:
                os.kill(self.process.pid, number)

    def children(self) -> list[int]:
        """The other processes of its session, the newest last."""
        found = [p for p in processes() if p.session == self.process.pid and p.state != "Z"]
        younger = [p for p in found if p.pid != self.process.pid]
        return [p.pid for p in sorted(younger, key=lambda p: p.started)]

    def wait_for_children(self, number: int = 1, seconds: float = 10.0) -> list[int]:
        """Waits until there are so many children, or the time is over."""
        end = time.monotonic() + seconds
        while len(self.children()) < number and time.monotonic() < end:
            time.sleep(0.01)
        return self.children()


@dataclass(frozen=True)
class Command:
    """How the command is called; `cwd` is the case's folder unless it says otherwise.

    `program` stands before the arguments instead of the console script. `prepare` runs in the
    child before it becomes the program (limits, closed streams), `meanwhile` in a thread here.
    An environment variable that is None is taken out.
    """

    arguments: tuple[Any, ...]
    cwd: Path | None = None
    environment: Mapping[str, str | None] = field(default_factory=dict)
    stdin: bytes | Path | None = None
    stdout: Stream | Path = "file"
    program: tuple[str, ...] | None = None
    prepare: Callable[[], None] | None = None
    meanwhile: Callable[[Running], None] | None = None


@dataclass(frozen=True)
class Outcome:
    """What was seen of one run. `peak` counts bytes that a process had of its own."""

    folder: Path
    exit: int
    stdout: bytes
    stderr: bytes
    seconds: float
    peak: int
    resident: int
    left: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    temporary: tuple[str, ...] = ()
    executed: tuple[str, ...] = ()
    killed: str | None = None
    as_json: bool = False
    on_terminal: bool = False

    @cached_property
    def out(self) -> str:
        return self.stdout.decode("utf-8", "backslashreplace")

    @cached_property
    def err(self) -> str:
        return self.stderr.decode("utf-8", "backslashreplace")

    @cached_property
    def models(self) -> list[dict[str, Any]]:
        """The models of a report in JSON; none where there is no such report."""
        try:
            return list(json.loads(self.stdout, parse_constant=_not_strict)["models"])
        except (ValueError, KeyError, TypeError):
            return []

    def model(self, path: str) -> dict[str, Any] | None:
        """The model whose path ends so."""
        return next((m for m in self.models if str(m["path"]).endswith(path)), None)

    def findings(self, path: str = "") -> list[dict[str, Any]]:
        """The findings of one model, or of all."""
        return [f for m in self.models if str(m["path"]).endswith(path) for f in m["findings"]]


Check = Callable[[Outcome], str | None]
"""What a case demands: None where it holds, else what is wrong."""


@dataclass(frozen=True)
class Case:
    """One attack. `row` is its row in the list of attacks, or the family it belongs to.

    `limits`: whether `--time-limit` and `--memory-limit` are given. `seconds` replaces the time
    limit where another figure is the measure. `told`: exit code 2 needs a report or one sentence.
    `reports`: the command makes a report. `writes` are globs of files that it may make or change.
    `starting`: it may be interrupted while Python starts up, whose own traceback nobody can help.
    `needs` tells why the case cannot run here, or None.
    """

    name: str
    row: str
    build: Callable[[Path], Command]
    checks: tuple[Check, ...] = ()
    exits: tuple[int, ...] = (0, 1, 2)
    time_limit: float = 20.0
    memory_limit: int = 2 * GIB
    seconds: float | None = None
    limits: bool = True
    slow: bool = False
    told: bool = True
    reports: bool = True
    executes: bool = False
    starting: bool = False
    writes: tuple[str, ...] = ()
    needs: Callable[[], str | None] | None = None
    module: str = ""

    @property
    def full_name(self) -> str:
        return f"{self.module}.{self.name}" if self.module else self.name

    @property
    def allowed_seconds(self) -> float:
        return (self.time_limit if self.seconds is None else self.seconds) + SLACK_SECONDS


@dataclass(frozen=True)
class Verdict:
    """A case that was run: `reasons` say what broke, `skipped` why it was not run."""

    case: Case
    outcome: Outcome | None
    reasons: tuple[str, ...]
    skipped: str | None = None

    @property
    def broke(self) -> bool:
        return bool(self.reasons)


def run(case: Case, *, keep: Path | None = None) -> Verdict:
    """Builds a case in a fresh folder, runs it, judges it, and leaves nothing behind."""
    skipped = case.needs() if case.needs is not None else None
    if skipped is not None:
        return Verdict(case, None, (), skipped)
    root = Path(tempfile.mkdtemp(prefix="attack-", dir=keep)).resolve()
    try:
        outcome = _outcome(case, root)
        return Verdict(case, outcome, tuple(_reasons(case, outcome)))
    finally:
        if keep is None:
            _remove(root)


def _reasons(case: Case, outcome: Outcome) -> Iterator[str]:
    yield from standard(case, outcome)
    for check in case.checks:
        reason = check(outcome)
        if reason is not None:
            yield reason


def _remove(root: Path) -> None:
    for folder, names, _ in os.walk(root):
        for inner in (Path(folder, name) for name in names):
            with suppress(OSError):  # a path that is too long
                if not inner.is_symlink():
                    inner.chmod(0o700)
    shutil.rmtree(root, ignore_errors=True)


# --- running -----------------------------------------------------------------------------------


def marker(folder: Path, name: str = "executed") -> Path:
    """The file that is there afterwards if code was executed that must not be."""
    return folder.parent / "executed" / name


def marking(folder: Path, name: str = "executed") -> str:
    """A line of Python that leaves the marker."""
    return f"open({str(marker(folder, name))!r}, 'w').close()"


def console_script() -> tuple[str, ...]:
    """The command as it is installed, which puts no working folder on the path of modules."""
    script = Path(sys.executable).parent / "onnxlint"
    if script.is_file():
        return (str(script),)
    code = "import sys; sys.argv[0] = 'onnxlint'; from onnxlint.cli.main import main; main()"
    return (sys.executable, "-P", "-c", code)


def _outcome(case: Case, root: Path) -> Outcome:
    folder = root / "work"
    for inner in (folder, root / "tmp", root / "home", root / "executed"):
        inner.mkdir()
    command = case.build(folder)
    before = _snapshot(folder)
    arguments = [*_arguments(case, command)]
    watch = _started(case, command, arguments, root)
    watch.follow()
    left = watch.left_behind()
    changed = tuple(_changes(before, _snapshot(folder), case.writes))
    return Outcome(
        folder=folder,
        exit=watch.process.returncode,
        stdout=watch.output(),
        stderr=(root / "stderr").read_bytes(),
        seconds=watch.seconds,
        peak=watch.peak,
        resident=watch.resident,
        left=left,
        changed=changed,
        temporary=tuple(sorted(path.name for path in (root / "tmp").iterdir())),
        executed=tuple(sorted(path.name for path in (root / "executed").iterdir())),
        killed=watch.killed,
        as_json="json" in arguments,
        on_terminal=command.stdout == "terminal",
    )


def _arguments(case: Case, command: Command) -> Iterator[str | bytes]:
    given = [a if isinstance(a, bytes) else str(a) for a in command.arguments]
    yield from given
    if case.limits and given and given[0] not in COMMANDS[1:]:
        yield from ("--time-limit", f"{case.time_limit:g}")
        yield from ("--memory-limit", f"{case.memory_limit // 2**20}MiB")


def _environment(command: Command, root: Path) -> dict[str, str]:
    passed = ("PATH", "LD_LIBRARY_PATH")
    environment = {name: os.environ[name] for name in passed if name in os.environ}
    environment |= {
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "rules")]),
        "LANG": "C.UTF-8",
        "HOME": str(root / "home"),
        "TMPDIR": str(root / "tmp"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    for name, value in command.environment.items():
        environment.pop(name, None)
        if value is not None:
            environment[name] = value
    return environment


def _started(
    case: Case, command: Command, arguments: list[str | bytes], root: Path
) -> Watch:  # fmt: skip
    program = command.program or console_script()
    terminal = -1
    stdin = _stdin(command, root)
    if command.stdout == "terminal":
        terminal, stdout = os.openpty()
        tty.setraw(stdout)
    elif command.stdout == "gone":
        reader, stdout = os.pipe()
        os.close(reader)
    else:
        target = root / "stdout" if command.stdout == "file" else command.stdout
        stdout = os.open(target, os.O_WRONLY | os.O_CREAT)
    with (root / "stderr").open("wb") as stderr:
        process = subprocess.Popen(
            [*program, *arguments],
            cwd=command.cwd or root / "work",
            env=_environment(command, root),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
            preexec_fn=command.prepare,
        )
    os.close(stdout)
    os.close(stdin)
    if command.meanwhile is not None:
        running = Running(process, root / "work")
        threading.Thread(target=command.meanwhile, args=(running,), daemon=True).start()
    return Watch(process, case, root / "stdout", terminal)


def _stdin(command: Command, root: Path) -> int:
    if isinstance(command.stdin, bytes):
        (root / "stdin").write_bytes(command.stdin)
        return os.open(root / "stdin", os.O_RDONLY)
    # A pipe is opened for writing, too, so that nobody waits for the other end to be opened.
    source = command.stdin or Path(os.devnull)
    return os.open(source, os.O_RDWR if source.is_fifo() else os.O_RDONLY)


@dataclass(frozen=True)
class Process:
    """One line of the machine's list of processes."""

    pid: int
    name: str
    state: str
    parent: int
    session: int
    started: int


def processes(without: Container[int] = ()) -> Iterator[Process]:
    """All processes of the machine, as Linux lists them, but those that are known already."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) not in without:
            with suppress(OSError):
                line = (entry / "stat").read_text(errors="replace")
                name = line[line.index("(") + 1 : line.rindex(")")]
                rest = line[line.rindex(")") + 2 :].split()
                yield Process(
                    int(entry.name), name, rest[0], int(rest[1]), int(rest[3]), int(rest[19])
                )


class Watch:
    """Follows the processes of one command to their end."""

    def __init__(
        self, process: subprocess.Popen[bytes], case: Case, stdout: Path, terminal: int
    ) -> None:
        self.process = process
        self.peak = self.resident = 0
        self.seconds = 0.0
        self.killed: str | None = None
        self._case = case
        self._stdout = stdout
        self._terminal = terminal
        self._written: list[bytes] = []
        self._fattest = 0
        self._known: dict[int, Process] = {}
        self._foreign: set[int] = set()
        self._looks = 0
        self._start = time.monotonic()

    def follow(self) -> None:
        """Waits for the end, which is made where a limit is passed by far."""
        while self.process.poll() is None:
            self._look()
            self._wait()
            self.seconds = time.monotonic() - self._start
            if self.killed is None and self.seconds > self._case.allowed_seconds + 5:
                self._kill(f"did not end in {self.seconds:.0f} s")
        self.seconds = time.monotonic() - self._start
        self._read()

    def left_behind(self) -> tuple[str, ...]:
        """The processes that outlive the command; they are ended."""
        end = time.monotonic() + LEFT_SECONDS
        while (alive := self._alive()) and time.monotonic() < end:
            time.sleep(TICK_SECONDS)
        for process in alive:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        return () if self.killed else tuple(f"{p.name} ({p.pid})" for p in alive)

    def output(self) -> bytes:
        """What was written to standard output."""
        if self._terminal >= 0:
            return b"".join(self._written)
        return self._stdout.read_bytes() if self._stdout.exists() else b""

    def _wait(self) -> None:
        if self._terminal < 0:
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(TICK_SECONDS)
        elif select.select([self._terminal], [], [], TICK_SECONDS)[0]:
            self._read(1 << 16)

    def _read(self, size: int = -1) -> None:
        """Reads what a terminal got; once its last writer is gone, that is an error to us."""
        with suppress(OSError):
            while self._terminal >= 0 and (block := os.read(self._terminal, 1 << 16)):
                self._written.append(block)
                if size >= 0:
                    return
        if self._terminal >= 0 and size < 0:
            os.close(self._terminal)

    def _alive(self) -> list[Process]:
        mine = []
        for process in processes():
            known = self._known.get(process.pid)
            same = known is not None and known.started == process.started
            if (same or process.session == self.process.pid) and process.state != "Z":
                mine.append(process)
        return mine

    def _look(self) -> None:
        if self._looks % LOOKS_TO_ONE_AT_ALL == 0:  # numbers of processes come again
            self._foreign.clear()
        self._looks += 1
        listed = [*processes(without=self._foreign)]
        for process in listed:
            if process.session == self.process.pid or process.parent in self._known:
                self._known.setdefault(process.pid, process)
        foreign = (p.pid for p in listed if self._known.keys().isdisjoint({p.pid, p.parent}))
        self._foreign.update(foreign)
        for pid in self._known:
            with suppress(OSError, ValueError):
                status = Path("/proc", str(pid), "status").read_text(errors="replace")
                own = _kib(status, "RssAnon") + _kib(status, "RssShmem")
                if own > self.peak:
                    self.peak, self._fattest = own, pid
                self.resident = max(self.resident, _kib(status, "VmHWM"))
        if self.killed is None and self.peak > KILL_SHARE * self._case.memory_limit:
            self._kill(f"{self._whose()} took {self.peak / GIB:.1f} GiB")

    def _whose(self) -> str:
        """Which process took most, in words."""
        if self._fattest == self.process.pid:
            return "the command itself"
        with suppress(OSError):
            if b"worker" in Path("/proc", str(self._fattest), "cmdline").read_bytes():
                return "the worker"
        return "a child"

    def _kill(self, why: str) -> None:
        self.killed = why
        for process in self._alive():
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)


def _kib(status: str, key: str) -> int:
    found = re.search(rf"^{key}:\s*(\d+) kB", status, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


Snapshot = dict[str, tuple[Any, ...]]


def _snapshot(folder: Path) -> Snapshot:
    """What lies in a folder: kind, size, time of change; of a folder its mode alone."""
    found: Snapshot = {}
    for root, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            path = Path(root, name)
            with suppress(OSError):
                seen = path.lstat()
                what: tuple[Any, ...] = (stat.filemode(seen.st_mode),)
                if not stat.S_ISDIR(seen.st_mode):
                    what += (seen.st_size, seen.st_mtime_ns, seen.st_ino)
                found[str(path.relative_to(folder))] = what
    return found


def _changes(before: Snapshot, after: Snapshot, allowed: tuple[str, ...]) -> Iterator[str]:
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name) and not any(fnmatch(name, g) for g in allowed):
            verb = "wrote" if name not in before else "removed" if name not in after else "changed"
            yield f"{verb} {name!r}"


# --- judging -----------------------------------------------------------------------------------

TERMINAL_CODES = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]"
)
"""What a terminal obeys: control characters but the line's end, and marks of direction."""

CONTROLS = re.compile(r"[\x00-\x09\x0b-\x1f]")
"""What JSON must escape; the rest is for machines to read as it is, unless a person looks on."""

COLOURS = re.compile(r"\x1b\[[\d;]*m")
"""What the command itself writes to a terminal."""

_SUMMARY = re.compile(r"^(?:not run \(.*\); )?\d[\d,]* errors?, ", re.MULTILINE)
_TOLD = re.compile(r"^(Error: .|interrupted$)", re.MULTILINE)


def standard(case: Case, outcome: Outcome) -> Iterator[str]:
    """What breaks whatever the case is about."""
    if outcome.killed is not None:
        yield f"{outcome.killed}, and was killed"
    elif outcome.exit not in case.exits:
        yield f"exit code {outcome.exit}, not {' or '.join(map(str, case.exits))}"
    yield from _bad_words(case, outcome)
    if outcome.killed is None:
        yield from _untold(case, outcome)
    if outcome.seconds > case.allowed_seconds and outcome.killed is None:
        yield f"took {outcome.seconds:.1f} s (allowed {case.allowed_seconds:g})"
    if outcome.peak > case.memory_limit:
        yield f"took {outcome.peak / GIB:.1f} GiB (limit {case.memory_limit / GIB:g})"
    if outcome.left:
        yield f"left running: {', '.join(outcome.left)}"
    if outcome.temporary and outcome.exit != -signal.SIGKILL:  # after which nobody tidies up
        yield f"left in the temporary folder: {', '.join(outcome.temporary[:3])}"
    if outcome.changed:
        yield "; ".join(outcome.changed[:3])
    if outcome.executed and not case.executes:
        yield f"executed foreign code: {', '.join(outcome.executed)}"
    yield from _obeyed(outcome)


OWN_FRAME = f'File "{REPOSITORY / "onnxlint"}{os.sep}'
"""In a traceback: the interpreter had come as far as our code."""


def _bad_words(case: Case, outcome: Outcome) -> Iterator[str]:
    for stream, text in (("stdout", outcome.out), ("stderr", outcome.err)):
        ours = OWN_FRAME in text or not case.starting
        if "Traceback (most recent call last)" in text and ours:
            last = text.strip().splitlines()[-1]
            yield f"traceback on {stream}: {last[:120]}"
        if "this is a bug in onnxlint" in text:
            bug = next(line for line in text.splitlines() if "this is a bug" in line)
            yield f"bug sentence: {bug[bug.index('this is a bug') + 26 :][:120]}"
    warned = re.search(r"^.*Warning: .*$", outcome.err, re.MULTILINE)
    if warned is not None:
        yield f"a warning for programmers on stderr: {warned[0][-100:]}"
    crashed = [f["evidence"].get("rule", "?") for f in outcome.findings() if f["code"] == "LNT001"]
    crashed += re.findall(r"rule ([A-Z]+\d+) '[^']*' crashed", "" if crashed else outcome.out)
    ours = sorted({code for code in crashed if not str(code).startswith(OWN_CODE)})
    if ours:
        yield f"{len(ours)} rules of ours crashed: {', '.join(ours[:5])}"


def _untold(case: Case, outcome: Outcome) -> Iterator[str]:
    """A run that neither reports nor says why not, or says it in more than one sentence."""
    has_report = (
        bool(outcome.models)
        if outcome.as_json
        else bool(_SUMMARY.search(COLOURS.sub("", outcome.out)))
    )
    sentences = len(_TOLD.findall(outcome.err))
    if sentences > 1:
        yield f"{sentences} error sentences"
    if not case.reports or has_report:
        return
    if outcome.exit in (0, 1):
        yield "no report" if not outcome.out.strip() else "the report cannot be read"
    elif outcome.exit == 2 and case.told and not sentences:
        yield "exit code 2 without a report or a sentence"


def _not_strict(name: str) -> float:
    raise ValueError(f"{name} is not strict JSON")


def _obeyed(outcome: Outcome) -> Iterator[str]:
    machine = outcome.as_json and not outcome.on_terminal
    for stream, text in (("stdout", outcome.out), ("stderr", outcome.err)):
        codes = CONTROLS if machine and stream == "stdout" else TERMINAL_CODES
        plain = COLOURS.sub("", text)
        found = codes.search(plain)
        if found is not None:
            around = plain[max(0, found.start() - 20) : found.start() + 30]
            yield f"control character on {stream}: {around!a}"


# --- checks ------------------------------------------------------------------------------------


def found(code: str, path: str = "") -> Check:
    """The report has a finding of this code (of this model)."""

    def check(outcome: Outcome) -> str | None:
        codes = {finding["code"] for finding in outcome.findings(path)}
        codes |= set(re.findall(r"^  \w+ ([A-Z]+\d+) ", outcome.out, re.MULTILINE))
        return None if code in codes else f"no {code}{f' of {path!r}' if path else ''}"

    return check


def not_found(*unwanted: str, path: str = "") -> Check:
    """The report has none of these."""

    def check(outcome: Outcome) -> str | None:
        codes = {finding["code"] for finding in outcome.findings(path)}
        codes |= set(re.findall(r"^  \w+ ([A-Z]+\d+) ", outcome.out, re.MULTILINE))
        wrong = sorted(codes & set(unwanted))
        return f"a false {', '.join(wrong)}" if wrong else None

    return check


def errs(path: str, words: str = "") -> Check:
    """The report says that this path could not be judged, in such words."""

    def check(outcome: Outcome) -> str | None:
        model = outcome.model(path)
        if model is None:
            return f"no report of {path!r}"
        if not model["error"]:
            return f"no error of {path!r}"
        return None if words in model["error"] else f"{path!r}: {model['error']!r}, no {words!r}"

    return check


def complete(path: str = "flawed.onnx", code: str = "ARC001") -> Check:
    """The report of this path is there, without an error, with the finding that belongs in it."""

    def check(outcome: Outcome) -> str | None:
        model = outcome.model(path)
        if model is None:
            return f"no report of {path!r}"
        if model["error"]:
            return f"{path!r} was not judged: {model['error'][:100]}"
        return found(code, path)(outcome)

    return check


def says(words: str, stream: str = "out") -> Check:
    """A stream holds these words (a regular expression)."""

    def check(outcome: Outcome) -> str | None:
        text = getattr(outcome, stream)
        return None if re.search(words, text) else f"std{stream} does not say {words!r}"

    return check


def silent_about(words: str) -> Check:
    """Neither stream holds these words."""

    def check(outcome: Outcome) -> str | None:
        return f"it tells {words!r}" if words in outcome.out + outcome.err else None

    return check


def quiet(outcome: Outcome) -> str | None:
    """Nothing came on standard error."""
    return f"on stderr: {outcome.err.strip()[:100]!r}" if outcome.err.strip() else None


def executed(outcome: Outcome) -> str | None:
    """The code that was consented to was executed."""
    return None if outcome.executed else "did not execute what it was told to trust"


def loss_is_told(outcome: Outcome) -> str | None:
    """An analysis that died is a finding or an error, never silence."""
    if any(model["error"] for model in outcome.models):
        return None
    if any(finding["code"].startswith("LNT") for finding in outcome.findings()):
        return None
    return "what was lost is not told" if outcome.models else "no report"


def crash_is_named(path: str = "", *, line: bool = True) -> Check:
    """A team's rule that crashed is LNT001, with its code and the line where it did."""

    def check(outcome: Outcome) -> str | None:
        crashes = [f for f in outcome.findings(path) if f["code"] == "LNT001"]
        mine = [f["message"] for f in crashes if f"{OWN_CODE}001" in f["message"]]
        if not mine:
            return f"no LNT001 of {OWN_CODE}001"
        named = not line or re.search(r"rules\.py:\d+", mine[0])
        return None if named else f"LNT001 does not name the line: {mine[0][:80]!r}"

    return check


def both(*checks: Check) -> Check:
    """Every check, the first that does not hold."""
    return lambda outcome: next(filter(None, (check(outcome) for check in checks)), None)


def any_of(*checks: Check) -> Check:
    """One of the checks at least."""

    def check(outcome: Outcome) -> str | None:
        reasons = [one(outcome) for one in checks]
        return None if None in reasons else " and ".join(filter(None, reasons))

    return check


# --- surroundings ------------------------------------------------------------------------------


def canary(file: Path, content: bytes) -> Path:
    """A file that nobody may read: its time of access is put before its time of change."""
    file.write_bytes(content)
    os.utime(file, (1, file.stat().st_mtime))
    return file


def unread(name: str) -> Check:
    """A canary was not opened; on file systems without times of access this holds always."""

    def check(outcome: Outcome) -> str | None:
        return f"read {name!r}" if (outcome.folder / name).stat().st_atime > 1 else None

    return check


def without_rights() -> None:
    """In the child: root keeps its name, but files' permissions hold for it."""
    import ctypes

    libc = ctypes.CDLL(None)
    for capability in (1, 2, 3):  # DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER
        libc.prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP


def limited(**limits: int) -> Callable[[], None]:
    """In the child: resource limits by their names, e.g. `nofile=8`."""

    def prepare() -> None:
        import resource

        for name, value in limits.items():
            kind = getattr(resource, f"RLIMIT_{name.upper()}")
            resource.setrlimit(kind, (value, value))

    return prepare


def linux_only() -> str | None:
    """The reason why a case cannot run where there is no /proc."""
    return None if sys.platform == "linux" else "it needs Linux"


def root_only() -> str | None:
    """The reason why a case cannot run without rights."""
    return linux_only() or (None if os.geteuid() == 0 else "it needs root")
