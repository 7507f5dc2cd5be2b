"""SEQ007 batch-padding."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Finding, Lengthened, Option, PaddedInputs, Severity, rule


@rule("SEQ007", "batch-padding", severity=Severity.WARNING)
def batch_padding(
    inputs: PaddedInputs, *,
    max_difference: Annotated[
        float, Option("difference of an output", unit="fraction of the peak")
    ] = 0.002,
) -> Iterator[Finding]:  # fmt: skip
    """A sample of numbers that gets another result when it is padded into a longer batch.

    Why: recordings, series and clouds of points are padded to the longest of a batch, and a mask or
    a length says what is real. A mean over all frames, a normalisation over time, and a layer that
    runs backwards through the padding listen to it all the same: what one user is told then
    depends on how long another's recording is. One sample is run alone, then with as many zeros
    behind it, masked or with the same length; what is said of the real part must stay. Judged are
    inputs of floats with an axis of dynamic size, beside a mask `[batch, that size]` whose name is
    that of padding (`attention_mask`, `padding_mask`, `src_mask` …), or an input of lengths; where
    the name does not tell what 1 means, either reading may hold. It is an info where only the last
    quarter of the real part differs: there, convolutions read what is behind it. Texts are judged
    by `padding-leak`, samples of one length by `batch-coupling`.
    Fix: multiply with the mask before sums and convolutions, divide means by the number of real
    frames, and give lengths to recurrent layers.

    Bad:
    # the mean is one over the padding, too
    net (float[N, T, 2] frames, float[N, T] padding_mask) => (float[N, 2] y)
    <int64[1] last = {2}, int64[1] time = {1}, float one = {1}>
    {
        kept = Sub(one, padding_mask)
        column = Unsqueeze(kept, last)
        real = Mul(frames, column)
        y = ReduceMean <keepdims = 0> (real, time)
    }

    Good:
    net (float[N, T, 2] frames, float[N, T] padding_mask) => (float[N, 2] y)
    <int64[1] last = {2}, int64[1] time = {1}, float one = {1}>
    {
        kept = Sub(one, padding_mask)
        column = Unsqueeze(kept, last)
        real = Mul(frames, column)
        sum = ReduceSum <keepdims = 0> (real, time)
        count = ReduceSum <keepdims = 0> (column, time)
        y = Div(sum, count)
    }
    """
    broken = [
        [each for each in reading if each.difference.exceeds(max_difference)]
        for reading in inputs.readings
    ]
    if all(broken):
        for each in broken[0]:
            yield _found(each, max_difference)


def _found(each: Lengthened, limit: float) -> Finding:
    part = "the end of what is real" if each.is_edge else "the rest"
    return Finding(
        each,
        f"padding of {each.sequence.name!r} that {each.told.name!r} leaves out changes {part} "
        f"{each.difference.described(limit)}",
        measured=each.difference.measured,
        limit=each.difference.limit(limit),
        unit="fraction of the peak",
        severity=Severity.INFO if each.is_edge else None,
        hint="multiply with the mask before sums and convolutions, and divide means by the number "
        "of real frames",
    )
