"""SEQ005 beam-reorder."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Finding, Language, Option, Severity, rule


@rule("SEQ005", "beam-reorder", severity=Severity.ERROR)
def beam_reorder(
    language: Language, *,
    max_difference: Annotated[
        float, Option("difference of an output", unit="fraction of the peak")
    ] = 0.002,
) -> Iterator[Finding]:  # fmt: skip
    """A decoder that does not follow when the samples of its cache change places.

    Why: beam search keeps the best beams of a step and reorders the cache along the batch before
    the next; a server moves requests from slot to slot. A cache of which one sample is used for
    all, or that is joined along the wrong axis, then continues one text with the memory of another.
    Two prompts are run, and one more token of each; then the same with cache, tokens and all that
    is fed beside in reverse order: the scores must come in reverse order. Where the batch is fixed,
    all samples of it are reversed. Whether the company of other samples changes a result at all is
    what `batch-coupling` asks. For the limit see `cache-divergence`.
    Fix: keep the batch as an axis of its own from the cache to the scores; look for an Expand, a
    Slice or a Reshape over the batch.

    Bad:
    # all samples are continued from the first one's state
    net (int64[N, S] input_ids, float[N, 1, 2] past_sum)
        => (float[N, S, 2] scores, float[N, 1, 2] present_sum)
    <float[8, 2] table = {0.1, 0.2, 0.3, -0.4, 0.5, 0.6, -0.7, 0.8, 0.9, 1, 2, -1.2, 1.3, 2, 1, 3},
     int64 steps = {1}, int64[1] axis = {1}, int64[1] last = {-1}, int64[1] end = {9999},
     int64[1] batch = {0}, int64[1] start = {0}, int64[1] one = {1}>
    {
        x = Gather(table, input_ids)
        sums = CumSum(x, steps)
        first = Slice(past_sum, start, one, batch)
        scores = Add(sums, first)
        present_sum = Slice(scores, last, end, axis)
    }

    Good:
    net (int64[N, S] input_ids, float[N, 1, 2] past_sum)
        => (float[N, S, 2] scores, float[N, 1, 2] present_sum)
    <float[8, 2] table = {0.1, 0.2, 0.3, -0.4, 0.5, 0.6, -0.7, 0.8, 0.9, 1, 2, -1.2, 1.3, 2, 1, 3},
     int64 steps = {1}, int64[1] axis = {1}, int64[1] last = {-1}, int64[1] end = {9999}>
    {
        x = Gather(table, input_ids)
        sums = CumSum(x, steps)
        scores = Add(sums, past_sum)
        present_sum = Slice(scores, last, end, axis)
    }
    """
    for reordered in language.reordered:
        if reordered.difference.exceeds(max_difference):
            yield Finding(
                reordered,
                "samples that change places with their caches do not get the same values "
                f"{reordered.difference.described(max_difference)}",
                measured=reordered.difference.measured,
                limit=reordered.difference.limit(max_difference),
                unit="fraction of the peak",
                hint="keep the batch as an axis of its own from the cache to the scores",
            )
