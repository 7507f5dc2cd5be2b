"""DAT rules: near misses, and what their docstrings do not show."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from onnxlint.config import load
from onnxlint.findings import Diagnostic
from onnxlint.job import plan
from onnxlint.pipeline import lint_model
from onnxlint.rules.packs import discover
from onnxlint.rules.rule import Rule
from onnxlint.runtime.statistics.features import measure_features
from onnxlint.settings import InputContract, Settings
from onnxlint.severity import Severity, Stage
from onnxlint.testing import Example, run_rule, saved
from onnxlint_rules.dat.constant_feature import constant_feature
from onnxlint_rules.dat.duplicate_samples import duplicate_samples
from onnxlint_rules.dat.input_format import input_format
from onnxlint_rules.dat.input_range import input_range
from onnxlint_rules.dat.nonfinite_input import nonfinite_input
from onnxlint_rules.dat.padding_heavy import padding_heavy
from onnxlint_rules.dat.unnormalised_input import unnormalised_input

RANDOM = np.random.default_rng(0)
PIXELS = RANDOM.integers(0, 256, (20, 3, 8, 8)).astype(np.float32)
NORMAL = RANDOM.standard_normal((200, 3)).astype(np.float32)


def judged(
    rule: Rule, tmp_path: Path, text: str, contracts: dict[str, InputContract] | None = None,
    **data: np.ndarray,
) -> tuple[Diagnostic, ...]:  # fmt: skip
    """What a rule says of a model that is fed these arrays."""
    np.savez(tmp_path / "data.npz", **data)
    settings = Settings(data=tmp_path / "data.npz", inputs=contracts or {})
    with saved(Example.parse(text)) as path:
        report = run_rule(rule, path, settings=settings)
    assert report.complete, report
    return report.findings


SHAPES = arrays.array_shapes(min_dims=2, max_dims=4, max_side=5)


@given(arrays.arrays(np.float32, SHAPES, elements=st.floats(width=32)), st.integers(0, 3),
       st.integers(1, 4))  # fmt: skip
def test_features_are_those_of_numpy(array: np.ndarray, axis: int, parts: int) -> None:
    axis %= array.ndim
    with np.errstate(all="ignore"):
        seen = measure_features(np.array_split(array, parts), axis if axis else None)
    rows = np.moveaxis(array, axis, -1).reshape(-1, array.shape[axis]) if axis else (
        array.reshape(-1, 1))  # fmt: skip
    for at, column in enumerate(rows.T.astype(np.float64)):
        finite = column[np.isfinite(column)]
        assert seen.nan[at] == np.isnan(column).sum()
        assert seen.infinite[at] == np.isinf(column).sum()
        assert seen.count[at] == finite.size
        if finite.size:
            assert (seen.minimum[at], seen.maximum[at]) == (finite.min(), finite.max())
            scale = np.abs(finite).max()
            assert seen.mean[at] == pytest.approx(finite.mean(), rel=1e-6, abs=scale * 1e-12)
            assert seen.spread[at] == pytest.approx(finite.std(), rel=1e-6, abs=scale * 1e-7)


def test_channels_last_are_an_error_at_the_input(tmp_path, write_model, onnxlint):
    path = write_model(
        "net (float[N, 3, 8, 8] image) => (float[N, 3, 8, 8] y) {y = Relu(image) z = Neg(image)}"
    )
    np.save(tmp_path / "image.npy", PIXELS.transpose(0, 2, 3, 1))
    done = onnxlint(path, "--data", "image.npy")
    assert done.returncode == 1
    assert "error DAT001 input-format" in done.stdout
    assert "'image': input 'image' has shape [20, 8, 8, 3], model expects" in done.stdout
    assert "the data appears to be NHWC instead of NCHW" in done.stdout
    assert "Neg #1: no output depends on this node" in done.stdout
    assert "incomplete: " not in done.stdout
    asked = (("--ignore", "DAT001"), "incomplete"), (("--select", "dead-relu"), "cannot lint")
    for choice, word in asked:
        done = onnxlint(path, "--data", "image.npy", *choice)
        assert done.returncode == 2
        assert f"{word}: input 'image' has shape" in done.stdout


def test_a_dtype_that_onnxruntime_refuses_is_an_info(tmp_path):
    text = "net (float[N, 3] x) => (float[N, 3] y) {y = Relu(x)}"
    (found,) = judged(input_format, tmp_path, text, x=NORMAL.astype(np.float64))
    assert found.severity is Severity.INFO
    assert found.message == "data is float64, model expects float32 (converted)"
    assert not judged(input_format, tmp_path, text, x=NORMAL)


SCALED = """net (float[N, 3, 8, 8] x) => (float[N, 2, 8, 8] y)
<float[2, 3, 1, 1] w = {1, 2, 3, 4, 5, 6}, float[1, 3, 1, 1] mean = {%s}, float spread = {%s}>
{ c = Sub(x, mean) n = Div(c, spread) y = Conv(n, w) }"""
IMAGENET = SCALED % ("0.485, 0.456, 0.406", "0.226")
CAFFE = SCALED % ("123, 116, 103", "1")
BY_255 = SCALED % ("0, 0, 0", "255")
UNIT = SCALED % ("0, 0, 0", "1")
TIMES_255 = BY_255.replace("Div", "Mul")


@pytest.mark.parametrize(
    ("text", "data", "sentence"),
    [
        (IMAGENET, PIXELS, "after the graph's own normalisation (limit 20): wrong scale"),
        (IMAGENET, PIXELS / 255, None),
        (BY_255, PIXELS, None),
        (BY_255, PIXELS / 255, "appear to be normalised already, and the graph normalises again"),
        (BY_255, PIXELS * 257, "(limit 20): wrong scale"),
        (CAFFE, PIXELS, None),
        (UNIT, PIXELS, None),
        (TIMES_255, PIXELS / 255, None),
        (BY_255, np.zeros((4, 3, 8, 8), np.float32), None),
        (BY_255, np.full((4, 3, 8, 8), np.nan, np.float32), None),
    ],
)
def test_the_scale_that_the_graph_expects(text, data, sentence, tmp_path):
    messages = [found.message for found in judged(input_range, tmp_path, text, x=data)]
    assert len(messages) == (sentence is not None)
    assert all(sentence in message for message in messages)


NORM = """net (float[N, 3] x) => (float[N, 3] y)
<float[3] one = {1, 1, 1}, float[3] zero = {0, 0, 0}, float[3] m = {%s}, float[3] v = {%s}>
{ y = BatchNormalization(x, one, zero, m, v) }"""
SCALER = """<ir_version: 8, opset_import: ["" : 15, "ai.onnx.ml" : 1]>
net (float[N, 3] x) => (float[N, 3] y)
{ y = ai.onnx.ml.Scaler<offset = [2000.0, 5.0, 0.0], scale = [0.1, 0.01, 1.0]>(x) }"""


@pytest.mark.parametrize(
    ("text", "data", "fires"),
    [
        (NORM % ("0, 0, 0", "1, 1, 1"), NORMAL * 99, False),  # nothing learnt yet
        (NORM % ("50, 60, 70", "4, 4, 4"), NORMAL * 2 + 60, False),
        (NORM % ("50, 60, 70", "0.4, 0.4, 0.4"), NORMAL, True),
        (SCALER, NORMAL * [10, 100, 1] + [2000, 5, 0], False),
        (SCALER, NORMAL * [10, 100, 1] + [20000, 50000, 0], True),
    ],
)
def test_the_scale_that_was_learnt(text, data, fires, tmp_path):
    assert bool(judged(input_range, tmp_path, text, x=data.astype(np.float32))) is fires


def test_the_contract_decides(tmp_path):
    contract = {"x": InputContract(range=(0, 255))}
    assert not judged(input_range, tmp_path, IMAGENET, contract, x=PIXELS)
    (found,) = judged(input_range, tmp_path, BY_255, contract, x=PIXELS - 3)
    assert (found.severity, found.measured, found.limit) == (Severity.ERROR, -3, 0)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (np.full((2, 8, 8, 3), 100, np.int8), "data is int8, model expects uint8"),
        (
            np.eye(8, dtype=np.uint8)[None, ..., None].repeat(3, -1),
            "image bytes are only 0 or 1 (expected 0 to 255)",
        ),
        (np.full((2, 8, 8, 3), 100, np.uint8), None),
    ],
)
def test_bytes_of_another_kind(data, sentence, tmp_path):
    text = "net (uint8[N, 8, 8, 3] x) => (float[N, 8, 8, 3] y) {y = Cast<to = 1>(x)}"
    messages = [found.message for found in judged(input_range, tmp_path, text, x=data)]
    assert len(messages) == (sentence is not None)
    assert all(sentence in message for message in messages)


DENSE = """net (float[N, 3] x) => (float[N, 4] y)
<float[3, 4] w = {%s}, float[4] b = {%s}> { h = MatMul(x, w) y = Add(h, b) }"""
USUAL = "0.3, -0.2, 0.5, 0.1, -0.4, 0.1, 0.6, -0.3, 0.2, 0.4, -0.5, 0.3"
FOLDED = "3e-3, -2e-3, 5e-3, 1e-3, -0.4, 0.1, 0.6, -0.3, 0.2, 0.4, -0.5, 0.3"
NONE = "0, 0, 0, 0"
FLAGS = (NORMAL > 0.5).astype(np.float32)


@pytest.mark.parametrize(
    ("text", "data", "sentences"),
    [
        (DENSE % (USUAL, NONE), NORMAL, []),
        (DENSE % (USUAL, NONE), NORMAL + 9, ["not centred; feature "]),
        (DENSE % (USUAL, NONE), NORMAL[:8] + 9, ["not centred; feature "]),
        (DENSE % (USUAL, NONE), NORMAL * 3 + 0.5, []),  # chance could do that
        (DENSE % (USUAL, NONE), FLAGS, []),
        (DENSE % (USUAL, NONE), (NORMAL + 5) / 20, []),  # within -1…1
        (DENSE % (USUAL, NONE), NORMAL * [900, 1, 1], ["feature scales differ by a factor of"]),
        (DENSE % (USUAL, NONE), NORMAL * [9, 1, 1], []),
        (DENSE % (FOLDED, NONE), NORMAL * [900, 1, 1], []),  # the weights make up for it
        (DENSE % (USUAL, "-0.9, -2.7, -5.4, -0.9"), NORMAL + 9, []),  # so does the bias
        (DENSE % (USUAL, NONE), NORMAL * [900, 0, 0] + [0, 9, 9], []),  # nothing to compare
    ],
)
def test_features_of_a_dense_layer(text, data, sentences, tmp_path):
    found = judged(unnormalised_input, tmp_path, text, x=data.astype(np.float32))
    assert len(found) == len(sentences), [each.message for each in found]
    assert all(sentence in each.message for each, sentence in zip(found, sentences, strict=True))
    assert all(each.severity is Severity.WARNING for each in found)


MANY = RANDOM.standard_normal((400, 3))


@pytest.mark.parametrize(
    ("mean", "bias", "stage", "severities"),
    [
        (0, NONE, Stage.TRAINED, []),
        (0.1, NONE, Stage.TRAINED, []),
        (0.6, NONE, Stage.TRAINED, [Severity.INFO]),
        (2, NONE, Stage.TRAINED, [Severity.WARNING]),
        (4, NONE, Stage.TRAINED, [Severity.WARNING]),
        (4, NONE, Stage.INIT, [Severity.WARNING]),
        (4, "0.1, -0.1, 0.2, 0", Stage.TRAINED, [Severity.WARNING]),  # as biases are drawn
        (4, "-0.4, -1.2, -2.4, -0.4", Stage.TRAINED, []),  # takes it back
        (4, "-0.4, -1.2, -2.4, -0.4", Stage.INIT, [Severity.WARNING]),  # by chance
    ],
)
def test_random_weights_take_no_offset_back(mean, bias, stage, severities, tmp_path):
    np.savez(tmp_path / "data.npz", x=(MANY + mean).astype(np.float32))
    settings = Settings(data=tmp_path / "data.npz", samples=400, stage=stage)
    with saved(Example.parse(DENSE % (USUAL, bias))) as path:
        report = run_rule(unnormalised_input, path, settings=settings, stage=stage)
    assert report.complete, report
    assert [found.severity for found in report.findings] == severities


@pytest.mark.parametrize(
    "body",
    [
        "n = LayerNormalization(x, one) y = MatMul(n, w)",
        "n = Div(x, one) y = MatMul(n, w)",
        "n = Relu(x) y = MatMul(n, w)",
        "m = Neg(x) n = MatMul(x, w) y = Add(n, n)",
    ],
)
def test_inputs_that_go_through_something_else_first(body, tmp_path):
    text = f"""net (float[N, 3] x) => (float[N, 3] y)
    <float[3, 3] w = {{1, 2, 3, 4, 5, 6, 7, 8, 9}}, float[3] one = {{1, 2, 1}}> {{ {body} }}"""
    assert not judged(unnormalised_input, tmp_path, text, x=NORMAL * 9 + 99)


@pytest.mark.parametrize(("factor", "fires"), [(1, True), (1 / 255, False)])
def test_raw_bytes_into_a_convolution_are_an_info(factor, fires, tmp_path):
    text = """net (float[N, 3, 8, 8] x) => (float[N, 2, 8, 8] y)
    <float[2, 3, 1, 1] w = {0.3, -0.2, 0.5, -0.4, 0.1, 0.6}> { y = Conv(x, w) }"""
    found = judged(unnormalised_input, tmp_path, text, x=PIXELS * np.float32(factor))
    assert [each.severity for each in found] == [Severity.INFO] * fires
    small = text.replace("0.3, -0.2, 0.5, -0.4, 0.1, 0.6", "1e-3, 2e-3, 5e-3, 4e-3, 1e-3, 6e-3")
    assert not judged(unnormalised_input, tmp_path, small, x=PIXELS * np.float32(factor))


TABLE = """net (float[N, 3] x) => (float[N, 3] y) <float[3, 3] w = {1, 2, 3, 4, 5, 6, 7, 8, 9}>
{ y = MatMul(x, w) }"""


def test_features_that_never_vary(tmp_path):
    data = NORMAL.copy()
    assert not judged(constant_feature, tmp_path, TABLE, x=data)
    data[:, 1] = 4
    (found,) = judged(constant_feature, tmp_path, TABLE, x=data)
    assert found.message == "1 of 3 features is constant over 200 samples (feature 1 = 4)"
    assert not judged(constant_feature, tmp_path, TABLE, x=data[:50])
    data[7, 1] = np.nan
    assert not judged(constant_feature, tmp_path, TABLE, x=data)


def test_dark_borders_are_no_constant_features_and_empty_channels_are(tmp_path):
    wide = np.zeros((100, 70), np.float32)
    wide[:, 5:60] = RANDOM.random((100, 55))
    weight = ", ".join("1" * 70)
    text = f"""net (float[N, 70] x) => (float[N, 1] y) <float[70, 1] w = {{{weight}}}>
    {{ y = MatMul(x, w) }}"""
    assert not judged(constant_feature, tmp_path, text, x=wide)
    wide[:, 65] = 3
    assert len(judged(constant_feature, tmp_path, text, x=wide)) == 1
    images = np.repeat(PIXELS, 5, axis=0)
    images[..., :2, :] = 0
    assert not judged(constant_feature, tmp_path, BY_255, x=images)
    images[:, 2] = 0
    (found,) = judged(constant_feature, tmp_path, BY_255, x=images)
    assert found.message == "1 of 3 channels is constant over 100 samples (channel 2 = 0)"


TREE = """<ir_version: 8, opset_import: ["" : 15, "ai.onnx.ml" : 3]>
net (float[N, 3] x) => (float[N, 1] y) { y = ai.onnx.ml.TreeEnsembleRegressor<
    n_targets = 1, nodes_falsenodeids = [0], nodes_featureids = [0], nodes_modes = ["LEAF"],
    nodes_nodeids = [0], nodes_treeids = [0], nodes_truenodeids = [0], nodes_values = [0.0],
    target_ids = [0], target_nodeids = [0], target_treeids = [0], target_weights = [1.0]>(x) }"""
IMPUTED = """<ir_version: 8, opset_import: ["" : 15, "ai.onnx.ml" : 1]>
net (float[N, 3] x) => (float[N, 3] y)
{ y = ai.onnx.ml.Imputer<imputed_value_floats = [0.0], replaced_value_float = nan>(x) }"""


@pytest.mark.parametrize(
    ("text", "number", "fires"),
    [
        (TABLE, np.nan, True),
        (TABLE, -np.inf, True),
        (TABLE, 1.0, False),
        (TREE, np.nan, False),
        (IMPUTED.replace("nan", "-1.0"), np.nan, False),
        (IMPUTED.replace("nan", "-1.0"), np.inf, True),
        ("net (float[N, 3] x) => (float[N, 3] y) {y = Clip(x)}", np.inf, False),
        ("net (float[N, 3] x) => (float[N, 3] y) {y = Clip(x)}", np.nan, True),
    ],
)
def test_numbers_that_are_none(text, number, fires, tmp_path):
    data = NORMAL[:9].copy()
    data[4, 2] = number
    found = judged(nonfinite_input, tmp_path, text, x=data)
    assert [each.severity for each in found] == [Severity.ERROR] * fires
    assert all("1 of 27 values are" in each.message for each in found)
    assert all("(feature 2)" in each.message for each in found if text == TABLE)


def test_duplicates_over_all_inputs(tmp_path):
    text = "net (float[N, 3] x, int64[N] z) => (float[N, 3] y) {y = Relu(x) k = Neg(z)}"
    rows, keys = NORMAL[:50].copy(), np.arange(50)
    rows[9] = rows[3]
    assert not judged(duplicate_samples, tmp_path, text, x=rows, z=keys)
    keys[9] = 3
    (found,) = judged(duplicate_samples, tmp_path, text, x=rows, z=keys)
    assert found.severity is Severity.INFO
    assert found.message == (
        "2% of 50 samples are duplicates (limit 1%), e.g. sample 9 equals sample 3"
    )
    assert found.hint == "drop 1 duplicate before the data is split"


def test_what_fills_a_batch_is_no_duplicate(tmp_path):
    text = "net (float[4, 3] x) => (float[4, 3] y) {y = Relu(x)}"
    assert not judged(duplicate_samples, tmp_path, text, x=NORMAL[:5])


IDS = """net (int64[N, T] ids%s) => (float[N, T, 2] y)
<float[9, 2] table = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}>
{ y = Gather(table, ids)%s }"""
TOKENS = RANDOM.integers(1, 9, (6, 10))
SHORT = np.where(np.arange(10) < 4, TOKENS, 0)


@pytest.mark.parametrize(
    ("ids", "mask", "sentence"),
    [
        (TOKENS, None, None),
        (SHORT, None, "60% of token ids are padding by id 0 at the end (limit 50%)"),
        (SHORT[:, ::-1], None, "by id 0 at the start (limit 50%)"),
        (SHORT[:1], None, None),  # a single row proves nothing
        (np.where(np.arange(10) < 7, TOKENS, 0), None, None),
        (SHORT, np.ones((6, 10), np.int64), None),  # these zeros are attended to
        (
            TOKENS,
            (SHORT > 0).astype(np.int64),
            "60% of token ids are padding according to the mask (limit 50%)",
        ),
    ],
)
def test_padding(ids, mask, sentence, tmp_path):
    inputs = "" if mask is None else ", int64[N, T] attention_mask"
    text = IDS % (inputs, "" if mask is None else " m = Neg(attention_mask)")
    data = {"ids": ids} | ({} if mask is None else {"attention_mask": mask})
    messages = [found.message for found in judged(padding_heavy, tmp_path, text, **data)]
    assert len(messages) == (sentence is not None), messages
    assert all(sentence in message for message in messages)


@pytest.mark.parametrize(
    "rule",
    [input_format, input_range, unnormalised_input, constant_feature, nonfinite_input,
     duplicate_samples, padding_heavy],
)  # fmt: skip
def test_without_data_there_is_nothing_to_judge(rule):
    with saved(Example.parse(TABLE)) as path:
        report = run_rule(rule, path)
    assert report.not_applicable == {rule.code: "needs data (--data)"}


FIXTURES = Path(__file__).parent.parent / "fixtures"
ROWS = RANDOM.standard_normal((300, 4)).astype(np.float32)
WIDE = RANDOM.standard_normal((300, 16)).astype(np.float32)
IMAGES = RANDOM.random((40, 1, 12, 12)).astype(np.float32)
HOLES = np.where(RANDOM.random((300, 4)) < 0.1, np.nan, ROWS).astype(np.float32)
STUCK = np.where(np.arange(16) == 5, 1.5, WIDE).astype(np.float32)


@pytest.mark.parametrize(
    ("model", "data", "codes"),
    [
        ("sklearn/mlp.onnx", {"features": ROWS}, []),
        ("sklearn/mlp.onnx", {"features": ROWS * 100 + 500}, ["DAT002"]),
        ("sklearn/mlp.onnx", {"features": HOLES}, ["DAT005"]),
        ("sklearn/mlp.onnx", {"features": WIDE}, ["DAT001"]),
        ("lightgbm/classifier.onnx", {"features": HOLES * 100 + 500}, []),
        ("pytorch/mlp_dynamo.onnx", {"features": WIDE}, []),
        ("pytorch/mlp_torchscript.onnx", {"features": WIDE + 9}, ["DAT003"]),
        ("pytorch/mlp_torchscript.onnx", {"features": WIDE[[*range(99), 0, 5, 9]]}, ["DAT006"]),
        ("jax/mlp.onnx", {"features": STUCK}, ["DAT004"]),
        ("pytorch/cnn_torchscript.onnx", {"image": IMAGES}, []),
        ("pytorch/cnn_dynamo.onnx", {"image": IMAGES.transpose(0, 2, 3, 1)}, ["DAT001"]),
        ("pytorch/cnn_dynamo.onnx", {"image": IMAGES * 255}, ["DAT003"]),
        ("keras/cnn.onnx", {"image": IMAGES.transpose(0, 2, 3, 1)}, []),
        ("pytorch/causal_dynamo.onnx",
         {"input_ids": SHORT % 8, "attention_mask": (SHORT > 0).astype(np.int64)}, ["DAT007"]),
    ],
)  # fmt: skip
def test_real_exports_with_sound_and_broken_data(model, data, codes, tmp_path):
    np.savez(tmp_path / "data.npz", **data)
    settings = Settings(data=tmp_path / "data.npz")
    job = plan(load(None), discover(), str(FIXTURES / model), select=["DAT"],
               settings=settings, static_only=True)  # fmt: skip
    report = lint_model(job)
    assert report.error is None
    assert [found.code for found in report.findings] == codes
