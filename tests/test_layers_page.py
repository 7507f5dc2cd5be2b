"""What the page shows of every layer: how it is made, and what stands there."""

from __future__ import annotations

import io
import re
from base64 import b64decode
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from onnx import helper
from onnx.reference import ReferenceEvaluator
from PIL import Image as Pillow
from test_formats import NAMES, written
from test_html_report import browser, observed, page

from onnxlint import Graph, Settings
from onnxlint.analyses import Analyses
from onnxlint.analyses.execution.worker import Workers
from onnxlint.analyses.trace.gradient_propagation import Propagation
from onnxlint.cli.main import cli
from onnxlint.findings import Diagnostic
from onnxlint.model.file.load import open_model
from onnxlint.model.graph.place import NotApplicable, Place
from onnxlint.portrait.layers import Activity, Layer, Layers, Limits, Powers, Weight
from onnxlint.portrait.parts import plain
from onnxlint.portrait.pictures import Image, Pictures, Shown
from onnxlint.portraying.attention import attentions
from onnxlint.portraying.images import image
from onnxlint.portraying.layers import layers
from onnxlint.portraying.pictures import chosen, pictures, spread
from onnxlint.portraying.png import png
from onnxlint.portraying.subject import Subject
from onnxlint.report import ModelReport
from onnxlint.reporters.html.models import Model
from onnxlint.reporters.html.sections import amounts, histograms, profile
from onnxlint.reporters.html.sections.layers import View
from onnxlint.safety.printable import printable
from onnxlint.severity import Severity

__all__ = ["browser"]  # a fixture

HEAD = '<ir_version: 8, opset_import: ["" : 17]>\n'
PERCEPTRON = (
    HEAD
    + """
g (float[N, 2] x) => (float[N, 2] y)
<float[2, 2] w = {1, 0, 0, -1}, float[2] b = {0, 0}, int64[2] dims = {0, 1}> {
  h = MatMul(x, w)
  s = Add(h, b)
  r = Relu(s)
  shape = Shape(r)
  size = Gather(shape, dims)
  y = Sigmoid(r)
}
"""
)
CONVOLUTIONS = (
    HEAD
    + """
g (float[N, 1, 4, 4] x) => (float[N, 2, 2, 2] y)
<float[2, 1, 1, 1] w = {1, -2}, float[2, 2, 2, 2] v = {1,1,1,1,0,0,0,0,1,0,0,0,0,1,0,0}> {
  h = Conv(x, w)
  r = Relu(h)
  y = Conv<strides = [2, 2]>(r, v)
}
"""
)
ATTENTION = (
    HEAD
    + """
g (float[N, 2, 3, 4] q, float[N, 2, 3, 4] k) => (float[N, 2, 3, 4] y)
<float scale = {0.5}, float[4, 4] w = {1,0,0,0,0,1,0,0,0,0,1,0,0,0,0,1}> {
  t = Transpose<perm = [0, 1, 3, 2]>(k)
  scores = MatMul(q, t)
  scaled = Mul(scores, scale)
  p = Softmax<axis = -1>(scaled)
  o = MatMul(p, k)
  z = MatMul(o, w)
  y = Softmax<axis = -1>(z)
}
"""
)


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    with closing(Workers()) as workers:
        yield workers


@pytest.fixture
def subject(write_model, workers, tmp_path):
    """A model in text, as makers of parts are given it, run on samples or, without, not at all."""
    opened = []

    def read(text: str, **samples: np.ndarray) -> Subject:
        model = open_model(str(write_model(text)))
        data = tmp_path / "data.npz"
        np.savez(data, **samples)
        settings = Settings(data=data, full_trace=True) if samples else Settings()
        analyses = Analyses(settings, model.__enter__())
        analyses.give(workers.with_limits(60.0, None))
        opened.append((model, analyses))
        return Subject(analyses, bool(samples))

    yield read
    for model, analyses in opened:
        analyses.close()
        model.__exit__(None, None, None)


def by_op(found: Layers) -> dict[str, Layer]:
    return {layer.op: layer for layer in found.layers}


SAMPLES = np.array([[1, 2], [3, -4]], np.float32)


# What is made


