"""The fuzzer: a small run of it, and that it notices what it is there for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from attacks import fuzz
from attacks.damage import BYTE_KINDS, FIELD_KINDS
from attacks.seeds import seeds
from conftest import SOUND
from onnx import ModelProto

from onnxlint.testing import model_from_text

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the fuzzer forks")

MUTANTS = 60
"""A run of some seconds; more are for `make fuzz`."""


def test_damaged_models_are_linted(tmp_path):
    command = [sys.executable, "-m", "attacks.fuzz", str(MUTANTS), "--seed", "0", "--keep", "kept"]
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    done = subprocess.run(
        command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": path}, capture_output=True,
        text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "--seed 0 --first 0" in done.stdout
    assert f"{MUTANTS} mutants of" in done.stdout
    assert not (tmp_path / "kept").exists()


def test_the_command_is_run_on_a_folder_of_mutants(tmp_path):
    fuzzer = fuzz.Fuzzer(1, [model_from_text(SOUND)], tmp_path, gently=True)
    tally = fuzz.fuzz_runs(fuzzer, 6, 0, fuzz.Keeper(tmp_path / "kept"))
    assert (tally.done, tally.failures) == (6, [])
    assert tally.refused + tally.ran > 0


def test_the_same_seed_makes_the_same_mutants(tmp_path):
    models = [model_from_text(SOUND)]
    one, same, other = (fuzz.Fuzzer(seed, models, tmp_path) for seed in (1, 1, 2))
    mutants = [one.mutant(index) for index in range(40)]
    assert mutants == [same.mutant(index) for index in reversed(range(40))][::-1]
    assert mutants != [other.mutant(index) for index in range(40)]


def test_every_kind_of_damage_can_be_done(random_source):
    models = [model for _, model in seeds()[::50]]
    for kind in BYTE_KINDS:
        assert kind(random_source, b"") is not None
    for kind in FIELD_KINDS:
        changed = 0
        for model in [*models, ModelProto()] * 3:
            copy = ModelProto()
            copy.CopyFrom(model)
            kind(random_source, copy, models)
            changed += copy != model
        assert changed, kind.__name__


@pytest.fixture
def random_source():
    from random import Random

    return Random(0)


def complain(path, way):
    return False, [("crash", "rule 'x' crashed")]


def die(path, way):
    os.kill(os.getpid(), signal.SIGSEGV)


def sleep(path, way):
    time.sleep(60)


def chatter(path, way):
    os.write(2, b"RuntimeWarning: overflow\n")
    return False, []


def toil(path, way):
    start = time.process_time()
    while time.process_time() - start < 0.5:
        pass
    return False, []


@pytest.mark.parametrize(
    ("act", "kind"),
    [(complain, "crash"), (die, "death"), (sleep, "limits"), (chatter, "noise"), (toil, "limits")],
)
def test_a_failure_is_noticed_and_the_next_mutant_still_linted(act, kind, tmp_path, monkeypatch):
    def judge(path, way):
        return act(path, way) if path.read_bytes() == b"bad" else (True, [])

    monkeypatch.setattr(fuzz, "_judge", judge)
    monkeypatch.setattr(fuzz, "HANG_SECONDS", 2.0)
    monkeypatch.setattr(fuzz, "SLOW_SECONDS", 0.3)
    fuzzer = fuzz.Fuzzer(0, [], tmp_path)
    monkeypatch.setattr(fuzzer, "mutant", lambda index: b"bad" if index in (11, 12) else b"good")
    tally = fuzz.Tally()
    for part in fuzzer.run(range(10, 14)):
        tally.add(part)
    assert [(failure.index, failure.kind) for failure in tally.failures] == [(11, kind), (12, kind)]
    assert tally.done == 4
    assert tally.refused == 2


def test_what_fails_is_kept_some_of_each_kind(tmp_path, capsys):
    keeper = fuzz.Keeper(tmp_path / "kept")
    for index in range(9):
        keeper.keep(fuzz.Failure(index, "crash", f"rule 'a{index}' crashed at {index}"), b"model")
    assert len(list((tmp_path / "kept").glob("*.onnx"))) == fuzz.KEPT_PER_REASON
    assert keeper.alike == {"crash: rule # crashed at #": 9}
    assert (tmp_path / "kept" / "crash-0.txt").read_text() == "rule 'a0' crashed at 0"
    assert capsys.readouterr().out.count("\n") == 1
