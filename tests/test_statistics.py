"""Statistics equal numpy's, and merging in any split gives the same."""

from __future__ import annotations

from functools import reduce

import numpy as np
import pytest
from conftest import tries
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from onnx import TensorProto, helper, numpy_helper

from onnxlint.analyses.static.weights import Weights
from onnxlint.analyses.trace.trace import Observed
from onnxlint.model.file.load import Model
from onnxlint.model.file.mapped_files import Files
from onnxlint.model.file.tensors import Tensor
from onnxlint.model.graph.graph import Graph
from onnxlint.model.preflight import Preflight
from onnxlint.runtime.protocol import Quantisation, Statistics, Watch
from onnxlint.runtime.statistics import accumulate
from onnxlint.runtime.statistics import measure as measuring
from onnxlint.runtime.statistics.accumulate import Totals
from onnxlint.runtime.statistics.compiled import MOST_SAMPLES, SAMPLE_ELEMENTS, compiled
from onnxlint.runtime.statistics.distinct import distinct
from onnxlint.runtime.statistics.measure import (
    Measurement,
    is_finite,
    measure,
    measure_quantised,
    merge,
)


@pytest.fixture(params=["compiled passes", "numpy"], autouse=True, scope="module")
def by(request):
    """Both ways to measure: each test runs with either."""
    if request.param == "compiled passes":
        if compiled() is None:
            pytest.skip("no C compiler was there on installation")
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        for module in (measuring, accumulate):
            patch.setattr(module, "compiled", lambda: None)
        yield


FLOATS = {"float16": 16, "float32": 32, "float64": 64}
INTEGERS = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"]
RARE = [
    "bfloat16", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz",
    "float8_e8m0fnu", "float4_e2m1fn", "int4", "uint4",
]  # fmt: skip
"""Types of weights that numpy lacks."""


