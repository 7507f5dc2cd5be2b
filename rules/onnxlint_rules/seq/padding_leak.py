"""SEQ003 padding-leak."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Finding, Language, Option, Padded, Severity, rule


@rule("SEQ003", "padding-leak", severity=Severity.WARNING)
def padding_leak(
    language: Language, *,
    max_difference: Annotated[
        float, Option("difference of an output", unit="fraction of the peak")
    ] = 0.002,
) -> Iterator[Finding]:  # fmt: skip
    """An output that changes with padding which the mask leaves out.

    Why: in a batch, short texts are padded to the longest, so what one user is told changes with
    the length of another's text. A mask that is not read, added with the wrong sign or too small,
    and a mean over all tokens do it. Six tokens are run alone, then with three masked ones behind
    them; of decoders that hand a cache on also before them, as generation pads, with positions that
    do not count them. Behind the states of an encoder go random ones, masked. Compared are the
    outputs of the real tokens, and of encoders those that are one for all tokens. Several paddings
    are tried: the ids that the graph compares tokens with, 0, and other tokens; the least change
    counts, for some models find their last token by an id of its own.
    It is an info where other padding changes nothing, so that only its presence does: a decoder
    without an input of positions counts padding on the left. Not judged are masks of three axes or
    more. For the limit see `cache-divergence`.
    Fix: add the dtype's lowest value to the scores of masked keys, and divide a mean by the number
    of real tokens.

    Bad:
    # the mean is one over the padding, too
    net (int64[N, S] input_ids, int64[N, S] attention_mask) => (float[N, 2] text)
    <float[8, 2] table = {0.1, 0.2, 0.3, -0.4, 0.5, 0.6, -0.7, 0.8, 0.9, 1, 2, -1.2, 1.3, 2, 1, 3},
     int64[1] last = {2}, int64[1] steps = {1}>
    {
        x = Gather(table, input_ids)
        kept = Cast <to = 1> (attention_mask)
        column = Unsqueeze(kept, last)
        real = Mul(x, column)
        text = ReduceMean <keepdims = 0> (real, steps)
    }

    Good:
    net (int64[N, S] input_ids, int64[N, S] attention_mask) => (float[N, 2] text)
    <float[8, 2] table = {0.1, 0.2, 0.3, -0.4, 0.5, 0.6, -0.7, 0.8, 0.9, 1, 2, -1.2, 1.3, 2, 1, 3},
     int64[1] last = {2}, int64[1] steps = {1}>
    {
        x = Gather(table, input_ids)
        kept = Cast <to = 1> (attention_mask)
        column = Unsqueeze(kept, last)
        real = Mul(x, column)
        sum = ReduceSum <keepdims = 0> (real, steps)
        count = ReduceSum <keepdims = 0> (column, steps)
        text = Div(sum, count)
    }
    """
    for padded in language.padded:
        if padded.difference.exceeds(max_difference):
            yield _found(padded, max_difference)


def _found(padded: Padded, limit: float) -> Finding:
    where = {"left": "before the tokens", "right": "behind the tokens"}
    side = where.get(padded.side, "behind the states of the encoder")
    cause = "" if padded.is_heard else "; its content does not matter"
    return Finding(
        padded,
        f"padding {side} that {padded.mask!r} leaves out changes the rest "
        f"{padded.difference.described(limit)}{cause}",
        measured=padded.difference.measured,
        limit=padded.difference.limit(limit),
        unit="fraction of the peak",
        severity=None if padded.is_heard or padded.side != "left" else Severity.INFO,
        evidence={"side": str(padded.side), "mask": padded.mask},
        hint=HEARD if padded.is_heard or padded.side != "left" else COUNTED,
    )


HEARD = (
    "add the lowest value of the dtype to the scores of what is masked, and leave it out of means"
)

COUNTED = "add an input of positions that do not count padding, or pad on the right"