def test_parameters_operations_memory_and_activations_of_every_layer(subject):
    found = layers(subject(PERCEPTRON, x=SAMPLES))
    told = by_op(found)
    assert [layer.op for layer in found.layers] == ["MatMul", "Add", "Relu", "Sigmoid"]
    assert (found.glue, found.samples, found.costs_of) == (2, 2, "x[1, 2]")
    product, relu = told["MatMul"], told["Relu"]
    assert (product.parameters, product.trainable, product.macs, product.flops) == (4, 4, 4, 8)
    assert (product.memory, product.shape, product.reads) == (8, "float[N, 2]", ())
    assert relu.reads == (told["Add"].number,)
    seen = relu.seen
    assert seen is not None
    assert (seen.samples, seen.elements, seen.zeros, seen.nan, seen.subnormal) == (2, 4, 1, 0, 0)
    assert (seen.minimum, seen.maximum, seen.mean) == (0, 4, 2)
    assert seen.rms == pytest.approx((26 / 4) ** 0.5)
    assert seen.powers == Powers(0, (0, 0, 0), (1, 1, 1))
    assert seen.low is not None and 1 <= seen.low <= 1.1
    assert seen.high == 4


def test_distributions_of_weights_and_bounds(subject):
    told = by_op(layers(subject(PERCEPTRON, x=SAMPLES)))
    (weight,) = told["MatMul"].weights
    assert (weight.name, weight.type, weight.elements, weight.zeros) == ("w", "float[2, 2]", 4, 2)
    assert (weight.minimum, weight.maximum, weight.mean) == (-1, 1, 0)
    assert {at: count for at, count in enumerate(weight.bins) if count} == {0: 1, 16: 2, 31: 1}
    (bias,) = told["Add"].weights
    assert (bias.minimum, bias.maximum, bias.bins) == (0, 0, ())
    limits = told["Sigmoid"].limits
    assert limits is not None
    assert (limits.low, limits.high) == pytest.approx((0.5, 1), abs=1e-5)


def test_what_is_not_finite_is_counted_apart(subject):
    text = HEAD + "g (float[N, 3] x) => (float[N, 3] y) { y = Log(x) }"
    samples = np.array([[0, -1, 1], [np.e, 1, -2]], np.float32)
    (layer,) = layers(subject(text, x=samples)).layers
    seen = layer.seen
    assert seen is not None
    assert (seen.nan, seen.negative_infinite, seen.positive_infinite, seen.zeros) == (2, 1, 0, 2)
    assert seen.maximum == pytest.approx(1)
    drawn = histograms.of_activity(seen)
    assert drawn is not None
    assert [name for name, _ in drawn.bars] == ["odd", "zero", "above"]
    assert "33.33% NaN; 16.67% -Inf; 33.33% zero" in drawn.label


def test_without_a_run_the_file_alone_is_told(subject):
    found = layers(subject(PERCEPTRON))
    assert (found.not_run, found.samples) == ("the model was not run", None)
    assert all(layer.seen is None for layer in found.layers)
    assert by_op(found)["MatMul"].macs == 4


def test_time_is_told_where_it_was_asked_for(subject):
    asked = subject(PERCEPTRON, x=SAMPLES)
    assert all(layer.time is None for layer in layers(asked).layers)
    asked.analyses.give(replace(asked.analyses.get(Settings), timed=True))
    found = layers(asked)
    shares = [layer.time for layer in found.layers if layer.time is not None]
    assert found.milliseconds is not None and found.milliseconds > 0
    assert shares
    assert 0 < sum(shares) <= 1.001
    assert all(layer.time is not None or layer.within is not None for layer in found.layers)


