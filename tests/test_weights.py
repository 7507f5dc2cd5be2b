"""The weights of layers: found behind what exporters put between, and read once, in blocks."""

from collections import Counter

import ml_dtypes
import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from onnxlint.analyses.static import weights as weights_module
from onnxlint.analyses.static.weights import Weights, _count_below
from onnxlint.model.file.load import open_model
from onnxlint.model.file.tensors import Tensor
from onnxlint.model.graph.graph import Graph
from onnxlint.model.preflight import Preflight
from onnxlint.runtime.statistics.measure import channel_hashes
from onnxlint.testing import model_from_text

RANDOM = np.random.default_rng(0).normal(size=(4, 6)).astype("float32")


@pytest.fixture
def weights_of(tmp_path):
    """The weights of a model in ONNX text; `tensors` take the place of its initializers."""
    opened = []

    def build(text, external=False, **tensors):
        model = model_from_text(text)
        known = [t for t in model.graph.initializer if t.name not in tensors]
        del model.graph.initializer[:]
        model.graph.initializer.extend(known)
        for name, array in tensors.items():
            model.graph.initializer.append(numpy_helper.from_array(np.asarray(array), name))
        path = tmp_path / "model.onnx"
        onnx.save(model, path, save_as_external_data=external, size_threshold=0)
        opened.append(open_model(str(path)))
        graph = Graph(opened[-1].__enter__())
        return Weights.build(graph, Preflight.build(graph))

    yield build
    for context in opened:
        context.__exit__(None, None, None)


WAYS = [
    ("y = MatMul(x, w)", RANDOM.T, 1),
    ("i = Identity(w) y = MatMul(x, i)", RANDOM.T, 1),
    ("t = Transpose(w) y = MatMul(x, t)", RANDOM, 0),
    ("t = Transpose<perm = [1, 0]>(w) y = Gemm(x, t)", RANDOM, 0),
    ("y = Gemm<transB = 1>(x, w)", RANDOM, 0),
    ("c = Cast<to = 1>(w) y = MatMul(x, c)", RANDOM.T.astype("float16"), 1),
    ("s = Constant<value_ints = [6, 4]>() r = Reshape(w, s) y = MatMul(x, r)", RANDOM.T, 1),
    ("s = Constant<value_ints = [-1, 4]>() r = Reshape(w, s) y = MatMul(x, r)",
     RANDOM.T.reshape(2, 3, 4), 2),
    ("s = Constant<value_ints = [2]>() r = Squeeze(w, s) y = MatMul(x, r)", RANDOM.T[..., None], 1),
    ("s = Constant<value_ints = [6, 4]>() r = Reshape(w, s) y = MatMul(x, r)",
     RANDOM.reshape(3, 8), None),
    ("s = Constant<value_ints = [2, 3, 4]>() r = Reshape(w, s) y = MatMul(x, r)", RANDOM.T, 1),
]  # fmt: skip


@pytest.mark.parametrize(("body", "stored", "axis"), WAYS)
@pytest.mark.parametrize("external", [False, True])
def test_way_from_a_constant_to_its_layer(weights_of, body, stored, axis, external):
    text = f"n (float[N, 6] x) => (float[N, 4] y) <float w = {{0}}> {{ {body} }}"
    weights = weights_of(text, external, w=stored)
    (weight,) = weights.layers()
    assert (weight.value.name, weight.stored.axis) == ("w", axis)
    channels = weights.channels(weight)
    if axis is None:
        assert channels is None
        return
    rows = np.moveaxis(stored.astype("float64"), axis, 0).reshape(4, 6)
    assert channels.minimum.tolist() == rows.min(axis=1).tolist()
    assert channels.maximum.tolist() == rows.max(axis=1).tolist()


@pytest.mark.parametrize(
    "body",
    [
        "b = Add(w, w) y = MatMul(x, b)",
        "b = Reshape(w, s) y = MatMul(x, b)",
        "b = Transpose<perm = [0, 2]>(w) y = MatMul(x, b)",
        "b = Identity(b) y = MatMul(x, b)",
        "y = Add(x, w)",
    ],
)
def test_what_is_computed_is_no_weight(weights_of, body):
    text = f"n (float[N, 6] x, int64[2] s) => (float[N, 4] y) <float w = {{0}}> {{ {body} }}"
    assert [*weights_of(text, w=RANDOM.T).layers()] == []


QUANTISED = """n (float[N, 6] x) => (float[N, 4] y) <int8 w = {0}, float s = {0}, int8 z = {0}> {
    d = DequantizeLinear<axis = AXIS>(w, s, z)
    y = MatMul(x, d)
}"""


