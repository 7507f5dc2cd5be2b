"""The schemes that initial weights are drawn by."""

from onnxlint import Walk, Weight

NORMAL = 0.02
"""Standard deviation of the initial weights of transformers, regardless of the layer's size."""


def suitable(weight: Weight) -> list[float]:
    """The schemes for the activation behind the layer; all where there is none that has one."""
    default, lecun, kaiming_in, kaiming_out, xavier, normal = schemes(weight)
    suited = {"Relu": [kaiming_in, kaiming_out], "Tanh": [xavier], "Sigmoid": [xavier, lecun]}
    always = [default, normal]
    return always + suited.get(activation(weight), [lecun, kaiming_in, kaiming_out, xavier])


def activation(weight: Weight) -> str:
    """The operator after the layer, past its bias, normalisation and changes of layout."""
    walk = Walk([weight.node.output])
    for value in walk:
        if len(value.consumers) == 1:
            node = value.consumers[0]
            if node.op not in ("Add", "BatchNormalization", "Reshape", "Transpose"):
                return node.op
            walk.add(node.output)
    return ""


def schemes(weight: Weight) -> list[float]:
    """The standard deviations that the usual schemes give, with their gain from 1/√3 to √2."""
    fan_in, fan_out = max(1, weight.fan_in), max(1, weight.fan_out)
    both = (2 / (fan_in + fan_out)) ** 0.5
    default = (1 / (3 * fan_in)) ** 0.5  # PyTorch's kaiming_uniform(a=sqrt(5))
    return [default, fan_in**-0.5, (2 / fan_in) ** 0.5, (2 / fan_out) ** 0.5, both, NORMAL]


def factor(one: float, other: float) -> float:
    return max(one, other) / min(one, other)
