"""CMP005 pca-not-beaten."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Finding, Option, Reconstruction, Severity, Stage, rule

MANY_TIMES = 9.0
"""Excess that is not counted: PCA may leave next to nothing of samples without noise."""


@rule("CMP005", "pca-not-beaten", severity=Severity.WARNING, stages=(Stage.TRAINED,))
def pca_not_beaten(
    both: Reconstruction, *,
    max_excess: Annotated[
        float, Option("how much larger the RMSE may be than that of PCA", unit="fraction")
    ] = 0.1,
) -> Iterator[Finding]:  # fmt: skip
    """An autoencoder that reconstructs its input worse than PCA of the same width.

    Why: the best linear autoencoder is PCA (Baldi and Hornik, 1989), and a deeper one can express
    it: one that loses more of the samples through a bottleneck of as many numbers was not trained
    to the end, with a wrong learning rate, or on samples that were preprocessed otherwise. Compared
    is an output with as many elements as an input, where everything passes a narrower value between
    layers, on the user's samples, of which PCA projects those that it was not fitted to (five
    folds). Reported is an RMSE that is a tenth larger, beyond chance (1.645 standard errors of the
    paired difference), both of the features as they are and of standardised ones. From 50 samples
    on: without `--samples`, up to a thousand are run. That an output is meant to reconstruct is
    told by labels that are the samples (`--labels d.npz:x`), by names (encoder and decoder), or by
    its elements: they explain a tenth of the input's variance, or each correlates with its own
    place in the input more than with others. Errors below 5% of the features' standard deviation
    and outputs that are drawn at random are never reported.
    Fix: train until the loss stops falling, standardise the features, lower the learning rate; or
    ship PCA.

    Bad:
    # config: data = "data.npz"
    net (float[N, 8] x) => (float[N, 8] y)
    <float[8, 1] enc = {1, 0, 0, 0, 0, 0, 0, 0}, float[1, 8] dec = {1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1}>
    {
        z = MatMul(x, enc)
        y = MatMul(z, dec)
    }
    >>> import numpy
    >>> rng = numpy.random.default_rng(0)
    >>> x = rng.normal(size=(200, 1)) + 0.2 * rng.normal(size=(200, 8))
    >>> numpy.savez(folder / "data.npz", x=x.astype("float32"))

    Good:
    # config: data = "data.npz"
    net (float[N, 8] x) => (float[N, 8] y)
    <float[8, 1] enc = {0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125}, float[1, 8] dec = {1, 1, 1, 1, 1, 1, 1, 1}>
    {
        z = MatMul(x, enc)
        y = MatMul(z, dec)
    }
    >>> import numpy
    >>> rng = numpy.random.default_rng(0)
    >>> x = rng.normal(size=(200, 1)) + 0.2 * rng.normal(size=(200, 8))
    >>> numpy.savez(folder / "data.npz", x=x.astype("float32"))

    Good:
    # scores of eight classes are no reconstruction of eight features
    # config: data = "data.npz"
    net (float[N, 8] x) => (float[N, 8] y)
    <float[8, 2] w = {1, 0, 0, 1, -1, 0, 0, -1, 1, 1, -1, 1, 1, -1, 0, 0}, float[2, 8] v = {1, 2, 3, -4, 5, -6, 7, 8, -1, 2, 3, 4, 5, 6, -7, 8}>
    {
        h = MatMul(x, w)
        y = MatMul(h, v)
    }
    >>> import numpy
    >>> x = numpy.random.default_rng(0).normal(size=(200, 8)).astype("float32")
    >>> numpy.savez(folder / "data.npz", x=x)
    """  # noqa: E501
    if both.excess > max_excess:
        yield Finding(
            both,
            f"reconstruction RMSE {both.rmse:.4g} on {both.samples:,} samples; that of "
            f"{both.name}, the width of {both.bottleneck.value.name!r}, is {both.pca_rmse:.4g}: "
            f"{_larger(both.excess)} (limit {max_excess:.0%} larger)",
            measured=both.excess,
            limit=max_excess,
            unit="fraction of the RMSE",
            hint="train until the loss stops falling, standardise the features, or lower the "
            "learning rate; or ship PCA",
        )


def _larger(excess: float) -> str:
    return f"{excess:.0%} larger" if excess < MANY_TIMES else "more than 10 times as large"
