"""RUN005 batch-coupling."""

from collections.abc import Iterator

from onnxlint import Behaviour, Difference, Finding, Node, Severity, Ties, rule
from onnxlint_rules.run._sameness import severity, told

BEYOND_STEPS = 0.1
"""Share of an output's peak beyond which a scale for the whole batch is no matter of steps: sound
int8 models lie within 4% of their float originals (see reference-divergence)."""

MANY_AXES = 3
"""From so many axes on the first one mostly counts samples. A choice of ours."""


@rule("RUN005", "batch-coupling", severity=Severity.WARNING)
def batch_coupling(
    behaviour: Behaviour, ties: Ties, *, max_difference: float = 0.01
) -> Iterator[Finding]:
    """A prediction for one sample that depends on which other sample is run with it.

    Why: a server batches whatever arrives, so one user's answer changes with another's request, and
    what was tested one by one is not what runs. The usual causes are batch normalisation in
    training mode, a softmax or a mean over the batch axis, and a Reshape that mixes samples. Two
    samples are run together and each alone; outputs whose batch axis does not show in their sizes
    are left out, and so are models whose first axis may hold the parts of one sample. What rounds
    otherwise in a larger batch, whoever is in it, is no coupling: each is run with itself to tell.
    For the limit see `nondeterministic`. Dynamic quantisation takes one scale for all of a batch by
    design, so that one large neighbour takes the digits of all others (fastembed-rs issue 107): of
    such models the samples of the least and of the largest numbers are tried; it is a warning where
    decisions change, or an output by more than a tenth of its peak, and else an info. A tie between
    scores that agree within rounding is an info, too.
    Where no name tells that the first axis counts samples it is never an error, and an info where
    somebody chose another name for it (sets, siblings, frames) or where the inputs have two axes,
    as frames by bands and points of a set have.
    Fix: call `model.eval()` before the export; give the axis of the classes to softmax and mean;
    quantise statically, or serve dynamically quantised models one sample at a time.

    Bad:
    net (float[batch, 4] x) => (float[batch, 4] y)
    {
        y = Softmax <axis = 0> (x)
    }

    Bad:
    # the loudest sample of a batch sets the step of all others
    net (float[batch, 4] x) => (float[batch, 4] y)
    <int64[1] axis = {1}, float one = {1}>
    {
        squares = Mul(x, x)
        more = Mul(squares, squares)
        h = Exp(more)
        q, scale, zero = DynamicQuantizeLinear(h)
        d = DequantizeLinear(q, scale, zero)
        sum = ReduceSum(d, axis)
        size = Add(sum, one)
        y = Div(d, size)
    }

    Good:
    net (float[batch, 4] x) => (float[batch, 4] y)
    {
        y = Softmax <axis = 1> (x)
    }

    Bad:
    # the second sample is so large that the first becomes 0
    # data: x = [[0.1, -0.1, 0.1, 0.1], [-13.0, 12.0, 8.0, 41.0]]
    net (float[batch, 4] x) => (float[batch, 4] y)
    <float steep = {20}>
    {
        q, scale, zero = DynamicQuantizeLinear(x)
        back = DequantizeLinear(q, scale, zero)
        scores = Mul(back, steep)
        y = Softmax(scores)
    }

    Good:
    # one number for the whole batch
    net (float[batch, 4] x, float[batch, 4] target) => (float[batch, 4] error, float loss)
    {
        error = Sub(target, x)
        squared = Mul(error, error)
        loss = ReduceMean <keepdims = 0> (squared)
    }
    """
    for difference in behaviour.couplings:
        dynamic = behaviour.is_scaled_by_batch(difference.value)
        decided = dynamic and difference.flipped and not behaviour.synthetic
        limit = max_difference / difference.allowance if decided else max_difference
        if not difference.exceeds(limit) or not behaviour.repeats(difference.value):
            continue
        if not behaviour.depends_on_company(difference, limit):
            continue
        tie = ties.in_company(difference, max_difference)
        grave = _by_effect(difference, tie) if dynamic else severity(behaviour, difference, tie)
        if behaviour.batch_is_unsure:
            grave = max(grave, _unsure(behaviour), key=lambda each: each.rank)
        yield Finding(
            difference,
            f"a sample run together with another gives another result than alone, "
            f"{told(difference, tie)}{SCALED if dynamic else ''}",
            measured=difference.measured,
            limit=difference.limit(limit),
            unit="fraction of the peak",
            severity=grave,
        )


SCALED = "; dynamic quantisation takes one scale for the whole batch"


def _by_effect(difference: Difference, tie: Node | None) -> Severity:
    """A warning where the company decides, or moves an output by more than quantisation does."""
    moved = difference.flipped or difference.measured > BEYOND_STEPS
    return Severity.WARNING if moved and tie is None else Severity.INFO


def _unsure(behaviour: Behaviour) -> Severity:
    """The gravest that is said of a first axis whose name does not tell that it counts samples.

    Of two axes it may well be that of frames or points, and the other one that of their features.
    """
    if behaviour.sizes.batch_is_something_else:
        return Severity.INFO
    slots = (behaviour.sizes.slot(name) for name in behaviour.sizes.batch_axes)
    is_table = all(slot is not None and len(slot.dims) < MANY_AXES for slot in slots)
    return Severity.INFO if is_table else Severity.WARNING
