"""A layer's output as points: principal components, t-SNE, and what they are coloured by."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from pages import fed, portrait, reported

from onnxlint.pipeline import lint_model
from onnxlint.planner import Planner
from onnxlint.portrait.parts import NotMade, part
from onnxlint.portrait.representations import Representations
from onnxlint.portraying import planes
from onnxlint.settings import LabelSource, Settings

HEADER = '<ir_version: 8, opset_import: ["" : 17]>'
MLP = (
    HEADER
    + """
g (float[N, 3] x) => (float[N, 2] p)
<float[3, 4] w1 = {1, 0, -1, 2, 0, 1, 1, -1, 2, -1, 0, 1},
 float[4, 2] w2 = {1, 0, 0, 1, -1, 1, 1, -1}>
{
    [first] h = MatMul(x, w1)
    [active] r = Relu(h)
    [last] z = MatMul(r, w2)
    p = Softmax(z)
}
"""
)
W1 = np.array([[1, 0, -1, 2], [0, 1, 1, -1], [2, -1, 0, 1]])
W2 = np.array([[1, 0], [0, 1], [-1, 1], [1, -1]])
RNG = np.random.default_rng(5)
X = RNG.normal(size=(40, 3)).astype(np.float32)
DIGITS = Path(__file__).parent.parent / "fixtures" / "digits"


def of(folder, text: str = MLP, x=X, labels=None, **given) -> Representations:
    return portrait(folder, text, x, labels, **given)["representations"]


def components(count: int = 2):
    from sklearn.decomposition import PCA  # each fork of whoever imported it copies 90 MB more

    return PCA(count)


def is_same_plane(points, expected) -> bool:
    """Whether points are these, but for the signs of both axes."""
    return np.allclose(np.abs(points), np.abs(expected), atol=1e-4)


def test_principal_components_of_what_the_last_layer_reads_are_scikit_learns(tmp_path):
    seen = of(tmp_path)
    hidden = np.maximum(X @ W1, 0)
    expected = components().fit(hidden)
    (plane,) = seen.planes
    assert (seen.layer, seen.reader, seen.samples, seen.features) == ("r", "MatMul last", 40, 4)
    assert is_same_plane(plane.points, expected.transform(hidden))
    assert plane.explained == pytest.approx(expected.explained_variance_ratio_, rel=1e-4)
    assert plane.samples == tuple(range(40))
    assert seen.by == "predicted class"
    assert seen.colours == tuple((hidden @ W2).argmax(axis=1))


@pytest.mark.parametrize(("name", "expected"), [
    ("first", X @ W1), ("h", X @ W1), ("z", np.maximum(X @ W1, 0) @ W2), ("x", X),
])  # fmt: skip
def test_another_layer_is_chosen_by_node_or_value(tmp_path, name, expected):
    (plane,) = (seen := of(tmp_path, layer=name)).planes
    assert is_same_plane(plane.points, components().fit_transform(expected))
    assert seen.reader == ""


def test_a_layer_that_is_not_there_is_told(tmp_path):
    assert "no node, value or module '<lost>'" in of(tmp_path, layer="<lost>").reason


@pytest.mark.parametrize(("rows", "columns"), [(30, 5), (6, 200), (50, 1), (4, 3)])
def test_principal_components_of_any_shape(rows, columns):
    given = RNG.normal(size=(rows, columns)).astype(np.float32)
    points, shares = planes.principal(given)
    count = min(2, columns)
    expected = components(count).fit(given.astype(np.float64))
    assert is_same_plane(points[:, :count], expected.transform(given.astype(np.float64)))
    assert shares[:count] == pytest.approx(expected.explained_variance_ratio_, rel=1e-5)
    assert not points[:, count:].any()


def test_samples_that_are_all_the_same_are_one_point():
    points, shares = planes.principal(np.ones((5, 7), np.float32))
    assert not points.any()
    assert not shares.any()


def test_positions_of_pictures_are_averaged_and_the_colours_are_labels(tmp_path):
    text = (
        HEADER
        + """
    g (float[N, 1, 4, 4] x) => (float[N, 3, 4, 4] c)
    <float[2, 1, 1, 1] w1 = {1, -1}, float[3, 2, 1, 1] w2 = {1, 0, 0, 1, 1, 1}>
    { h = Conv(x, w1) r = Relu(h) c = Conv(r, w2) }
    """
    )
    x = RNG.normal(size=(9, 1, 4, 4)).astype(np.float32)
    seen = of(tmp_path, text, x)
    hidden = np.maximum(np.concatenate([x, -x], axis=1), 0).mean(axis=(2, 3))
    assert seen.how == "means over all positions of each feature"
    assert is_same_plane(seen.planes[0].points, components().fit_transform(hidden))
    assert seen.by == ""


def test_a_value_that_no_run_showed_is_fetched(tmp_path):
    text = (
        HEADER
        + """
    g (float[N, 5, 3] x) => (float[N, 2] z)
    <int64 first = {0}, float[3, 2] w = {1, 0, 0, 1, 1, 1}>
    { r = Abs(x) c = Gather<axis = 1>(r, first) z = MatMul(c, w) }
    """
    )
    x = RNG.normal(size=(12, 5, 3)).astype(np.float32)
    seen = of(tmp_path, text, x)
    assert seen.layer == "c"
    assert is_same_plane(seen.planes[0].points, components().fit_transform(np.abs(x[:, 0])))


def test_samples_with_nan_are_left_out_and_too_few_are_told(tmp_path):
    x = X.copy()
    x[7, 1] = np.nan
    assert 7 not in (seen := of(tmp_path, x=x)).planes[0].samples
    assert seen.samples == 39
    assert of(tmp_path, x=X[:2]) == NotMade("points need at least 3 samples (got 2)")
    x[2:] = np.inf
    assert "only 2 of 40 samples are finite" in of(tmp_path, x=x).reason


@pytest.mark.parametrize("count", [10, 12])
def test_samples_of_a_fixed_batch_are_each_a_point(tmp_path, count):
    text = MLP.replace("N, 3", "4, 3").replace("N, 2", "4, 2")
    seen = of(tmp_path, text, X[:count])
    hidden = np.maximum(X[:count] @ W1, 0)
    assert is_same_plane(seen.planes[0].points, components().fit_transform(hidden))
    assert len(seen.colours) == count


def test_rare_classes_share_a_colour_and_numbers_have_bands(tmp_path):
    eye = np.eye(14, dtype=int).flatten().tolist()
    text = (
        HEADER
        + f"""
    g (float[N, 14] x) => (float[N, 14] p)
    <float[14, 14] w = {{{", ".join(map(str, eye))}}}> {{ z = MatMul(x, w) p = Softmax(z) }}
    """
    )
    labels = np.arange(70) % 14
    seen = of(tmp_path, text, RNG.normal(size=(70, 14)).astype(np.float32), labels)
    assert (seen.by, len(seen.groups), seen.groups[-1].name) == ("label", 10, "5 others")
    assert seen.groups[-1].count == 25
    assert seen.colours == tuple(np.minimum(labels, 9))
    linear = (
        HEADER + "g (float[N, 1] x) => (float[N, 1] y) <float[1, 1] w = {1}> { y = MatMul(x, w) }"
    )
    numbers = RNG.normal(size=50)
    seen = of(tmp_path, linear, numbers[:, None].astype(np.float32), numbers)
    assert [each.count for each in seen.groups] == [10] * 5
    order = np.argsort(numbers)
    assert seen.colours[order[0]] == 0
    assert seen.colours[order[-1]] == 4


def test_the_layer_changes_nothing_in_the_report(tmp_path):
    settings = fed(tmp_path, X)
    reports = [reported(tmp_path, MLP, replace(settings, layer=layer)) for layer in ("", "h", "z")]
    planner = Planner(select=("GRA001",), settings=settings)
    plain = lint_model(planner.job(str(tmp_path / "model.onnx")))
    bare = [replace(each, portrait=None, seconds=0.0) for each in [*reports, plain]]
    assert bare[:3] == [bare[3]] * 3
    assert plain.portrait is None


# Seed system: TensorWatch's t-SNE


def digits(**given) -> Representations:
    file = DIGITS / "held_out.npz"
    settings = Settings(data=file, labels=LabelSource(file, "classes"), samples=200, **given)
    planner = Planner(select=("GRA001",), settings=settings, portrays=True)
    return part(lint_model(planner.job(str(DIGITS / "mlp.onnx"))).portrait, "representations")


def test_tensorwatch_tsne_keeps_the_neighbours_of_digits():
    seen = digits(tsne=True, seed=3)
    pca, tsne = seen.planes
    assert (pca.title, tsne.title) == ("PCA", "t-SNE")
    assert "seed 3" in tsne.facts
    assert "perplexity 30" in tsne.facts
    points, labels = np.array(tsne.points), np.array(seen.colours)
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    nearest = labels[distances.argmin(axis=1)]
    assert (nearest == labels).mean() > 0.8
    assert seen.by == "label"


def test_tsne_is_the_same_again_and_keeps_neighbourhoods():
    from sklearn.datasets import load_digits
    from sklearn.manifold import trustworthiness

    rows = load_digits().data[:100].astype(np.float32)
    (first, perplexity, left), (second, *_) = (planes.neighbours(rows, 1) for _ in range(2))
    assert np.array_equal(first, second)
    assert perplexity == 30
    assert left > 0
    assert trustworthiness(rows, first, n_neighbors=8) > 0.9


def test_why_there_is_no_tsne(tmp_path, monkeypatch):
    assert of(tmp_path, x=X[:10], tsne=True).not_made == "needs at least 16 samples (got 10)"
    monkeypatch.setattr("onnxlint.portraying.representations.find_spec", lambda name: None)
    seen = of(tmp_path, tsne=True)
    assert seen.not_made == "needs scikit-learn: pip install 'onnxlint[baseline]'"
    assert len(seen.planes) == 1
