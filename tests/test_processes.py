"""What one model, rule, process or signal does, the others' reports come out, and nothing stays."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from conftest import FLAWED, SOUND
from test_worker import FOREVER

from onnxlint.report import ModelReport, decode, encode
from onnxlint.safety import forked
from onnxlint.safety.forked import Crashed, Held, Isolated
from onnxlint.safety.limits import Budget, _container_limits

RULE = '''"""Rules of a team."""

import os, sys, time

from onnxlint import Finding, Graph, Severity, rule


@rule("TEAM001", "team-rule", severity=Severity.WARNING)
def team_rule(graph: Graph):
    """It misbehaves."""
{body}
    yield Finding(graph.main, "it went on")


@rule("TEAM002", "other-rule", severity=Severity.WARNING)
def other_rule(graph: Graph):
    """It behaves."""
    yield Finding(graph.main, "as it should")
'''

MISBEHAVIOUR = {
    "exits": ("sys.exit(0)", "SystemExit: 0"),
    "leaves": ("os._exit(0)", "ended with exit status 0"),
    "interrupts": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "raises no Exception": ("raise BaseException('x')", "BaseException: x"),
    "kills": ("os.kill(os.getpid(), 9)", "SIGKILL"),
    "crashes": ("import ctypes; ctypes.string_at(0)", "SIGSEGV"),
    "recurses": ("f = lambda: f(); f()", "RecursionError"),
    "strays": ("os.chdir('/')", "changed the working directory"),
    "yields text": ("yield 'text'", "a str, which is not a Finding"),
    "yields a number as message": ("yield Finding(graph.main, 3)", "int as message"),
    "yields a set": ("yield Finding(graph.main, 'x', evidence={'a': {1}})", "contains a set"),
    "yields bytes": ("yield Finding(graph.main, 'x', measured=b'1')", "contains a bytes"),
    "yields no place": ("yield Finding('here', 'x')", "as subject"),
    "yields a circle": ("e = {}; e['e'] = e; yield Finding(graph.main, 'x', evidence=e)",
                        "RecursionError"),
    "hangs": ("while True: pass", "took too long"),
    "sleeps": ("time.sleep(1e6)", "took too long"),
}  # fmt: skip


@pytest.fixture
def team(tmp_path):
    """A file with a rule that misbehaves, and one that does not."""

    def write(body: str) -> Path:
        path = tmp_path / "team.py"
        lines = "\n".join(f"    {line}" for line in body.splitlines())
        path.write_text(RULE.format(body=lines))
        return path

    return write


@pytest.mark.parametrize("how", MISBEHAVIOUR)
def test_a_rule_that_misbehaves_crashed_and_nothing_else(how, onnxlint, write_model, team):
    body, sentence = MISBEHAVIOUR[how]
    models = [write_model(FLAWED, "a.onnx"), write_model(SOUND, "b.onnx")]
    done = onnxlint(*models, "--static-only", "--rules", team(body), "--select", "TEAM,ARC001",
                    "--time-limit", "16", "--format", "json")  # fmt: skip
    assert done.returncode == 2
    flawed, sound = json.loads(done.stdout)["models"]
    for model, codes in ((flawed, ["ARC001", "LNT001", "TEAM002"]), (sound, ["LNT001", "TEAM002"])):
        assert model["error"] is None
        assert [finding["code"] for finding in model["findings"]] == codes
        crash = next(f for f in model["findings"] if f["code"] == "LNT001")
        assert "TEAM001 'team-rule'" in crash["message"]
        assert sentence in crash["message"]
        assert "team.py:" in crash["message"]


def test_what_a_rule_prints_is_no_part_of_the_report(onnxlint, write_model, team):
    path = team("print('hello'); os.write(1, b'raw'); sys.stdout.write('x')")
    done = onnxlint(write_model(), "--static-only", "--rules", path, "--format", "json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["models"][0]["findings"]
    assert "hello" in done.stderr


def test_numbers_that_json_does_not_know_arrive(onnxlint, write_model, team):
    body = (
        "import numpy as np\n"
        "yield Finding(graph.main, 'x', measured=np.float32('nan'), limit=10**400,\n"
        "              evidence={'a': np.int64(3), 'b': (1, 2**70), 3: np.bool_(True)})"
    )
    done = onnxlint(write_model(), "--static-only", "--rules", team(body), "--select", "TEAM001",
                    "--format", "json")  # fmt: skip
    found = json.loads(done.stdout)["models"][0]["findings"]
    (first,) = [finding for finding in found if finding["message"] == "x"]
    assert (first["measured"], first["limit"]) == ("nan", "inf")
    assert first["evidence"] == {"a": 3, "b": [1, 2**70], "3": True}


@pytest.mark.parametrize(
    "body", ["import sys; sys.exit(0)", "raise BaseException('x')", "1/0", "raise SystemExit"]
)
def test_a_rule_file_that_does_not_load_is_one_sentence(body, onnxlint, write_model, tmp_path):
    (tmp_path / "rules.py").write_text(body)
    done = onnxlint(write_model(), "--rules", "rules.py")
    assert (done.returncode, done.stdout) == (2, "")
    assert "cannot load" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_stubborn_rule_is_ended(onnxlint, write_model, team):
    body = "while True:\n    try: time.sleep(9)\n    except BaseException: pass"
    done = onnxlint(write_model(FLAWED), "--static-only", "--rules", team(body), "--select",
                    "TEAM,ARC001", "--time-limit", "16", "--format", "json")  # fmt: skip
    (model,) = json.loads(done.stdout)["models"]
    assert done.returncode == 2
    assert [finding["code"] for finding in model["findings"]] == ["ARC001", "LNT001", "TEAM002"]


def bad_paths(folder: Path) -> dict[str, str]:
    (folder / "loop.onnx").symlink_to("loop.onnx")
    (folder / "dangling.onnx").symlink_to("nowhere")
    os.mkfifo(folder / "pipe.onnx")
    return {
        "loop.onnx": "cannot be read",
        "dangling.onnx": "cannot be read",
        "pipe.onnx": "is not a regular file",
        "/dev/zero": "is not a regular file",
        "x" * 300 + ".onnx": "no model matches",
        "y/" * 3000 + "m.onnx": "no model matches",
        "missing.onnx": "no model matches",
        "*.nothing": "no model matches",
    }


def test_a_bad_path_costs_its_own_report_only(onnxlint, write_model, tmp_path):
    write_model(FLAWED, "a.onnx")
    problems = bad_paths(tmp_path)
    done = onnxlint("a.onnx", *problems, "--static-only", "--format", "json")
    assert done.returncode == 2
    assert done.stderr == ""
    first, *others = json.loads(done.stdout)["models"]
    assert first["findings"]
    for model, problem in zip(others, problems.values(), strict=True):
        assert problem in model["error"], model


def test_models_that_are_many_need_few_files(onnxlint, write_model):
    models = [write_model(SOUND, f"{number}.onnx") for number in range(30)]
    code = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24))\n"
    script = f"{code}from onnxlint.__main__ import main; main()"
    done = subprocess.run([sys.executable, "-c", script, *map(str, models)], check=False,
                          capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_too_few_files_are_one_sentence(write_model):
    for number in (7, 10):
        code = (
            f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({number}, {number}))\n"
        )
        script = f"import onnxlint.cli.main as m\n{code}m.main()"
        done = subprocess.run([sys.executable, "-c", script, str(write_model())], check=False,
                              capture_output=True, text=True)  # fmt: skip
        assert done.returncode == 2
        said = done.stdout + done.stderr
        assert "Too many open files" in said
        assert "Traceback" not in said
        assert "bug" not in said


def started(*arguments: object, cwd: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "onnxlint", *map(str, arguments)],
        cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.PIPE, text=True,
        start_new_session=True, env=os.environ | {"TMPDIR": str(cwd)},
    )  # fmt: skip


def descendants(pid: int) -> set[int]:
    """The living processes below one, by their parents."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z":
            parents[int(folder.name)] = int(fields[1])
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


