"""Always the same answer, labels that are always the same, and the last bias before both."""

from __future__ import annotations

import numpy as np
import pytest
from judged_rows import SOFTMAX, judged, rows, said

# Always the same answer


def of_shares(share: float, count: int):
    return (np.arange(count) >= share * count).astype(int)


@pytest.mark.parametrize(
    ("share", "flipped", "count", "expected"),
    [
        (0.5, 0.5, 200, ["PRD016"]),  # guesses
        (0.5, 0.48, 49, []),  # too few
        (0.5, 0.1, 60, []),
        (0.9, 0.02, 200, []),
        (0.98, 0.0, 60, []),  # all right, which is hardly more than always 0
        (0.9, 0.3, 200, ["PRD016"]),  # worse than always 0, but it knows something
        (0.95, 0.06, 60, ["PRD016"]),  # three labels of the other class
    ],
)
def test_the_majority_class_is_judged(share, flipped, count, expected, tmp_path):
    truths = of_shares(share, count)
    wrong = np.random.default_rng(1).permuted(np.arange(count) < flipped * count)
    predicted = np.where(wrong, 1 - truths, truths)
    report = judged(tmp_path, SOFTMAX.format(k=2), rows(predicted, 2), truths)
    assert said(report, "PRD016") == expected
    severities = {each.severity.value for each in report.findings if each.code == "PRD016"}
    assert severities <= {"info" if share > 0.5 else "warning"}
    if count >= 50:
        assert report.metrics.constant == pytest.approx(max(share, 1 - share), abs=0.01)


