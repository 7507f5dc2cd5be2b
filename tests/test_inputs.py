"""Synthesised inputs are valid by construction; the user's data is checked before it is fed."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from onnxlint.analyses import Analyses
from onnxlint.analyses.inputs.inputs import Inputs
from onnxlint.model.file.errors import DataError
from onnxlint.model.file.load import open_model
from onnxlint.runtime.data.reading import read
from onnxlint.runtime.feeds.synthesis import Meaning, Slot, attempts
from onnxlint.settings import Settings

LANGUAGE_MODEL = """net (int64[batch, sequence] input_ids, int64[batch, sequence] attention_mask)
    => (float[batch, sequence, 4] y) <float[11, 4] table = {TABLE}> {
    e = Gather(table, input_ids)
    m = Cast<to: int = 1>(attention_mask)
    axes = Constant<value_ints: ints = [-1]>()
    mm = Unsqueeze(m, axes)
    y = Mul(e, mm)
}""".replace("TABLE", ", ".join("1" * 44))


@pytest.fixture
def inputs_of(write_model):
    def read(text: str, **settings) -> Inputs:
        with open_model(str(write_model(text))) as model:
            analyses = Analyses(Settings(**settings), model)
            try:
                return analyses.get(Inputs)
            finally:
                analyses.close()

    return read


def test_ids_stay_inside_the_table_and_masks_keep_a_token(inputs_of):
    inputs = inputs_of(LANGUAGE_MODEL)
    ids, mask = inputs.slots
    assert (ids.meaning, ids.bound) == (Meaning.INDEX, 11)
    assert mask.meaning is Meaning.MASK
    for attempt in inputs.attempts():
        for feed in attempt.feeds:
            assert feed["input_ids"].shape == feed["attention_mask"].shape
            assert feed["input_ids"].min() >= 0
            assert feed["input_ids"].max() < 11
            assert set(np.unique(feed["attention_mask"])) <= {0, 1}
            assert (feed["attention_mask"].sum(axis=-1) >= 1).all()


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("net (float[N, 3] x) => (float[N, 3] y) {y = Log(x)}", Meaning.POSITIVE),
        ("net (float[N, 3] x) => (float[N, 3] y) {y = Exp(x)}", Meaning.NOISE),
        ("net (uint8[1, 8, 8, 3] x) => (float[1, 8, 8, 3] y) {y = Cast<to: int = 1>(x)}",
         Meaning.PIXEL),
        ("net (bool[N] x) => (bool[N] y) {y = Not(x)}", Meaning.MASK),
        ("net (string[N] x) => (string[N] y) {y = Identity(x)}", Meaning.TEXT),
        ("net (int64[N] lengths) => (int64[N] y) {y = Neg(lengths)}", Meaning.LENGTH),
    ],
)  # fmt: skip
def test_meaning_of_an_input(text, meaning, inputs_of):
    (slot,) = inputs_of(text).slots
    assert slot.meaning is meaning


@pytest.mark.parametrize(
    ("text", "guessed"),
    [
        ("net (float[N, 3] x) => (float[N, 3] y) {y = Relu(x)}", False),
        ("net (float[N, T] x) => (float[N, T] y) {y = Relu(x)}", True),
        ("net (float[4] x, int64[2] s) => (float[2, 2] y) {y = Reshape(x, s)}", True),
    ],
)
def test_guesses_are_known_as_such(text, guessed, inputs_of):
    assert inputs_of(text).guessed is guessed


def test_what_cannot_be_fed_is_said(inputs_of):
    inputs = inputs_of("net (seq(float[N]) x) => (int64 y) {y = SequenceLength(x)}")
    assert inputs.obstacle == "input 'x' is not a tensor"


def test_same_seed_same_samples():
    slots = [Slot("x", "float32", ("N", 5))]
    one, two, other = (next(attempts(slots, 4, seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one.feeds[0]["x"], two.feeds[0]["x"])
    assert not np.array_equal(one.feeds[0]["x"], other.feeds[0]["x"])


def test_samples_are_of_two_kinds():
    (feed,) = next(attempts([Slot("x", "float32", ("N", 1000))], 4, 0)).feeds
    assert [sample.min() < 0 for sample in feed["x"]] == [True, False, True, False]
    assert feed["x"][1::2].max() < 1


def test_symbols_that_are_sums_follow_their_parts():
    slots = [Slot("a", "int64", ("batch", "past")), Slot("b", "int64", ("batch", "past + 1"))]
    for attempt in attempts(slots, 2, 0):
        assert attempt.sizes["past + 1"] == attempt.sizes["past"] + 1


def test_large_samples_are_run_one_by_one():
    attempt = next(attempts([Slot("x", "float32", ("N", 3, 512, 512))], 4, 0))
    assert attempt.samples_per_run == 1
    assert len(attempt.feeds) == 4


SLOTS = [Slot("x", "float32", ("N", 3)), Slot("ids", "int64", ("N", 2))]
ARRAYS = {"x": np.ones((5, 3)), "ids": np.zeros((5, 2), np.int32)}


def test_npz_is_cut_to_samples_and_cast(tmp_path):
    np.savez(tmp_path / "data.npz", **ARRAYS)
    (feed,) = read(tmp_path / "data.npz", SLOTS, 4, {}).feeds
    assert feed["x"].shape == (4, 3)
    assert (feed["x"].dtype, feed["ids"].dtype) == (np.float32, np.int64)


def test_folder_of_npy(tmp_path):
    for name, array in ARRAYS.items():
        np.save(tmp_path / f"{name}.npy", array)
    (feed,) = read(tmp_path, SLOTS, 99, {}).feeds
    assert len(feed["ids"]) == 5


def test_fixed_batch_makes_several_runs(tmp_path):
    np.savez(tmp_path / "data.npz", x=np.arange(15.0).reshape(5, 3))
    feeds = read(tmp_path / "data.npz", [Slot("x", "float32", (2, 3))], 5, {}).feeds
    assert [feed["x"].shape for feed in feeds] == [(2, 3)] * 3
    assert feeds[2]["x"][1].tolist() == feeds[2]["x"][0].tolist() == [12, 13, 14]


def test_samples_of_a_whole_input_each(tmp_path):
    np.savez(tmp_path / "data.npz", x=np.zeros((5, 1, 3)))
    feeds = read(tmp_path / "data.npz", [Slot("x", "float32", (1, 3))], 5, {}).feeds
    assert [feed["x"].shape for feed in feeds] == [(1, 3)] * 5


def test_onnx_test_data_sets(tmp_path):
    for number in range(2):
        folder = tmp_path / f"test_data_set_{number}"
        folder.mkdir()
        for position, (name, array) in enumerate(ARRAYS.items()):
            tensor = numpy_helper.from_array(array + number, name if number else "")
            (folder / f"input_{position}.pb").write_bytes(tensor.SerializeToString())
    feeds = read(tmp_path, SLOTS, 5, {}).feeds
    assert [feed["x"].max() for feed in feeds] == [1, 2]


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"x": np.ones((5, 3)), "y": np.ones(5)}, "no array for input 'ids'"),
        ({**ARRAYS, "ids": np.ones((5, 2))}, "is float64, model expects int64"),
        ({**ARRAYS, "x": np.ones((5, 4))}, "model expects [N, 3]"),
        ({**ARRAYS, "x": np.ones((4, 3))}, "different numbers of samples"),
    ],
)
def test_data_that_does_not_fit(arrays, sentence, tmp_path):
    np.savez(tmp_path / "data.npz", **arrays)
    with pytest.raises(DataError) as caught:
        _ = read(tmp_path / "data.npz", SLOTS, 5, {}).feeds
    assert sentence in str(caught.value)


def test_findings_on_data_are_not_called_synthetic(write_model, onnxlint, tmp_path):
    path = write_model("net (float[N, 3] x) => (float[N, 3] y) {h = Neg(x)  y = Relu(h)}")
    np.savez(tmp_path / "data.npz", x=np.ones((4, 3), np.float32))
    done = onnxlint(path, "--data", "data.npz", "--format", "json", "--select", "dead-relu")
    assert '"synthetic": false' in done.stdout
    assert '"samples": 4' in done.stdout


def test_model_saved_with_data_beside_it(tmp_path, onnxlint):
    model = onnx.parser.parse_model(
        '<ir_version: 10, opset_import: ["" : 21]>\n'
        "net (float[N, 200] x) => (float[N, 200] y) {y = MatMul(x, w)}"
    )
    weight = numpy_helper.from_array(np.full((200, 200), np.nan, np.float32), "w")
    model.graph.initializer.append(weight)
    path = tmp_path / "model.onnx"
    onnx.save(model, path, save_as_external_data=True, location="w.bin", size_threshold=0)
    done = onnxlint(path, "--select", "WGT001,RUN,ACT")
    assert "WGT001" in done.stdout
    (tmp_path / "w.bin").unlink()
    done = onnxlint(path)
    assert done.returncode == 1
    assert "SEC002" in done.stdout
