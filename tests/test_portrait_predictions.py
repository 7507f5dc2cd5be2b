"""What a page tells of predictions: entropy, classes, labels, and the samples that are worst."""

from __future__ import annotations

import numpy as np
import pytest
from pages import portrait

from onnxlint.portrait.predictions import Predictions
from onnxlint.runtime.metrics import scoring
from onnxlint.settings import OutputContract

SOFTMAX = """
<ir_version: 8, opset_import: ["" : 17]>
g (float[N, 3] x) => (float[N, 3] p) { p = Softmax(x) }
"""
SIGMOID = """
<ir_version: 8, opset_import: ["" : 17]>
g (float[N, 2] x) => (float[N, {columns}] p)
<float[2, {columns}] w = {{{weights}}}> {{ z = MatMul(x, w) p = Sigmoid(z) }}
"""
REGRESSION = """
<ir_version: 8, opset_import: ["" : 17]>
g (float[N, 2] x) => (float[N, 1] y)
<float[2, 1] w = {1, -2}, float[1] b = {0.5}> { y = Gemm(x, w, b) }
"""
TOKENS = """
<ir_version: 8, opset_import: ["" : 17]>
g (float[N, 4, 3] x) => (float[N, 4, 3] p) { p = Softmax<axis = -1>(x) }
"""
RNG = np.random.default_rng(7)
LOGITS = (2 * RNG.normal(size=(60, 3))).astype(np.float32)
TRUTHS = np.where(RNG.random(60) < 0.7, LOGITS.argmax(axis=1), RNG.integers(0, 3, 60))


def softmax(logits: np.ndarray) -> np.ndarray:
    shares = np.exp(logits.astype(np.float64))
    return shares / shares.sum(axis=-1, keepdims=True)


def of(folder, text: str, x: np.ndarray, labels: np.ndarray | None = None, **given) -> Predictions:
    return portrait(folder, text, x, labels, **given)["predictions"]


P = softmax(LOGITS)
ENTROPIES = -(P * np.log(P)).sum(axis=1)


def test_a_head_is_told_as_numpy_computes_it(tmp_path):
    seen = of(tmp_path, SOFTMAX, LOGITS)
    (head,) = seen.heads
    assert not seen.synthetic
    assert (head.output, head.kind, head.rows, head.samples) == ("p", "softmax", 60, 60)
    assert head.expected == pytest.approx(np.log(3))
    assert head.entropy == pytest.approx(ENTROPIES.mean(), rel=1e-5)
    mean = P.mean(axis=0)
    assert head.marginal == pytest.approx(-(mean * np.log(mean)).sum(), rel=1e-5)
    counts = np.bincount(P.argmax(axis=1), minlength=3)
    assert {each.name: each.count for each in head.top} == {str(k): n for k, n in enumerate(counts)}
    assert [each.count for each in head.top] == sorted(counts, reverse=True)
    expected, _ = np.histogram(ENTROPIES, len(head.entropies.counts), (0, np.log(3)))
    assert sum(head.entropies.counts) == 60
    assert np.abs(np.array(head.entropies.counts) - expected).sum() <= 2  # at the edges of bins


def test_without_labels_the_least_certain_samples_are_shown(tmp_path):
    (head,) = of(tmp_path, SOFTMAX, LOGITS).heads
    order = np.argsort(-ENTROPIES)[:6].tolist()
    assert [each.sample.number for each in head.unsure] == order
    first = head.unsure[0]
    likeliest = ", ".join(f"{k} ({P[order[0], k]:.3f})" for k in np.argsort(-P[order[0]]))
    assert first.told == (("Predicted", likeliest), ("Entropy", f"{ENTROPIES[order[0]]:.4g} nats"))
    (shown,) = first.sample.inputs
    assert (shown.kind, shown.names) == ("row", ("0", "1", "2"))
    assert shown.texts == tuple(f"{each:.4g}" for each in LOGITS[order[0]])


def test_samples_that_fill_up_the_last_batch_are_not_told(tmp_path):
    seen = portrait(tmp_path, SOFTMAX.replace("N, 3", "4, 3"), LOGITS[:10], TRUTHS[:10])
    told = seen["predictions"].labelled
    losses = -np.log(P[np.arange(10), TRUTHS[:10]])
    assert told.rows == 10
    assert [each.sample.number for each in told.worst] == np.argsort(-losses)[:6].tolist()
    at = told.worst[0].sample.number
    assert told.worst[0].sample.inputs[0].texts == tuple(f"{each:.4g}" for each in LOGITS[at])
    assert seen["samples"].run == seen["samples"].looked_at == 10
    (head,) = of(tmp_path, SOFTMAX.replace("N, 3", "4, 3"), LOGITS[:10]).heads
    assert [each.sample.number for each in head.unsure] == np.argsort(-ENTROPIES[:10])[:6].tolist()


