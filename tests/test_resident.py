"""`onnxlint serve`: the same outcome as without it, from a process that has everything loaded."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given

from onnxlint.resident.request import LENGTH, Request

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="its sockets and signals")

COMMAND = str(Path(sys.executable).with_name("onnxlint"))
DEMO = Path(__file__).parents[1] / "fixtures" / "demo"
FLAWED = str(DEMO / "flawed.onnx")
ENDLESS = """<ir_version: 8, opset_import: ["" : 17]>
net (float[1] x) => (float[1] y) {
    n = Constant <value = int64 {9000000000}> ()
    c = Constant <value = bool {1}> ()
    y = Loop (n, c, x) <body = b (int64 i, bool g, float[1] a) => (bool o, float[1] z) {
        o = Identity(g)
        z = Cos(a)
    }>
}"""
PATIENCE = 60.0
"""Seconds until something that must happen is taken not to."""

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """The folder of the socket, whose path may have a hundred characters."""
    with tempfile.TemporaryDirectory(prefix="onnxlint-") as folder:
        yield Path(folder)


@pytest.fixture
def other_home() -> Iterator[Path]:
    """One for a resident process of a test's own."""
    with tempfile.TemporaryDirectory(prefix="onnxlint-") as folder:
        yield Path(folder)


def environment(home: Path, **more: str) -> dict[str, str]:
    own = {"XDG_RUNTIME_DIR": str(home), "ONNXLINT_NO_CACHE": "1", "ONNXLINT_NO_SERVER": "0"}
    return os.environ | own | more


@contextmanager
def started(home: Path, *options: str, **more: str) -> Iterator[subprocess.Popen[str]]:
    """A resident process that listens, and has ended well afterwards."""
    with subprocess.Popen(
        [COMMAND, "serve", *options], env=environment(home, **more), text=True,
        stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
    ) as server:  # fmt: skip
        assert server.stderr is not None
        assert server.stderr.readline().startswith("serving onnxlint commands at ")
        yield server
        server.terminate()
        assert server.wait(PATIENCE) == 0


def test_it_ends_well_before_it_has_loaded_anything(other_home: Path):
    with started(other_home):
        pass
    assert not [each for each in other_home.rglob("*") if each.is_socket()]


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[subprocess.Popen[str]]:
    with started(home) as running:
        yield running


@pytest.fixture
def run(server: subprocess.Popen[str], home: Path) -> Run:
    """Runs a command beside the resident process."""

    def runs(*arguments: str, python: tuple[str, ...] = (), **options: object):
        given = {"env": environment(home), "capture_output": True, "text": True} | options
        return subprocess.run(  # type: ignore[call-overload]
            [sys.executable, *python, COMMAND, *arguments], **given, timeout=PATIENCE
        )

    return runs


@pytest.mark.parametrize(
    "arguments",
    [
        (FLAWED, "--static-only", "--format", "github"),
        (FLAWED, "--format", "github"),
        (str(DEMO / "sound.onnx"), "--static-only", "--format", "github"),
        ("check", FLAWED, "--select", "ARC", "--format", "github"),
        ("no/such.onnx",),
        ("--no-such-option", "model.onnx"),
        ("check", "--help"),
    ],
)
def test_the_outcome_is_the_same(run: Run, home: Path, arguments: tuple[str, ...]):
    served = run(*arguments)
    alone = run(*arguments, env=environment(home, ONNXLINT_NO_SERVER="1"))
    assert (served.returncode, served.stdout, served.stderr) == (
        alone.returncode, alone.stdout, alone.stderr
    )  # fmt: skip


def loads_click(done: subprocess.CompletedProcess[str]) -> bool:
    """Whether a command that ran with `-X importtime` ran in its own process."""
    return "click.core" in done.stderr


def test_a_served_command_loads_nothing_itself(run: Run, home: Path):
    arguments = (FLAWED, "--static-only")
    assert not loads_click(run(*arguments, python=("-X", "importtime")))
    own = environment(home, ONNXLINT_NO_SERVER="1")
    assert loads_click(run(*arguments, python=("-X", "importtime"), env=own))


def test_folder_mask_and_standard_input_are_those_of_the_command(run: Run, tmp_path: Path):
    shutil.copy(FLAWED, tmp_path / "model.onnx")
    done = run("model.onnx", "--static-only", "--output", "report.txt", cwd=tmp_path, umask=0o077)
    assert done.returncode == 1
    assert (tmp_path / "report.txt").stat().st_mode & 0o777 == 0o600
    with Path(FLAWED).open("rb") as model:
        piped = run("-", "--static-only", stdin=model)
    assert "ARC001" in piped.stdout