@pytest.mark.parametrize("number", [0.0, -0.0, 1.5, -2.0, 1e-40, np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dims", [(3, 4), (0, 2), (), (1000, 100)])
@pytest.mark.parametrize("is_raw", [True, False])
def test_a_fill_is_measured_by_its_one_number(number, dims, is_raw, tmp_path):
    array = np.array([number], np.float32)
    proto = (
        numpy_helper.from_array(array)
        if is_raw
        else helper.make_tensor("", TensorProto.FLOAT, [1], array)
    )
    fill = Tensor(proto, Files(tmp_path / "m.onnx", tmp_path), dims, fill=True)
    usual = Measurement(array.dtype, dims)
    fill.feed(usual)
    graph = Graph(Model("m.onnx", helper.make_model(helper.make_graph([], "g", [], [])),
                        fill.files, 0))  # fmt: skip
    seen = Weights.build(graph, Preflight.build(graph)).of(fill)
    assert repr(seen) == repr(usual.result)


@given(npst.arrays(st.sampled_from(["int64", "float32"]), npst.array_shapes(max_dims=2)))
@tries(100)
def test_distinct_numbers_are_those_that_numpy_finds(array):
    assert np.array_equal(distinct(array), np.unique(array), equal_nan=True)


@st.composite
def arrays(draw: st.DrawFn, max_side: int = 6) -> np.ndarray:
    """Tensors of any rank: floats with NaN, infinities, subnormals and huge values, integers."""
    dtype = draw(st.sampled_from([*sorted(FLOATS), *INTEGERS]))
    shape = draw(npst.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=max_side))
    if dtype in INTEGERS:
        return draw(npst.arrays(dtype, shape))
    elements = st.floats(width=FLOATS[dtype], allow_nan=True, allow_infinity=True)
    return draw(npst.arrays(dtype, shape, elements=elements))


def assert_same(one: Statistics, other: Statistics) -> None:
    counts = ("elements", "nan", "positive_infinite", "negative_infinite", "zeros", "subnormal")
    for name in (*counts, "minimum", "maximum"):
        assert getattr(one, name) == getattr(other, name), name
    scale = max(abs(one.minimum), abs(one.maximum), 1e-30) if one.finite else 1.0
    assert one.mean / scale == pytest.approx(other.mean / scale, abs=1e-5)
    if scale < 1e100:
        assert one.rms / scale == pytest.approx(other.rms / scale, abs=1e-4)


@given(arrays())
@tries(300)
def test_equals_numpy(array):
    assert_is_numpys(measure(array), array)


@given(arrays(max_side=5), st.data())
@tries(200)
def test_any_split_gives_the_same(array, data):
    flat = array.reshape(-1)
    cuts = data.draw(st.lists(st.integers(0, flat.size), max_size=4).map(sorted))
    parts = [measure(part) for part in np.split(flat, cuts)]
    assert_same(reduce(merge, parts), measure(flat))
    middle = len(parts) // 2
    left = reduce(merge, parts[: middle + 1])
    right = reduce(merge, parts[middle + 1 :], Statistics(dtype=left.dtype, shape=()))
    assert_same(merge(left, right), measure(flat))


@given(st.integers(1, 5), st.integers(1, 4), st.integers(1, 7), st.sampled_from([0, 1, 2]))
def test_channel_extrema(batch, channels, width, axis):
    array = np.random.default_rng(0).normal(size=(batch, channels, width)).astype("float32")
    seen = measure(array, axis)
    others = tuple({0, 1, 2} - {axis})
    np.testing.assert_array_equal(seen.channel_minimum, array.min(axis=others))
    np.testing.assert_array_equal(seen.channel_maximum, array.max(axis=others))


@st.composite
def weights(draw: st.DrawFn) -> np.ndarray:
    """Tensors of every type that weights have, of any bits: NaN, infinities, subnormals, empty."""
    ml_dtypes = pytest.importorskip("ml_dtypes")
    name = draw(st.sampled_from(["float16", "float32", "float64", "int8", "uint8", *RARE]))
    dtype = np.dtype(getattr(ml_dtypes, name, name))
    shape = draw(npst.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5))
    unsigned = f"u{dtype.itemsize}"
    special = [0, 1] if dtype.itemsize == 1 else [0, 1, 1 << (8 * dtype.itemsize - 1)]
    largest = 15 if name.endswith("int4") or "float4" in name else 256**dtype.itemsize - 1
    bits = st.sampled_from(special) | st.integers(0, largest)
    return draw(npst.arrays(unsigned, shape, elements=bits)).view(dtype)


@given(weights(), st.data())
@tries(400)
def test_blocks_of_any_dtype_equal_the_whole(array, data):
    axis = data.draw(st.none() | st.integers(0, array.ndim - 1))
    cuts = data.draw(st.lists(st.integers(0, array.size), max_size=4).map(sorted))
    streamed, flat = Measurement(array.dtype, array.shape, axis), array.reshape(-1)
    for part in np.split(flat, cuts):
        streamed.add(part)
    at, parts = 0, []
    for part in np.split(flat, cuts):  # the same, as threads measure it
        one = Measurement(array.dtype, array.shape, axis, start=at)
        one.add(part)
        parts.append(one.result)
        at += part.size
    for seen in (streamed.result, reduce(merge, parts)):
        assert_is_numpys(seen, array)
        if axis is not None and array.size:
            rows = np.moveaxis(in_float64(array), axis, 0).reshape(array.shape[axis], -1)
            np.testing.assert_array_equal(seen.channel_minimum, np.fmin.reduce(rows, axis=1))
            np.testing.assert_array_equal(seen.channel_maximum, np.fmax.reduce(rows, axis=1))


NARROW = ["float16", "bfloat16", "int8", "uint8"]


