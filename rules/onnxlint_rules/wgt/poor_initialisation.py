"""WGT007 poor-initialisation."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Finding, Option, Severity, Stage, Weight, Weights, rule
from onnxlint.model.graph.operators import SQUASHING
from onnxlint_rules.wgt._schemes import activation, factor, schemes, suitable


@rule("WGT007", "poor-initialisation", severity=Severity.WARNING, stages=(Stage.INIT,))
def poor_initialisation(
    weights: Weights,
    *,
    max_ratio: Annotated[
        float, Option("factor to the closest scheme beyond which it is a warning", "factor")
    ] = 10.0,
    told_ratio: Annotated[
        float, Option("factor above the suitable schemes beyond which it is an info", "factor")
    ] = 3.0,
    min_weights: Annotated[int, Option("fewest weights of a layer that counts", "weights")] = 256,
) -> Iterator[Finding]:
    """A layer whose initial standard deviation matches no common initialisation scheme.

    Why: too wide, and activations and gradients grow from layer to layer until they overflow; too
    narrow, and they vanish: either way training does not start. N(0, 1) in a layer with 1,000
    inputs multiplies by 30. The deviation is compared with Kaiming's and Xavier's schemes, by
    fan-in and by fan-out, LeCun's, PyTorch's default and the 0.02 of transformers. A warning where
    none is within a factor of 10, ours; an info where it is three times as wide as those that suit
    the following activation: Kaiming's for ReLU, Xavier's for tanh, LeCun's too for sigmoid, any
    for others (TheDeepChecker uses a factor of 1.65). The ends of residual branches are narrower by
    design, by up to the root of twice their number (GPT-2), so there, and between layers of one
    operator and shape, it is 10 (3.2 in SageMaker's rule). Layers with fewer than 256 weights are
    skipped.
    Fix: draw from Kaiming's distribution before a ReLU and from Xavier's before tanh or sigmoid
    (`kaiming_normal_`, `xavier_uniform_`), or keep the layer's own default.

    Bad:
    # stage: init
    net (float[N, 400] x) => (float[N, 400] y)
    {
        y = MatMul(x, w)
    }
    >>> from onnx import numpy_helper
    >>> import numpy
    >>> w = numpy.random.default_rng(0).normal(0, 1, (400, 400)).astype("float32")
    >>> model.graph.initializer.append(numpy_helper.from_array(w, "w"))

    Good:
    # stage: init
    net (float[N, 400] x) => (float[N, 400] y)
    {
        y = MatMul(x, w)
    }
    >>> from onnx import numpy_helper
    >>> import numpy
    >>> w = numpy.random.default_rng(0).normal(0, 0.05, (400, 400)).astype("float32")
    >>> model.graph.initializer.append(numpy_helper.from_array(w, "w"))
    """
    like: dict[object, list[tuple[float, Weight]]] = {}
    for weight, seen in weights.judged():
        deviation = seen.variance**0.5
        if not deviation or seen.elements < min_weights or seen.finite < seen.elements:
            continue
        nearest = min(schemes(weight), key=lambda scheme: factor(scheme, deviation))
        if factor(nearest, deviation) > max_ratio:
            yield _strange(weight, deviation, nearest, max_ratio)
        else:
            like.setdefault((weight.node.op, weight.dims), []).append((deviation, weight))
    for group in like.values():
        (least, narrow), (most, wide) = (pick(group, key=lambda g: g[0]) for pick in (min, max))
        if most > max_ratio * least:
            yield Finding(
                wide,
                f"weight standard deviation {most:.3g}; {least:.3g} in {narrow.place}, a layer of "
                f"the same shape (factor {most / least:.0f}, limit {max_ratio:g})",
                measured=most / least,
                limit=max_ratio,
                unit="times the narrowest layer",
                hint=f"initialise it like {narrow.place}",
            )
            continue
        for deviation, weight in group:
            suited = min(suitable(weight), key=lambda scheme: factor(scheme, deviation))
            if deviation > told_ratio * suited:
                yield _strange(weight, deviation, suited, told_ratio, Severity.INFO)


def _strange(
    weight: Weight, deviation: float, scheme: float, limit: float, severity: Severity | None = None
) -> Finding:
    ratio = factor(scheme, deviation)
    return Finding(
        weight,
        f"weight standard deviation {deviation:.3g}; closest common scheme {scheme:.3g} "
        f"(factor {ratio:.1f}, limit {limit:g})",
        measured=ratio,
        limit=limit,
        unit="times the nearest scheme",
        severity=severity,
        hint=f"draw the weights with a standard deviation of {scheme:.3g}, e.g. by "
        f"{'xavier_uniform_' if activation(weight) in SQUASHING else 'kaiming_normal_'}",
    )