@pytest.mark.parametrize(
    ("axis", "scale", "zero", "known"),
    [
        (1, np.float32(0.5), np.int8(3), True),
        (1, np.float32([1, 2, 3, 4]), np.int8([0, 1, 2, 3]), True),
        (-1, np.float32([1, 2, 3, 4]), np.int8([0, 1, 2, 3]), True),
        (0, np.float32([1, 2, 3, 4, 5, 6]), np.int8([0, 1, 2, 3, 4, 5]), False),
    ],
)
def test_quantised_channels_are_scaled(weights_of, axis, scale, zero, known):
    stored = np.arange(24, dtype="int8").reshape(6, 4)
    weights = weights_of(QUANTISED.replace("AXIS", str(axis)), w=stored, s=scale, z=zero)
    (weight,) = weights.layers()
    channels = weights.channels(weight)
    assert (channels is not None) == known
    if known:
        expected = (stored.astype(float) - zero) * scale
        assert channels.minimum.tolist() == expected.min(axis=0).tolist()
        assert channels.maximum.tolist() == expected.max(axis=0).tolist()


@pytest.mark.parametrize(
    ("stored", "zero", "repeated"), [(5, 5, 0.0), (5, 0, 2.5), (0, 5, -2.5), ([[0, 1]], 0, None)]
)
def test_repeated_number_of_a_quantised_weight(weights_of, stored, zero, repeated):
    array = np.broadcast_to(np.int8(stored), (6, 4 if np.ndim(stored) == 0 else 2))
    weights = weights_of(QUANTISED.replace("AXIS", "1"), w=array, s=np.float32(0.5),
                         z=np.int8(zero))  # fmt: skip
    (weight,) = weights.layers()
    assert weights.repeated(weight) == repeated


PLAIN = "net (float[N, 4] x) => (float[N, 3] y) <float[4, 3] w> { y = MatMul(x, w) }"


@pytest.mark.parametrize(
    ("array", "uniform", "below"),
    [
        (np.full((4, 3), 2), 2.0, 0.0),
        (np.arange(12).reshape(4, 3), None, 3 / 12),
        (np.full((4, 3), np.nan), None, 0.0),
        (-np.arange(12).reshape(4, 3), None, 3 / 12),
    ],
)
def test_what_all_elements_are_and_how_many_are_small(weights_of, array, uniform, below):
    weights = weights_of(PLAIN, w=array.astype("float32"))
    (weight,) = weights.layers()
    assert weights.uniform(weight.tensor) == uniform
    assert weights.uniform(None) is None
    assert weights.share_below(weight.tensor, 2.5) == (1.0 if uniform else below)


@given(data=st.data(), dtype=st.sampled_from([
    np.float16, np.float32, np.float64, np.int8, np.uint8, np.int16, np.int64, ml_dtypes.bfloat16,
    ml_dtypes.float8_e4m3fn,
]))  # fmt: skip
def test_what_is_small_is_counted_as_in_float64(data, dtype):
    bits = data.draw(st.binary(min_size=8, max_size=64).filter(lambda each: len(each) % 8 == 0))
    elements = np.frombuffer(bits, dtype)
    with np.errstate(all="ignore"):
        wide = np.abs(elements.astype(np.float64))
        near = data.draw(st.sampled_from([*wide[np.isfinite(wide)].tolist(), 1.0]))
        magnitude = data.draw(st.sampled_from(
            [near, np.nextafter(near, 0), np.nextafter(near, np.inf), near * 1.1]
        ))  # fmt: skip
        assert _count_below(elements, float(magnitude)) == np.count_nonzero(wide < magnitude)


@pytest.mark.parametrize("small", [0, 1, 94_999, 95_000, 95_001, 100_000])
@pytest.mark.parametrize("is_first", [False, True])
def test_no_more_is_read_than_tells_that_few_are_small(weights_of, monkeypatch, small, is_first):
    array = np.ones(100_000, "float32")
    array[:small] = 0.1
    weights = weights_of("net (float[N, 10] x) => (float[N, 10000] y) "
                         "<float[10, 10000] w> { y = MatMul(x, w) }",
                         w=(array if is_first else array[::-1]).reshape(10, 10_000))  # fmt: skip
    (weight,) = weights.layers()
    told = small / 100_000
    assert weights.share_below(weight.tensor, 0.5) == told
    counted = []
    count = weights_module._count_below
    monkeypatch.setattr(
        weights_module,
        "_count_below",
        lambda block, magnitude: counted.append(block.size) or count(block, magnitude),
    )
    few = weights.share_below(weight.tensor, 0.5, beyond=0.95)
    assert few == (told if told > 0.95 else 0.0)
    if small <= 1:
        assert sum(counted) < 100_000