def test_time_is_an_option_of_the_page(write_model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = str(write_model(PERCEPTRON))
    done = CliRunner().invoke(cli, ["report", model, "--time", "-o", "r.html"])
    assert done.exit_code == 0, done.output
    text = Path("r.html").read_text(encoding="utf-8")
    assert re.search(r"All kernels take [\d.e-]+ ms, the median of 7 runs", text)
    refused = CliRunner().invoke(cli, ["report", model, "--time", "--static-only"])
    assert refused.exit_code == 2
    assert "--time runs the model; leave out --static-only" in refused.output


def test_gradients_are_told_where_a_rule_asked_for_them(subject):
    text = (
        HEAD
        + """
    g (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] a = {2, 0, 0, 2}, float[2, 2] b = {3, 0, 0, 3}, float[2, 2] c = {1, 0, 0, 1}> {
      h = MatMul(x, a)
      r = Relu(h)
      i = MatMul(r, b)
      s = Relu(i)
      y = MatMul(s, c)
    }"""
    )
    asked = subject(text, x=np.abs(SAMPLES))
    assert layers(asked).not_measured == "no rule that ran asks for them"
    asked.analyses.get(Propagation)
    found = layers(asked)
    gradients = [layer.gradient for layer in found.layers if layer.gradient is not None]
    assert found.not_measured is None
    assert gradients == pytest.approx([3, 1, 1], rel=0.05)


def test_weights_behind_glue_are_those_of_the_layer(subject):
    text = (
        HEAD
        + """
    g (float[N, 2] x) => (float[N, 2] y)
    <int8[2, 2] w = {1, 2, 3, 4}, float scale = {0.5}, int8 zero = {0}> {
      d = DequantizeLinear(w, scale, zero)
      y = MatMul(x, d)
    }"""
    )
    found = layers(subject(text))
    (layer,) = found.layers
    assert (found.glue, layer.parameters, layer.trainable) == (1, 4, 0)
    assert [(each.name, each.minimum, each.maximum) for each in layer.weights] == [("w", 1, 4)]


def test_feature_maps_are_the_first_sample_channel_by_channel(subject):
    samples = np.arange(32, dtype=np.float32).reshape(2, 1, 4, 4)
    found = pictures(subject(CONVOLUTIONS, x=samples))
    assert found is not None
    first, last = found.maps
    assert (first.shape, first.of, last.shape, found.convolutions) == (
        (1, 2, 4, 4),
        2,
        (1, 2, 2, 2),
        2,
    )
    assert [(each.low, each.high) for each in first.images] == [(0, 15), (-30, 0)]
    up, down = (np.asarray(Pillow.open(io.BytesIO(b64decode(each.png)))) for each in first.images)
    assert up.tolist() == np.rint(np.arange(16).reshape(4, 4) * 17).tolist()
    assert down.tolist() == up[::-1, ::-1].tolist()


def test_attention_is_the_softmax_between_two_products(subject):
    random = np.random.default_rng(0)
    q, k = (random.standard_normal((2, 2, 3, 4), np.float32) for _ in range(2))
    found = pictures(subject(ATTENTION, q=q, k=k))
    assert found is not None
    (shown,) = found.attention
    assert (shown.op, shown.shape, shown.of, found.attentions) == ("Softmax", (2, 3, 3), 2, 1)
    scores = np.exp(q[0] @ k[0].transpose(0, 2, 1) / 2)
    weights = scores / scores.sum(axis=-1, keepdims=True)
    assert [each.low for each in shown.images] == pytest.approx(weights.min(axis=(1, 2)))
    assert [each.high for each in shown.images] == pytest.approx(weights.max(axis=(1, 2)))


@pytest.mark.parametrize("mask", [None, "bool", "float"])
@pytest.mark.parametrize(("shape", "given"), [
    ((2, 4, 3, 8), {}), ((2, 3, 32), {"q_num_heads": 4, "kv_num_heads": 4}),
    ((2, 4, 3, 8), {"is_causal": 1, "scale": 0.3}),
])  # fmt: skip
def test_fused_attention_is_computed_again(tmp_path, shape, given, mask):
    random = np.random.default_rng(1)
    fed = {name: random.standard_normal(shape, np.float32) for name in "qkv"}
    if mask is not None:
        numbers = random.standard_normal((3, 3)).astype(np.float32)
        fed["m"] = numbers > -0.5 if mask == "bool" else numbers
        fed["m"] = fed["m"] | np.eye(3, dtype=bool) if mask == "bool" else fed["m"]
    model = attention_model(fed, given)
    expected = ReferenceEvaluator(model).run(["w"], fed)[0]
    path = tmp_path / "attention.onnx"
    onnx.save(model, path)
    with open_model(str(path)) as opened:
        (found,) = attentions(Graph(opened))
        weights = found.weights({value: fed[value.name] for value in found.reads})
    assert weights == pytest.approx(expected[0], abs=1e-5)


def attention_model(fed: dict[str, np.ndarray], given: dict[str, object]) -> onnx.ModelProto:
    node = helper.make_node(
        "Attention", [*fed], ["y", "", "", "w"], qk_matmul_output_mode=3, **given
    )
    inputs = [
        helper.make_tensor_value_info(
            name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape
        )
        for name, array in fed.items()
    ]
    outputs = [helper.make_tensor_value_info(name, 1, None) for name in "yw"]
    graph = helper.make_graph([node], "g", inputs, outputs)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 23)], ir_version=10)


