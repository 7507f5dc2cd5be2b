"""Signals, streams, full disks, few files, little memory, folders that are gone.

H9, L2, L4 to L6.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from attacks.harness import (
    GIB,
    OWN_FRAME,
    Case,
    Command,
    Outcome,
    Running,
    complete,
    console_script,
    found,
    limited,
    linux_only,
    quiet,
    root_only,
    says,
    without_rights,
)
from attacks.models import ENDLESS, FLAWED, SOUND, parsed, write
from attacks.structures import chained_conditionals

REPORT = ("--format", "json")
STATIC = ("--static-only", *REPORT)


def cases() -> Iterator[Case]:
    yield from _interrupts()
    yield from _terminations()
    yield from _workers()
    yield from _streams()
    yield from _encodings()
    yield from _few_files()
    yield from _surroundings()
    yield from _disks()
    yield from _memory()


# --- Ctrl-C ------------------------------------------------------------------------------------

MOMENTS = (0.01, 0.03, 0.05, 0.08, 0.12, 0.2, 0.3, 0.5, 0.8, 1.2, 2.0)


def _at(moment: float, number: int, *, group: bool = False) -> Callable[[Running], None]:
    def meanwhile(running: Running) -> None:
        time.sleep(moment)
        running.signal(number, group=group)

    return meanwhile


def _endless(folder: Path) -> tuple[Path, ...]:
    return (write(folder / "endless.onnx", ENDLESS),)


CHAIN = 40_000
"""Nodes; onnx's inference of conditionals in a chain takes the square of them, here half a minute
on the machine where this was written."""


def _inferring(folder: Path) -> tuple[Path | str, ...]:
    return (write(folder / "conditionals.onnx", chained_conditionals(CHAIN)), "--static-only")


def _many(folder: Path) -> tuple[Path | str, ...]:
    for number in range(4):
        write(folder / "models" / f"{number}.onnx", ENDLESS)
    return (folder / "models", "-j", "2")


def _many_inferring(folder: Path) -> tuple[Path | str, ...]:
    model = chained_conditionals(CHAIN)
    for number in range(4):
        write(folder / "models" / f"{number}.onnx", model)
    return (folder / "models", "-j", "2", "--static-only")


def _fixing(folder: Path) -> tuple[Path | str, ...]:
    return (write(folder / "endless.onnx", ENDLESS), "--fix")


Busy = Callable[[Path], tuple[Path | str, ...]]

BUSY: dict[str, Busy] = {
    "run": _endless,
    "shape_inference": _inferring,
    "jobs": _many,
    "jobs_inferring": _many_inferring,
    "fix": _fixing,
}
"""What would take long, in each of the places where time is spent."""


def _busy(what: str, meanwhile: Callable[[Running], None], folder: Path) -> Command:
    return Command((*BUSY[what](folder), *(REPORT if what != "fix" else ())), meanwhile=meanwhile)


def _interrupts() -> Iterator[Case]:
    kind = partial(Case, row="L2", reports=False, checks=(_says_little,), seconds=10, time_limit=60)
    for moment in MOMENTS:
        early = moment < 0.25
        codes = (130, -signal.SIGINT, 1) if early else (130,)
        build = partial(_busy, "run", _at(moment, signal.SIGINT))
        slow = moment not in (0.12, 1.2)
        timed = partial(kind, starting=early, exits=codes)
        yield timed(f"interrupt_at_{moment}", build=build, slow=slow)
        build = partial(_busy, "run", _at(moment, signal.SIGINT, group=True))
        yield timed(f"interrupt_group_at_{moment}", build=build, slow=True)
    for what in BUSY:
        for group in (False, True):
            name = f"interrupt_{'group_' if group else ''}in_{what}"
            build = partial(_busy, what, _at(3.0, signal.SIGINT, group=group))
            yield kind(name, build=build, exits=(130,), slow=True)
    twice = partial(_busy, "jobs", _twice)
    yield kind("interrupt_twice", build=twice, exits=(130, -signal.SIGINT), slow=True)
    for name, arguments in {"help": ("--help",), "rules": ("rules",)}.items():
        for moment in (0.02, 0.05, 0.1):
            build = partial(_short, arguments, moment)
            yield kind(f"interrupt_{name}_at_{moment}", build=build, slow=True, limits=False,
                       starting=True, exits=(0, 130, -signal.SIGINT, 1))  # fmt: skip


def _twice(running: Running) -> None:
    time.sleep(2.0)
    running.signal(signal.SIGINT, group=True)
    time.sleep(0.05)
    running.signal(signal.SIGINT, group=True)


def _short(arguments: tuple[str, ...], moment: float, _folder: Path) -> Command:
    return Command(arguments, meanwhile=_at(moment, signal.SIGINT))


def _says_little(outcome: Outcome) -> str | None:
    """A word at most, unless Python itself was interrupted as it started up."""
    lines = outcome.err.strip().splitlines()
    if "Traceback" in outcome.err and OWN_FRAME not in outcome.err:
        return None
    if outcome.exit == 1:
        return "exit code 1 says that there were findings"
    return None if len(lines) <= 1 else f"{len(lines)} lines on stderr"


# --- being ended -------------------------------------------------------------------------------


def _terminations() -> Iterator[Case]:
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGKILL):
        name = number.name.removeprefix("SIG").lower()
        exits = (-number, 128 + number)
        kind = partial(Case, row="H9", reports=False, exits=exits, seconds=15, time_limit=60)
        for what in BUSY:
            slow = (name, what) not in (("term", "shape_inference"), ("kill", "jobs"))
            build = partial(_busy, what, _at(3.0, number))
            yield kind(f"{name}_in_{what}", build=build, slow=slow)
        for moment in (0.1, 0.3, 0.6):
            build = partial(_busy, "run", _at(moment, number))
            yield kind(f"{name}_at_{moment}", build=build, slow=True)
        spooling = partial(_spooling, number)
        yield kind(f"{name}_while_stdin_is_read", build=spooling, row="L5", writes=("pipe",),
                   slow=name != "term")  # fmt: skip
        spooled = partial(_spooled, number)
        yield kind(f"{name}_while_stdin_is_run", build=spooled, row="L5", slow=True)
        data = partial(_busy_with_witness, number)
        yield kind(f"{name}_with_witnesses", build=data, slow=True)


def _spooling(number: int, folder: Path) -> Command:
    """Standard input never ends: its beginning lies in a temporary file."""
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    model = parsed(FLAWED).SerializeToString()

    def meanwhile(running: Running) -> None:
        with pipe.open("r+b", buffering=0) as file:
            file.write(model)
            time.sleep(3.0)
            running.signal(number)
            running.process.wait()

    return Command(("-", *REPORT), stdin=pipe, meanwhile=meanwhile)


def _spooled(number: int, folder: Path) -> Command:
    model = parsed(ENDLESS).SerializeToString()
    return Command(("-", *REPORT), stdin=model, meanwhile=_at(3.0, number))


def _busy_with_witness(number: int, folder: Path) -> Command:
    model = write(folder / "endless.onnx", ENDLESS)
    options = ("--save-witness", folder / "witnesses", *REPORT)
    return Command((model, *options), meanwhile=_at(3.0, number))


# --- what becomes of the worker ----------------------------------------------------------------


def _workers() -> Iterator[Case]:
    told = (found("RUN003"), _no_nonsense)
    for name in ("kill", "segv", "term", "stop"):
        build = partial(_worker_gets, name)
        exits = (0,) if name == "stop" else (1,)  # too late on made-up input is a warning
        kind = partial(Case, row="faults", exits=exits, slow=name != "kill", needs=linux_only)
        yield kind(f"worker_{name}", build=build, checks=told, time_limit=6, seconds=20)


def _worker_gets(name: str, folder: Path) -> Command:
    number = getattr(signal, f"SIG{name.upper()}")

    def meanwhile(running: Running) -> None:
        end = time.monotonic() + 10
        while time.monotonic() < end:
            for pid in running.children():
                with suppress(OSError):
                    if b"worker" in Path("/proc", str(pid), "cmdline").read_bytes():
                        time.sleep(2.0)
                        os.kill(pid, number)
                        return
            time.sleep(0.05)

    return Command((*_endless(folder), *REPORT), meanwhile=meanwhile)


def _no_nonsense(outcome: Outcome) -> str | None:
    wrong = [f["message"] for f in outcome.findings() if "nonsense" in f["message"]]
    return wrong[0] if wrong else None


# --- streams -----------------------------------------------------------------------------------


def _closing(*descriptors: int) -> Callable[[], None]:
    def prepare() -> None:
        for descriptor in descriptors:
            os.close(descriptor)

    return prepare


def _streams() -> Iterator[Case]:
    reported = (complete(),)
    kind = partial(Case, row="L4")
    yield kind("stderr_closed", build=partial(_closed, (2,)), checks=reported, exits=(1,))
    yield kind("stdin_closed", build=partial(_closed, (0,)), checks=reported, exits=(1,), slow=True)
    both = partial(_closed, (0, 2))
    yield kind("stdin_and_stderr_closed", build=both, checks=reported, exits=(1,), slow=True)
    yield kind(
        "stdout_closed", build=partial(_closed, (1,)), exits=(2,), checks=(says("Error", "err"),)
    )
    every = partial(_closed, (0, 1, 2))
    yield kind("all_closed", build=every, exits=(2,), told=False, slow=True)
    running = partial(_closed, (0, 1, 2), options=REPORT)
    yield kind("all_closed_run", build=running, exits=(2,), told=False, slow=True)
    to_file = partial(_closed, (1,), options=(*STATIC, "-o", "report.json"))
    yield kind("stdout_closed_report_in_file", build=to_file, exits=(1,), writes=("report.json",),
               reports=False, slow=True)  # fmt: skip
    spool = partial(_closed, (0,), model="-")
    yield kind("dash_with_stdin_closed", build=spool, exits=(2,))
    full = partial(_full, ())
    yield kind("stdout_full", build=full, exits=(2,), checks=(says("Error", "err"),))
    text = partial(_full, ("--verbose",))
    yield kind(
        "stdout_full_text", build=text, exits=(2,), slow=True, checks=(says("Error", "err"),)
    )
    for arguments in (
        ("rules",),
        ("explain", "dead-relu"),
        ("--help",),
        ("targets",),
        ("--version",),
    ):
        build = partial(_other_into, arguments, Path("/dev/full"))
        yield kind(f"{arguments[0].strip('-')}_full", build=build, exits=(2,), reports=False,
                   limits=False, slow=True)  # fmt: skip
    piped = {"check": ("a.onnx", *STATIC), "rules": ("rules",), "inspect": ("inspect", "a.onnx")}
    for name, arguments in piped.items():
        build = partial(_into_broken_pipe, arguments)
        yield kind(f"{name}_into_broken_pipe", build=build, exits=(1, 2, 141, -signal.SIGPIPE),
                   reports=False, told=False, checks=(quiet,), slow=name != "check")  # fmt: skip
    yield kind("stdin_is_empty", build=partial(_stdin_of, b""), exits=(2,), slow=True)
    yield kind("stdin_twice", build=_stdin_twice, exits=(1, 2), slow=True)


def _closed(
    descriptors: tuple[int, ...], folder: Path, *, options: tuple[str, ...] = STATIC,
    model: str = "flawed.onnx",
) -> Command:  # fmt: skip
    write(folder / "flawed.onnx")
    return Command((model, *options), prepare=_closing(*descriptors))


def _full(options: tuple[str, ...], folder: Path) -> Command:
    model = write(folder / "flawed.onnx")
    return Command((model, "--static-only", *(options or REPORT)), stdout=Path("/dev/full"))


def _other_into(arguments: tuple[str, ...], target: Path, _folder: Path) -> Command:
    return Command(arguments, stdout=target)


def _into_broken_pipe(arguments: tuple[str, ...], folder: Path) -> Command:
    write(folder / "a.onnx")
    return Command(arguments, stdout="gone")


def _stdin_of(content: bytes, _folder: Path) -> Command:
    return Command(("-", *STATIC), stdin=content)


def _stdin_twice(folder: Path) -> Command:
    write(folder / "flawed.onnx")
    model = parsed(FLAWED).SerializeToString()
    return Command(("-", "-", "flawed.onnx", *STATIC), stdin=model)


# --- encodings ---------------------------------------------------------------------------------


def _encodings() -> Iterator[Case]:
    for encoding in ("ascii", "latin-1", "cp437", "utf-8:strict", "ascii:strict"):
        for form in ("text", "json", "inspect", "diff"):
            name = encoding.replace(":", "_")
            build = partial(_encoded, encoding, form)
            slow = (encoding, form) != ("ascii", "text")
            # What cannot be written in an encoding may be escaped, not given up.
            kind = partial(Case, row="L4", slow=slow, limits=form in ("text", "json"))
            if form in ("inspect", "diff"):
                yield kind(f"{name}_{form}", build=build, reports=False, exits=(0, 1),
                           checks=(_not_empty,))  # fmt: skip
            else:
                yield kind(f"{name}_{form}", build=build, exits=(1,))
    error = partial(_encoded, "ascii", "missing")
    yield Case("ascii_error", "L4", error, exits=(2,), slow=True)
    rules = partial(_encoded, "ascii", "rules")
    yield Case("ascii_rules", "L4", rules, exits=(0,), reports=False, limits=False, slow=True)


def _not_empty(outcome: Outcome) -> str | None:
    return None if outcome.stdout.strip() else "nothing was written"


def _encoded(encoding: str, form: str, folder: Path) -> Command:
    model = parsed(FLAWED)
    for node in model.graph.node:
        node.name = f"层→{node.op_type}é🜁"
    unused = model.graph.initializer.add()
    unused.CopyFrom(model.graph.initializer[0])
    unused.name = "غير"
    path = write(folder / "模型é.onnx", model)
    arguments: tuple[Path | str, ...] = {
        "text": (path, "--static-only", "--verbose"),
        "json": (path, *STATIC),
        "inspect": ("inspect", path, "--static-only"),
        "diff": (path, "--diff"),
        "missing": (folder / "缺.onnx",),
        "rules": ("rules",),
    }[form]
    return Command(arguments, environment={"PYTHONIOENCODING": encoding})


# --- few files ---------------------------------------------------------------------------------


def _few_files() -> Iterator[Case]:
    for number in (5, 6, 7, 8, 9, 10, 12, 16, 20):
        for static in (True, False):
            name = f"open_files_{number}{'' if static else '_run'}"
            build = partial(_with_few_files, number, static)
            slow = name not in ("open_files_8", "open_files_8_run")
            yield Case(name, "L4", build, exits=(1, 2), slow=slow)
    jobs = partial(_with_few_files, 20, False, more=("-j", "2"))
    yield Case("open_files_20_jobs", "L4", jobs, exits=(1, 2), slow=True)


def _with_few_files(
    number: int, static: bool, folder: Path, *, more: tuple[str, ...] = ()
) -> Command:
    paths = [write(folder / f"{name}.onnx") for name in "abc"]
    options = STATIC if static else REPORT
    return Command((*paths, *options, *more), prepare=limited(nofile=number))


# --- surroundings ------------------------------------------------------------------------------

ENVIRONMENTS: dict[str, dict[str, str | None]] = {
    "no_home": {"HOME": None},
    "home_missing": {"HOME": "/no/such/home"},
    "home_is_a_file": {"HOME": "/etc/passwd"},
    "no_path": {"PATH": None},
    "path_empty": {"PATH": ""},
    "tmpdir_missing": {"TMPDIR": "/no/such/folder"},
    "tmpdir_is_a_file": {"TMPDIR": "/etc/passwd"},
    "lang_none": {"LANG": None, "LC_ALL": None},
    "lang_c": {"LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "lang_odd": {"LANG": "xx_YY.nonsense", "LC_ALL": "xx"},
    "columns_zero": {"COLUMNS": "0", "LINES": "0"},
    "columns_odd": {"COLUMNS": "NaN"},
    "columns_huge": {"COLUMNS": "99999999"},
    "term_odd": {"TERM": "no-such-terminal"},
    "colours_forced": {"FORCE_COLOR": "1", "CLICOLOR_FORCE": "1"},
    "optimised": {"PYTHONOPTIMIZE": "1"},
    "without_docstrings": {"PYTHONOPTIMIZE": "2"},
    "warnings_are_errors": {"PYTHONWARNINGS": "error"},
    "development": {"PYTHONDEVMODE": "1"},
    "hash_seed": {"PYTHONHASHSEED": "0"},
    "debug": {"ONNXLINT_DEBUG": "1"},
    "threads_odd": {"OMP_NUM_THREADS": "many", "OPENBLAS_NUM_THREADS": "-1"},
    "digits_limited": {"PYTHONINTMAXSTRDIGITS": "640"},
}


def _surroundings() -> Iterator[Case]:
    for name, environment in ENVIRONMENTS.items():
        build = partial(_in_environment, environment, REPORT)
        slow = name != "tmpdir_missing"
        if name == "without_docstrings":  # rules are nothing without theirs: one sentence says so
            yield Case(f"environment_{name}", "faults", build, exits=(1, 2), slow=True)
        else:
            yield Case(f"environment_{name}", "faults", build, (complete(),), (1,), slow=slow)
    text = partial(_in_environment, {"COLUMNS": "0"}, ("--verbose",))
    yield Case("environment_columns_zero_text", "faults", text, exits=(1,), slow=True)
    for name in ("absolute", "relative", "dash", "inspect", "jobs"):
        build = partial(_working_folder_gone, name)
        yield Case(f"working_folder_gone_{name}", "L4", build, exits=(0, 1, 2), writes=("desk*",),
                   reports=name != "inspect", slow=name != "absolute")  # fmt: skip
    for name in ("model", "working", "temporary", "all"):
        build = partial(_read_only, name)
        yield Case(f"read_only_{name}", "faults", build, (complete(),), (1,), needs=linux_only,
                   writes=("*",), slow=name != "all")  # fmt: skip
    for name in ("fix", "witness", "output"):
        build = partial(_writes_into_read_only, name)
        yield Case(f"read_only_{name}", "M1" if name == "witness" else "faults", build,
                   (_nothing_lost,) if name == "witness" else (), reports=name != "output",
                   needs=linux_only, writes=("model",), slow=True)  # fmt: skip


def _in_environment(
    environment: dict[str, str | None], options: tuple[str, ...], folder: Path
) -> Command:
    return Command((write(folder / "flawed.onnx"), *options), environment=environment)


def _working_folder_gone(name: str, folder: Path) -> Command:
    desk = folder / "desk"
    desk.mkdir()
    model = write(folder / "flawed.onnx")
    arguments: tuple[Path | str, ...] = {
        "absolute": (model, *STATIC),
        "relative": ("../flawed.onnx", *STATIC),
        "dash": ("-", *STATIC),
        "inspect": ("inspect", model),
        "jobs": (model, write(folder / "other.onnx"), "-j", "2", *REPORT),
    }[name]
    stdin = model.read_bytes() if name == "dash" else None
    return Command(arguments, cwd=desk, stdin=stdin, prepare=desk.rmdir)


def _read_only(name: str, folder: Path) -> Command:
    model = write(folder / "model" / "flawed.onnx")
    desk = folder / "desk"
    desk.mkdir()
    closed = {
        "model": (model.parent,),
        "working": (desk,),
        "temporary": (folder.parent / "tmp",),
        "all": (model.parent, desk, folder.parent / "tmp", folder.parent / "home"),
    }[name]

    def prepare() -> None:
        for place in closed:
            place.chmod(0o500)
        without_rights()

    return Command((model, *REPORT), cwd=desk, prepare=prepare)


NAN = """net (float[N, 3] x) => (float[N, 3] y) <float[1] k = {-1}> {
    a = Abs(x)
    n = Mul(a, k)
    y = Sqrt(n)
}"""


def _writes_into_read_only(name: str, folder: Path) -> Command:
    model = write(folder / "model" / "flawed.onnx", NAN)
    options = {
        "fix": ("--fix", "--unverified-fixes", "--format", "json"),
        "witness": ("--save-witness", model.parent / "w", *REPORT),
        "output": ("-o", model.parent / "report.json", *REPORT),
    }[name]

    def prepare() -> None:
        model.parent.chmod(0o500)
        without_rights()

    return Command((model, *options), prepare=prepare)


def _nothing_lost(outcome: Outcome) -> str | None:
    return found("ACT001")(outcome)


# --- disks -------------------------------------------------------------------------------------


def _on_small_disk(size: str, folder: Path, *, keep: str = "") -> tuple[str, ...]:
    """The command with a disk of its own at `folder/disk`; what is on it is copied to `kept`."""
    disk, kept = folder / "disk", folder / "kept"
    disk.mkdir()
    script = (f"mount -t tmpfs -o size={size} disk '{disk}' || exit 77\n"
              f"{keep}\n"
              f"\"$@\"; code=$?\ncp -a '{disk}' '{kept}'; exit $code")  # fmt: skip
    return ("unshare", "-m", "sh", "-c", script, "sh", *console_script())


def can_mount() -> str | None:
    """The reason why a case cannot have a disk of its own."""
    import subprocess

    if (reason := root_only()) is not None:
        return reason
    try:
        tried = subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "t", "/mnt"],
                               capture_output=True, check=False)  # fmt: skip
    except FileNotFoundError:
        return "it needs unshare"
    return None if tried.returncode == 0 else "it needs the right to mount"


def _disks() -> Iterator[Case]:
    kind = partial(Case, row="L5", needs=can_mount, writes=("kept*",), slow=True)
    output = partial(_full_disk, ("-o", "disk/report.json"), big=True)
    yield kind("disk_full_output", build=output, exits=(2,), reports=False,
               checks=(_no_file("report.json"),))  # fmt: skip
    witness = partial(_full_disk, ("--save-witness", "disk/w"), nan=True)
    yield kind(
        "disk_full_witness", build=witness, row="M1", checks=(_nothing_lost, _no_file("*.npz"))
    )
    fixed = partial(_full_disk, ("--fix", "--fix-output", "disk/fixed.onnx"), big=True)
    yield kind(
        "disk_full_fix", build=fixed, row="faults", checks=(_no_file("fixed.onnx"),), exits=(2,)
    )
    spool = partial(_full_disk_spool, "disk")
    yield kind("disk_full_temporary", build=spool, exits=(2,), row="faults")
    for size in (0, 100, 1_000):
        limit = limited(fsize=size)
        capped = partial(_capped, limit, ("-o", "report.json"))
        yield Case(f"file_size_{size}_output", "L5", capped, (_no_file("report.json"),), (2,),
                   reports=False, slow=size != 100)  # fmt: skip
        capped = partial(_capped, limit, ())
        # Of no size at all, standard error cannot be written either.
        yield Case(f"file_size_{size}_stdout", "L4", capped, exits=(2,), told=size > 0, slow=True)


def _full_disk(
    options: tuple[str, ...], folder: Path, *, nan: bool = False, big: bool = False
) -> Command:
    model = write(folder / "model.onnx", NAN if nan else _wordy() if big else FLAWED)
    free = 4096 if big else 0  # one page, in which a witness would have room
    program = _on_small_disk("16k", folder, keep=f"head -c {16384 - free} /dev/zero > disk/filler")
    return Command((model, *REPORT, *options), program=program)


def _wordy() -> str:
    """A model that --fix mends, and whose report is longer than a small disk."""
    lines = "\n".join(f"h{n} = Softmax(h{n - 1})" for n in range(1, 60))
    return f"""net (float[N, 3] x) => (float[N, 300] y)
        <float[3, 300] w = {{{", ".join(["1"] * 900)}}}, float[2000] unused = {{
            {", ".join(["1"] * 2000)}}}> {{
        h0 = MatMul(x, w)
        {lines}
        y = Softmax(h59)
    }}"""


def _full_disk_spool(place: str, folder: Path) -> Command:
    program = _on_small_disk("16k", folder)
    big = parsed(SOUND).SerializeToString() + b"\xa2\x06\x80\x80\x08" + bytes(1 << 17)
    environment = {"TMPDIR": str(folder / place)}
    return Command(("-", *STATIC), program=program, stdin=big, environment=environment)


def _capped(prepare: Callable[[], None], options: tuple[str, ...], folder: Path) -> Command:
    """No file may grow beyond some bytes, as on a disk that is full."""
    return Command((write(folder / "model.onnx"), *STATIC, *options), prepare=prepare)


def _no_file(pattern: str) -> Callable[[Outcome], str | None]:
    """What could not be written whole is not left there as if it were."""

    def check(outcome: Outcome) -> str | None:
        left = [*outcome.folder.glob(pattern), *outcome.folder.glob(f"kept/**/{pattern}")]
        return f"left {left[0].name!r} of {left[0].stat().st_size} bytes" if left else None

    return check


# --- memory ------------------------------------------------------------------------------------


def _memory() -> Iterator[Case]:
    for mib in (200, 300, 400, 600):
        build = partial(_with_address_space, mib)
        yield Case(f"address_space_{mib}_mib", "faults", build, exits=(0, 1, 2), slow=mib != 200)
    kind = partial(Case, row="L6", needs=can_group, slow=True, limits=False, seconds=60)
    # As the bombs' own limits are, so is that of a container: told as a limit, not as a crash. On
    # made-up input it is a warning.
    grown = partial(_in_group, GIB, _hungry(28))
    yield kind("group_of_1_gib", build=grown, checks=(_is_limit,), exits=(0,))
    small = partial(_in_group, GIB // 2, _hungry(27))
    yield kind("group_of_512_mib", build=small, checks=(_is_limit,), exits=(0,))
    sound = partial(_in_group, GIB // 2, FLAWED)
    yield kind("group_of_512_mib_sound", build=sound, checks=(complete("model.onnx"),), exits=(1,))


def _with_address_space(mib: int, folder: Path) -> Command:
    paths = [write(folder / f"{name}.onnx") for name in "ab"]
    return Command((*paths, *REPORT), prepare=limited(**{"as": mib << 20}))


def _hungry(times: int) -> str:
    return f"""net (int64[1] x) => (int64 y) {{
        n = Constant <value = int64 {{{times}}}> ()
        c = Constant <value = bool {{1}}> ()
        l = Loop (n, c, x) <body = b (int64 i, bool g, int64[M] a) => (bool o, int64[P] z) {{
            o = Identity(g)
            z = Concat <axis = 0> (a, a)
        }}>
        y = ReduceMax <keepdims = 0> (l)
    }}"""


def _memory_hierarchy() -> Path | None:
    """Where groups of processes with a limit of memory are made: version 2, or 1."""
    second = Path("/sys/fs/cgroup/cgroup.subtree_control")
    with suppress(OSError):
        if "memory" in second.read_text():
            return second.parent
    first = Path("/sys/fs/cgroup/memory")
    return first if (first / "memory.limit_in_bytes").exists() else None


def can_group() -> str | None:
    """The reason why a case cannot have a limit of memory of its own."""
    if (reason := root_only()) is not None:
        return reason
    hierarchy = _memory_hierarchy()
    if hierarchy is None or not os.access(hierarchy, os.W_OK):
        return "it needs a hierarchy of memory limits"
    group = hierarchy / f"attack-probe-{os.getpid()}"
    try:
        group.mkdir()
        group.rmdir()
    except OSError:
        return "it needs the right to make a group of processes"
    return None


def _in_group(size: int, text: str, folder: Path) -> Command:
    hierarchy = _memory_hierarchy()
    assert hierarchy is not None
    group = hierarchy / f"attack-{folder.parent.name}"
    group.mkdir()
    second = (group / "memory.max").exists()
    (group / ("memory.max" if second else "memory.limit_in_bytes")).write_text(str(size))

    def prepare() -> None:
        (group / "cgroup.procs").write_text(str(os.getpid()))

    def meanwhile(running: Running) -> None:
        running.process.wait()
        for _ in range(100):
            with suppress(OSError):
                group.rmdir()
                return
            time.sleep(0.1)

    model = write(folder / "model.onnx", text)
    return Command((model, "--time-limit", "20", *REPORT), prepare=prepare, meanwhile=meanwhile)


def _is_limit(outcome: Outcome) -> str | None:
    told = [f["message"] for f in outcome.findings() if f["code"].startswith("RUN")]
    if any("crashed" in message for message in told):
        return f"a limit is told as a crash: {told[0][:80]!r}"
    limits = ("ran out of", "allowed")
    return None if any(w in m for m in told for w in limits) else "no limit is told"
