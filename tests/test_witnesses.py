"""Inputs that show a NaN are saved as small as they were found, and show it again."""

import json
import re
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onnxlint.analyses import Analyses
from onnxlint.analyses.execution.reruns import Reruns
from onnxlint.analyses.execution.worker import Worker, WorkerDied
from onnxlint.analyses.trace.trace import Trace
from onnxlint.analyses.trace.witnesses import Witnesses, WitnessFolder
from onnxlint.model.file.load import open_model
from onnxlint.runtime.data import archives
from onnxlint.runtime.data.reading import read
from onnxlint.runtime.data.saving import save
from onnxlint.runtime.feeds.synthesis import Slot
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


def fed_threes(tmp_path):
    threes = np.full((2, 8), 3, np.float32)
    return Settings(data=fed(tmp_path, x=threes, z=threes), witnesses=tmp_path / "witnesses")


@contextmanager
def judged(model, settings):
    """The evidence of the first origin of NaN, and the witnesses."""
    with (
        open_model(str(model)) as opened,
        closing(Worker(60.0)) as worker,
        closing(Analyses(settings, opened, worker)) as analyses,
    ):
        witnesses = analyses.get(Witnesses)
        (origin,) = analyses.get(Trace).origins(lambda seen: seen.nan)
        yield witnesses.of(origin, "ACT001"), witnesses


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
    assert found.evidence == {
        "at_limits": "an all-zero sample",
        "witness": str(tmp_path / "model-ACT001-d.npz"),
    }
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
    assert f"reproduce with --data {saved}" in done.stdout
    replayed = onnxlint(model, "--select", "ACT001", "--data", saved)
    assert replayed.returncode == 1, replayed
    assert "ACT001" in replayed.stdout


def test_folder_that_cannot_be_written_is_told_beside_the_finding(onnxlint, write_model, tmp_path):
    (tmp_path / "file").write_text("")
    done = onnxlint(write_model(HIDDEN), "--select", "ACT001",
                    "--save-witness", tmp_path / "file" / "folder")  # fmt: skip
    assert done.returncode == 2  # what was asked for is not there
    assert "LNT002 incomplete-analysis" in done.stdout
    assert "ACT001 nan-origin" in done.stdout
    assert "first node to output NaN: its inputs contain none" in done.stdout
    assert "      witness not saved: " in done.stdout
    assert "cannot be written (Not a directory)" in done.stdout
    assert "hint: choose another folder for --save-witness" in done.stdout
    assert "incomplete: " not in done.stdout
    assert "Traceback" not in done.stderr


def disk_full(file, *_):
    file.write(b"PK")
    raise OSError(28, "No space left on device")


def gone(*_):
    raise WorkerDied("the worker was gone")


@pytest.mark.parametrize(
    ("fault", "reason"),
    [(disk_full, "No space left on device"), (PermissionError(13, "Permission denied"), "denied"),
     (MemoryError(), "MemoryError"), (ValueError("too large"), "too large")],
    ids=range(4),
)  # fmt: skip
def test_finding_stays_where_its_witness_does_not(
    fault, reason, tmp_path, write_model, monkeypatch
):
    def raising(*_):
        raise fault

    monkeypatch.setattr(archives, "write", fault if fault is disk_full else raising)
    with judged(write_model(ROOT), fed_threes(tmp_path)) as (found, witnesses):
        assert list(found) == ["witness_problem"]
        assert witnesses.problems == [found["witness_problem"]]
    assert reason in found["witness_problem"]
    assert not any((tmp_path / "witnesses").iterdir())