ALWAYS = {
    "scores that vary": (SOFTMAX.format(k=2), 200, "warning PRD004"),
    "few samples": (SOFTMAX.format(k=2), 60, "warning PRD016"),
    "few labels": (SOFTMAX.format(k=2), 30, "info PRD004"),
    "scores behind a dense layer": (
        """n (float[N, 2] x) => (float[N, 2] y) <float[2, 2] w = {1, 0, 0, 1}>
        { y = MatMul(x, w) }""", 200, "warning PRD016",
    ),
    "the class itself": (
        "n (float[N, 2] x) => (int64[N] y) { y = ArgMax<axis = 1, keepdims = 0>(x) }", 200,
        "warning PRD016",
    ),
    "a number": (
        """n (float[N, 2] x) => (float[N, 1] y) <float[2, 1] w = {0, 0}, float[1] b = {0.4}>
        { y = Gemm(x, w, b) }""", 200, "warning PRD002",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", ALWAYS)
def test_one_rule_tells_that_the_answer_is_always_the_same(kind, tmp_path):
    text, count, expected = ALWAYS[kind]
    truths = np.arange(count) % 2 + (0.5 if kind == "a number" else 0)
    report = judged(tmp_path, text, rows(np.zeros(count, int), 2), truths)
    speakers = ("PRD002", "PRD004", "PRD005", "PRD013", "PRD016")
    assert [f"{each.severity.value} {each.code}" for each in report.findings
            if each.code in speakers] == [expected]  # fmt: skip


def test_the_majority_class_without_scikit_learn(monkeypatch, tmp_path):
    import sys

    monkeypatch.setitem(sys.modules, "sklearn", None)
    truths = of_shares(0.5, 200)
    predicted = np.random.default_rng(1).permuted(truths)
    report = judged(tmp_path, SOFTMAX.format(k=2), rows(predicted, 2), truths)
    assert said(report, "PRD016", "CMP001") == ["PRD016"]


def test_the_fitted_baselines_speak_where_they_were_asked_for(tmp_path):
    pytest.importorskip("sklearn")
    truths = of_shares(0.5, 200)
    predicted = (np.arange(200) % 2 + (np.arange(200) < 6)).clip(0, 1)
    report = judged(tmp_path, SOFTMAX.format(k=2), rows(predicted, 2), truths, compare_simple=True)
    assert said(report, "PRD016", "CMP001") == ["CMP001"]


LINE = "n (float[N, 1] x) => (float[N, 1] y) <float[1, 1] w = {1}> { y = MatMul(x, w) }"


@pytest.mark.parametrize(
    ("noise", "offset", "expected"),
    [(0.3, 0, []), (2.0, 0, []), (0.3, 40, ["PRD016"]), (None, 0, ["PRD016"])],
)
def test_the_mean_is_judged(noise, offset, expected, tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(0, 1, (400, 1))
    y = rng.normal(0, 1, 400) if noise is None else x[:, 0] + noise * rng.normal(0, 1, 400)
    report = judged(tmp_path, LINE, x, y + offset)
    assert said(report, "PRD016") == expected
    assert report.metrics.constant == pytest.approx(y.std(), rel=1e-6)


# Labels that say nothing


@pytest.mark.parametrize(
    ("text", "labels", "part"),
    [
        (SOFTMAX.format(k=3), np.full(60, 2), "all 60 labels are of class 2"),
        (LINE, np.full(60, 2.5), "all 60 labels are 2.5: no input explains a constant"),
        (LINE, np.full(60, 1e6) + np.arange(60) * 1e-3, "all 60 labels are 1e+06"),
        (LINE, np.full(19, 2.5), None),
        (LINE, np.linspace(0, 1, 60), None),
    ],
)
def test_constant_labels(text, labels, part, tmp_path):
    x = rows(np.arange(len(labels)) % 3, 3)[:, : 3 if "Softmax" in text else 1]
    report = judged(tmp_path, text, x, labels)
    found = [each.message for each in report.findings if each.code == "DAT011"]
    assert len(found) == (part is not None)
    assert all(part in message for message in found)
    assert part is None or not said(report, "PRD016", "DAT008")


def test_one_constant_target_of_three(tmp_path):
    text = "n (float[N, 3] x) => (float[N, 3] y) { y = Exp(x) }"
    rng = np.random.default_rng(0)
    x = rng.normal(0, 1, (60, 3))
    y = np.exp(x)
    y[:, 1] = 0
    report = judged(tmp_path, text, x, y)
    (found,) = (each.message for each in report.findings if each.code == "DAT011")
    assert found == "1 of 3 targets are constant in all 60 samples: 1 (values 0)"


def test_rows_of_0_and_1_are_counted_as_classes(tmp_path):
    truths = (np.arange(200) % 20 == 0).astype(int)
    report = judged(tmp_path, SOFTMAX.format(k=2), rows(truths, 2), np.eye(2, dtype=int)[truths])
    (found,) = (each for each in report.findings if each.code == "DAT008")
    assert found.measured == 19


# The last bias of an untrained model


@pytest.mark.parametrize(
    ("bias", "shares", "expected"),
    [
        ("0, 0, 0", (0.9, 0.05, 0.05), ["PRD017"]),
        ("0.01, -0.02, 0.01", (0.9, 0.05, 0.05), ["PRD017"]),  # PyTorch's own, which is random
        ("2.9, 0, 0", (0.9, 0.05, 0.05), []),
        ("0, 2.9, 0", (0.9, 0.05, 0.05), ["PRD017"]),  # of another class
        ("0, 0, 0", (0.4, 0.3, 0.3), []),
    ],
)
def test_bias_before_unbalanced_classes(bias, shares, expected, tmp_path):
    text = f"""n (float[N, 2] x) => (float[N, 3] y)
    <float[2, 3] w = {{0.02, 0.01, -0.02, 0.01, -0.02, 0.01}}, float[3] b = {{{bias}}}>
    {{ h = Gemm(x, w, b) y = Softmax(h) }}"""
    truths = np.repeat(np.arange(3), [round(share * 200) for share in shares])
    x = np.random.default_rng(0).normal(0, 1, (200, 2))
    report = judged(tmp_path, text, x, truths, stage="init")
    assert said(report, "PRD017") == expected
    assert not said(judged(tmp_path, text, x, truths), "PRD017")  # trained


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        ("h = MatMul(x, w) y = Sigmoid(h)", ["PRD017"]),
        ("h = Gemm(x, w, far) y = Sigmoid(h)", []),
        ("m = MatMul(x, w) h = Add(m, far) y = Sigmoid(h)", []),
        ("h = MatMul(x, w) r = Relu(h) y = Sigmoid(r)", []),  # no last layer that is known
    ],
)
def test_bias_before_rare_events(end, expected, tmp_path):
    text = f"""n (float[N, 2] x) => (float[N, 1] y) <float[2, 1] w = {{0.02, 0.01}},
    float[1] far = {{-2.94}}> {{ {end} }}"""
    truths = (np.arange(200) % 20 == 0).astype(int)
    x = np.random.default_rng(0).normal(0, 1, (200, 2))
    report = judged(tmp_path, text, x, truths, stage="init")
    assert said(report, "PRD017") == expected