@pytest.mark.parametrize("unidirectional", [0, 1])
def test_attention_of_onnxruntime_is_computed_again(tmp_path, unidirectional):
    random = np.random.default_rng(2)
    fed = {name: random.standard_normal((1, 3, 8), np.float32) for name in "qkv"}
    node = helper.make_node(
        "MultiHeadAttention", [*fed], ["y"], domain="com.microsoft", num_heads=2,
        unidirectional=unidirectional,
    )  # fmt: skip
    ports = [helper.make_tensor_value_info(name, 1, [1, 3, 8]) for name in (*fed, "y")]
    graph = helper.make_graph([node], "g", ports[:3], ports[3:])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets), tmp_path / "a.onnx")
    with open_model(str(tmp_path / "a.onnx")) as opened:
        (found,) = attentions(Graph(opened))
        weights = found.weights({value: fed[value.name] for value in found.reads})
    assert weights is not None
    assert weights.sum(axis=-1) == pytest.approx(1)
    first = fed["q"][0, :, :4] @ fed["k"][0, :, :4].T / 2
    if unidirectional:
        first[np.triu_indices(3, 1)] = -np.inf
    expected = np.exp(first) / np.exp(first).sum(axis=-1, keepdims=True)
    assert weights[0] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("attribute", [{"softcap": 1.0}, {}])
def test_fused_attention_with_more_than_a_mask_is_not_guessed(tmp_path, attribute):
    fed = {name: np.zeros((1, 1, 2, 2), np.float32) for name in "qkvm"}
    if not attribute:
        fed |= {name: np.zeros((1, 1, 2, 2), np.float32) for name in ("pk", "pv")}
    onnx.save(attention_model(fed, attribute), tmp_path / "a.onnx")
    with open_model(str(tmp_path / "a.onnx")) as opened:
        assert [*attentions(Graph(opened))] == []


def test_a_model_without_convolutions_and_attention_has_no_pictures(subject):
    assert pictures(subject(PERCEPTRON, x=SAMPLES)) is None
    assert pictures(subject(CONVOLUTIONS)) is None


def test_pictures_of_what_costs_much_are_left_out(subject, monkeypatch):
    asked = subject(CONVOLUTIONS, x=np.zeros((1, 1, 4, 4), np.float32))
    monkeypatch.setattr("onnxlint.portraying.pictures.FREE_OPERATIONS", 1.0)
    monkeypatch.setattr("onnxlint.analyses.execution.run_budget.Work.budget", 1.0)
    with pytest.raises(NotApplicable, match="a further run takes about"):
        pictures(asked)


def test_layers_with_pictures_are_the_first_the_last_and_one_a_size():
    names = [*"abcdef"]
    assert chosen(names, [4, 4, 2, 2, 1, 1]) == ["a", "b", "d", "f"]
    assert chosen([], []) == []
    assert spread([*range(10)], 4) == [0, 3, 6, 9]


@pytest.mark.parametrize("shape", [(1, 1), (5, 200), (130, 64)])
def test_images_are_valid_files_of_few_pixels(shape):
    matrix = np.linspace(-1, 1, shape[0] * shape[1]).reshape(shape)
    made = image(matrix, 3)
    with Pillow.open(io.BytesIO(b64decode(made.png))) as read:
        read.load()
        assert read.mode == "L"
        assert read.size == (made.width, made.height)
        assert max(read.size) <= 64
        pixels = np.asarray(read)
    assert pixels[0, 0] <= 4
    assert (made.low, made.high) == (matrix.min(), matrix.max())


def test_images_show_what_is_not_finite_as_black_and_count_it():
    made = image(np.array([[np.nan, 1], [2, np.inf]]), 0)
    pixels = np.asarray(Pillow.open(io.BytesIO(b64decode(made.png))))
    assert pixels.tolist() == [[0, 0], [255, 0]]
    assert (made.low, made.high, made.odd) == (1, 2, 2)
    assert image(np.full((2, 2), np.nan), 0).odd == 4


# What stands on the page


