"""DAT008 class-imbalance."""

from collections.abc import Iterator
from math import exp, log

from onnxlint import Finding, Labels, NotApplicable, Scores, Severity, rule


@rule("DAT008", "class-imbalance", severity=Severity.WARNING)
def class_imbalance(
    labels: Labels, scores: Scores,
    *, max_ratio: float = 10.0, min_perplexity: float = 0.5, min_samples: int = 100,
) -> Iterator[Finding]:  # fmt: skip
    """Labels of one class that are more than ten times those of another.

    Why: accuracy on such data says little: a model that always answers the largest class is right
    nearly everywhere, and of the smallest class there are too few samples to tell how often it is
    found. All labels of the file are counted, one a sample; tokens, pixels and several labels a
    sample are unbalanced by nature. The ratio of ten is ours. It is a warning where the labels as
    a whole are unbalanced, too: their perplexity, less one, below a half of what equal classes have
    (TheDeepChecker's limit). Else one rare class among many balanced ones is an info.
    Fix: collect or draw samples of the small classes, judge the model by the recall of each class
    (`--format json` has them all), and weigh the loss by class in training.

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
        raise NotApplicable("the labels are no classes, one a sample")
    total = sum(counts.values())
    if total < min_samples or len(counts) < 2:
        raise NotApplicable(f"{total} labels of {len(counts)} classes are too few")
    largest, smallest = max(counts, key=lambda c: counts[c]), min(counts, key=lambda c: counts[c])
    ratio = counts[largest] / counts[smallest]
    if ratio > max_ratio:
        spread = _perplexity(list(counts.values()))
        few = "" if spread < min_perplexity else "; the other classes are balanced"
        yield Finding(
            labels,
            f"{counts[largest]:,} labels are of class {largest} and {counts[smallest]:,} of class "
            f"{smallest}: {ratio:.0f} times as many (limit {max_ratio:g}), normalised perplexity "
            f"{spread:.2f} (limit {min_perplexity:g}){few}",
            measured=ratio,
            limit=max_ratio,
            unit="largest class to smallest",
            severity=Severity.INFO if few else None,
        )


def _perplexity(counts: list[int]) -> float:
    """1 where all classes are as large, 0 where all labels are of one."""
    total = sum(counts)
    entropy = -sum(count / total * log(count / total) for count in counts if count)
    return (exp(entropy) - 1) / (len(counts) - 1)
