"""SEQ002 future-leak."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Finding, Language, Option, Severity, rule


@rule("SEQ002", "future-leak", severity=Severity.ERROR)
def future_leak(
    language: Language, *,
    max_difference: Annotated[
        float, Option("difference of an output", unit="fraction of the peak")
    ] = 0.002,
) -> Iterator[Finding]:  # fmt: skip
    """A causal model whose scores of earlier tokens change with a later one.

    Why: a language model that sees the token which it is to predict has a perplexity too good to be
    true, and writes nonsense, for when it writes there is no later token yet. A mask that is off by
    one, a convolution padded on both sides and a reversed scan do it. Six tokens are run, then the
    same with other ones from the fourth on; what is said of the first three must stay.
    Only models known to be causal are judged: those that hand a cache on, for a cached token cannot
    be told anything later; those whose every attention operator is declared causal; and heads over
    all words of the table in which the first token changes all scores that follow while the last
    one leaves the first score as it is, bit for bit. An encoder that looks both ways, as BERT does,
    changes its first output with its last token, and one that looks through a window does not
    change its last output with its first: both are left alone. So is a model that is given a mask
    of three axes or more, for there the caller says what is seen. For the limit see
    `cache-divergence`.
    Fix: mask with `key position <= query position`, the cache counted in, and pad convolutions on
    the left only.

    Bad:
    # sums from the end
    net (int64[N, S] input_ids, float[N, 1, 2] past_sum)
        => (float[N, S, 2] scores, float[N, 1, 2] present_sum)
    <float[8, 2] table = {0.1, 0.2, 0.3, -0.4, 0.5, 0.6, -0.7, 0.8, 0.9, 1, 2, -1.2, 1.3, 2, 1, 3},
     int64 steps = {1}, int64[1] axis = {1}, int64[1] start = {0}, int64[1] end = {1}>
    {
        x = Gather(table, input_ids)
        sums = CumSum <reverse = 1> (x, steps)
        scores = Add(sums, past_sum)
        present_sum = Slice(scores, start, end, axis)
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

    Good:
    # an encoder: every token is told the mean of all
    net (int64[N, S] input_ids) => (float[N, S, 2] states)
    <float[8, 2] table = {0.1, 0.2, 0.3, -0.4, 0.5, 0.6, -0.7, 0.8, 0.9, 1, 2, -1.2, 1.3, 2, 1, 3},
     int64[1] steps = {1}>
    {
        x = Gather(table, input_ids)
        mean = ReduceMean(x, steps)
        states = Add(x, mean)
    }
    """
    for seen in language.foreseen:
        if seen.difference.exceeds(max_difference):
            yield Finding(
                seen,
                f"the values of token {seen.position} change with the tokens from {seen.changed} "
                f"on, {seen.difference.described(max_difference)}; the model is causal: "
                f"{seen.known_by}",
                measured=seen.difference.measured,
                limit=seen.difference.limit(max_difference),
                unit="fraction of the peak",
                evidence={"position": seen.position, "changed": seen.changed},
                hint="let a token see keys up to its own position only, the cache counted in",
            )