@pytest.mark.parametrize(("told", "text"), [
    (amounts.count(99_999), "99,999"), (amounts.count(25_557_032), "25.6 M"),
    (amounts.count(999_999), "1 M"), (amounts.size(512), "512 B"),
    (amounts.size(3_211_264), "3.06 MiB"), (amounts.size(1_048_575), "1 MiB"),
    (amounts.share(0.5), "50%"), (amounts.share(0.1234), "12.34%"),
    (amounts.share(1e-9), "< 0.01%"), (amounts.share(0.99999), "> 99.99%"),
    (amounts.superscript(-12), "⁻¹²"),
])  # fmt: skip
def test_amounts(told, text):
    assert told == text


NOTHING = {
    "samples": 2, "elements": 10, "nan": 0, "positive_infinite": 0, "negative_infinite": 0,
    "zeros": 0, "subnormal": 0,
}  # fmt: skip


def seen(**given) -> Activity:
    return Activity(**{**NOTHING, **given})


def test_a_histogram_has_zero_in_the_middle_and_the_signs_apart():
    drawn = histograms.of_activity(seen(zeros=5, powers=Powers(-1, (1, 0), (0, 4))))
    assert drawn is not None
    assert [name for name, _ in drawn.bars] == ["below", "zero", "above"]
    assert [text for _, _, text in drawn.letters] == ["0", "-2¹", "2¹"]
    assert drawn.letters[0][0] == histograms.WIDTH / 2
    assert "50% zero; of the others 20% negative" in drawn.label
    assert "from 2^0 to 2^1" in drawn.label


def many(count: int) -> tuple[Layer, ...]:
    return tuple(
        Layer(
            number=at + 5,
            index=at,
            scope="",
            title=f"block{at}.conv",
            op="Conv" if at % 2 else "Relu",
            node=f"n{at}",
            output=f"v{at}",
            shape="float[1, 8]",
            parameters=(at * 7) % count,
            trainable=at,
            macs=at * 1000,
            memory=32,
            reads=(at + 4,) if at else (),
            seen=seen(minimum=-1.0, maximum=float(at + 1), rms=1.0 + at, low=0.1, high=at + 1.0,
                      nan=int(at == 3), zeros=2, dead=0.25 * (at == 4), saturated=0.5 * (at == 6),
                      powers=Powers(-2, (1, 2), (3, 2))),
            limits=Limits(None, 6.0, True, "loose"),
            weights=(Weight(f"w{at}", "float[2]", 2, minimum=0.0, maximum=1.0, bins=(1, 1)),),
            gradient=0.5**at,
            gain=0.5,
        )
        for at in range(count)
    )  # fmt: skip


def report(part: Layers, findings: tuple[Diagnostic, ...] = (), **parts) -> ModelReport:
    told = {"layers": plain(part), **{name: plain(made) for name, made in parts.items()}}
    return ModelReport("m.onnx", findings=findings, portrait=told)


AT_NODE = Place(node="n7", node_index=7, op_type="Conv")
FOUND = Diagnostic("TST001", "odd-node", Severity.ERROR, "it is odd", AT_NODE)
AT_WEIGHT = Diagnostic("TST002", "odd-weight", Severity.INFO, "it is odd", Place(value="w9"))
DOT = Image(png(np.zeros((1, 1), np.uint8)), 1, 1, 0, -1.0, 1.0)
PICTURES = Pictures("two inputs", (Shown(6, "conv <b>", "Conv", (1, 2, 1, 1), 2, (DOT,)),), (), 1)


def test_every_fact_of_a_layer_stands_on_the_page():
    shown = page(report(Layers(many(8), 3, 2, "two inputs", costs_of="x[1, 8]"), pictures=PICTURES))
    for told in (
        "8 layers, 28 parameters. One run of x[1, 8] takes 28,000 MACs.", "3 nodes left out",
        "Trainable parameters", "32 B", "Dead channels 25%", "Saturated 50%",
        "NaN 1 (10%)", "-∞ … 6, or NaN, not tight", "Gain 0.5", "onnxlint inspect m.onnx '#5'",
        "Layer #6 in the table", "channel 0-1 … 1",
    ):  # fmt: skip
        assert told.replace(" ", "") in shown.text.replace(" ", ""), told
    drawn = [given for tag, given in shown.elements if tag == "svg" and "role" in given]
    assert any("from 1 at #5 to 8 at #12" in given.get("aria-label", "") for given in drawn)


WITH_LAYERS = page(
    replace(report(Layers(many(9)), (FOUND,), pictures=PICTURES), portrait=None),
    report(Layers(many(9)), (FOUND,), pictures=replace(PICTURES, attention=PICTURES.maps)),
)
OWN_TAGS = {tag for tag, _ in WITH_LAYERS.elements}
OWN_ATTRIBUTES = {name for _, given in WITH_LAYERS.elements for name in given}


