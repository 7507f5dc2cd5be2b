"""WGT010 fp16-underflow-epsilon."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Node, Severity, Targets, Value, rule
from onnxlint.model.graph.operators import GUARDED_SLOT
from onnxlint_rules.wgt._float16 import FLOAT16

SMALLEST_NORMAL = 2.0**-14
"""6.1e-5: below, float16 loses precision, and some processors flush to 0."""

ROUNDED_TO_ZERO = 2.0**-25
"""Half of the smallest float16: a value that is not larger becomes 0."""

_DEFAULT_EPSILON = 1e-5
"""Of the normalisations."""


@rule("WGT010", "fp16-underflow-epsilon", severity=Severity.WARNING)
def fp16_underflow_epsilon(graph: Graph, targets: Targets) -> Iterator[Finding]:
    """An epsilon that underflows in float16 and no longer guards a division, root or logarithm.

    Why: the smallest float16 is 6e-8, so an epsilon of 1e-8 or 1e-12 becomes 0 in the conversion.
    The guard is lost, and the first zero after it gives infinity or NaN (onnxconverter-common issue
    153). Below 6.1e-5 an epsilon is subnormal: precise enough where subnormals are computed, but 0
    on processors that flush them (OpenVINO issue 8676): an info. So is an epsilon of float32 that
    would become 0 on a target that computes in float16.
    Fix: choose an epsilon of 1e-4 or more, or keep the guarded operators in float32.

    Bad:
    # 1e-8 became 0
    net (float16[N, 4] x) => (float16[N, 4] y)
    <float16 epsilon = {0}>
    {
        guarded = Add(x, epsilon)
        y = Sqrt(guarded)
    }

    Bad:
    net (float16[N, 4] x) => (float16[N, 4] y)
    <float epsilon = {1e-5}>
    {
        half = Cast <to = 10> (epsilon)
        guarded = Add(x, half)
        y = Div(x, guarded)
    }

    Instead:
    # the guard works in float32
    net (float16[N, 4] x) => (float16[N, 4] y)
    <float epsilon = {1e-8}>
    {
        wide = Cast <to = 1> (x)
        guarded = Add(wide, epsilon)
        root = Sqrt(guarded)
        y = Cast <to = 10> (root)
    }
    """

    import numpy

    narrowed = targets.any(float16="native")
    told: set[Node] = set()
    for node in graph.nodes(*GUARDED_SLOT):
        value = node.input(GUARDED_SLOT[node.op])
        guard = None if value is None else value.producer
        if guard is None or guard.op not in ("Add", "Max", "Clip") or guard in told:
            continue
        for constant in guard.inputs[guard.op == "Clip" :]:
            number, in_half = _constant(graph, constant)
            if number is None or not (in_half or narrowed) or not 0 <= number < SMALLEST_NORMAL:
                continue
            epsilon = float(numpy.float16(number))
            vanished = epsilon == 0 and (number > 0 or (in_half and guard.op == "Add"))
            if vanished or (in_half and epsilon):
                told.add(guard)
                sure = in_half and vanished
                yield _finding(guard, epsilon, f"epsilon before {node.op}", sure)
                break
    for node in graph.nodes("BatchNormalization", "InstanceNormalization"):
        scale = graph.tensor(node.input(1))
        epsilon = node.attribute("epsilon", _DEFAULT_EPSILON)
        if scale is not None and scale.dtype == "float16" and epsilon <= ROUNDED_TO_ZERO:
            yield _finding(node, 0.0, "epsilon", True)


def _constant(graph: Graph, value: Value | None) -> tuple[float | None, bool]:
    """The one number of a constant, and whether it is float16, or is cast to it."""
    maker = None if value is None else value.producer
    cast = maker is not None and maker.op == "Cast" and maker.attribute("to", 0) == FLOAT16
    stored = maker.input(0) if cast and maker is not None else value
    tensor = graph.tensor(stored)
    if tensor is None or tensor.size != 1 or tensor.dtype not in ("float16", "float"):
        return None, False
    return graph.number(stored), cast or tensor.dtype == "float16"


def _finding(node: Node, epsilon: float, what: str, sure: bool) -> Finding:
    return Finding(
        node,
        f"{what} is {epsilon:.2g} in float16 (smallest normal value {SMALLEST_NORMAL:.2g})"
        + (" and guards nothing" if not epsilon else ""),
        measured=epsilon,
        limit=SMALLEST_NORMAL,
        severity=Severity.WARNING if sure else Severity.INFO,
        hint="choose an epsilon of 1e-4 or more, or keep these operators in float32",
    )
