"""SEQ001 cache-divergence."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Finding, Language, Option, Severity, Step, counted, rule


@rule("SEQ001", "cache-divergence", severity=Severity.ERROR)
def cache_divergence(
    language: Language, *,
    max_difference: Annotated[
        float, Option("difference of an output", unit="fraction of the peak")
    ] = 0.002,
) -> Iterator[Finding]:  # fmt: skip
    """A token that gets other scores with the cache than without it.

    Why: generation feeds one token at a time and hands the cache on; evaluation feeds the whole
    text. Where they differ, what was measured is not what users get: the text starts well and
    drifts. The usual causes are positions that start at 0 with every call, new keys joined before
    those of the cache, a state of a convolution or a recurrence that is a step late, and a mask
    that does not cover the cache. A prompt of three tokens is run, then three more one by one, each
    with the cache of the call before, and beside it all six in one call from an empty cache; where
    the model refuses an empty one, both start from the same random keys and values. Caches are
    recognised by the graph and by their names, as optimum, transformers.js and onnxruntime-genai
    write them; states of a fixed size count, too. It is a warning where only several tokens fed
    together with a cache differ, as a second turn of a conversation has them. A decoder in two
    files is judged as a pair: the file without a cache, which stands beside the other one as
    optimum names it or is given by `--reference`, runs the prompt, the other one goes on with its
    cache, and the former runs all six tokens beside. Not judged are other models that take one
    token a call, those that scale all tokens of a run together (dynamic quantisation), and those
    that see later tokens (see `future-leak`).
    The limit holds for float32; float16 is allowed twice as much, bfloat16 and quantised models
    five times. Measured: sound decoders of up to 32 layers differ by 6e-7 of the peak in float32
    and by 7e-4 in float16, broken ones by 0.02 and more.
    Fix: shift the positions by the length of the cache, join `[past, new]` in this order, and
    compare one step with the framework's own output.

    Bad:
    # the state that is handed on forgets all but this call
    net (int64[N, S] input_ids, float[N, 1, 2] past_sum)
        => (float[N, S, 2] scores, float[N, 1, 2] present_sum)
    <float[8, 2] table = {0.1, 0.2, 0.3, -0.4, 0.5, 0.6, -0.7, 0.8, 0.9, 1, 2, -1.2, 1.3, 2, 1, 3},
     int64 steps = {1}, int64[1] axis = {1}, int64[1] last = {-1}, int64[1] end = {9999}>
    {
        x = Gather(table, input_ids)
        sums = CumSum(x, steps)
        scores = Add(sums, past_sum)
        present_sum = Slice(sums, last, end, axis)
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
    steps = language.steps
    if language.looks_ahead(max_difference):
        return
    single = [step for step in steps if step.tokens == 1]
    for group in (single, [step for step in steps if step.tokens > 1]):
        broken = [step for step in group if step.difference.exceeds(max_difference)]
        for step in _first_of_each(broken):
            yield _found(step, max_difference)
        if broken:
            return


def _first_of_each(steps: list[Step]) -> Iterator[Step]:
    """The first step of each output."""
    seen = set()
    for step in steps:
        if step.difference.value not in seen:
            seen.add(step.difference.value)
            yield step


def _found(step: Step, limit: float) -> Finding:
    fed = "one token" if step.tokens == 1 else f"{step.tokens} tokens together"
    beside = "the same in that file alone" if step.first else "the same without it"
    made = f" from {step.first!r}" if step.first else ""
    begun = " (which began with random keys and values)" if step.made_up else ""
    cached = counted(step.cached, "token")
    return Finding(
        step,
        f"{fed} after a cache of {cached}{made}{begun} and {beside} differ "
        f"{step.difference.described(limit)}",
        measured=step.difference.measured,
        limit=step.difference.limit(limit),
        unit="fraction of the peak",
        severity=None if step.tokens == 1 else Severity.WARNING,
        evidence={"cached": step.cached, "tokens": step.tokens},
        hint="shift positions by the length of the cache, join [past, new] in this order, and let "
        "the mask cover both",
    )