@st.composite
def narrow(draw: st.DrawFn) -> np.ndarray:
    """Tensors of few bits an element, some longer than what the passes widen at once."""
    dtype = np.dtype(
        getattr(pytest.importorskip("ml_dtypes"), name := draw(st.sampled_from(NARROW)), name)
    )
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(st.sampled_from([(1,), (7,), (3, 5), (2, 4097), (9000,), (2, 3, 1500)]))
    bits = random.integers(0, 256**dtype.itemsize, shape, f"u{dtype.itemsize}")
    array = bits.view(dtype)
    if draw(st.booleans()) and dtype.itemsize > 1:
        array = np.where(np.isfinite(array.astype(np.float32)), array, dtype.type(0.5))
    return array.astype(dtype)


@given(narrow(), st.data())
@tries(200)
def test_narrow_elements_are_measured_as_what_they_are_in_float32(array, data):
    axis = data.draw(st.none() | st.integers(0, array.ndim - 1))
    wide = array.astype(np.float32)
    seen, expected = measure(array, axis), measure(wide, axis)
    whole = array.dtype.kind in "iu"
    names = [name for name in Statistics.__struct_fields__ if name not in ("dtype", "subnormal")]
    for name in names:
        np.testing.assert_array_equal(getattr(seen, name), getattr(expected, name), name)
    tiny = 1 if whole else smallest_normal(array)
    assert seen.subnormal == ((wide != 0) & (np.abs(wide) < tiny)).sum()
    assert seen.dtype == array.dtype.name


@given(narrow())
@tries(100)
def test_both_ways_agree_on_narrow_elements(array):
    """Counts and extremes are the same; sums are of float64s that were added in another order."""
    seen = measure(array)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measuring, "compiled", lambda: None)
        other = measure(array)
    for name in ("elements", "nan", "zeros", "subnormal", "minimum", "maximum"):
        assert getattr(seen, name) == getattr(other, name), name
    np.testing.assert_array_equal(seen.exponents, other.exponents)
    np.testing.assert_array_equal(seen.negative_exponents, other.negative_exponents)
    scale = max(abs(seen.minimum), abs(seen.maximum))
    if seen.finite and 0 < scale < 1e100:
        assert seen.mean / scale == pytest.approx(other.mean / scale, abs=1e-12)
        assert seen.rms / scale == pytest.approx(other.rms / scale, abs=1e-7)


def in_float64(array: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):  # a signalling NaN
        return array.astype(np.float64)


def assert_is_numpys(seen: Statistics, array: np.ndarray) -> None:
    values = in_float64(array).reshape(-1)
    finite = values[np.isfinite(values)]
    assert (seen.elements, seen.nan) == (values.size, np.isnan(values).sum())
    assert seen.positive_infinite == (values == np.inf).sum()
    assert seen.negative_infinite == (values == -np.inf).sum()
    assert seen.zeros == (values == 0).sum()
    assert seen.subnormal == ((finite != 0) & (np.abs(finite) < smallest_normal(array))).sum()
    if not finite.size:
        return
    assert (seen.minimum, seen.maximum) == (finite.min(), finite.max())
    scale = np.abs(finite).max()
    if 1e-100 < scale < 1e100:  # its square is a float64
        assert seen.mean / scale == pytest.approx(finite.mean() / scale, abs=1e-5)
        assert seen.rms / scale == pytest.approx(np.sqrt(np.mean((finite / scale) ** 2)), abs=1e-4)


def smallest_normal(array: np.ndarray) -> float:
    import ml_dtypes

    return 1.0 if "int" in array.dtype.name else float(ml_dtypes.finfo(array.dtype).smallest_normal)


def assert_same_histogram(one: Statistics, other: Statistics) -> None:
    for name in ("exponents", "negative_exponents", "samples"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), name)


@given(arrays(max_side=5), st.data())
@tries(200)
def test_histograms_merge_exactly(array, data):
    flat = array.reshape(-1)
    cuts = data.draw(st.lists(st.integers(0, flat.size), max_size=4).map(sorted))
    parts = [measure(part) for part in np.split(flat, cuts)]
    assert_same_histogram(reduce(merge, parts), measure(flat))


