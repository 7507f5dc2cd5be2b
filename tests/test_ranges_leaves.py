"""The range of each input: what the configuration promises, else what the graph tells."""

from __future__ import annotations

import numpy as np
import pytest

from onnxlint.analyses import Analyses
from onnxlint.analyses.ranges.leaf import Basis
from onnxlint.analyses.ranges.ranges import Ranges
from onnxlint.model.file.load import open_model
from onnxlint.settings import InputContract, Settings

LARGEST = float(np.finfo(np.float32).max)


@pytest.fixture
def ranges_of(write_model):
    def ask(text: str, **contract) -> Ranges:
        with open_model(str(write_model(text))) as model:
            inputs = {"x": InputContract(**contract)} if contract else {}
            analyses = Analyses(Settings(inputs=inputs), model)
            try:
                found = analyses.get(Ranges)
                assert found._leaves is None, "nothing is looked at before it is asked for"
                _ = found.leaves
                return found
            finally:
                analyses.close()

    return ask


def told(ranges: Ranges, name: str = "x"):
    leaf = ranges.leaves[name]
    return leaf.basis, leaf.range.low.tolist(), leaf.range.high.tolist(), leaf.range.free


TABLE = "m (float[n, 3] x) => (float[n, 3] y) { y = Exp(x) }"
IMAGE = "m (float[n, 3, 8, 8] x) => (float[n, 3, 8, 8] y) { y = Exp(x) }"
LAST = "m (float[n, 8, 8, 3] x) => (float[n, 8, 8, 3] y) { y = Exp(x) }"


def test_without_a_word_the_dtype_counts(ranges_of):
    assert told(ranges_of(TABLE)) == (Basis.DTYPE, -LARGEST, LARGEST, True)


@pytest.mark.parametrize(
    ("dtype", "low", "high", "free"),
    [("bool", 0, 1, False), ("uint8", 0, 255, False), ("int8", -128, 127, False),
     ("int16", -(2**15), 2**15 - 1, True), ("float16", -65504, 65504, True)],
)  # fmt: skip
def test_small_types_hold_nothing_that_data_does_not(ranges_of, dtype, low, high, free):
    found = ranges_of(f"m ({dtype}[n, 3] x) => (float[n, 3] y) {{ y = Cast<to = 1>(x) }}")
    basis, *rest = told(found)
    assert rest == [low, high, free]
    assert basis in (Basis.DTYPE, Basis.IMPLIED)


def test_a_declared_range(ranges_of):
    assert told(ranges_of(TABLE, range=(-2, 3))) == (Basis.DECLARED, -2, 3, False)


def test_declared_features_of_a_table(ranges_of):
    found = ranges_of(TABLE, features=[(0, 1), (-9, 5), (2, 2)], range=(-9, 9))
    assert told(found) == (Basis.DECLARED, [[0, -9, 2]], [[1, 5, 2]], False)


def test_a_feature_that_is_not_declared_is_free(ranges_of):
    found = ranges_of(TABLE, features={"0": (0, 1), "2": (2, 3)})
    assert told(found) == (Basis.DECLARED, [[0, -LARGEST, 2]], [[1, LARGEST, 3]], True)


def test_names_of_columns_are_not_known_without_data(ranges_of):
    assert told(ranges_of(TABLE, features={"age": (0, 99)}))[0] is Basis.DTYPE


@pytest.mark.parametrize(
    ("text", "layout", "shape"),
    [(IMAGE, None, (1, 3, 1, 1)), (IMAGE, "NCHW", (1, 3, 1, 1)), (LAST, None, (1, 1, 1, 3)),
     (LAST, "NHWC", (1, 1, 1, 3))],
)  # fmt: skip
def test_channels_lie_along_the_axis_of_the_layout(ranges_of, text, layout, shape):
    found = ranges_of(text, features=[(0, 1), (0, 2), (0, 3)], layout=layout)
    assert found.leaves["x"].range.high.shape == shape
    assert found.leaves["x"].range.high.reshape(-1).tolist() == [1, 2, 3]


def test_channels_are_in_range_of_how_images_are_prepared(ranges_of):
    found = ranges_of(IMAGE, scale=1 / 255, mean=[0.5, 0.5, 0.25], std=[0.5, 0.25, 0.5]).leaves["x"]
    assert found.basis is Basis.DECLARED
    assert np.allclose(found.range.low.reshape(-1), [-1, -2, -0.5], rtol=1e-5)
    assert np.allclose(found.range.high.reshape(-1), [1, 2, 1.5], rtol=1e-5)
    pixels = np.arange(256, dtype=np.float32).reshape(1, 1, 16, 16)
    channels = [(pixels / 255 - m) / s for m, s in ((0.5, 0.5), (0.5, 0.25), (0.25, 0.5))]
    assert found.admits(np.concatenate(channels, axis=1))


