"""Inputs that show a NaN are saved as small as they were found, and show it again."""

import json
from contextlib import closing

import numpy as np
import pytest

from onnxlint.analyses import Analyses
from onnxlint.analyses.reruns import Reruns
from onnxlint.analyses.trace import Trace
from onnxlint.analyses.witnesses import Witnesses
from onnxlint.analyses.worker import Worker
from onnxlint.model.load import open_model
from onnxlint.settings import Settings
from onnxlint.testing import run_rule
from onnxlint_rules.act.nan_origin import nan_origin
from onnxlint_rules.act.swallowed_nan import swallowed_nan

ROOT = """net (float[N, 8] x, float[N, 8] z) => (float[N, 8] y)
<float two = {2}> {
    rest = Sub(two, x)
    [root] bad = Sqrt(rest)
    y = Add(bad, z)
}"""

HIDDEN = """net (float[3, 8] x) => (int64[3] y)
<float half = {0.5}> {
    rest = Sub(half, x)
    [root] bad = Sqrt(rest)
    [choice] y = ArgMax <axis = 1, keepdims = 0> (bad)
}"""


def fed(tmp_path, **arrays):
    path = tmp_path / "given.npz"
    np.savez(path, **arrays)
    return path


def test_witness_is_one_number_of_one_sample(tmp_path, write_model):
    x = np.linspace(0.1, 1.9, 48, dtype=np.float32).reshape(6, 8)
    x[4, 5] = 3
    data = fed(tmp_path, x=x, z=np.ones_like(x))
    model = write_model(ROOT)
    given = Settings(data=data, witnesses=tmp_path / "new" / "witnesses")
    (found,) = run_rule(nan_origin, model, settings=given).findings
    saved = tmp_path / "new" / "witnesses" / "model-ACT001-root.npz"
    assert found.evidence == {"witness": str(saved)}
    witness = np.load(saved)
    expected = np.zeros((1, 8), np.float32)
    expected[0, 5] = 3
    assert np.array_equal(witness["x"], expected)
    assert np.array_equal(witness["z"], np.zeros((1, 8), np.float32))
    (again,) = run_rule(nan_origin, model, settings=Settings(data=saved)).findings
    assert again.place == found.place


def test_batch_that_is_fixed_stays_whole(tmp_path, write_model):
    x = np.full((3, 8), 0.25, np.float32)
    x[1, 2] = 3
    settings = Settings(data=fed(tmp_path, x=x), witnesses=tmp_path)
    (found,) = run_rule(swallowed_nan, write_model(HIDDEN), settings=settings).findings
    witness = np.load(found.evidence["witness"])["x"]
    assert witness.shape == (3, 8)
    assert np.count_nonzero(witness) == 1


def test_a_fault_at_the_limits_has_a_witness(tmp_path, write_model):
    text = """net (float[N, 4] x) => (float[N, 4] y) <int64[1] last = {1}>
    { square = Mul(x, x) sum = ReduceSum(square, last) size = Sqrt(sum) [d] y = Div(x, size) }"""
    model = write_model(text)
    (found,) = run_rule(nan_origin, model, settings=Settings(witnesses=tmp_path)).findings
    assert found.evidence == {"at_limits": True, "witness": str(tmp_path / "model-ACT001-d.npz")}
    assert np.array_equal(np.load(found.evidence["witness"])["x"], np.zeros((1, 4)))
    replayed = Settings(data=tmp_path / "model-ACT001-d.npz")
    assert run_rule(nan_origin, model, settings=replayed).findings