def alive(pids: set[int]) -> set[int]:
    return {
        pid
        for pid in pids
        if Path(f"/proc/{pid}").exists() and " Z " not in Path(f"/proc/{pid}/stat").read_text()
    }


def is_gone(pids: set[int]) -> bool:
    for _ in range(100):
        if not alive(pids):
            return True
        time.sleep(0.1)
    return False


ENDINGS = {"SIGINT": 130, "SIGTERM": -signal.SIGTERM, "SIGHUP": -signal.SIGHUP, "SIGKILL": -9}


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="processes are found in /proc")
@pytest.mark.parametrize("name", ENDINGS)
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_signal_leaves_nothing(name, jobs, write_model, tmp_path):
    write_model(FOREVER, "a.onnx")
    write_model(FOREVER, "b.onnx")
    before = {path.name for path in tmp_path.iterdir()}
    process = started("a.onnx", "b.onnx", "-j", jobs, cwd=tmp_path)
    below: set[int] = set()
    for _ in range(300):  # the command, its judges, and their workers
        below |= descendants(process.pid)
        if len(alive(below)) >= 2 * int(jobs):
            break
        time.sleep(0.1)
    process.send_signal(getattr(signal, name))
    _, said = process.communicate(timeout=30)
    assert process.returncode == ENDINGS[name]
    assert "Traceback" not in said
    assert is_gone(below), alive(below)
    assert {path.name for path in tmp_path.iterdir()} == before


