"""The confusion of classes: how it is counted, and what reports show of it."""

from __future__ import annotations

from collections import Counter

import click
import numpy as np
import pytest
from judged_rows import SOFTMAX, confused, judged, rows, said
from rich.cells import cell_len

from onnxlint.analyses.predictions.confusion import Confusion
from onnxlint.reporters.protocol import Outcome, Run, rendered
from onnxlint.reporters.registry import reporter_class
from onnxlint.settings import OutputContract
from onnxlint.severity import Severity


@pytest.mark.parametrize(
    ("k", "first", "kind"),
    [(3, 0, "i"), (10, -1, "i"), (1200, 0, "i"), (50, 1 << 40, "i"), (4, 0, "O"), (1, 5, "i")],
)
def test_counts_are_those_of_pairs(k, first, kind):
    rng = np.random.default_rng(k)
    both = [rng.integers(0, k, 3000) + first for _ in range(2)]
    if kind == "O":
        both = [np.array([str(each) for each in one], object) for one in both]
    confusion = Confusion.of(*both)
    pairs = Counter(zip(both[0].tolist(), both[1].tolist(), strict=True))
    assert confusion.classes == sorted({*both[0].tolist(), *both[1].tolist()})
    places = zip(confusion.truth.tolist(), confusion.guess.tolist(), confusion.count.tolist(),
                 strict=True)  # fmt: skip
    assert {(confusion.classes[a], confusion.classes[b]): n for a, b, n in places} == pairs
    assert confusion.hits.sum() == sum(n for (a, b), n in pairs.items() if a == b)
    assert (confusion.labels.sum(), confusion.predicted.sum()) == (3000, 3000)
    if k < 100:
        assert confusion.matrix.sum(axis=1).tolist() == confusion.labels.tolist()


def of_many(k: int, count: int = 12):
    """Labels of k classes, of which class 7 is taken for 8, and some of 20 for 21."""
    truths = np.repeat(np.arange(k), count)
    predicted = truths.copy()
    predicted[truths == 7] = 8
    predicted[np.flatnonzero(truths == 20)[:4]] = 21
    return truths, predicted


@pytest.mark.parametrize("k", [100, 150])
def test_the_matrix_of_many_classes_is_cut(k, tmp_path):
    truths, predicted = of_many(k)
    report = judged(tmp_path, SOFTMAX.format(k=k), rows(predicted, k), truths)
    told = report.metrics.confusion
    assert told.classes == tuple(map(str, range(k)))
    assert (told.matrix is None) == (k > 100)
    assert [(each.label, each.predicted, each.count) for each in told.pairs] == [
        ("7", "8", 12), ("20", "21", 4),
    ]  # fmt: skip
    assert told.different == 2
    assert told.lowest()[:2] == [("7", 12, 0.0), ("20", 12, pytest.approx(8 / 12))]
    assert sum(told.right) == k * 12 - 16


def told_by(name: str, report) -> str:
    return click.unstyle(rendered(reporter_class(name)(Run()), [report], Outcome(0)))


def test_a_table_of_few_classes_in_text_and_markdown(tmp_path):
    truths, predicted = confused([1, 0.5, 1], 8)
    report = judged(tmp_path, SOFTMAX.format(k=3), rows(predicted, 3), truths)
    text = told_by("full", report)
    assert (
        "confusion (labels down, predictions across):\n     0 1 2\n  0  8 . .\n  1  4 4 .\n" in text
    )
    for name in ("markdown", "card"):
        assert (
            "| | 0 | 1 | 2 |\n|---|--:|--:|--:|\n| 0 | 8 | 0 | 0 |\n| 1 | 4 | 4 | 0 |"
            in told_by(name, report)
        )


def test_the_worst_of_many_classes_in_text_and_markdown(tmp_path):
    truths, predicted = of_many(150)
    report = judged(tmp_path, SOFTMAX.format(k=150), rows(predicted, 150), truths)
    text = told_by("full", report)
    assert "lowest recall of 150 classes: 7 0 (of 12), 20 0.6667 (of 12), 0 1 (of 12)" in text
    assert "confused most: 7 as 8 (12), 20 as 21 (4)\n" in text
    for name in ("markdown", "card"):
        told = told_by(name, report)
        assert "the worst of 150 classes" in told
        assert "| 7 | 8 | 12 |\n| 20 | 21 | 4 |" in told
    assert "| Recall of others | 130 classes, none lower |" in told_by("card", report)


def test_a_perfect_model_has_no_table(tmp_path):
    truths = np.arange(60) % 3
    report = judged(tmp_path, SOFTMAX.format(k=3), rows(truths, 3), truths)
    assert "confusion" not in told_by("full", report)
    assert "No class is taken for another." in told_by("markdown", report)


def test_names_of_classes_cannot_break_a_table(tmp_path):
    truths, predicted = confused([1, 0.5, 1], 8)
    names = ("a|b\n\x1b[31m", "<script>", "日本" * 20)
    report = judged(tmp_path, SOFTMAX.format(k=3), rows(predicted, 3), truths,
                    outputs={"y": OutputContract(classes=names)})  # fmt: skip
    text = told_by("full", report)
    assert "\x1b" not in text
    lines = text.split("confusion (labels down, predictions across):\n")[1].splitlines()[:4]
    assert len({cell_len(line) for line in lines}) == 1
    assert max(map(cell_len, lines)) < 80
    markdown = told_by("markdown", report)
    assert "<script>" not in markdown
    assert "\x1b" not in markdown
    (row,) = (line for line in markdown.splitlines() if line.startswith("| a"))
    assert row.replace("\\|", "").count("|") == 5


def test_more_than_five_lost_classes_are_one_finding(tmp_path):
    recalls = [0.1] * 6 + [1] * 14
    truths, predicted = confused(recalls, 20)
    report = judged(tmp_path, SOFTMAX.format(k=20), rows(predicted, 20), truths)
    (found,) = (each for each in report.findings if each.code == "PRD013")
    assert found.severity is Severity.WARNING
    assert "recall of 6 of 20 classes is below 0.3" in found.message


def test_most_of_many_classes_are_an_info(tmp_path):
    k = 120
    truths = np.repeat(np.arange(k), 20)
    rng = np.random.default_rng(0)
    predicted = np.where(rng.random(len(truths)) < 0.2, truths, rng.integers(0, k, len(truths)))
    report = judged(tmp_path, SOFTMAX.format(k=k), rows(predicted, k), truths)
    assert said(report, "PRD016") == []
    (found,) = (each for each in report.findings if each.code == "PRD013")
    assert found.severity is Severity.INFO