def test_link_that_the_file_system_lacks(tmp_path, write_model, monkeypatch):
    def refused(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(Path, "hardlink_to", refused)
    for _ in range(2):
        with judged(write_model(ROOT), fed_threes(tmp_path)) as (found, _):
            pass
        (saved,) = (tmp_path / "witnesses").iterdir()
        assert found == {"witness": str(saved)}
        assert np.load(saved)["x"].shape == (1, 8)


def test_worker_that_dies_leaves_the_whole_feed(tmp_path, write_model, monkeypatch):
    monkeypatch.setattr(Witnesses, "_smallest", gone)
    with judged(write_model(ROOT), fed_threes(tmp_path)) as (found, witnesses):
        assert not witnesses.problems
    assert np.load(found["witness"])["x"].shape == (2, 8)


NODES = ["n" * 300, "a/b", "../../../x", "", ".", "é" * 200, "\x1b[31m", "a b", "con", "x\0y", "-x"]


def test_names_of_files_are_short_safe_and_each_another(tmp_path):
    seen = set()
    for name in [*NODES, "n" * 301, "a?b", "Sqrt_1"]:
        node = SimpleNamespace(name=name, op="Sqrt", index=1, scope=SimpleNamespace(path=""))
        for folder in ("one", "two"):
            model = str(tmp_path / folder / ("m" * 240 + ".onnx"))
            evidence = WitnessFolder(tmp_path, model).saved(node, "ACT001", {"x": np.ones(1)})
            saved = Path(evidence["witness"])
            assert saved.parent == tmp_path
            assert len(saved.name.encode()) <= 143
            assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\.npz", saved.name)
            seen.add(saved)
    assert len(seen) == 2 * (len(NODES) + 3)
    assert {*tmp_path.iterdir()} == seen


def test_long_name_of_a_node_keeps_its_finding(tmp_path, write_model):
    model = onnx.load(write_model(ROOT))
    model.graph.node[1].name = "n" * 300
    onnx.save(model, tmp_path / "model.onnx")
    given = fed_threes(tmp_path)
    (found,) = run_rule(nan_origin, tmp_path / "model.onnx", settings=given).findings
    assert Path(found.evidence["witness"]).is_file()


def test_nothing_but_an_older_witness_of_the_same_is_replaced(tmp_path, write_model):
    data, folder = fed_threes(tmp_path), tmp_path / "witnesses"
    folder.mkdir()
    (folder / "model-ACT001-root.npz").write_text("mine")
    with judged(write_model(ROOT), data) as (first, _):
        pass
    with judged(write_model(ROOT), data) as (again, _):
        pass
    assert first == again
    assert (folder / "model-ACT001-root.npz").read_text() == "mine"
    assert len([*folder.iterdir()]) == 2
    hidden = tmp_path / "hidden"
    hidden.write_text("mine")
    saved = Path(first["witness"])
    saved.unlink()
    saved.symlink_to(hidden)
    with judged(write_model(ROOT), data) as (found, witnesses):
        assert list(found) == ["witness_problem"]
        assert "already exists" in witnesses.problems[0]
    assert hidden.read_text() == "mine"


INPUTS = ["file", "allow_pickle", "../x", "a/b", "a_b", "x.npy", ".npy", "a b", "\\", ":", "é",
          "arr_1", "arr_0", "self", "x" * 300, "\x1b[31m", "a\nb", "/", "//x", "x/"]  # fmt: skip
ODD_INPUTS = [INPUTS, [*INPUTS, "a\0b"], [*INPUTS, "\udcff"], [*INPUTS, "y" * 70_000],
              ["arr\x001", "arr\x000"], ["only\0one"]]  # fmt: skip


@pytest.mark.parametrize("names", ODD_INPUTS, ids=range(len(ODD_INPUTS)))
def test_every_name_of_an_input_comes_back(names, tmp_path):
    slots = [Slot(name, "float32", ("N", 2)) for name in names]
    feed = {name: np.full((3, 2), at, np.float32) for at, name in enumerate(names)}
    saved = save(tmp_path, ["w.npz"], feed, b"mark")
    (run,) = read(saved, slots, 8, {}).feeds
    assert {name: array.tolist() for name, array in run.items()} == {
        name: array.tolist() for name, array in feed.items()
    }


@settings(deadline=None)  # files are written and read
@given(st.lists(st.text(min_size=1), min_size=1, max_size=5, unique=True))
def test_any_name_of_an_input_comes_back(names):
    slots = [Slot(name, "int64", ("N",)) for name in names]
    with tempfile.TemporaryDirectory() as folder:
        feed = {name: np.full(2, at) for at, name in enumerate(names)}
        saved = save(Path(folder), ["w.npz"], feed, b"mark")
        (run,) = read(saved, slots, 8, {}).feeds
    assert [int(run[name][0]) for name in names] == list(range(len(names)))


@pytest.mark.parametrize("dtype", ["bool", "float16", "int8", "uint64", "complex64", "str"])
@pytest.mark.parametrize("shape", [(), (0, 2), (1, 2), (3, 2, 4)])
def test_every_feed_comes_back(dtype, shape, tmp_path):
    array = np.ones(shape, dtype) if dtype != "str" else np.full(shape, "één", object)
    with save(tmp_path, ["w.npz"], {"x": array}, b"mark").open("rb") as file:
        loaded = np.load(file, allow_pickle=False)["x"]
    assert loaded.shape == shape
    assert loaded.astype(array.dtype).tolist() == array.tolist()
    long = np.array(["x" * (1 << 20)] + [""] * 999, object)
    with pytest.raises(ValueError, match="1,000 texts of up to 1,048,576 characters"):
        save(tmp_path, ["v.npz"], {"x": long}, b"mark")
    assert [file.name for file in tmp_path.iterdir()] == ["w.npz"]


def test_model_with_odd_inputs_is_replayed(tmp_path, write_model):
    model = onnx.load(write_model(ROOT))
    rename = {"x": "file", "z": "../allow_pickle"}
    for node in model.graph.node:
        node.input[:] = [rename.get(name, name) for name in node.input]
    for value in model.graph.input:
        value.name = rename[value.name]
    onnx.save(model, tmp_path / "odd.onnx")
    given = Settings(witnesses=tmp_path / "witnesses", samples=64)
    (found,) = run_rule(nan_origin, tmp_path / "odd.onnx", settings=given).findings
    replayed = Settings(data=Path(found.evidence["witness"]))
    assert run_rule(nan_origin, tmp_path / "odd.onnx", settings=replayed).findings


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
