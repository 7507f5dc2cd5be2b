"""How much of a sigmoid or tanh is saturated."""

from onnxlint import Observed, ObservedNode


def saturated_share(activation: ObservedNode) -> float:
    """The fraction of outputs whose slope is 0 in the dtype's precision."""
    seen: Observed = activation.output
    least = seen.fraction_of_magnitudes(below=seen.epsilon)
    return seen.fraction_of_magnitudes(at_least=1.0) + least * (activation.node.op == "Sigmoid")


def neurons_beyond(activation: ObservedNode, level: float) -> float:
    """The fraction of neurons that are further than this from the middle, on average."""
    rows = activation.output.samples
    if rows is None:
        return 0.0
    outputs = rows[:, 1:]
    distances = abs(2 * outputs - 1 if activation.node.op == "Sigmoid" else outputs)
    return float((distances.mean(axis=0) > level).mean())
