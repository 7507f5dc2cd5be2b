"""Rules of a team that misbehave: as they are read, as they judge, in what they yield (M6, M10).

A team's rules are trusted code, so nothing here is to be prevented. But one rule must not lose
the findings of the others, nor turn a gate green.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from textwrap import indent

from attacks.harness import (
    Case,
    Check,
    Command,
    Outcome,
    any_of,
    both,
    complete,
    crash_is_named,
    errs,
    found,
    linux_only,
)
from attacks.models import SOUND, write
from onnxlint.rules.packs import LOADING_SECONDS

REPORT = ("--static-only", "--format", "json")

TEMPLATE = '''import atexit, ctypes, gc, io, os, re, resource, signal
import sys, threading, time, warnings
from pathlib import Path

import numpy as np

from onnxlint import Finding, Graph, Model, Place, Severity, rule

{head}


@rule("AAA001", "attack", severity=Severity.WARNING)
def attack(graph: Graph, model: Model):
    """An attack."""
{body}
'''
"""The rule stands before all others, so that they see what it leaves behind."""


def cases() -> Iterator[Case]:
    yield from _at_import()
    yield from _judging()
    yield from _printing()
    yield from _ending()
    yield from _yielding()
    yield from _endless()
    yield from _tampering()
    yield from _replacing()


def _ruled(head: str, body: str, *options: str) -> Callable[[Path], Command]:
    """Two models, of which the rule spares the second, so that it tells whether that is lost."""

    def build(folder: Path) -> Command:
        text = TEMPLATE.format(head=head, body=indent(body or "return ()", "    "))
        (folder / "rules.py").write_text(text)
        write(folder / "a_flawed.onnx")
        write(folder / "b_flawed.onnx")
        paths = ("a_flawed.onnx", "b_flawed.onnx")
        return Command((*paths, "--rules", "rules.py", *(options or REPORT)))

    return build


SPARES = 'if "b_flawed" in model.path: return\n'

NOT_LOST = (complete("a_flawed.onnx"), complete("b_flawed.onnx"))
"""All findings of all other rules are there, on both models."""

SECOND_NOT_LOST = both(
    complete("b_flawed.onnx"),
    any_of(complete("a_flawed.onnx"), errs("a_flawed.onnx")),
)
"""The second model's are, and the first is judged or said not to be."""


# --- as they are read --------------------------------------------------------------------------

IMPORTS = {
    "exit_0": "sys.exit(0)",
    "exit_text": "sys.exit('bye')",
    "exit_none": "raise SystemExit",
    "os_exit_0": "os._exit(0)",
    "keyboard_interrupt": "raise KeyboardInterrupt",
    "base_exception": "raise BaseException('odd')",
    "generator_exit": "raise GeneratorExit",
    "syntax": "def (:",
    "unencodable": "raise ValueError('\\ud800 \\x1b[2J \\u202e')",
    "silent_error": "class Odd(Exception):\n    def __str__(self): raise ValueError\nraise Odd()",
    "str_exits": "class Odd(Exception):\n    def __str__(self): sys.exit(0)\nraise Odd()",
    "recursion": "def f(): f()\nf()",
    "memory": "x = bytearray(1 << 62)",
    "group": "raise BaseExceptionGroup('many', [SystemExit(0), KeyboardInterrupt()])",
    "kill": "os.kill(os.getpid(), signal.SIGKILL)",
    "segfault": "ctypes.string_at(0)",
    "abort": "os.abort()",
}

HARMLESS_IMPORTS = {
    "print": "print('hello')",
    "write_1": "os.write(1, b'hello\\n')",
    "close_stdout": "sys.stdout.close()",
    "close_1": "os.close(1)",
    "stdout_none": "sys.stdout = None",
    "chdir": "os.chdir('/')",
    "environ_clear": "os.environ.clear()",
    "exit_patched": "sys.exit = lambda *_: None",
    "atexit_os_exit": "atexit.register(os._exit, 0)",
    "warnings": "warnings.simplefilter('error')\nwarnings.warn('odd', stacklevel=1) if 0 else None",
    "recursion_limit": "sys.setrecursionlimit(150)",
    "no_collection": "gc.disable(); gc.set_threshold(0)",
    "alarm": "signal.alarm(1)",
    "file_limit": "resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))",
}