@settings(max_examples=5, deadline=None)
@given(names=st.lists(NAMES, min_size=9, max_size=9))
def test_hostile_names_of_layers_make_no_element_and_no_attribute(names):
    part = tuple(
        replace(
            layer, title=name, node=name, output=name, op=name, scope=name, shape=name,
            weights=(replace(layer.weights[0], name=name, type=name),),
        )
        for layer, name in zip(many(9), names, strict=True)
    )  # fmt: skip
    shown = Shown(6, names[0], names[1], (1, 2), 2, (DOT,))
    told = Layers(part, 0, 2, names[2], names[3], names[4], names[5], names[6])
    pictured = Pictures(names[7], (shown,), (shown,))
    hostile = replace(report(told, (FOUND,), pictures=pictured), path=names[8])
    seen = page(replace(hostile, portrait=None), hostile)
    assert {tag for tag, _ in seen.elements} <= OWN_TAGS
    assert {name for _, given in seen.elements for name in given} <= OWN_ATTRIBUTES
    assert len([given for tag, given in seen.elements if tag == "tbody" and "id" in given]) == 9
    links = [given["href"] for _, given in seen.elements if "href" in given]
    assert all(link.startswith(("#", "data:,")) for link in links)
    sources = [given["src"] for tag, given in seen.elements if tag == "img"]
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    for name in names:
        assert " ".join(printable(name).split()) in seen.text


def test_findings_are_linked_at_their_layer():
    part = report(Layers(many(12)), (FOUND, AT_WEIGHT))
    shown = page(part)
    links = [given["href"] for given in shown.of_class("severity") if "href" in given]
    assert links == [f"#finding-1-{each.fingerprint}" for each in (FOUND, AT_WEIGHT)]
    assert {link[1:] for link in links} <= {given.get("id") for _, given in shown.elements}


def test_layers_are_linked_to_a_drawing_only_where_there_is_one(monkeypatch):
    told = report(Layers(many(2)))
    assert "Show in the drawing" not in page(told).text

    def drawn(model: Model, place: Place) -> str | None:
        return f"drawing-{model.number}-{place.node_index}" if place.node_index else None

    monkeypatch.setattr(Model, "drawn", drawn, raising=False)
    links = [given["href"] for tag, given in page(told).elements if tag == "a"]
    assert [link for link in links if "drawing" in link] == ["#drawing-1-1"]


def test_columns_that_say_nothing_are_left_out():
    bare = Layer(0, 0, "", "a", "Relu", "a", "y", "float[1]")
    assert View(Layers((bare,)), ModelReport("m")).columns == []
    titles = [column.title for column in View(Layers(many(9)), ModelReport("m")).columns]
    assert titles == ["Parameters", "MACs", "Memory", "Range", "Zeros", "Dead", "Saturated"]


def test_the_chart_is_not_flattened_by_the_numbers_of_masks():
    plain_layers = list(many(40))
    huge = seen(rms=1e38, low=1e38, high=3e38)
    masked = Layer(90, 90, "", "mask", "Where", "w", "v", None, seen=huge)
    chart = profile.chart([*plain_layers, masked])
    assert chart is not None
    ticks = [text for _, text in chart.panels[0].ticks]
    assert len(ticks) > 2
    assert "10³⁸" not in ticks
    assert profile.chart([plain_layers[0]]) is None


def test_thousands_of_layers_take_few_bytes_each():
    text = written("html", [report(Layers(many(400)))])
    assert len(text) < 400 * 3_000


# In a browser