LOADING = """
import os, signal, sys, time, types, weakref
import onnxlint.cli.main as command

class Part:
    "Of a module that is loaded just now."

def ordered(*_):
    os.kill(os.getpid(), signal.{name})
    return [None for _ in range(9)]

class Late:
    def __set_name__(self, owner, name):
        ordered()

def where_nobody_hears(**_):
    part = Part()
    watched = weakref.ref(part, ordered)
    del part
    time.sleep(20)

def where_another_error_is_made_of_it(**_):
    type("Loaded", (), {{"late": Late()}})

def where_an_error_is_asked_for(**_):
    try:
        ordered()
    except types.missing:
        pass

command.cli.main = {where}
command.main()
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs signals")
@pytest.mark.parametrize("where", [
    "where_nobody_hears", "where_another_error_is_made_of_it", "where_an_error_is_asked_for",
])  # fmt: skip
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_is_heeded_wherever_it_comes(name, where):
    code = LOADING.format(name=name, where=where)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == ENDINGS[name]
    assert done.stderr == ("interrupted\n" if name == "SIGINT" else "")


def test_a_signal_while_standard_input_is_read_leaves_no_file(tmp_path):
    process = started("-", cwd=tmp_path)
    assert process.stdin is not None
    process.stdin.write("x" * 100_000)
    process.stdin.flush()
    for _ in range(300):
        if list(tmp_path.glob("onnxlint-*")):
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == -signal.SIGTERM
    assert not list(tmp_path.iterdir())


def test_interrupts_while_it_loads_are_130(write_model, tmp_path):
    write_model()
    for delay in (0.15, 0.3, 0.6):
        process = started("model.onnx", cwd=tmp_path)
        time.sleep(delay)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
        assert process.returncode in (0, 130)
        assert "onnxlint" not in said or "Traceback" not in said  # before it begins it is Python's


SCRIPT = "exec {python} -m onnxlint model.onnx --static-only {redirected}"


@pytest.mark.parametrize(
    ("redirected", "status", "said"),
    [
        (">&-", 2, "standard output is closed"),
        (">/dev/full", 2, "No space left on device"),
        (">&- 2>&-", 2, ""),
        ("2>&-", 0, "0 errors"),
        ("-o report.txt >&-", 0, ""),
    ],
)
def test_streams_that_are_closed_or_full(redirected, status, said, write_model, tmp_path):
    write_model()
    script = SCRIPT.format(python=sys.executable, redirected=redirected)
    done = subprocess.run(["/bin/sh", "-c", script], cwd=tmp_path, capture_output=True, text=True,
                          check=False)  # fmt: skip
    assert done.returncode == status, done
    assert said in done.stdout + done.stderr
    assert "bug" not in done.stderr
    assert "Traceback" not in done.stderr


def test_closed_standard_input_is_told(tmp_path):
    script = f"exec {sys.executable} -m onnxlint - <&-"
    done = subprocess.run(["/bin/sh", "-c", script], cwd=tmp_path, capture_output=True, text=True,
                          check=False)  # fmt: skip
    assert done.returncode == 2
    assert "standard input is closed" in done.stdout


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_names_that_the_terminal_lacks_are_escaped(encoding, onnxlint, write_model):
    path = write_model(FLAWED, "モデル.onnx")
    done = onnxlint(path, "--static-only", PYTHONIOENCODING=encoding)
    assert done.returncode == 1
    assert "\\u30e2" in done.stdout or "モデル" in done.stdout  # click writes ASCII as UTF-8


def test_a_working_directory_that_is_gone_is_told(write_model, tmp_path):
    model = write_model()
    script = f"mkdir gone; cd gone; rmdir ../gone; exec {sys.executable} -m onnxlint {model}"
    done = subprocess.run(["/bin/sh", "-c", script], cwd=tmp_path, capture_output=True, text=True,
                          check=False)  # fmt: skip
    assert done.returncode == 2
    assert "working directory no longer exists" in done.stderr
    assert done.stderr.count("\n") == 1


def test_memory_and_time_of_a_child_are_limited():
    memory, growth = Budget(30.0, None), 256 * 1024**2  # beside what the tests have taken
    with pytest.raises(Crashed, match="ran out of the 256 MiB") as caught:
        Isolated(lambda size: bytes(int(size)), b"1000000000", memory, growth).result()
    assert caught.value.at_limit
    with pytest.raises(Crashed, match=r"longer than the 0\.5 s allowed"):
        Isolated(lambda _: time.sleep(60) or b"", b"", Budget(0.5, None)).result()
    assert Isolated(lambda data: data[::-1], b"abc", memory, growth).result() == b"cba"


def test_a_crash_with_next_to_no_memory_is_laid_to_the_limit():
    def crash(_: bytes) -> bytes:
        os.kill(os.getpid(), signal.SIGSEGV)
        return b""

    for growth, said in ((16 * 1024**2, "ran out of the 16 MiB"), (256 * 1024**2, "SIGSEGV")):
        with pytest.raises(Crashed, match=said) as caught:
            Isolated(crash, b"", Budget(30.0, None), growth).result()
        assert caught.value.is_native is (said == "SIGSEGV")


def test_a_child_that_ends_without_a_reply_is_told():
    budget = Budget(30.0, None)
    with pytest.raises(Crashed, match=r"ends the process \(exit status 7\)"):
        Isolated(lambda _: os._exit(7), b"", budget).result()
    with pytest.raises(Crashed, match=r"ends the process \(exit status 0\)"):
        Isolated(lambda _: os._exit(0), b"", budget).result()
    with pytest.raises(Crashed, match="native code crashed \\(SIGSEGV\\)"):
        Isolated(lambda _: os.kill(os.getpid(), signal.SIGSEGV) or b"", b"", budget).result()
    with pytest.raises(Crashed, match="ValueError: odd"):
        Isolated(lambda _: fail("odd"), b"", budget).result()


def fail(message: str) -> bytes:
    raise ValueError(message)


def test_a_call_that_is_held_is_made_when_it_is_allowed(tmp_path):
    made, budget = tmp_path / "made", Budget(30.0, None)

    def prepare(data: bytes) -> Callable[[], Iterator[bytes]]:
        (tmp_path / "prepared").touch()
        return lambda: iter([made.touch() or data[::-1]])

    allowed, other = (Held(prepare, b"abc", budget) for _ in range(2))
    deadline = time.monotonic() + 30
    while not (tmp_path / "prepared").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not allowed.is_done and not made.exists()
    other.close()
    assert not made.exists()
    other.allow()
    allowed.allow()
    assert allowed.result() == b"cba" and made.exists()


def in_parts(*parts: Callable[[], bytes]) -> Held:
    """A call of several results, allowed at once."""
    held = Held(lambda _: lambda: (part() for part in parts), b"", Budget(30.0, None), None, 2)
    held.allow()
    return held


def test_the_first_of_two_results_does_not_wait_for_the_second(tmp_path):
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    held = in_parts(lambda: b"first", gate.read_bytes)
    assert held.result() == b"first" and not held.is_done
    gate.write_bytes(b"second")
    assert held.result() == b"second" and held.is_done
    assert held._child is None


def test_a_child_goes_on_while_nobody_has_read_its_first_result(tmp_path):
    made = tmp_path / "made"
    held = in_parts(lambda: bytes(500_000), lambda: made.touch() or b"second")
    deadline = time.monotonic() + 30
    while not made.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert made.exists()
    assert held.result() == bytes(500_000) and held.result() == b"second"


def test_what_becomes_of_a_child_after_its_first_result_is_told():
    held = in_parts(lambda: b"first", lambda: os.kill(os.getpid(), signal.SIGSEGV) or b"")
    assert held.result() == b"first"
    with pytest.raises(Crashed, match="SIGSEGV") as caught:
        held.result()
    assert caught.value.is_native
    held = in_parts(lambda: b"first", lambda: fail("odd"))
    assert held.result() == b"first"
    with pytest.raises(Crashed, match="ValueError: odd"):
        held.result()
    held = in_parts(lambda: b"first", lambda: time.sleep(60) or b"")
    assert held.result() == b"first"
    child = held._child
    held.close()
    assert not psutil.pid_exists(child)


def test_a_call_that_cannot_be_prepared_is_told():
    held = Held(lambda _: fail("odd"), b"", Budget(30.0, None))
    held.allow()
    held.allow()
    with pytest.raises(Crashed, match="ValueError: odd"):
        held.result()
    held.close()


def test_a_call_that_is_held_ends_with_whoever_may_allow_it(tmp_path):
    code = f"""