@given(npst.arrays("float32", st.tuples(st.integers(1, 9), st.integers(1, 700))), st.data())
@tries(100)
def test_samples_are_the_same_in_any_split(array, data):
    cuts = data.draw(st.lists(st.integers(1, len(array)), max_size=4, unique=True).map(sorted))
    parts = [measure(p, samples=len(p)) for p in np.split(array, cuts) if len(p)]
    whole, merged = measure(array, samples=len(array)), reduce(merge, parts)
    alone = reduce(merge, [measure(row, samples=1) for row in array])
    for rows in (whole.samples, merged.samples, alone.samples):
        assert rows.shape == whole.samples.shape
        assert rows.shape[1] <= SAMPLE_ELEMENTS + 1
        np.testing.assert_array_equal(rows[:, 1:], whole.samples[:, 1:])
        sound = np.abs(array).max(axis=1) < 1e30
        scale = np.abs(array[sound]).max(axis=1, initial=1e-30)
        means = array[sound].mean(axis=1, dtype="float64")
        np.testing.assert_allclose(rows[sound, 0] / scale, means / scale, atol=1e-5)


sizes = st.lists(st.tuples(st.integers(1, 4), st.sampled_from([3, 3, 5])), min_size=3, max_size=6)


@given(sizes, st.integers(1, 5))
def test_merging_samples_is_associative(shapes, middle):
    rng = np.random.default_rng(0)
    parts = [measure(rng.random(shape, "float32"), samples=shape[0]) for shape in shapes]
    parts.insert(1, Statistics(dtype="float32", shape=()))
    halves = [reduce(merge, half) for half in (parts[:middle], parts[middle:]) if half]
    assert_same_histogram(reduce(merge, halves), reduce(merge, parts))


def test_samples_are_capped_and_need_one_size():
    many = measure(np.ones((MOST_SAMPLES + 9, 2), "float32"), samples=MOST_SAMPLES + 9)
    assert many.samples.shape == (MOST_SAMPLES, 3)
    other = measure(np.ones((2, 5), "float32"), samples=2)
    assert merge(merge(many, other), many).samples.size == 0


@given(arrays(), st.floats(0, 1))
@tries(200)
def test_quantiles_are_right_within_a_factor_of_two(array, q):
    found = Observed(None, measure(array)).quantile(q)
    values = array.astype(np.float64).reshape(-1)
    values = np.sort(values[np.isfinite(values)])
    if not values.size:
        assert found == 0
        return
    rank = q * values.size
    below, above = values[max(0, int(np.ceil(rank)) - 1)], values[min(len(values) - 1, int(rank))]
    if np.abs(values).max() >= 2.0**149 or 0 < np.abs([below, above]).min() < 2.0**-148:
        assert values[0] <= found <= values[-1]
        return  # beyond the buckets
    slack = 2 + 1e-9
    low = below * slack if below < 0 else below / slack
    high = above / slack if above < 0 else above * slack
    assert low <= found <= high


def test_one_nan_does_not_ruin_the_quantiles():
    values = np.arange(1, 1001, dtype="float32")
    values[500] = np.nan
    seen = Observed(None, measure(values))
    assert 450 < seen.quantile(0.5) < 550
    assert (seen.quantile(0), seen.quantile(1)) == (1, 1000)


@given(
    npst.arrays(st.sampled_from(["int8", "uint8", "int16", "uint16"]), st.integers(0, 40)),
    st.floats(1e-6, 1e3), st.integers(-128, 127),
)  # fmt: skip
@tries(100)
def test_integers_are_measured_as_what_they_stand_for(integers, scale, zero_point):
    seen = measure_quantised(integers, Quantisation(scale, zero_point))
    limits = np.iinfo(integers.dtype)
    assert seen.at_lowest == (integers == limits.min).sum()
    assert seen.at_highest == (integers == limits.max).sum()
    if integers.size:
        numbers = (integers.astype("float64") - zero_point) * np.float32(scale)
        assert seen.minimum == pytest.approx(numbers.min(), rel=1e-5)
        assert seen.maximum == pytest.approx(numbers.max(), rel=1e-5)