def _at_import() -> Iterator[Case]:
    refused = partial(Case, row="M6", exits=(2,))
    for name, head in IMPORTS.items():
        slow = name not in ("exit_0", "base_exception")
        # Whoever ends the process as it reads rules can have no sentence; the gate stays shut.
        codes = {"os_exit_0": (2,), "kill": (2, -9), "segfault": (2, -11), "abort": (2, -6)}
        yield refused(f"import_{name}", build=_ruled(head, ""), checks=(_not_silent,), slow=slow,
                      exits=codes.get(name, (2,)), told=name not in codes)  # fmt: skip
    yield refused("import_endless", build=_ruled("while True: pass", ""), seconds=LOADING_SECONDS,
                  slow=True)  # fmt: skip
    for name, head in HARMLESS_IMPORTS.items():
        slow = name not in ("print", "chdir")
        kept = partial(Case, row="M6", exits=(1, 2), checks=NOT_LOST, slow=slow)
        yield kept(f"import_{name}", build=_ruled(head, ""))


def _not_silent(outcome: Outcome) -> str | None:
    """A rule file that does not load is told by its name, if there is anybody left to tell."""
    if outcome.exit == 2 and outcome.err and "rules.py" not in outcome.err + outcome.out:
        return "the rule file is not named"
    return None


# --- as they judge -----------------------------------------------------------------------------

CRASHES = {
    "exception": "raise ValueError('odd')",
    "exit_0": "sys.exit(0)",
    "exit_none": "raise SystemExit",
    "keyboard_interrupt": "raise KeyboardInterrupt",
    "generator_exit": "raise GeneratorExit",
    "base_exception": "raise BaseException('odd')",
    "stop_iteration": "raise StopIteration",
    "recursion": "def f(): return f()\nf()",
    "memory_error": "raise MemoryError",
    "memory": "x = bytearray(1 << 62)",
    "group": "raise BaseExceptionGroup('many', [SystemExit(0), KeyboardInterrupt()])",
    "control": "raise ValueError('\\x1b[2J\\u202e\\n::error::odd')",
    "surrogate": "raise ValueError('\\ud800')",
    "long": "raise ValueError('x' * 10_000_000)",
    "silent": "class Odd(Exception):\n    def __str__(self): raise ValueError\nraise Odd()",
    "str_is_none": "class Odd(Exception):\n    def __str__(self): return None\nraise Odd()",
    "str_exits": "class Odd(Exception):\n    def __str__(self): sys.exit(0)\nraise Odd()",
    "os_error": "open('/no/such/file')",
    "broken_pipe": "raise BrokenPipeError",
    "unicode_error": "raise UnicodeDecodeError('utf-8', b'x', 0, 1, 'odd')",
    "import_error": "import no_such_module",
    "chained": "try: 1 / 0\nexcept Exception as e: raise ValueError('second') from e",
    "data_error": "from onnxlint.model.file.errors import DataError\nraise DataError('odd')",
    "model_error": "from onnxlint.model.file.errors import ModelError as E\nraise E('a', 'b', 'c')",
    "click_exit": "import click\nraise click.exceptions.Exit(0)",
    "click_abort": "import click\nraise click.Abort",
    "worker_died": "from onnxlint.runtime.worker.client import WorkerDied\nraise WorkerDied('odd')",
}

UNTOLD = ("data_error", "model_error")
"""Errors that the engine uses itself; they need not be a crash, but must not be silence."""