def test_of_data_that_is_gone_no_share_is_known(weights_of, tmp_path):
    weights = weights_of(PLAIN, external=True, w=np.ones((4, 3), "float32"))
    (weight,) = weights.layers()
    for each in tmp_path.iterdir():
        each.write_bytes(b"")
    assert weights.share_below(weight.tensor, 2.5) == 0.0


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int8"])
@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("step", [1, 7, 1000])
def test_hashes_of_channels_tell_what_is_equal(dtype, axis, step):
    array = np.random.default_rng(1).integers(-100, 100, (5, 6, 7)).astype(dtype)
    moved = np.moveaxis(array, axis, 0)
    moved[3] = moved[1]
    moved[4] = -moved[1]
    flat = np.ascontiguousarray(array).reshape(-1)
    hashes = channel_hashes((flat[at : at + step] for at in range(0, flat.size, step)),
                            array.shape, axis).tolist()  # fmt: skip
    assert hashes[1] == hashes[3]
    assert len(set(hashes)) == len(hashes) - 1


@pytest.mark.parametrize("external", [False, True])
def test_equal_channels(weights_of, external):
    array = RANDOM.copy()
    array[2] = array[0]
    array[1] = array[3] = 0
    text = "n (float[N, 6] x) => (float[N, 4] y) <float w = {0}> { y = Gemm<transB = 1>(x, w) }"
    weights = weights_of(text, external, w=array)
    (weight,) = weights.layers()
    assert weights.equal_channels(weight) == [[0, 2]]


def test_each_tensor_is_read_once(weights_of, monkeypatch):
    reads = Counter()
    blocks = Tensor.blocks
    monkeypatch.setattr(
        Tensor, "blocks", lambda self, *a: reads.update([self.name]) or blocks(self, *a)
    )
    text = """n (float[N, 6] x) => (float[N, 6] y) <float w = {0}, float v = {0}> {
        a = MatMul(x, w) b = MatMul(a, v) c = MatMul(b, w) t = Transpose(v) y = MatMul(c, t)
    }"""
    weights = weights_of(text, True, w=RANDOM.T, v=RANDOM)
    assert not reads
    for _ in range(2):
        for weight in weights.layers():
            assert weights.channels(weight) is not None
            assert weights.equal_channels(weight) == []
            assert weights.repeated(weight) is None
        for _, tensor in weights.constants():
            assert weights.of(tensor).elements == 24
    assert reads == {"w": 1, "v": 1}


@pytest.mark.parametrize("external", [False, True])
def test_threads_give_what_one_gives(weights_of, monkeypatch, external):
    array = np.random.default_rng(2).normal(size=(300, 1000)).astype("float32")
    text = "n (float[N, 300] x) => (float[N, M] y) <float w = {0}> { y = MatMul(x, w) }"
    seen = []
    for elements in (1_000_000, 70_001):
        monkeypatch.setattr("onnxlint.analyses.static.weights.THREAD_ELEMENTS", elements)
        weights = weights_of(text, external, w=array)
        (weight,) = weights.layers()
        seen.append((weights.of(weight.tensor), weights.channels(weight)))
    (whole, channels), (parts, parts_channels) = seen
    assert (whole.elements, whole.minimum) == (parts.elements, parts.minimum)
    assert whole.rms == pytest.approx(parts.rms, rel=1e-6)
    assert np.array_equal(channels.minimum, array.min(axis=0))
    assert np.array_equal(parts_channels.maximum, array.max(axis=0))
    assert channels.minimum.tolist() == parts_channels.minimum.tolist()


@pytest.mark.parametrize("external", [False, True])
def test_a_file_is_read_in_several_places_at_a_time(weights_of, external):
    array = np.random.default_rng(3).normal(size=(40, 1000)).astype("float32")
    text = "n (float[N, 40] x) => (float[N, M] y) <float w = {0}> { y = MatMul(x, w) }"
    weights = weights_of(text, external, w=array)
    ((_, tensor),) = weights.constants()
    assert tensor.extent is not None  # 160,000 bytes stay where they are
    readers = zip(tensor.blocks(1000), tensor.blocks(1000, 20_000), strict=False)
    for row, (here, there) in enumerate(readers):
        assert np.array_equal(here, array[row])
        assert np.array_equal(there, array[row + 20])


NUMBERS = [name for name, _ in TensorProto.DataType.items()
           if name not in ("UNDEFINED", "STRING", "BOOL", "COMPLEX64", "COMPLEX128")]  # fmt: skip