STEPS = """
const seenRows = ".layer-table tbody:not([hidden])";
const rows = () => [...page.querySelectorAll(seenRows)].map((row) => row.id);
const heads = [...page.querySelectorAll(".sort")];
const press = (title) => heads.find((head) => head.textContent === title).click();
const [text, found] = [page.querySelector(".layer-text"), page.querySelector(".layer-found")];
const ask = (value) => {
  text.value = value;
  text.dispatchEvent(new view.Event("input", {bubbles: true}));
  return rows();
};
seen.beyond = page.documentElement.scrollWidth - page.documentElement.clientWidth;
seen.count = [rows().length, page.querySelector(".layer-filter output").textContent];
view.location.hash = "#layer-1-90";
await until(() => page.activeElement.id === "layer-1-90");
seen.beyondTheFirst = [page.activeElement.id, rows().length];
page.querySelector(".layer-more").click();
seen.all = [rows().length, page.querySelector(".layer-more").hidden];
press("Parameters");
seen.most = rows().slice(0, 2);
press("Parameters");
seen.least = rows().slice(0, 2);
press("Layer");
seen.named = rows().slice(0, 2).concat(rows().slice(-1));
press("#");
seen.filtered = ask("BLOCK17 conv");
seen.told = page.querySelector(".layer-filter output").textContent;
found.click();
seen.none = rows().length;
seen.odd = ask("");
found.click();
const row = page.getElementById("layer-1-25");
const detail = row.rows[1];
seen.folded = detail.hidden;
row.querySelector("th button").click();
seen.unfolded = [detail.hidden, row.querySelector("th button").getAttribute("aria-expanded")];
seen.isHigh = detail.getBoundingClientRect().height > 100;
seen.fits = row.querySelector("td > div").getBoundingClientRect().right <= view.innerWidth;
ask("no such layer");
page.querySelector(".profile a").dispatchEvent(new view.MouseEvent("click", {bubbles: true}));
view.location.hash = "#layer-1-30";
await until(() => page.activeElement.id === "layer-1-30");
seen.revealed = [page.activeElement.id, rows().length, page.activeElement.rows[1].hidden];
"""


@pytest.mark.docs
@pytest.mark.parametrize("width", [1440, 390])
def test_the_table_is_sorted_filtered_and_unfolded(browser, tmp_path, monkeypatch, width):
    monkeypatch.setattr("onnxlint.reporters.html.sections.layers.AT_ONCE", 60)
    file = tmp_path / "report.html"
    part = report(Layers(many(100)), (FOUND, AT_WEIGHT), pictures=PICTURES)
    file.write_text(written("html", [part]), encoding="utf-8")
    did, complaints = observed(browser, file, width, STEPS)
    assert complaints == []
    assert did == {
        "beyond": 0, "count": [60, "100 of 100 layers, the first 60 shown"],
        "beyondTheFirst": ["layer-1-90", 61], "all": [100, True],
        "most": ["layer-1-62", "layer-1-19"], "least": ["layer-1-5", "layer-1-48"],
        "named": ["layer-1-5", "layer-1-6", "layer-1-104"], "filtered": ["layer-1-22"],
        "told": "1 of 100 layers", "none": 0, "odd": ["layer-1-12", "layer-1-14"], "folded": True,
        "unfolded": [False, "true"], "isHigh": True, "fits": True,
        "revealed": ["layer-1-30", 100, False], "loaded": [],
    }  # fmt: skip


ACROSS = """
view.location.hash = "#layer-1-0";
await until(() => page.activeElement.id === "layer-1-0");
const links = (within) => [...page.querySelectorAll(`${within} a`)];
const there = links("#layer-1-0").find((a) => a.textContent === "Show in the drawing");
view.location.hash = new view.URL(there.href).hash;
const back = () => links(".drawing .told").find((a) => a.textContent.includes("table of"));
await until(back);
seen.drawn = back().getAttribute("href");
back().click();
await until(() => page.activeElement.id === "layer-1-0");
seen.returned = page.activeElement.id;
"""


@pytest.mark.docs
def test_a_layer_leads_to_the_drawing_and_back(browser, write_model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, ["report", str(write_model(PERCEPTRON)), "-o", "report.html"])
    assert done.exit_code == 0, done.output
    did, complaints = observed(browser, tmp_path / "report.html", 1440, ACROSS)
    assert complaints == []
    assert did == {"drawn": "#layer-1-0", "returned": "layer-1-0", "loaded": []}


def test_of_very_many_layers_the_first_and_those_with_findings_unfold(monkeypatch):
    monkeypatch.setattr("onnxlint.reporters.html.sections.layers.MOST_UNFOLDED", 3)
    page = written("html", [report(Layers(many(20)), (FOUND, AT_WEIGHT))])
    plain = written("html", [report(Layers(many(20)))])
    unfold = re.compile(r'<th scope="row"><button aria-expanded="false">')
    assert len(unfold.findall(plain)) == 3
    assert len(unfold.findall(page)) == 5  # and two with findings
    assert "The first 3 layers and those with findings have their details here" in plain