def test_classes_beside_labels_are_those_of_numpy(tmp_path):
    classes = {"p": OutputContract(classes=["<a>", "b", "c"])}
    seen = of(tmp_path, SOFTMAX, LOGITS, TRUTHS, outputs=classes)
    told, guesses = seen.labelled, P.argmax(axis=1)
    crossed = np.zeros((3, 3), int)
    np.add.at(crossed, (TRUTHS, guesses), 1)
    assert told.names == ("<a>", "b", "c")
    assert np.array_equal(told.confusion, crossed)
    for k, each in enumerate(told.scores):
        assert each.recall == crossed[k, k] / crossed[k].sum()
        assert each.precision == crossed[k, k] / crossed[:, k].sum()
    right, trust = guesses == TRUTHS, P.max(axis=1)
    assert told.calibration_error == pytest.approx(scoring.calibration_error(trust, right), 1e-4)
    assert sum(each.count for each in told.bins) == 60
    for each in told.bins:
        inside = (trust >= each.low) & (trust < each.high)
        assert each.count == inside.sum()
        if each.count:
            assert each.accuracy == pytest.approx(right[inside].mean())
            assert each.confidence == pytest.approx(trust[inside].mean(), rel=1e-5)
    losses = -np.log(P[np.arange(60), TRUTHS])
    assert [each.sample.number for each in told.worst] == np.argsort(-losses)[:6].tolist()
    at = int(np.argmax(losses))
    assert dict(told.worst[0].told) == {
        "Label": told.names[TRUTHS[at]],
        "Predicted": f"{told.names[guesses[at]]} ({trust[at]:.3f})",
        "Loss": f"{losses[at]:.4g}",
    }  # fmt: skip
    assert seen.heads[0].unsure == ()


def test_of_many_classes_the_pairs_that_are_confused_most_and_the_lowest_recall(tmp_path):
    text = SOFTMAX.replace("3]", "40]")
    truths = np.arange(400) % 40
    guesses = truths.copy()
    guesses[truths == 7] = 8
    guesses[:80:40] = 39
    logits = 9 * np.eye(40, dtype=np.float32)[guesses]
    told = of(tmp_path, text, logits, truths).labelled
    assert told.confusion == ()
    assert told.classes == 40
    assert [(each.truth, each.guess, each.count) for each in told.pairs] == [
        ("7", "8", 10), ("0", "39", 2),
    ]  # fmt: skip
    assert [(each.name, each.recall) for each in told.scores[:3]] == [
        ("7", 0.0), ("0", 0.8), ("1", 1.0),
    ]  # fmt: skip


def test_a_row_a_token_belongs_to_its_sample_whatever_is_padded(tmp_path):
    logits = RNG.normal(size=(5, 4, 3)).astype(np.float32)
    shares = softmax(logits)
    entropies = -(shares * np.log(shares)).sum(axis=-1).mean(axis=1)
    (head,) = of(tmp_path, TOKENS, logits).heads
    assert (head.rows, head.samples) == (20, 5)
    assert [each.sample.number for each in head.unsure] == np.argsort(-entropies).tolist()
    truths = shares.argmax(axis=-1)
    truths[2, 1] = (truths[2, 1] + 1) % 3
    told = of(tmp_path, TOKENS, logits, truths).labelled
    losses = -np.log(np.take_along_axis(shares, truths[..., None], -1))[..., 0].mean(axis=1)
    assert [each.sample.number for each in told.worst] == np.argsort(-losses).tolist()
    assert ("Wrong", "1 of 4 tokens or pixels") in told.worst[0].told
    truths[0, 3] = -100
    assert of(tmp_path, TOKENS, logits, truths).labelled.worst == ()


def test_a_single_sigmoid_has_two_classes(tmp_path):
    x = np.array([[3, 0], [-1, 0], [0.1, 0], [-4, 0]], np.float32)
    text = SIGMOID.format(columns=1, weights="1, 0")
    told = of(tmp_path, text, x, np.array([1, 1, 0, 0])).labelled
    assert told.confusion == ((1, 1), (1, 1))
    losses = [np.log1p(np.exp(3.0)) - 3, np.log1p(np.exp(1.0)), np.log1p(np.exp(0.1))]
    assert [each.sample.number for each in told.worst] == [1, 2, 0, 3]
    assert dict(told.worst[0].told)["Loss"] == f"{losses[1]:.4g}"


def test_several_labels_are_told_label_by_label(tmp_path):
    x = np.array([[3, -2], [-1, 2], [2, 2], [-1, -1]], np.float32)
    truths = np.array([[1, 1], [0, 1], [1, 0], [0, 0]])
    seen = of(tmp_path, SIGMOID.format(columns=2, weights="1, 0, 0, 1"), x, truths)
    (head,), told = seen.heads, seen.labelled
    assert head.is_multi_label
    assert [(each.name, each.count) for each in head.top] == [("0", 2), ("1", 2)]
    found = [(each.truths, each.predicted, each.recall, each.precision) for each in told.scores]
    assert found == [(2, 2, 1.0, 1.0), (2, 2, 0.5, 0.5)]
    assert [each.sample.number for each in told.worst[:2]] == [2, 0]
    assert ("Wrongly predicted", "1") in told.worst[0].told
    assert ("Missed", "1") in told.worst[1].told


def test_a_regression_shows_predictions_over_labels_and_what_is_left(tmp_path):
    x = RNG.normal(size=(50, 2)).astype(np.float32)
    y = x @ [1, -2] + 0.5
    truths = y + RNG.normal(size=50)
    (target,) = (told := of(tmp_path, REGRESSION, x, truths).labelled).targets
    left = y - truths
    assert target.rmse == pytest.approx(np.sqrt((left**2).mean()), rel=1e-5)
    assert target.mean == pytest.approx(left.mean(), rel=1e-4)
    assert np.allclose(target.points, np.stack([truths, y], axis=1), atol=1e-4)
    assert sum(target.residuals.counts) == 50
    assert [each.sample.number for each in told.worst] == np.argsort(-np.abs(left))[:6].tolist()
    assert told.bins == ()
    assert told.confusion == ()


def test_where_nothing_predicts_a_sentence_says_how_to_declare_it(tmp_path):
    text = SOFTMAX.replace("Softmax", "Relu").replace(" p", " y")
    assert "[outputs.NAME] head" in of(tmp_path, text, LOGITS).reason
