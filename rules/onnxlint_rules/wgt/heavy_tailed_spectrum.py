"""WGT013 heavy-tailed-spectrum."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from onnxlint import Finding, Option, Severity, Stage, Weights, rule
from onnxlint_rules.wgt._spectrum import eigenvalues_of, tail_exponent

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray


@rule("WGT013", "heavy-tailed-spectrum", severity=Severity.INFO, stages=(Stage.TRAINED,),
      default=False)  # fmt: skip
def heavy_tailed_spectrum(
    weights: Weights,
    *,
    min_exponent: Annotated[float, Option("exponent below which a few directions dominate")] = 2.0,
    max_exponent: Annotated[float, Option("exponent above which a layer is close to random")] = 6.0,
    min_eigenvalues: Annotated[
        int, Option("fewest eigenvalues of a layer that is examined", "eigenvalues")
    ] = 50,
    max_side: Annotated[
        int, Option("largest smaller side of a matrix that is examined", "features")
    ] = 4096,
) -> Iterator[Finding]:
    """A layer whose eigenvalue spectrum suggests under- or over-training.

    Why: the eigenvalues of a well-trained layer's WᵀW have a tail that follows a power law with an
    exponent from 2 to 6. Above, the layer is close to its random initialisation; below, a few
    directions dominate, as in overfitted layers (Martin and Mahoney, "Implicit Self-Regularization
    in Deep Neural Networks", arXiv 1810.01075, and the tool weightwatcher). This is an indication,
    not a proof, and takes seconds: the rule is off by default. The exponent is the
    maximum-likelihood estimate, 1 + n / Σ ln(λ / λmin), with the λmin whose law is nearest to the
    tail (Clauset, Shalizi and Newman, "Power-law distributions in empirical data", arXiv
    0706.1062). A convolution has one matrix for each position of its kernel; layers with fewer than
    50 eigenvalues are skipped.
    Fix: train the layer longer, or at a higher learning rate, if the exponent is large; regularise
    it if small.

    Bad:
    # drawn at random, never trained
    net (float[N, 128] x) => (float[N, 512] y)
    {
        y = MatMul(x, w)
    }
    >>> from onnx import numpy_helper
    >>> import numpy
    >>> w = numpy.random.default_rng(0).normal(0, 0.1, (128, 512)).astype("float32")
    >>> model.graph.initializer.append(numpy_helper.from_array(w, "w"))

    Good:
    # eigenvalues with a tail of exponent 3
    net (float[N, 96] x) => (float[N, 96] y)
    {
        y = MatMul(x, w)
    }
    >>> from onnx import numpy_helper
    >>> import numpy
    >>> w = numpy.diag(numpy.linspace(1, 0.01, 96) ** -0.25).astype("float32")
    >>> model.graph.initializer.append(numpy_helper.from_array(w, "w"))
    """
    for weight, seen in weights.judged():
        sides = weight.dims[:2]
        if weight.tensor.fill or seen.finite < seen.elements or min(sides) < min_eigenvalues:
            continue
        if min(sides) > max_side or not (len(weight.dims) == 2 or "Conv" in weight.node.op):
            continue
        eigenvalues = eigenvalues_of(weight)
        exponent = tail_exponent(eigenvalues) if len(eigenvalues) >= min_eigenvalues else None
        if exponent is None or min_exponent <= exponent <= max_exponent:
            continue
        random = exponent > max_exponent
        reason = "close to a random matrix" if random else "dominated by a few directions"
        yield Finding(
            weight,
            f"power-law exponent of the eigenvalue tail is {exponent:.1f} (expected "
            f"{min_exponent:g} to {max_exponent:g}): {reason}",
            measured=exponent,
            limit=max_exponent if random else min_exponent,
            unit="power-law exponent",
            hint="train the layer longer" if random else "regularise the layer",
        )