def test_limits_are_those_of_the_command(run: Run, home: Path):
    done = subprocess.run(
        ["sh", "-c", 'ulimit -f 0; exec "$@"', "sh", COMMAND, FLAWED, "--static-only",
         "--output", str(home / "report.txt")],
        env=environment(home), capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == 2
    assert "File too large" in done.stderr


@pytest.mark.parametrize(
    ("variables", "options"), [({"LC_ALL": "C"}, ()), ({"TZ": "Asia/Tokyo"}, ()), ({}, ("-P",))]
)
def test_another_interpreter_is_not_served(
    run: Run, home: Path, variables: dict[str, str], options: tuple[str, ...]
):
    other = environment(home, **variables)
    python = (*options, "-X", "importtime")
    done = run(FLAWED, "--static-only", python=python, env=other)
    assert done.returncode == 1 and loads_click(done)


def endless(tmp_path: Path) -> str:
    import onnx

    path = tmp_path / "endless.onnx"
    onnx.save(onnx.parser.parse_model(ENDLESS), path)
    return str(path)


def begun(home: Path, model: str) -> subprocess.Popen[str]:
    """A command that runs for long, and has a child of the resident process at work."""
    return subprocess.Popen(
        [COMMAND, model, "--time-limit", "600"], env=environment(home), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def commands(server: int) -> set[int]:
    """The processes that run commands for it, and theirs: not the worker that it has ready."""
    import psutil

    found = set[int]()
    for each in psutil.Process(server).children():
        with suppress(psutil.NoSuchProcess, ProcessLookupError):  # it has just ended
            if os.getsid(each.pid) == each.pid:
                found |= {each.pid, *(below.pid for below in each.children(recursive=True))}
    return found


def until(happens: Callable[[], bool]) -> bool:
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        if happens():
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_ends_the_command_there(
    server: subprocess.Popen[str], home: Path, tmp_path: Path, number: signal.Signals
):
    client = begun(home, endless(tmp_path))
    assert until(lambda: len(commands(server.pid)) >= 2)  # the command, and its judge
    client.send_signal(number)
    client.communicate(timeout=PATIENCE)
    assert client.returncode == {signal.SIGINT: 130}.get(number, -number)
    assert until(lambda: not commands(server.pid))


def test_many_commands_at_once(run: Run, home: Path):
    commands = [
        subprocess.Popen([COMMAND, FLAWED, "--static-only"], env=environment(home),
                         stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]  # fmt: skip
    for each in commands:
        told, _ = each.communicate(timeout=PATIENCE)
        assert each.returncode == 1 and "ARC001" in told


def test_there_is_one_for_an_installation(run: Run):
    second = run("serve")
    assert second.returncode == 2
    assert second.stderr.startswith("Error: one runs already, at ")
    assert run("serve", "--detach").returncode == 0


def test_it_ends_when_idle(other_home: Path):
    with started(other_home, "--idle", "0.001") as idle:
        assert idle.wait(PATIENCE) == 0
    assert [*(other_home / "onnxlint").iterdir()] == []


def test_code_that_changed_is_not_served(run: Run, other_home: Path, tmp_path: Path):
    own = environment(other_home, PYTHONPATH=str(tmp_path))
    arguments = (FLAWED, "--static-only")
    with started(other_home, PYTHONPATH=str(tmp_path)) as stale:
        assert not loads_click(run(*arguments, python=("-X", "importtime"), env=own))
        (tmp_path / "new.py").touch()
        done = run(*arguments, python=("-X", "importtime"), env=own)
        assert done.returncode == 1 and "ARC001" in done.stdout and loads_click(done)
        assert stale.wait(PATIENCE) == 0


def test_a_folder_that_others_may_write_to_is_not_used(run: Run, tmp_path: Path):
    shared = tmp_path / "onnxlint"
    shared.mkdir()
    shared.chmod(0o777)
    refused = run("serve", env=environment(tmp_path))
    assert refused.returncode == 2 and "others may write or read there" in refused.stderr
    assert run(FLAWED, "--static-only", env=environment(tmp_path)).returncode == 1


@given(
    st.lists(st.binary(max_size=9).filter(lambda each: b"\0" not in each)),
    st.dictionaries(
        st.binary(min_size=1, max_size=5).filter(lambda each: not {0, 61} & {*each}),
        st.binary(max_size=5).filter(lambda each: b"\0" not in each),
    ),
)
def test_a_request_is_what_was_told(arguments: list[bytes], variables: dict[bytes, bytes]):
    told = Request(arguments, b"/a", variables, {"CPU": (-1, 5)}, 0o22, 3, [0, 2])
    whole = told.encoded()
    assert int.from_bytes(whole[:LENGTH], "big") == len(whole) - LENGTH
    heard = Request.decoded(whole[LENGTH:])
    assert heard is not None and vars(heard) == vars(told)


def test_another_version_is_not_understood():
    whole = Request([], b"/", {}, {}, 0, 0, []).encoded()[LENGTH:]
    assert Request.decoded(b"0.0" + whole) is None