def _judging() -> Iterator[Case]:
    crashed = crash_is_named("a_flawed.onnx")
    for name, body in CRASHES.items():
        slow = name not in ("exception", "exit_0", "keyboard_interrupt")
        checks: tuple[Check, ...] = (crashed, *NOT_LOST)
        if name in UNTOLD:
            checks = (complete("b_flawed.onnx"), _first_is_told)
        yield Case(f"judge_{name}", "M6", _ruled("", SPARES + body), checks, (2,), slow=slow)
    later = SPARES + "yield Finding(Place(), 'first')\nsys.exit(0)"
    kept = (crashed, *NOT_LOST)
    yield Case("judge_exit_in_generator", "M6", _ruled("", later), kept, (2,), slow=True)
    jobs = _ruled("", SPARES + "sys.exit(0)", *REPORT, "-j", "2")
    yield Case("judge_exit_in_jobs", "M6", jobs, kept, (2,), slow=True)
    text = _ruled("", SPARES + "sys.exit(0)", "--static-only")
    yield Case(
        "judge_exit_in_text", "M6", text, (found("LNT001"), found("ARC001")), (2,), slow=True
    )
    diff = _ruled("", SPARES + "sys.exit(0)", "--diff")
    yield Case("judge_exit_in_diff", "M6", diff, exits=(2,), reports=False, told=False, slow=True)


def _first_is_told(outcome: Outcome) -> str | None:
    model = outcome.model("a_flawed.onnx")
    if model is None:
        return "no report of the first model"
    crashed = any(finding["code"] == "LNT001" for finding in model["findings"])
    return None if model["error"] or crashed else "what went wrong is not told"


# --- what they print ---------------------------------------------------------------------------

PRINTS = {
    "print": "print('hello')",
    "print_flush": "print('hello', flush=True)",
    "write_1": "os.write(1, b'hello\\n')",
    "libc": "ctypes.CDLL(None).puts(b'hello'); ctypes.CDLL(None).fflush(None)",
    "libc_unflushed": "ctypes.CDLL(None).puts(b'hello')",
    "subprocess": "import subprocess; subprocess.run(['echo', 'hello'])",
    "original": "sys.__stdout__.write('hello\\n'); sys.__stdout__.flush()",
    "bytes": "sys.stdout.buffer.write(b'\\xff\\xfe hello'); sys.stdout.flush()",
    "much": "print('x' * 10_000_000)",
    "close": "sys.stdout.close()",
    "close_1": "os.close(1)",
    "close_all": "os.closerange(0, 3)",
    "none": "sys.stdout = sys.stderr = None",
    "replaced": "sys.stdout = io.StringIO()",
    "detached": "sys.stdout.detach()",
    "reads_stdin": "sys.stdin.read()",
    "file_on_1": "os.dup2(os.open(os.devnull, os.O_WRONLY), 1)",
}


def _printing() -> Iterator[Case]:
    for name, body in PRINTS.items():
        slow = name not in ("print", "write_1", "close_1")
        yield Case(f"prints_{name}", "M6", _ruled("", body), NOT_LOST, (1, 2), slow=slow)
    checks = (found("ARC001"),)
    text = _ruled("", "print('0 errors, 0 warnings')", "--static-only")
    yield Case("prints_a_summary", "M6", text, (*checks, _one_summary), (1, 2), slow=True)
    log = _ruled("", "import logging; logging.warning('hello')")
    yield Case("logs", "M6", log, NOT_LOST, (1, 2), slow=True)


def _one_summary(outcome: Outcome) -> str | None:
    number = outcome.out.count("0 errors, 0 warnings")
    return "what a rule prints stands in the report" if number else None


# --- how they end the process ------------------------------------------------------------------

