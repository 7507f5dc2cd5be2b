"""Reports on rows of scores beside labels, and on the trainings of fixtures/labelled."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from onnxlint.pipeline import lint
from onnxlint.settings import LabelSource, Settings
from onnxlint.severity import Stage
from onnxlint.testing import Example, saved

LABELLED = Path(__file__).parent.parent / "fixtures" / "labelled"
JUDGES = "PRD,DAT,CMP"


def report_on(model: Path | str, labels: LabelSource, data: Path, stage: str = "trained", **more):
    settings = Settings(data=data, labels=labels, samples=5000, stage=Stage(stage), **more)
    return lint(LABELLED / model, select=JUDGES, settings=settings)


SOFTMAX = "n (float[N, {k}] x) => (float[N, {k}] y) {{ y = Softmax(x) }}"


def judged(folder: Path, text: str, x, y, **more):
    """The report on a model in text, its samples and labels."""
    np.save(folder / "x.npy", np.asarray(x, np.float32))
    np.save(folder / "y.npy", y)
    with saved(Example.parse(text)) as path:
        source = LabelSource(folder / "y.npy")
        return report_on(path, source, folder / "x.npy", **more)


def rows(predicted, k: int):
    """Scores whose highest is of these classes, no two rows the same."""
    noise = np.random.default_rng(0).normal(0, 0.4, (len(predicted), k))
    return 4 * np.eye(k)[predicted] + noise


def said(report, *of: str) -> list[str]:
    assert report.error is None, report.error
    return [each.code for each in report.findings if each.code in of]


def confused(recalls, count: int = 40):
    """Labels and predictions of as many classes; what is missed is taken for the best one."""
    truths = np.repeat(np.arange(len(recalls)), count)
    predicted = truths.copy()
    for at, recall in enumerate(recalls):
        predicted[at * count + np.arange(round(recall * count), count)] = np.argmax(recalls)
    return truths, predicted