def test_another_user_of_the_worker_may_come_between(tmp_path, write_model):
    x = np.full((2, 8), 3, np.float32)
    given = Settings(data=fed(tmp_path, x=x, z=x), witnesses=tmp_path)
    with (
        open_model(str(write_model(ROOT))) as model,
        closing(Worker(60.0)) as worker,
        closing(Analyses(given, model, worker)) as analyses,
    ):
        (origin,) = analyses.get(Trace).origins(lambda seen: seen.nan)
        saved = []
        for _ in range(2):
            witness = analyses.get(Witnesses).of(origin, "ACT001")["witness"]
            saved.append(np.load(witness)["x"])
            analyses.get(Reruns).outputs(analyses.get(Reruns).attempt.feeds[0])
    assert np.count_nonzero(saved[0]) == 1
    assert np.array_equal(*saved)


def test_sound_model_has_no_witness(tmp_path, write_model):
    folder = tmp_path / "witnesses"
    x = np.ones((2, 8), np.float32)
    settings = Settings(data=fed(tmp_path, x=x, z=x), witnesses=folder)
    assert not run_rule(nan_origin, write_model(ROOT), settings=settings).findings
    assert not folder.exists()


def test_command_says_how_to_replay(onnxlint, write_model, tmp_path):
    model, folder = write_model(HIDDEN), tmp_path / "witnesses"
    done = onnxlint(model, "--select", "ACT001", "--save-witness", folder)
    (saved,) = folder.iterdir()
    assert f"replay it with --data {saved}" in done.stdout
    replayed = onnxlint(model, "--select", "ACT001", "--data", saved)
    assert replayed.returncode == 1, replayed
    assert "ACT001" in replayed.stdout


def test_folder_that_cannot_be_written_is_told(onnxlint, write_model, tmp_path):
    (tmp_path / "file").write_text("")
    done = onnxlint(write_model(HIDDEN), "--select", "ACT001",
                    "--save-witness", tmp_path / "file" / "folder")  # fmt: skip
    assert done.returncode == 2
    assert "cannot be written" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("trace", ["default", "full"])
def test_full_trace_is_in_the_report(trace, onnxlint, write_model):
    text = "net (float[4, 3] x) => (float[4, 3] y) { a = Abs(x) b = Neg(a) y = Exp(b) }"
    done = onnxlint(write_model(text), "--format", "json", "--trace", trace)
    (model,) = json.loads(done.stdout)["models"]
    if trace == "default":
        assert model["trace"] is None
        return
    rows = {row["value"]: row for row in model["trace"]}
    assert list(rows) == ["a", "b", "y"]
    assert rows["a"]["minimum"] == -rows["b"]["maximum"] >= 0
    assert rows["a"]["mean"] == pytest.approx(-rows["b"]["mean"])
    assert rows["a"]["deviation"] == pytest.approx(rows["b"]["deviation"])
    assert rows["y"]["maximum"] == pytest.approx(np.exp(rows["b"]["maximum"]))
    assert rows["y"]["p1"] <= rows["y"]["p50"] <= rows["y"]["p99"]
    assert rows["y"]["node"] == "" and rows["y"]["op_type"] == "Exp"


def test_full_trace_sees_once_what_depends_on_no_input(onnxlint, write_model):
    text = """net (float[N, 3] x) => (float[N, 3] y) <float[3] w = {1, 2, 3}>
    { c = Neg(w) d = Abs(c) h = Mul(x, d) y = Exp(h) }"""
    done = onnxlint(write_model(text), "--format", "json", "--trace", "full")
    (model,) = json.loads(done.stdout)["models"]
    rows = {row["value"]: row for row in model["trace"]}
    assert list(rows) == ["c", "d", "h", "y"]
    assert (rows["c"]["minimum"], rows["c"]["maximum"], rows["c"]["elements"]) == (-3, -1, 3)
    assert rows["h"]["elements"] == 8 * 3


def test_inspect_observes_every_value(onnxlint, write_model):
    text = "net (float[4, 3] x) => (float[4, 3] y) { a = Abs(x) b = Neg(a) y = Exp(b) }"
    done = onnxlint("inspect", write_model(text), "--json", "--trace", "full")
    assert all(layer["maximum"] is not None for layer in json.loads(done.stdout)["layers"])
