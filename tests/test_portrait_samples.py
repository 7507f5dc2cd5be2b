"""What a page tells of the data: features beside what is declared, and samples to look at."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from onnx import numpy_helper
from pages import fed, portrait, reported
from PIL import Image

from onnxlint.portrait.numbers import Sample
from onnxlint.portrait.parts import part
from onnxlint.portrait.samples import Samples
from onnxlint.portraying.png import png
from onnxlint.portraying.previews import shown
from onnxlint.runtime.feeds.synthesis import Slot
from onnxlint.settings import InputContract, Settings

HEADER = '<ir_version: 8, opset_import: ["" : 17]>'
TABLE = (
    HEADER
    + """
g (float[N, 4] x) => (float[N, 2] y)
<float[4, 2] w = {1, 0, 0, 1, 0, 0, 1, 1}> { y = MatMul(x, w) }
"""
)
RNG = np.random.default_rng(3)
ROWS = RNG.normal(size=(200, 4)).astype(np.float32)
ROWS[:, 2] = 5
ROWS[[3, 9], 1] = np.nan, np.inf


def of(folder, text: str, x=None, **given) -> Samples:
    return portrait(folder, text, x, **given)["samples"]


def test_features_are_measured_as_numpy_does(tmp_path):
    contract = InputContract(range=(-9, 9), features={"0": (-1, 1)})
    seen = of(tmp_path, TABLE, ROWS, inputs={"x": contract})
    (told,) = seen.inputs
    assert (seen.synthetic, seen.looked_at, seen.run) == (False, 200, 200)
    assert (told.by, told.of_features, told.is_subset) == ("feature", 4, False)
    for at, each in enumerate(told.features):
        finite = ROWS[:, at][np.isfinite(ROWS[:, at])].astype(np.float64)
        assert each.count == len(finite)
        assert (each.minimum, each.maximum) == (finite.min(), finite.max())
        assert each.quantiles == pytest.approx(np.quantile(finite, [0.05, 0.25, 0.5, 0.75, 0.95]))
        assert each.mean == pytest.approx(finite.mean())
        assert each.deviation == pytest.approx(finite.std())
        assert sum(each.histogram.counts) == len(finite)
    first, second, third, _ = told.features
    assert (first.declared, first.outside) == ((-1, 1), int((np.abs(ROWS[:, 0]) > 1).sum()))
    assert (second.declared, second.outside) == ((-9, 9), 0)
    assert (second.nan, second.infinite) == (1, 1)
    assert [each.constant for each in told.features] == [False, False, True, False]
    expected, _ = np.histogram(ROWS[:, 0], len(first.histogram.counts))
    assert first.histogram.counts == tuple(expected)
    assert third.histogram.counts == (200,)
    assert told.expects[0] == "Declared: range -9 to 9."
    assert told.expects[1].startswith("MatMul reads it without any scaling in the graph")


def test_features_have_the_names_of_their_columns(tmp_path):
    lines = ["<b>,width,c,d", *("1,2,3,4", "2,3,4,5", "3,4,5,6")]
    (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n")
    contract = InputContract(features={"width": (0, 3)})
    settings = Settings(data=tmp_path / "rows.csv", inputs={"x": contract})
    seen = part(reported(tmp_path, TABLE, settings).portrait, "samples")
    (told,) = seen.inputs
    assert [each.name for each in told.features] == ["<b>", "width", "c", "d"]
    assert [each.outside for each in told.features] == [0, 1, 0, 0]
    assert seen.first[1].inputs[0].names == ("<b>", "width", "c", "d")
    assert seen.first[1].inputs[0].texts == ("2", "3", "4", "5")
    assert told.features[0].histogram.counts == (1, 1, 1)
    assert told.features[0].histogram.whole


def test_of_many_features_those_outside_their_range_are_shown(tmp_path):
    rows = RNG.random((20, 60)).astype(np.float32)
    rows[4, 55] = 2
    ones = ", ".join(["1"] * 60)
    text = (
        HEADER
        + f"""
    g (float[N, 60] x) => (float[N, 1] y) <float[60, 1] w = {{{ones}}}> {{ y = MatMul(x, w) }}
    """
    )
    (told,) = of(tmp_path, text, rows, inputs={"x": InputContract(range=(0, 1))}).inputs
    assert told.of_features == 60
    assert [each.name for each in told.features] == [*map(str, range(23)), "55"]
    assert told.features[-1].outside == 1


def test_what_the_graph_does_first_is_told_with_what_comes_of_the_data(tmp_path):
    text = (
        HEADER
        + """
    g (float[N, 4] x) => (float[N, 2] y)
    <float[4, 2] w = {1, 0, 0, 1, 0, 0, 1, 1}, float mean = {10}, float spread = {2}>
    { centred = Sub(x, mean) normal = Div(centred, spread) y = MatMul(normal, w) }
    """
    )
    rows = (10 + 2 * RNG.normal(size=(500, 4))).astype(np.float32)
    (told,) = of(tmp_path, text, rows).inputs
    assert told.expects[0].startswith(
        "The graph itself first computes scale · x + offset: scale 0.5, offset -5."
    )


def test_synthetic_samples_are_told_as_such_and_tokens_are_numbers(tmp_path):
    text = (
        HEADER
        + """
    g (int64[N, 5] ids) => (float[N, 5, 2] y)
    <float[7, 2] table = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13}> { y = Gather(table, ids) }
    """
    )
    seen = of(tmp_path, text)
    assert seen.synthetic
    assert seen.source == "synthetic inputs (seed 0)"
    (told,) = seen.inputs
    assert (told.by, told.of_features) == ("all", 1)
    assert told.expects == ("Values are used as indices from 0 to 6.",)
    (item,) = seen.first[0].inputs
    assert item.kind == "tokens"
    assert len(item.texts) == 5
    assert set(item.texts) <= {*"0123456"}


def test_texts_are_counted_and_shown(tmp_path):
    text = HEADER + "g (string[N] s) => (string[N] t) { t = Identity(s) }"
    words = np.array(["a<b>", "", "a<b>", "c"])
    seen = of(tmp_path, text, {"s": words})
    (told,) = seen.inputs
    assert (told.texts.count, told.texts.distinct, told.texts.empty) == (4, 3, 1)
    assert told.texts.most[0] == ("a<b>", 2)
    assert seen.first[0].inputs[0].texts == ("a<b>",)


def test_runs_of_different_sizes_hold_the_samples_in_their_order(tmp_path):
    text = HEADER + "g (float[N, 2] x) => (float[N, 2] y) { y = Relu(x) }"
    rows = np.arange(10, dtype=np.float32).reshape(5, 2)
    for run, part_of in enumerate(np.split(rows, [1, 3])):
        folder = tmp_path / "sets" / f"test_data_set_{run}"
        folder.mkdir(parents=True)
        tensor = numpy_helper.from_array(part_of, "x")
        (folder / "input_0.pb").write_bytes(tensor.SerializeToString())
    seen = part(reported(tmp_path, text, Settings(data=tmp_path / "sets")).portrait, "samples")
    assert [each.inputs[0].texts for each in seen.first] == [
        tuple(f"{each:g}" for each in row) for row in rows.tolist()
    ]


def test_an_empty_input_has_no_features(tmp_path):
    text = HEADER + "g (float[N, 0] x) => (float[N, 0] y) { y = Relu(x) }"
    (told,) = of(tmp_path, text).inputs
    assert told.features == ()


# Pictures


def pixels(text: str) -> np.ndarray:
    with Image.open(io.BytesIO(base64.b64decode(text))) as image:
        return np.asarray(image)


@pytest.mark.parametrize("shape", [(5, 7), (4, 9, 3)])
def test_a_png_is_what_pillow_reads(shape):
    given = RNG.integers(0, 256, shape, np.uint8)
    assert np.array_equal(pixels(png(given)), given)


@pytest.mark.parametrize(("axis", "colour"), [(0, "RGB"), (2, "RGB"), (0, "BGR"), (2, "BGR")])
def test_pictures_have_their_colours_wherever_channels_are(axis, colour):
    bytes_ = RNG.integers(0, 256, (6, 8, 3), np.uint8)
    scaled = (bytes_ / 255).astype(np.float32) - 0.5
    given = scaled[..., ::-1] if colour == "BGR" else scaled
    item = shown(Slot("x", "float32", ("N", 1)), np.moveaxis(given, 2, axis), (),
                 InputContract(colour=colour), (-0.5, 0.5))  # fmt: skip
    assert (item.kind, item.height, item.width) == ("image", 6, 8)
    assert np.array_equal(pixels(item.png), bytes_)


def test_a_large_picture_is_shrunk_to_means_and_nan_is_black():
    given = np.arange(400 * 200, dtype=np.float32).reshape(1, 400, 200)
    given[0, :5, :5] = np.nan
    item = shown(Slot("x", "float32", ("N", 1)), given, (), InputContract(), (0, 400 * 200))
    found = pixels(item.png)
    assert found.shape == (80, 40)
    means = given[0].reshape(80, 5, 40, 5).mean(axis=(1, 3)) / (400 * 200) * 255
    assert np.allclose(found[1:], means[1:], atol=0.51)
    assert found[0, 0] == 0


def test_a_long_row_is_a_course():
    given = np.sin(np.arange(1000) / 50).astype(np.float32)
    item = shown(Slot("x", "float32", ("N", 1000)), given, (), InputContract(), None)
    assert item.kind == "series"
    assert item.points == pytest.approx(given.reshape(-1, 5).mean(axis=1), abs=1e-3)


def test_images_of_a_folder_are_shown_as_they_were_fed(tmp_path):
    text = HEADER + "g (float[N, 1, 8, 8] x) => (float[N, 1, 8, 8] y) { y = Relu(x) }"
    for number in range(3):
        grey = RNG.integers(0, 256, (8, 8), np.uint8)
        (tmp_path / "pics").mkdir(exist_ok=True)
        Image.fromarray(grey).save(tmp_path / "pics" / f"<{number}>.png")
    contract = InputContract(layout="NCHW", scale=1 / 255, colour="GREY")
    settings = Settings(data=tmp_path / "pics", inputs={"x": contract})
    seen = part(reported(tmp_path, text, settings).portrait, "samples")
    assert isinstance(seen.first[0], Sample)
    assert [each.name for each in seen.first] == ["<0>.png", "<1>.png", "<2>.png"]
    ((name, low, high),) = seen.ranges
    shown_last = pixels(seen.first[2].inputs[0].png)
    expected = (grey / 255 - low) / (high - low) * 255
    assert name == "x"
    assert np.allclose(shown_last, expected, atol=0.51)
    assert seen.inputs[0].by == "channel"


def test_nothing_is_told_of_a_model_that_is_not_run(tmp_path):
    from onnxlint.pipeline import lint_model
    from onnxlint.planner import Planner
    from onnxlint.testing import model_from_text

    path = tmp_path / "model.onnx"
    path.write_bytes(model_from_text(TABLE).SerializeToString())
    planner = Planner(select=("GRA001",), static_only=True, portrays=True, settings=fed(tmp_path))
    made = lint_model(planner.job(str(path))).portrait
    assert not {"predictions", "samples", "representations"} & {*made}
