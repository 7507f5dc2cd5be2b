"""WGT015 vanished-weights."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Finding, Option, Severity, Stage, Weights, rule

_SPARE = 1e-6
"""Of the mean square, for rounding."""


@rule("WGT015", "vanished-weights", severity=Severity.WARNING, stages=[Stage.TRAINED])
def vanished_weights(
    weights: Weights,
    *,
    relative: Annotated[
        float, Option("weights below this share of the layer's maximum have vanished", "fraction")
    ] = 1e-5,
    most_vanished: Annotated[
        float, Option("share of weights that may have vanished", "fraction")
    ] = 0.95,
    min_weights: Annotated[int, Option("fewest weights of a layer that counts", "weights")] = 256,
) -> Iterator[Finding]:
    """A layer in which almost all weights are negligible beside its largest ones.

    Why: more than 95% of the weights below 1e-5 of the layer's maximum mean that training drove
    them to zero: the weight decay was too strong, the loss does not need the layer, or one damaged
    outlier in an intact layer determines the scale, also that of its quantisation. Small layers and
    embedding tables are exempt. Weights that are exactly 0 were pruned: an info, since a runtime
    multiplies by them all the same. Both limits are a choice of ours: 1e-5 is less than what 16
    bits can tell from 0 beside the largest weight.
    Fix: examine the training of this layer (weight decay, learning rate), or remove it; store a
    pruned layer in a sparse format or with fewer channels.

    Bad:
    net (float[N, 32] x) => (float[N, 32] y)
    {
        y = MatMul(x, w)
    }
    >>> import numpy as np
    >>> from onnx import numpy_helper
    >>> w = np.random.default_rng(0).normal(0, 1e-9, (32, 32)).astype(np.float32)
    >>> w[:, 0] = 0.5
    >>> model.graph.initializer.append(numpy_helper.from_array(w, "w"))

    Bad:
    # pruned: an info
    net (float[N, 32] x) => (float[N, 32] y)
    {
        y = MatMul(x, w)
    }
    >>> import numpy as np
    >>> from onnx import numpy_helper
    >>> w = np.zeros((32, 32), np.float32)
    >>> w[0] = np.linspace(0.1, 0.9, 32)
    >>> model.graph.initializer.append(numpy_helper.from_array(w, "w"))

    Good:
    net (float[N, 32] x) => (float[N, 32] y)
    {
        y = MatMul(x, w)
    }
    >>> import numpy as np
    >>> from onnx import numpy_helper
    >>> w = np.random.default_rng(0).standard_t(2, (32, 32)).astype(np.float32)
    >>> model.graph.initializer.append(numpy_helper.from_array(w, "w"))

    Good:
    # half of it is pruned
    net (float[N, 32] x) => (float[N, 32] y)
    {
        y = MatMul(x, w)
    }
    >>> import numpy as np
    >>> from onnx import numpy_helper
    >>> w = np.random.default_rng(0).normal(0, 1, (32, 32)).astype(np.float32)
    >>> w[:16] = 0
    >>> model.graph.initializer.append(numpy_helper.from_array(w, "w"))
    """
    for weight, seen in weights.judged():
        largest = max(abs(seen.minimum), abs(seen.maximum))
        if seen.elements < min_weights or seen.finite < seen.elements or not largest:
            continue
        mean_square = seen.variance + seen.mean**2
        if mean_square > (1 - most_vanished + _SPARE) * largest**2:
            continue  # so many of them are large: their squares prove it without a look at each
        zeros = seen.zeros / seen.elements
        tiny = (
            zeros
            if zeros > most_vanished
            else weights.share_below(weight.tensor, largest * relative, beyond=most_vanished)
        )
        if tiny > most_vanished:
            pruned = zeros > most_vanished or zeros > tiny / 2
            what = "0" if pruned else f"below {relative:g} of the maximum {largest:.3g}"
            yield Finding(
                weight,
                f"{tiny:.1%} of weights are {what} (limit {most_vanished:.0%})",
                measured=tiny,
                limit=most_vanished,
                unit="fraction of weights",
                hint="store the layer in a sparse format or with fewer channels"
                if pruned
                else f"check this layer's weight decay, and whether {largest:.3g} is an outlier",
                severity=Severity.INFO if pruned else None,
            )