ENDS = {
    "os_exit_0": "os._exit(0)",
    "os_exit_1": "os._exit(1)",
    "kill": "os.kill(os.getpid(), signal.SIGKILL)",
    "terminate": "os.kill(os.getpid(), signal.SIGTERM)",
    "interrupt": "os.kill(os.getpid(), signal.SIGINT)",
    "segfault": "ctypes.string_at(0)",
    "abort": "os.abort()",
    "alarm": "signal.alarm(1); time.sleep(3)",
    "stop": "os.kill(os.getpid(), signal.SIGSTOP)",
    "exec": "os.execv('/bin/true', ['true'])",
    "stack": "threading.stack_size(1 << 15); sys.setrecursionlimit(10**9)\ndef f(): f()\nf()",
    "thread_exits": "threading.Thread(target=lambda: (time.sleep(0.2), os._exit(0))).start()\n"
                    "time.sleep(1)",
}  # fmt: skip


def _ending() -> Iterator[Case]:
    for name, body in ENDS.items():
        slow = name not in ("os_exit_0", "kill")
        kind = partial(Case, row="M6", exits=(1, 2), slow=slow, time_limit=5)
        yield kind(f"ends_{name}", build=_ruled("", SPARES + body), checks=(SECOND_NOT_LOST,))
    jobs = _ruled("", SPARES + "os._exit(0)", *REPORT, "-j", "2")
    yield Case("ends_in_jobs", "M6", jobs, (SECOND_NOT_LOST,), (1, 2), slow=True)
    thread = "threading.Thread(target=time.sleep, args=(1000,){}).start()"
    at_exit = {
        "thread_daemon": thread.format(", daemon=True"),
        "thread": thread.format(""),
        "atexit_os_exit": "atexit.register(os._exit, 0)",
        "atexit_sleeps": "atexit.register(time.sleep, 1000)",
        "atexit_raises": "atexit.register(lambda: 1 / 0)",
        "exit_patched": "sys.exit = lambda *_: None",
        "excepthook": "sys.excepthook = lambda *_: os._exit(0)",
        "del_exits": "class D:\n    def __del__(self): os._exit(0)\nsys.modules['odd'] = D()",
        "ignores_terminate": "signal.signal(signal.SIGTERM, signal.SIG_IGN)",
    }
    for name, body in at_exit.items():
        slow = name != "atexit_os_exit"
        yield Case(f"at_exit_{name}", "M6", _ruled("", body), NOT_LOST, (1, 2), time_limit=5,
                   slow=slow)  # fmt: skip


# --- what they yield ---------------------------------------------------------------------------

FINDING = "yield Finding(Place(), {})\n"

YIELDS = {
    "none": "yield None",
    "text": "yield 'a text'",
    "number": "yield 3",
    "class": "yield Finding",
    "tuple": "yield (Place(), 'a')",
    "returns_number": "return 3",
    "returns_text": "return 'abc'",
    "returns_none": "return None",
    "returns_finding": "return Finding(Place(), 'a')",
    "returns_iterator_that_raises": "return (1 / 0 for _ in range(1))",
    "message_number": FINDING.format("3"),
    "message_none": FINDING.format("None"),
    "message_bytes": FINDING.format("b'abc'"),
    "message_object": FINDING.format("object()"),
    "message_empty": FINDING.format("''"),
    "message_long": FINDING.format("'x' * 50_000_000"),
    "message_surrogate": FINDING.format("'\\ud800'"),
    "message_control": FINDING.format("'\\x1b[2J\\x9b\\u202e\\x00\\n::error::'"),
    "subject_none": "yield Finding(None, 'a')",
    "subject_text": "yield Finding('a', 'a')",
    "subject_model": "yield Finding(model, 'a')",
    "place_of_wrong_types": "yield Finding(Place(3, b'x', '1', 4, 5), 'a')",
    "place_of_objects": "yield Finding(Place(node=object(), node_index=1), 'a')",
    "place_huge": "yield Finding(Place(node='n', node_index=10**400), 'a')",
    "severity_text": "yield Finding(Place(), 'a', severity='error')",
    "severity_wrong": "yield Finding(Place(), 'a', severity='fatal')",
    "unit_number": "yield Finding(Place(), 'a', unit=3)",
    "fix_text": "yield Finding(Place(), 'a', fix='mend it')",
    "many": "for n in range(30_000): yield Finding(Place(node=str(n)), 'a')",
}