@pytest.mark.parametrize("shape", [(700, 300), (3, 70_000), (2, 5, 20_000), (40_000, 9)])
@pytest.mark.parametrize("axis", [0, 1])
def test_blocks_that_cut_channels(shape, axis):
    array = np.random.default_rng(2).normal(size=shape).astype("float32")
    seen = measure(array, axis)
    others = tuple({*range(array.ndim)} - {axis})
    np.testing.assert_array_equal(seen.channel_minimum, array.min(axis=others))
    np.testing.assert_array_equal(seen.channel_maximum, array.max(axis=others))


def test_one_nan_does_not_ruin_its_channel():
    array = np.array([[1.0, np.nan], [3.0, 4.0]], dtype="float32")
    seen = measure(array, 1)
    assert seen.channel_maximum.tolist() == [3.0, 4.0]
    assert seen.nan == 1
    assert seen.maximum == 4.0


def test_blocks_larger_than_one_are_merged():
    array = np.random.default_rng(1).normal(3, 2, 300_001).astype("float32")
    seen = measure(array)
    assert seen.elements == array.size
    assert seen.mean == pytest.approx(array.mean(dtype="float64"), rel=1e-6)
    assert seen.variance == pytest.approx(array.var(dtype="float64"), rel=1e-5)


def test_huge_values_do_not_overflow_the_variance():
    array = np.array([3e38, -3e38], dtype="float32")
    assert measure(array).rms == pytest.approx(3e38, rel=1e-6)


def test_exponents_count_magnitudes():
    exponents = measure(np.array([1.0, 1.5, 2.0, -4.0, 0.0, np.inf], dtype="float32")).exponents
    assert {int(e) - 150: int(n) for e, n in enumerate(exponents) if n} == {0: 2, 1: 1, 2: 1}


@pytest.mark.parametrize("name", ["bfloat16", "float8_e4m3fn", "float8_e5m2", "float8_e5m2fnuz"])
def test_floats_that_numpy_does_not_know(name):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    dtype = np.dtype(getattr(ml_dtypes, name))
    smallest = float(ml_dtypes.finfo(dtype).smallest_subnormal)
    seen = measure(np.array([0, 1, -2, smallest, np.nan], dtype))
    assert (seen.zeros, seen.nan, seen.subnormal) == (1, 1, 1)
    assert (seen.minimum, seen.maximum) == (-2, 1)


def test_the_sum_of_many_like_numbers_is_exact():
    array = np.full((4, 1 << 18), 1e4, "float32")
    array[0, ::2] += 1
    seen = measure(array)
    assert seen.mean == pytest.approx(array.mean(dtype="float64"), rel=1e-9)
    assert seen.variance == pytest.approx(array.var(dtype="float64"), rel=1e-3)


@given(st.data())
@tries(150)
def test_totals_equal_one_measurement_of_all_runs(data):
    """Values of several dtypes and layouts, in runs of some samples, with NaN here and there."""
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    shapes = {"image": (3, 5, 4), "vector": (7,), "scalar": (), "long": (2, 300), "double": (6,)}
    watched = [Watch(name, channel_axis=1) for name in shapes]
    batches = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=5))
    adding, runs = Totals(), {name: [] for name in shapes}
    for batch in batches:
        for name, shape in shapes.items():
            kind = {"double": "float64", "vector": "float16"}.get(name, "float32")
            array = random.normal(size=(batch, *shape)).astype(kind).round(1)
            if data.draw(st.booleans()):
                array.reshape(-1)[random.integers(array.size)] = data.draw(SPECIAL)
            runs[name].append(array)
        arrays = {name: kept[-1] for name, kept in runs.items()}
        is_finite = adding.add(watched, arrays, batch)
        assert is_finite == all(np.isfinite(array).all() for array in arrays.values())
    seen = adding.statistics()
    for name, kept in runs.items():
        whole = np.concatenate(kept)
        axis = 1 if whole.ndim > 1 else None
        assert_is_numpys(seen[name], whole)
        one_by_one = [measure(part, axis, len(part)) for part in kept]
        assert_same_channels(seen[name], reduce(merge, one_by_one))
        np.testing.assert_array_equal(seen[name].exponents, reduce(merge, one_by_one).exponents)
        assert_same_rows(seen[name].samples, reduce(merge, one_by_one).samples)