def test_declared_moments_only_imply(ranges_of):
    basis, low, high, free = told(ranges_of(TABLE, normalised=True))
    assert (basis, free) == (Basis.IMPLIED, False)
    assert low == -high < -5


def test_declared_integers_are_whole(ranges_of):
    found = ranges_of(
        "m (int64[n] x) => (float[n] y) { y = Cast<to = 1>(x) }", range=(-1.5, 2.5)
    ).leaves["x"].range  # fmt: skip
    assert (found.least, found.most, found.integer) == (-1, 2, True)


GATHER = "m (int64[n] x) => (float[n, 2] y) <float[4, 2] t = {1,2,3,4,5,6,7,8}>"


def test_an_index_beyond_its_table_is_refused(ranges_of):
    found = ranges_of(GATHER + " { y = Gather(t, x) }")
    assert told(found) == (Basis.ENFORCED, -4, 3, False)


def test_an_index_behind_moves_and_a_wider_type(ranges_of):
    text = GATHER.replace("int64", "int32")
    found = ranges_of(text + " { f = Flatten<axis = 0>(x) c = Cast<to = 7>(f) d = Gather(t, c)"
                      " s = Shape(d) e = Reshape(d, s) k = Constant<value_ints = [-1, 2]>()"
                      " y = Reshape(e, k) }")  # fmt: skip
    assert told(found) == (Basis.ENFORCED, -4, 3, False)


def test_an_index_in_a_branch_is_only_implied(ranges_of):
    text = """m (int64[n] x, bool c) => (float[n, 2] y) <float[4, 2] t = {1,2,3,4,5,6,7,8}> {
        y = If (c) <then_branch = one () => (float[n, 2] a) { a = Gather(t, x) },
                    else_branch = other () => (float[n, 2] b) {
                        f = Cast<to = 1>(x) w = Constant<value_ints = [1]>() u = Unsqueeze(f, w)
                        e = Constant<value_ints = [1, 2]>() b = Expand(u, e) }> }"""
    assert ranges_of(text).basis("x") is not Basis.ENFORCED


def test_a_mask_is_implied(ranges_of):
    found = ranges_of(
        "m (float[n, 4] x, float[n, 4] v) => (float[n, 4] y) {"
        " one = Constant<value_float = 1.0>() d = Sub(one, x) y = Mul(d, v) }"
    )
    assert told(found) == (Basis.IMPLIED, 0, 1, False)
    assert found.basis("v") is Basis.DTYPE


def test_a_division_by_255_implies_bytes(ranges_of):
    found = ranges_of("m (float[n, 3, 4, 4] x) => (float[n, 3, 4, 4] y) {"
                      " k = Constant<value_float = 255.0>() y = Div(x, k) }")  # fmt: skip
    assert told(found) == (Basis.IMPLIED, 0, 255, False)


def test_a_scaler_implies_where_its_columns_lie(ranges_of):
    text = """<ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]>
    m (float[n, 2] x) => (float[n, 2] y) {
        y = ai.onnx.ml.Scaler<offset = [10.0, -1.0], scale = [0.5, 4.0]>(x) }"""
    found = ranges_of(text).leaves["x"]
    assert found.basis is Basis.IMPLIED
    assert found.range.low.tolist() == [[-10, -3.5]]
    assert found.range.high.tolist() == [[30, 1.5]]


def test_noise_that_is_only_made_up_says_nothing(ranges_of):
    found = ranges_of("m (float[n, 4] x) => (float[n, 4] y) { y = Log(x) }")
    assert told(found) == (Basis.DTYPE, -LARGEST, LARGEST, True)


def test_what_is_fed_is_held_against_the_ranges(ranges_of):
    found = ranges_of(TABLE, range=(-2, 3))
    assert found.admits({"x": np.array([[-2, 0, 3]], np.float32)})
    assert not found.admits({"x": np.array([[-2, 0, 3.5]], np.float32)})
    assert not found.admits({"x": np.array([[np.nan, 0, 0]], np.float32)})


def test_text_has_no_range(ranges_of):
    found = ranges_of("m (string[n] x) => (bool[n] y) { y = Equal(x, x) }")
    assert "x" not in found.leaves
    assert found.basis("x") is Basis.DTYPE