NUMBERS = {
    "nan": "float('nan')", "inf": "float('inf')", "numpy_nan": "np.float32('nan')",
    "numpy_float16": "np.float16(1.5)", "numpy_longdouble": "np.longdouble(1) / 3",
    "numpy_int": "np.int64(3)", "numpy_bool": "np.bool_(True)", "numpy_array": "np.ones(3)",
    "numpy_scalar_array": "np.array(3.0)", "huge": "10 ** 400", "digits_5000": "10 ** 5000",
    "complex": "1 + 2j", "fraction": "__import__('fractions').Fraction(1, 3)",
    "decimal": "__import__('decimal').Decimal('1.5')", "text": "'many'", "none": "None",
    "bool": "True", "list": "[1, 2]", "bytes": "b'abc'", "object": "object()",
}  # fmt: skip

EVIDENCE = {
    "set": "{'a': {1, 2}}", "frozenset": "{'a': frozenset()}", "bytes": "{'a': b'\\xff'}",
    "object": "{'a': object()}", "class": "{'a': Finding}", "function": "{'a': print}",
    "path": "{'a': Path('x')}", "date": "{'a': __import__('datetime').datetime.now()}",
    "enum": "{'a': Severity.ERROR}", "numpy": "{'a': np.ones(3), 'b': np.float32('inf')}",
    "numpy_strings": "{'a': np.array(['x'])}", "numpy_objects": "{'a': np.array([object()])}",
    "numpy_huge": "{'a': np.ones((3000, 3000))}", "bool_key": "{True: 1}", "none_key": "{None: 1}",
    "tuple_key": "{(1, 2): 1}", "object_key": "{object(): 1}", "nested_keys": "{'a': {3: {4: 5}}}",
    "nan": "{'a': float('nan'), 'b': [float('-inf')]}", "nan_key": "{float('nan'): 1}",
    "surrogate": "{'\\ud800': '\\udfff'}", "huge": "{'a': 10 ** 5000}", "range": "{'a': range(3)}",
    "generator": "{'a': (n for n in range(3))}", "graph": "{'a': graph}", "model": "{'a': model}",
    "list_instead": "[1, 2]", "none_instead": "None", "text_instead": "'abc'",
    "witness_number": "{'witness': 3}", "rule_object": "{'rule': object()}",
}  # fmt: skip


def _yielding() -> Iterator[Case]:
    mine = both(any_of(found("AAA001", "a_flawed.onnx"),
                       crash_is_named("a_flawed.onnx", line=False)),
                *NOT_LOST)  # fmt: skip
    nothing = ("returns_none", "many")
    for name, body in YIELDS.items():
        slow = name not in ("none", "message_number")
        checks = NOT_LOST if name in nothing else (mine,)
        kind = partial(Case, row="M6", exits=(1, 2), checks=checks, slow=slow)
        yield kind(f"yields_{name}", build=_ruled("", body))
        if name.startswith(("message", "place", "unit", "severity")):
            lines = _ruled("", body, "--static-only", "--verbose")
            shown = (found("ARC001"),)
            yield Case(f"yields_{name}_in_text", "M6", lines, shown, (1, 2), slow=True)
    for name, number in NUMBERS.items():
        body = f"yield Finding(Place(), 'a', measured={number}, limit={number})"
        slow = name != "numpy_array"
        yield Case(f"measures_{name}", "M6", _ruled("", body), (mine,), (1, 2), slow=slow)
    for name, evidence in EVIDENCE.items():
        body = f"yield Finding(Place(), 'a', evidence={evidence})"
        slow = name not in ("set", "tuple_key")
        yield Case(f"evidence_{name}", "M6", _ruled("", body), (mine,), (1, 2), slow=slow)
    deep = "d = {}; e = d\nfor _ in range(100_000): e['a'] = {}; e = e['a']\n"
    recursive = {"recursive": "d = {}; d['a'] = d\n", "recursive_list": "d = {'a': []}\n"
                 "d['a'].append(d['a'])\n", "deep": deep}  # fmt: skip
    for name, made in recursive.items():
        body = made + "yield Finding(Place(), 'a', evidence=d)"
        slow = name != "recursive"
        yield Case(f"evidence_{name}", "M6", _ruled("", body), (mine,), (1, 2), slow=slow)
    text = _ruled("", "yield Finding(Place(), 'a', evidence={'witness': 3})", "--static-only")
    yield Case("evidence_witness_in_text", "M6", text, (found("ARC001"),), (1, 2), slow=True)


