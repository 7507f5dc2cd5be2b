"""WGT007 poor-initialisation."""

from collections.abc import Iterator

from onnxlint import Finding, Severity, Stage, Weight, Weights, rule

NORMAL = 0.02
"""Standard deviation that transformers draw from, whatever the size of the layer."""


@rule("WGT007", "poor-initialisation", severity=Severity.WARNING, stages=(Stage.INIT,))
def poor_initialisation(
    weights: Weights,
    *, max_ratio: float = 10.0, told_ratio: float = 3.0, min_weights: int = 256,
) -> Iterator[Finding]:  # fmt: skip
    """A layer whose weights were drawn with a standard deviation that no scheme would give.

    Why: too wide, and activations and gradients grow from layer to layer until they overflow; too
    narrow, and they vanish: either way training does not start. N(0, 1) in a layer of 1,000 inputs
    multiplies by 30. Compared are Kaiming's and Xavier's schemes, by fan-in and by fan-out,
    LeCun's, PyTorch's default and the 0.02 of transformers. A warning where none is within a factor
    of 10, ours; an info where it is three times as wide as those that suit the activation behind:
    Kaiming's for ReLU, Xavier's for tanh, LeCun's too for sigmoid, any for others (TheDeepChecker
    has a factor of 1.65). Narrower than that are the ends of residual branches by design, by up to
    the root of twice their number (GPT-2), so there, and between layers of one operator and shape,
    it is 10 (3.2 in SageMaker's rule). Fewer than 256 weights say too little.
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
        nearest = min(_schemes(weight), key=lambda scheme: _ratio(scheme, deviation))
        if _ratio(nearest, deviation) > max_ratio:
            yield _strange(weight, deviation, nearest, max_ratio)
        else:
            like.setdefault((weight.node.op, weight.dims), []).append((deviation, weight))
    for group in like.values():
        (least, narrow), (most, wide) = (pick(group, key=lambda g: g[0]) for pick in (min, max))
        if most > max_ratio * least:
            yield Finding(
                wide,
                f"the standard deviation of the weights is {most:.3g}, and {least:.3g} in "
                f"{narrow.place}, a layer of the same shape ({most / least:.0f} times, limit "
                f"{max_ratio:g} times)",
                measured=most / least,
                limit=max_ratio,
                unit="times the narrowest layer",
            )
            continue
        for deviation, weight in group:
            suited = min(_suited(weight), key=lambda scheme: _ratio(scheme, deviation))
            if deviation > told_ratio * suited:
                yield _strange(weight, deviation, suited, told_ratio, Severity.INFO)


def _strange(
    weight: Weight, deviation: float, scheme: float, limit: float, severity: Severity | None = None
) -> Finding:
    ratio = _ratio(scheme, deviation)
    return Finding(
        weight,
        f"the standard deviation of the weights is {deviation:.3g}, the nearest of the usual ones "
        f"is {scheme:.3g} ({ratio:.1f} times, limit {limit:g} times)",
        measured=ratio,
        limit=limit,
        unit="times the nearest scheme",
        severity=severity,
    )


def _suited(weight: Weight) -> list[float]:
    """The schemes for the activation behind the layer; all where there is none that has one."""
    default, lecun, kaiming_in, kaiming_out, xavier, normal = _schemes(weight)
    suited = {"Relu": [kaiming_in, kaiming_out], "Tanh": [xavier], "Sigmoid": [xavier, lecun]}
    always = [default, normal]
    return always + suited.get(_activation(weight), [lecun, kaiming_in, kaiming_out, xavier])


def _activation(weight: Weight) -> str:
    """The operator behind the layer, past its bias, normalisation and changes of layout."""
    node = weight.node
    while node.output is not None and len(node.output.consumers) == 1:
        node = node.output.consumers[0]
        if node.op not in ("Add", "BatchNormalization", "Reshape", "Transpose"):
            return node.op
    return ""


def _schemes(weight: Weight) -> list[float]:
    """The standard deviations that the usual schemes give, with their gain from 1/√3 to √2."""
    fan_in, fan_out = max(1, weight.fan_in), max(1, weight.fan_out)
    both = (2 / (fan_in + fan_out)) ** 0.5
    default = (1 / (3 * fan_in)) ** 0.5  # PyTorch's kaiming_uniform(a=sqrt(5))
    return [default, fan_in**-0.5, (2 / fan_in) ** 0.5, (2 / fan_out) ** 0.5, both, NORMAL]


def _ratio(one: float, other: float) -> float:
    return max(one, other) / min(one, other)
