"""DAT008 class-imbalance."""

from collections.abc import Iterator
from math import exp, log
from typing import Annotated

from onnxlint import Finding, Labels, NotApplicable, Option, Scores, Severity, counted, rule


@rule("DAT008", "class-imbalance", severity=Severity.WARNING)
def class_imbalance(
    labels: Labels,
    scores: Scores,
    *,
    max_ratio: Annotated[float, Option("ratio of the largest class to the smallest")] = 10.0,
    min_perplexity: Annotated[
        float, Option("normalised perplexity below which all labels are unbalanced", "fraction")
    ] = 0.5,
    min_samples: Annotated[int, Option("fewest labels to judge by", "samples")] = 100,
) -> Iterator[Finding]:
    """Class imbalance: one class has more than ten times as many labels as another.

    Why: accuracy is not informative on such data: a model that always predicts the largest class is
    right almost everywhere, and of the smallest class there are too few samples to measure its
    recall. All labels of the file are counted, one per sample; tokens, pixels and several labels
    per sample are unbalanced by nature. The ratio of ten is ours. It is a warning where the labels
    as a whole are unbalanced, too: their perplexity, less one, is below half of that of equal
    classes (TheDeepChecker's limit). Otherwise, one rare class among many balanced ones is an info.
    A low perplexity alone, as of two classes of 9 to 1, is not reported.
    Fix: collect or draw samples of the small classes, judge the model by the recall of each class
    (`--format json` lists them all), and weight the loss by class in training.

    Bad:
    # option: min-samples = 12
    # data: x = [[1.5, 0], [2, 0], [3, 0], [0, 1], [1, 0], [1, 0], [1, 0], [1, 0], [1, 0], [1, 0], [1, 0], [1, 0]]
    # labels: [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]
    net (float[N, 2] x) => (float[N, 2] y)
    {
        y = Softmax(x)
    }

    Good:
    # option: min-samples = 12
    # data: x = [[1.5, 0], [2, 0], [3, 0], [0, 1], [1, 0], [1, 0], [1, 0], [1, 0], [1, 0], [1, 0], [1, 0], [1, 0]]
    # labels: [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0]
    net (float[N, 2] x) => (float[N, 2] y)
    {
        y = Softmax(x)
    }
    """  # noqa: E501
    counts = labels.counts
    if scores.task != "classification" or counts is None:
        raise NotApplicable("needs one class label per sample")
    total = sum(counts.values())
    if total < min_samples or len(counts) < 2:
        raise NotApplicable(
            f"needs at least {min_samples} labels of 2 classes (got {total} labels, "
            f"{counted(len(counts), 'class', 'classes')})"
        )
    largest, smallest = max(counts, key=lambda c: counts[c]), min(counts, key=lambda c: counts[c])
    ratio = counts[largest] / counts[smallest]
    if ratio > max_ratio:
        perplexity = _perplexity(list(counts.values()))
        few = "" if perplexity < min_perplexity else "; the other classes are balanced"
        yield Finding(
            labels,
            f"class {largest} has {counts[largest]:,} labels, class {smallest} "
            f"has {counts[smallest]:,}: ratio {ratio:.0f} (limit {max_ratio:g}), normalised "
            f"perplexity {perplexity:.2f} (limit {min_perplexity:g}){few}",
            measured=ratio,
            limit=max_ratio,
            unit="largest class to smallest",
            hint=f"collect samples of class {smallest}, and judge by the recall of each class",
            severity=Severity.INFO if few else None,
        )


def _perplexity(counts: list[int]) -> float:
    """1 if all classes are equally large, 0 if all labels are of one class."""
    total = sum(counts)
    entropy = -sum(count / total * log(count / total) for count in counts if count)
    return (exp(entropy) - 1) / (len(counts) - 1)
