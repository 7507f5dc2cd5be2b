"""DAT010 distribution-shift."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Finding, Option, Severity, Shift, rule
from onnxlint_rules.dat._shift import by_features, by_layer


@rule("DAT010", "distribution-shift", severity=Severity.WARNING)
def distribution_shift(
    shift: Shift, *,
    max_psi: Annotated[
        float, Option("largest shift of a feature: population stability index beyond chance", "PSI")
    ] = 0.25,
    small_psi: Annotated[
        float, Option("shift of a feature from which on it is an info", "PSI")
    ] = 0.1,
    max_auc: Annotated[
        float, Option("how well a classifier may tell the two sets apart by a layer", "AUC")
    ] = 0.7,
) -> Iterator[Finding]:  # fmt: skip
    """Samples that are distributed differently from the training data.

    Why: a network is right where it has seen samples. Pixels of 0…1 instead of 0…255, columns or
    channels in another order, a sensor that sticks, values that are missing, or simply other users:
    accuracy falls, and nothing says so. With `--train-data` beside `--data`, columns of tables,
    statistics of the channels of images (mean, standard deviation, difference of neighbours) and
    frequencies of ids are compared by their population stability index (PSI): 0.1 is a small and
    0.25 a large shift (Siddiqi, Credit Risk Scorecards, 2006), less what chance makes of it. Layer
    outputs are compared by how well a classifier tells the sets apart (arXiv 1610.06545), on
    samples that it was not fitted to; an AUC of 0.7 is ours. Both must be beyond chance: 499
    permutations, drawn with `--seed` and corrected for the number of features and of layers, at a
    level of 0.5% each. Two random halves of one of scikit-learn's sets were a warning in 4 of
    500 splits of iris, 3 of 500 of wine, and none of 200 of breast_cancer (3 infos), 200 of
    diabetes and 100 of digits. Not reported: classes that are only more or less frequent (with
    labels of both sets samples are compared within classes, else within predicted ones), sets of
    different sizes or in another order, samples that one set holds several times.
    From 20 samples of each set on; of files the first 20,000 samples are read.
    Fix: prepare the samples as those of training were, or train with samples like these.

    Bad:
    # the second column is measured in other units
    # config: data = "data.npz"
    # config: train-data = "train.npz"
    net (float[N, 2] x) => (float[N, 1] y) <float[2, 1] w = {1, 2}>
    {
        y = MatMul(x, w)
    }
    >>> import numpy
    >>> x = numpy.random.default_rng(0).normal(5, 1, (200, 2)).astype("float32")
    >>> numpy.savez(folder / "train.npz", x=x[:100])
    >>> numpy.savez(folder / "data.npz", x=x[100:] * numpy.float32([1, 0.01]))

    Good:
    # halves of one set, one of them sorted
    # config: data = "data.npz"
    # config: train-data = "train.npz"
    net (float[N, 2] x) => (float[N, 1] y) <float[2, 1] w = {1, 2}>
    {
        y = MatMul(x, w)
    }
    >>> import numpy
    >>> x = numpy.random.default_rng(0).normal(5, 1, (200, 2)).astype("float32")
    >>> numpy.savez(folder / "train.npz", x=x[:100][x[:100, 0].argsort()])
    >>> numpy.savez(folder / "data.npz", x=x[100:])

    Good:
    # one of two classes is rarer, and the labels say so
    # config: data = "data.npz"
    # config: labels = "data.npz:y"
    # config: train-data = "train.npz"
    # config: train-labels = "train.npz:y"
    net (float[N, 2] x) => (float[N, 2] y)
    {
        y = Softmax(x)
    }
    >>> import numpy
    >>> y = numpy.arange(200) % 2
    >>> x = numpy.random.default_rng(0).normal(y[:, None] * [-3, 3], 1).astype("float32")
    >>> numpy.savez(folder / "train.npz", x=x[:100], y=y[:100])
    >>> kept = [at for at in range(100, 200) if y[at] or at % 10 == 0]
    >>> numpy.savez(folder / "data.npz", x=x[kept], y=y[kept])
    """
    found = list(by_features(shift, max_psi, small_psi))
    if not found or found[0].severity is Severity.INFO:
        found = list(by_layer(shift, max_auc)) or found
    yield from found
