"""Why a value may be constant by design, and what to look at where it is not."""

from onnxlint import Observed
from onnxlint.model.graph.operators import AFFINE, NORMALISATIONS, SOFTMAXES, SQUASHING


def suspect(seen: Observed) -> str:
    """What to look at, by what made the value."""
    node = seen.value.producer
    if node is None:
        return "compare this value for two inputs that differ"
    if node.op in NORMALISATIONS:
        return f"check the axis of {node.op}: over a single element only the bias is left"
    if node.op in AFFINE:
        return f"check whether the bias outweighs what the weights of {node.op} contribute"
    return f"compare the inputs of {node.op} for two samples that differ"


def sums_up_shares(seen: Observed) -> bool:
    """Whether it adds up to 1 everywhere: the output of a softmax or of a division by its sum."""
    ends = seen.statistics.minimum, seen.statistics.maximum
    return seen.made_by("ReduceSum") and all(abs(end - 1) <= 16 * seen.epsilon for end in ends)


def is_saturated(seen: Observed) -> bool:
    """Whether a squashing activation is mostly saturated."""
    if not seen.made_by(*SQUASHING, *SOFTMAXES):
        return False
    at_limits = seen.fraction_of_magnitudes(at_least=1.0)
    return at_limits + seen.fraction_of_magnitudes(below=seen.epsilon) > 0.5