@pytest.mark.parametrize("external", [False, True])
@pytest.mark.parametrize("name", NUMBERS)
def test_elements_of_every_type_come_in_blocks(weights_of, name, external):
    dtype = helper.tensor_dtype_to_np_dtype(TensorProto.DataType.Value(name))
    high = {"UINT2": 4, "INT2": 2, "INT4": 8}.get(name, 7)
    low = -high if name in ("INT2", "INT4") else 0
    array = np.random.default_rng(0).integers(low, high, (5, 7)).astype(dtype)
    weights = weights_of("n (float[N] x) => (float[N] y) <float w = {0}> { y = Add(x, w) }",
                         external, w=array)  # fmt: skip
    ((_, tensor),) = weights.constants()
    whole = array.reshape(-1).astype("float32")
    for step, start, stop in ((None, 0, None), (8, 0, None), (4, 8, 20), (16, 16, None)):
        blocks = [block.astype("float32") for block in tensor.blocks(step, start, stop)]
        np.testing.assert_array_equal(np.concatenate(blocks), whole[start:stop])


DAMAGED = [
    "s = Constant<value_floats = [6.0, 4.0]>() r = Reshape(w, s) y = MatMul(x, r)",
    "s = Constant<value_ints = [-6, -4]>() r = Reshape(w, s) y = MatMul(x, r)",
    "s = Constant<value_ints = [5, 4]>() r = Reshape(w, s) y = MatMul(x, r)",
    "s = Constant<value_floats = [1.0]>() r = Squeeze(w, s) y = MatMul(x, r)",
    'r = Unsqueeze<axes = ["a"]>(w) y = MatMul(x, r)',
    'r = Transpose<perm = ["a", "b"]>(w) y = MatMul(x, r)',
    "r = Unsqueeze(w) y = MatMul(x, r)",
    "r = Reshape(w) y = MatMul(x, r)",
]


@pytest.mark.parametrize("body", DAMAGED)
def test_damage_on_the_way_hides_a_weight(weights_of, body):
    text = f"n (float[N, 6] x) => (float[N, 4] y) <float w = {{0}}> {{ {body} }}"
    assert [*weights_of(text, w=RANDOM.T).layers()] == []


def test_an_offset_that_is_no_number_hides_the_data(tmp_path):
    model = model_from_text("n (float[N, 6] x) => (float[N, 4] y) { y = MatMul(x, w) }")
    tensor = model.graph.initializer.add(name="w", data_type=1, dims=[6, 4], data_location=1)
    for key, entry in {"location": "data", "offset": "much"}.items():
        tensor.external_data.add(key=key, value=entry)
    (tmp_path / "data").write_bytes(bytes(96))
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    with open_model(str(path)) as opened:
        graph = Graph(opened)
        weights = Weights.build(graph, Preflight.build(graph))
        (weight,) = weights.layers()
        assert weights.of(weight.tensor) is None
        assert weights.repeated(weight) is None


def test_a_file_that_is_too_short_is_told(weights_of, tmp_path):
    text = "n (float[N, 6] x) => (float[N, 4] y) <float w = {0}> { y = MatMul(x, w) }"
    weights = weights_of(text, True, w=RANDOM.T)
    (data,) = (file for file in tmp_path.iterdir() if file.suffix != ".onnx")
    data.write_bytes(data.read_bytes()[:50])
    (weight,) = weights.layers()
    assert weights.of(weight.tensor) is None
    assert weights.channels(weight) is None


ZEROS, ONES = np.zeros((2, 3), "float32"), np.ones((2, 3), "float32")
SIGNED = np.where(np.arange(6).reshape(2, 3) == 4, np.float32(-0.0), ZEROS)


@pytest.mark.parametrize(("one", "other", "copied"), [
    (ZEROS, ZEROS, True), (ZEROS, SIGNED, False), (SIGNED, SIGNED, True), (ONES, ONES, True),
    (ONES, ONES.T, True), (ONES, 2 * ONES, False), (ZEROS, ONES, False),
    (np.full((2, 3), np.nan, "float32"), np.full((2, 3), np.nan, "float32"), True),
    (ZEROS.astype("int8"), ZEROS.astype("int8"), True), (ONES.astype("int8"), ONES, False),
    (ZEROS.astype("float16"), SIGNED.astype("float16"), False),
    (RANDOM, RANDOM.T.copy(), True), (RANDOM, RANDOM[::-1], False),
])  # fmt: skip
@pytest.mark.parametrize("long", [1, 40])
def test_copies_are_the_same_to_the_last_bit(weights_of, one, other, copied, long):
    one, other = (
        np.repeat(each, long, axis=axis)
        for each, axis in ((one, 1), (other, 0 if one.shape != other.shape else 1))
    )
    text = "net (float[N] x) => (float[N] y) <float[1] a = {0}, float[1] b = {0}> { y = Relu(x) }"
    found = [*weights_of(text, a=one, b=other).copies(1)]
    assert [[copy.value.name for copy in copies] for copies in found] == [["a", "b"]] * copied