import sys
from onnxlint.safety.forked import Held
from onnxlint.safety.limits import Budget
make = lambda: open({str(tmp_path / "made")!r}, "w").close()
held = Held(lambda _: lambda: iter([make() or b""]), b"", Budget(30.0, None))
print(held._child, flush=True)
sys.stdin.read()
"""
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as owner:
        held = psutil.Process(int(owner.stdout.readline()))
        assert held.is_running()
        owner.kill()
    deadline = time.monotonic() + 30
    while held.is_running() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not held.is_running() and not (tmp_path / "made").exists()


def test_a_reply_longer_than_a_pipe_comes_whole_and_no_child_is_left():
    budget = Budget(30.0, None)
    for _ in range(3):
        assert Isolated(lambda data: 300_000 * data, b"abcdefgh", budget).result() == (
            300_000 * b"abcdefgh"
        )
    deadline = time.monotonic() + 30
    while forked._ENDING and time.monotonic() < deadline:
        forked._bury()
    assert not forked._ENDING


def test_the_default_memory_limit_is_the_containers(tmp_path):
    (tmp_path / "memory.max").write_text("max\n")
    assert list(_container_limits(tmp_path)) == []
    (tmp_path / "memory.max").write_text("1073741824\n")
    assert set(_container_limits(tmp_path)) == {2**30}
    old = tmp_path / "memory"
    old.mkdir()
    (old / "memory.limit_in_bytes").write_text("536870912\n")
    assert set(_container_limits(tmp_path)) == {2**30, 2**29}
    own = tmp_path / "own"
    own.write_text("0::/outer/inner\n")
    inner = tmp_path / "outer" / "inner"
    inner.mkdir(parents=True)
    (inner / "memory.max").write_text("4096\n")
    (inner.parent / "memory.max").write_text("8192\n")
    assert set(_container_limits(tmp_path, own)) == {2**30, 2**29, 8192, 4096}


def test_the_hash_is_that_of_what_was_judged(onnxlint, write_model, team, tmp_path):
    import hashlib

    path = write_model(FLAWED)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    body = f"import shutil; shutil.copy({str(write_model(SOUND, 's.onnx'))!r}, 'new')\n"
    body += "os.replace('new', 'model.onnx')"
    done = onnxlint(path, "--static-only", "--rules", team(body), "--format", "json")
    (model,) = json.loads(done.stdout)["models"]
    assert model["sha256"] == digest
    assert "ARC001" in {finding["code"] for finding in model["findings"]}


def test_reports_survive_the_way_between_processes(onnxlint, write_model):
    from onnxlint import lint

    report = lint(write_model(FLAWED))
    assert decode(encode(report), ModelReport) == report