# --- what never ends ---------------------------------------------------------------------------

ENDLESS = {
    "while": "while True: pass",
    "sleep": "time.sleep(10_000)",
    "regular_expression": "re.match(r'(a+)+b', 'a' * 64)",
    "swallows": "while True:\n    try:\n        while True: time.sleep(0.01)\n"
                "    except BaseException: pass",
    "generator": "n = 0\nwhile True:\n    n += 1\n    if n < 0: yield",
    "findings": "while True: yield Finding(Place(), 'again')",
    "finally": "try: time.sleep(10_000)\nfinally: time.sleep(10_000)",
    "deadlock": "lock = threading.Lock(); lock.acquire(); lock.acquire()",
    "native_sleep": "ctypes.CDLL(None).sleep(10_000)",
    "native_blocked": "ctypes.PyDLL(None).sleep(10_000)",
    "big_number": "10 ** 10 ** 10",
    "reads_pipe": "r, w = os.pipe(); os.read(r, 1)",
    "blocks_signals": "signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())\n"
                      "while True: pass",
    "ignores_signals": "for s in (1, 2, 14, 15): signal.signal(s, signal.SIG_IGN)\n"
                       "while True: pass",
}  # fmt: skip


def _endless() -> Iterator[Case]:
    for name, body in ENDLESS.items():
        build = _ruled("", SPARES + body)
        kind = partial(Case, row="M6", exits=(2,), slow=True, time_limit=4, seconds=10)
        yield kind(f"endless_{name}", build=build, checks=(SECOND_NOT_LOST, _loss_of_first))
    hogs = {
        "list": "x = []\nwhile True: x.append(bytearray(1 << 24))",
        "text": "x = 'a'\nwhile True: x += x",
        "numpy": "x = []\nwhile True: x.append(np.ones(1 << 22))",
        "swallows": "x = []\nwhile True:\n    try: x.append(bytearray(1 << 24))\n"
                    "    except BaseException: pass",
        "findings": "while True: yield Finding(Place(), 'x' * 100_000)",
    }  # fmt: skip
    for name, body in hogs.items():
        kind = partial(Case, row="M6", exits=(2,), slow=True, time_limit=6, seconds=12)
        build = _ruled("", SPARES + body)
        yield kind(f"hog_{name}", build=build, checks=(SECOND_NOT_LOST, _loss_of_first))


def _loss_of_first(outcome: Outcome) -> str | None:
    return any_of(errs("a_flawed.onnx"), _lnt001_of_first)(outcome)


def _lnt001_of_first(outcome: Outcome) -> str | None:
    crashed = found("LNT001", "a_flawed.onnx")(outcome)
    named = any("AAA001" in f["message"] for f in outcome.findings("a_flawed.onnx"))
    return crashed or (None if named else "no finding names AAA001")


# --- what they change --------------------------------------------------------------------------

