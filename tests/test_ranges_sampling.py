"""Bounds of resized and sampled images, of random numbers and of sequences."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from soundness import Box, Sounding, boxes

EXAMPLES = 4
LARGER = "s = Constant<value = float[4] {1, 1, 2, 1.7}>() "
SMALLER = "s = Constant<value = float[4] {1, 1, 0.6, 0.4}>() "
SIZES = "s = Constant<value_ints = [1, 3, 7, 5]>() "
MODES = ["linear", "cubic", "nearest"]
IMAGES = [
    *(f'{scales}z = Resize<mode = "{mode}">(x, , s)' for mode in MODES
      for scales in (LARGER, SMALLER)),
    *(f'{SIZES}z = Resize<mode = "{mode}", coordinate_transformation_mode = "align_corners">'
      "(x, , , s)" for mode in MODES),
    *(f'{scales}z = Resize<mode = "{mode}", antialias = 1>(x, , s)' for mode in MODES[:2]
      for scales in (LARGER, SMALLER)),
    f'{LARGER}z = Resize<mode = "cubic", exclude_outside = 1>(x, , s)',
    f'{LARGER}z = Resize<mode = "cubic", cubic_coeff_a = -0.5>(x, , s)',
    'r = Constant<value = float[8] {0, 0, -0.2, 0.2, 1, 1, 1.4, 0.9}>() ' + SIZES
    + 'z = Resize<mode = "linear", coordinate_transformation_mode = "tf_crop_and_resize",'
    " extrapolation_value = 9.0>(x, r, , s)",
    *(f"t = Transpose<perm = [0, 2, 3, 1]>(x) a = Constant<value_ints = [2]>()"
      " g, q = Split<axis = 3, num_outputs = 2>(t)"
      f' z = GridSample<mode = "{mode}", padding_mode = "{padding}">(x, g)'
      for mode in MODES for padding in ("zeros", "border", "reflection")),
    "r = Constant<value = float[2, 4] {0, 0, 3, 2, -1, -1, 9, 9}>()"
    " i = Constant<value_ints = [0, 0]>()"
    " z = RoiAlign<output_height = 2, output_width = 2>(x, r, i)",
    "r = Constant<value = float[2, 4] {0, 0, 3, 2, 1, 1, 9, 9}>()"
    " i = Constant<value_ints = [0, 0]>()"
    ' z = RoiAlign<output_height = 3, output_width = 2, mode = "max", sampling_ratio = 2>(x, r, i)',
    "r = Constant<value = float[1, 5] {0, 0, 0, 3, 2}>()"
    " z = MaxRoiPool<pooled_shape = [2, 2]>(x, r)",
    "z = DepthToSpace<blocksize = 2>(c)",
    'z = DepthToSpace<blocksize = 2, mode = "CRD">(c)',
    "z = SpaceToDepth<blocksize = 2>(x)",
]  # fmt: skip


@cache
def image(body: str, dtype: str = "float", optimised: bool = False) -> Sounding:
    body = body.replace("(c)", "(k)").replace(
        "z = Depth", "k = Concat<axis = 1>(x, x, x, x) z = Depth"
    )
    return Sounding(f"m ({dtype}[1, 3, 4, 4] x) => ({dtype}[] z) {{ {body} }}", optimised=optimised)


CHANNELS = boxes(size=3).map(lambda b: Box(b.low[:, None, None], b.high[:, None, None]))


@pytest.mark.parametrize("body", IMAGES)
@given(x=CHANNELS, seed=st.integers(0, 99))
@settings(max_examples=EXAMPLES, deadline=None)
def test_of_images(body, x, seed):
    image(body).check({"x": x}, seed=seed, points=4)


@pytest.mark.parametrize("body", IMAGES)
def test_onnxruntime_runs_them(body):
    sound = image(body, optimised=True)
    box = Box(np.float64(-1), np.float64(1))
    (feed,) = sound.feeds({"x": box}, 1, 0, {})
    assert sound.session.run(["z"], feed)[0].size
    sound.check({"x": box}, points=3)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int32", "float16"])
@pytest.mark.parametrize("body", IMAGES[:2])
@given(x=boxes(0, 100), seed=st.integers(0, 99))
@settings(max_examples=EXAMPLES, deadline=None)
def test_of_other_types(body, dtype, x, seed):
    image(body, dtype).check({"x": x}, seed=seed, points=4)


def test_channels_stay_apart():
    sound = image(LARGER + 'z = Resize<mode = "linear">(x, , s)')
    box = Box(np.array([0.0, 1, 2])[:, None, None], np.array([0.0, 1, 3])[:, None, None])
    z = sound.check({"x": box}).of(sound.graph.main.values["z"])
    assert z.low.shape == (1, 3, 1, 1)
    assert z.high.reshape(-1) == pytest.approx([0, 1, 3], rel=1e-5)


def test_cubic_weights_overshoot_by_little():
    sound = image(LARGER + 'z = Resize<mode = "cubic">(x, , s)')
    z = sound.check({"x": Box(np.float64(0), np.float64(1))}).of(sound.graph.main.values["z"])
    assert -0.5 < z.least < 0
    assert 1 < z.most < 1.5


DRAWN = [
    ("z = RandomUniform<shape = [999], low = -2.0, high = 3.0>()", -2, 3),
    ("z = RandomUniformLike(x)", 0, 1),
    ("z = RandomNormal<shape = [999], mean = 5.0, scale = 0.5>()", -15, 25),
    ("z = RandomNormalLike(x)", -40, 40),
    ("z = Bernoulli(x)", 0, 1),
    ("m = Multinomial<sample_size = 50>(x) z = Cast<to = 1>(m)", None, None),
]


@pytest.mark.parametrize(("body", "low", "high"), DRAWN)
def test_of_random_numbers(body, low, high):
    sound = Sounding(f"m (float[2, 5] x) => (float[] z) {{ {body} }}")
    ranges = sound.check({"x": Box(np.float64(0), np.float64(1))}, points=30)
    name = "m" if low is None else "z"
    z = ranges.of(sound.graph.main.values[name])
    assert (z.least >= low and z.most <= high) if low is not None else (z.least, z.most) == (0, 4)
    assert z.varies


SEQUENCES = [
    "s = SequenceConstruct(x, y) i = Constant<value_int = 1>() z = SequenceAt(s, i)",
    "e = SequenceEmpty() s = SequenceInsert(e, x) i = Constant<value_int = 0>()"
    " z = SequenceAt(s, i)",
    "s = SequenceConstruct(x, y) z = ConcatFromSequence<axis = 0>(s)",
    "s = SplitToSequence<axis = 1>(x) t = SequenceInsert(s, y) i = Constant<value_int = 1>()"
    " u = SequenceErase(t, i) z = SequenceAt(u, i)",
    "o = Optional(x) z = OptionalGetElement(o)",
]


@cache
def sequence(body: str) -> Sounding:
    return Sounding(f"m (float[2, 3] x, float[2, 1] y) => (float[] z) {{ {body} }}")


@pytest.mark.parametrize("body", SEQUENCES)
@given(x=boxes(), y=boxes(), seed=st.integers(0, 99))
@settings(max_examples=EXAMPLES, deadline=None)
def test_of_sequences(body, x, y, seed):
    sound = sequence(body)
    ranges = sound.check({"x": x, "y": y}, seed=seed, points=4)
    z = ranges.of(sound.graph.main.values["z"])
    assert z.least >= min(x.low, y.low)
    assert z.most <= max(x.high, y.high)


@given(x=boxes(size=3), seed=st.integers(0, 99))
@settings(max_examples=EXAMPLES, deadline=None)
def test_of_sums_of_blocks(x, seed):
    blocks().check({"x": Box(x.low[:, None], x.high[:, None])}, seed=seed)


@cache
def blocks() -> Sounding:
    """Two rows of three blocks of three columns each, the first of which begins at a pad."""
    return Sounding(
        "m (float[1, 3, 6] x) => (float[] z) { i = Constant<value_ints = [2, 4]>()"
        " b = Constant<value_ints = [1, 3]>() z = Col2Im<pads = [0, 1, 0, 0]>(x, i, b) }"
    )
