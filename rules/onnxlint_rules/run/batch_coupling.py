"""RUN005 batch-coupling."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Behaviour, Finding, Option, Severity, Ties, rule
from onnxlint_rules.run._coupling import by_effect, where_unsure
from onnxlint_rules.run._sameness import advice, severity, told


@rule("RUN005", "batch-coupling", severity=Severity.WARNING)
def batch_coupling(
    behaviour: Behaviour, ties: Ties, *,
    max_difference: Annotated[
        float, Option("difference of an output", unit="fraction of the peak")
    ] = 0.01,
) -> Iterator[Finding]:  # fmt: skip
    """A prediction that depends on the other samples in the batch.

    Why: a server batches whatever arrives, so one user's answer changes with another's request, and
    what was tested one by one is not what runs. The usual causes are batch normalisation in
    training mode, a softmax or a mean over the batch axis, and a Reshape that mixes samples. Two
    samples are run together and each alone; not judged are outputs whose batch axis does not show
    in their shape, and models whose first axis may hold the parts of one sample. Rounding that
    depends only on the batch size is not coupling: each sample is also run with a copy of itself.
    For the limit see `nondeterministic`. Dynamic quantisation uses one scale for the whole batch by
    design, so one large sample takes the precision of all others (fastembed-rs issue 107): of such
    models the samples with the smallest and the largest values are tried; a warning where decisions
    change, or an output by more than a tenth of its peak, else an info. A tie between scores that
    agree within rounding is an info too.
    Where no name says that the first axis counts samples it is never an error, and an info where
    the axis has another name (sets, siblings, frames) or where the inputs have two axes, as frames
    by bands and points of a set have.
    Fix: call `model.eval()` before the export; set the axis of softmax and mean to the classes;
    quantise statically, or serve dynamically quantised models one sample at a time.

    Bad:
    net (float[batch, 4] x) => (float[batch, 4] y)
    {
        y = Softmax <axis = 0> (x)
    }

    Bad:
    # the largest sample of a batch sets the step of all others
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
    # one value for the whole batch
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
        grave = by_effect(difference, tie) if dynamic else severity(behaviour, difference, tie)
        if behaviour.batch_is_unsure:
            grave = max(grave, where_unsure(behaviour), key=lambda each: each.rank)
        yield Finding(
            difference,
            "the result for a sample changes when batched with another, "
            f"{told(difference, tie, limit)}{SCALED if dynamic else ''}",
            measured=difference.measured,
            limit=difference.limit(limit),
            unit="fraction of the peak",
            severity=grave,
            hint=advice(tie, ONE_BY_ONE if dynamic else APART),
        )


SCALED = "; dynamic quantisation uses one scale for the whole batch"

ONE_BY_ONE = "quantise statically, or serve one sample at a time"

APART = (
    "call model.eval() before the export, and check each softmax, mean and Reshape over the batch "
    "axis"
)