SPECIAL = st.sampled_from([np.nan, np.inf, -np.inf, 0.0, 1e-40])


def assert_same_channels(one: Statistics, other: Statistics) -> None:
    assert one.channel_axis == other.channel_axis
    for name in ("channel_minimum", "channel_maximum"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def assert_same_rows(one: np.ndarray, other: np.ndarray) -> None:
    """In any order: those of runs that numpy measured come first."""
    assert one.shape == other.shape
    by_content = [rows[np.lexsort(rows[:, 1:].T)] for rows in (one, other)]
    np.testing.assert_allclose(*by_content, rtol=1e-4, atol=1e-6)


def test_a_value_whose_size_changes_is_still_measured():
    adding = Totals()
    watched = [Watch("a", channel_axis=1)]
    arrays = [
        np.full(shape, 2.0, "float32") for shape in [(1, 3, 4), (1, 3, 9), (1, 5, 2), (0, 3, 4)]
    ]
    for array in arrays:
        adding.add(watched, {"a": array}, 1)
    seen = adding.statistics()["a"]
    assert (seen.elements, seen.mean, seen.variance) == (12 + 27 + 10, 2.0, 0.0)
    assert seen.samples.size == 0


def test_large_values_are_measured_by_all_threads():
    random = np.random.default_rng(3)
    arrays = {str(i): random.normal(i, 1, (2, 8, 30_000)).astype("float32") for i in range(9)}
    adding = Totals()
    adding.add([Watch(name, channel_axis=1) for name in arrays], arrays, 2)
    for name, seen in adding.statistics().items():
        assert_is_numpys(seen, arrays[name])
        np.testing.assert_array_equal(seen.channel_maximum, arrays[name].max(axis=(0, 2)))


def test_of_many_samples_the_first_are_kept():
    array = np.random.default_rng(4).normal(size=(MOST_SAMPLES + 9, 3, 700)).astype("float32")
    adding = Totals()
    for part in np.split(array, [50]):
        adding.add([Watch("a")], {"a": part}, len(part))
    kept = adding.statistics()["a"].samples
    flat = array[:MOST_SAMPLES].reshape(MOST_SAMPLES, -1)
    np.testing.assert_array_equal(kept[:, 1:], flat[:, ::9])
    np.testing.assert_allclose(kept[:, 0], flat.mean(axis=1), atol=1e-6)


def test_the_histogram_counts_a_regular_subset():
    array = np.random.default_rng(5).normal(size=700_001).astype("float32")
    _, expected = np.unique(np.frexp(array[:: 700_001 // 1024 | 1])[1], return_counts=True)
    exponents = measure(array).exponents
    assert exponents[exponents > 0].tolist() == expected.tolist()


@given(npst.arrays(st.sampled_from(["f2", "f4", "f8"]), npst.array_shapes(min_side=0),
                   elements={"allow_nan": True, "allow_infinity": True}))  # fmt: skip
def test_finite_is_what_numpy_calls_so(array):
    assert is_finite(array) == bool(np.isfinite(array).all())


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_a_sum_out_of_range_is_no_infinity(dtype):
    largest = np.full(5, np.finfo(dtype).max, dtype)
    assert is_finite(largest)
    assert is_finite(np.arange(3))