CHANGES = {
    "chdir": "os.chdir('/')",
    "environ": "os.environ.clear()",
    "umask": "os.umask(0o777)",
    "recursion_limit": "sys.setrecursionlimit(200)",
    "modules": "sys.modules.pop('json', None); sys.modules.pop('re', None)",
    "path": "sys.path[:] = []",
    "seed": "np.random.seed(3)",
    "errors": "np.seterr(all='raise')",
    "warnings": "warnings.simplefilter('error')",
    "tracing": "sys.settrace(lambda *_: None)",
    "switch": "sys.setswitchinterval(100)",
    "no_files": "resource.setrlimit(resource.RLIMIT_NOFILE, (8, 8))",
    "no_memory": "resource.setrlimit(resource.RLIMIT_DATA, (1 << 20, 1 << 20))",
    "no_time": "resource.setrlimit(resource.RLIMIT_CPU, (3, 3))",
    "closes_files": "os.closerange(3, 1024)",
    "locale": "__import__('locale').setlocale(0, '')",
    "handlers": "for s in (2, 15): signal.signal(s, lambda *_: os._exit(0))",
    "threads": "for _ in range(50): threading.Thread(target=time.sleep, args=(0.5,)).start()",
}

MUTATIONS = {
    "clears_nodes": "del model.proto.graph.node[:]",
    "clears_graph": "model.proto.ClearField('graph')",
    "clears_scope": "graph.main.nodes.clear()",
    "renames": "for n in model.proto.graph.node: n.op_type = 'Odd'",
    "replaces_output": "for n in model.proto.graph.node: n.output[:] = ['z']",
}


def _tampering() -> Iterator[Case]:
    for name, body in CHANGES.items():
        slow = name != "chdir"
        dead = ("no_files", "no_memory", "no_time", "closes_files")
        checks = (SECOND_NOT_LOST,) if name in dead else NOT_LOST
        yield Case(f"changes_{name}", "M6", _ruled("", SPARES + body), checks, (1, 2), slow=slow)
    for name, body in MUTATIONS.items():
        # What a mutated model then gives is its own; only the next model must not suffer.
        checks = (complete("b_flawed.onnx"),)
        yield Case(f"mutates_{name}", "M6", _ruled("", SPARES + body), checks, (1, 2), slow=True)


# --- M10: the file is another one meanwhile ----------------------------------------------------

SWAPS = {
    "renamed_over": "Path('other.onnx').rename(model.path)",
    "rewritten": "data = Path('other.onnx').read_bytes(); Path(model.path).write_bytes(data)",
    "removed": "Path(model.path).unlink()",
    "cut": "os.truncate(model.path, 0)",
    "grown": "open(model.path, 'ab').write(bytes(100))",
    "made_a_folder": "Path(model.path).unlink(); Path(model.path).mkdir()",
    "made_a_pipe": "Path(model.path).unlink(); os.mkfifo(model.path)",
    "made_a_loop": "Path(model.path).unlink(); Path(model.path).symlink_to('a_flawed.onnx')",
}


def _replacing() -> Iterator[Case]:
    for name, body in SWAPS.items():
        slow = name != "renamed_over"
        yield Case(f"swap_{name}", "M10", partial(_swapped, body), (_hash_of_judged,), (1, 2),
                   slow=slow, writes=("*.onnx",), needs=linux_only)  # fmt: skip
    yield Case("swap_of_next", "M7", partial(_swapped, "Path('b_flawed.onnx').unlink()"),
               (complete("a_flawed.onnx"), errs("b_flawed.onnx")), (2,),
               writes=("*.onnx",))  # fmt: skip


def _swapped(body: str, folder: Path) -> Command:
    command = _ruled("", SPARES + body)(folder)
    write(folder / "other.onnx", SOUND)
    return command


def _hash_of_judged(outcome: Outcome) -> str | None:
    """The hash is of the bytes that were judged, or of none: never of a file put there later."""
    second = outcome.model("b_flawed.onnx")
    reason = complete("b_flawed.onnx")(outcome) or complete("a_flawed.onnx")(outcome)
    if reason is not None or second is None:
        return reason
    told = (outcome.model("a_flawed.onnx") or {}).get("sha256")
    judged = hashlib.sha256((outcome.folder / "b_flawed.onnx").read_bytes()).hexdigest()
    return None if told in (judged, None) else "the hash is of a file that was not judged"
