"""PRD015 unread-positions."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Finding, Option, Positions, Severity, Stage, counted, rule
from onnxlint_rules.prd._unread import without_effect, without_weights

MOST_AT_EDGES = 0.125
"""Share that strides and crops leave out at the ends of an axis: as a crop of 224 from 256 does."""


@rule("PRD015", "unread-positions", severity=Severity.WARNING, stages=(Stage.TRAINED,))
def unread_positions(
    positions: Positions, *,
    max_unread: Annotated[
        float, Option("share of positions without effect", unit="fraction")
    ] = 0.5,
) -> Iterator[Finding]:  # fmt: skip
    """Positions, channels or features of an input that no output depends on.

    Why: a head that reads the first step of a recurrent layer has seen one step of twenty, and
    still learns something; a layer connected to only a part of its intended input shows in no log.
    Parts of an input get other valid values while all else is held constant, and every output stays
    bit-identical; or the first layer's weights of a feature are all zero. A warning where that is
    more than half of the positions, or an input channel of a convolution without any non-zero
    weight; an info for less, for features of a table (a lasso drops some), and where the graph
    picks the others directly from the input. Not reported: the ends of an axis, up to an eighth,
    which strides and crops leave out, and effects that fade with distance, as those of the first
    steps on the last one of a recurrent layer. Attention whose output stays the same when the
    sequence is shuffled is an info too: its input carries no positions.
    Fix: follow the positions through the graph to the Gather, Slice or Split that drops them; read
    the last step of a recurrent layer (`output[:, -1]` with `batch_first`), or pool over all.

    Bad:
    # the head reads step 0
    net (float[1, 6, 2] x) => (float[1, 2] y)
    <float[1, 8, 2] w = {1,2,3,4,1,2,3,4,1,-2,3,4,1,2,-3,4},
     float[1, 8, 2] r = {1,-1,1,-1,1,-1,1,-1,1,-1,1,-1,1,-1,1,-1},
     int64 first = {0}, int64[2] shape = {1, 2}>
    {
        t = Transpose <perm = [1, 0, 2]> (x)
        h = LSTM <hidden_size = 2> (t, w, r)
        s = Squeeze(h)
        o = Gather <axis = 0> (s, first)
        y = Reshape(o, shape)
    }

    Bad:
    # one of three channels has no weight
    net (float[N, 3, 4, 4] x) => (float[N, 1, 4, 4] y)
    <float[1, 3, 1, 1] w = {0.5, 0, 0.25}>
    {
        y = Conv(x, w)
    }

    Instead:
    # the last step has read them all
    net (float[1, 6, 2] x) => (float[1, 1, 2] y)
    <float[1, 8, 2] w = {1,2,3,4,1,2,3,4,1,-2,3,4,1,2,-3,4},
     float[1, 8, 2] r = {1,-1,1,-1,1,-1,1,-1,1,-1,1,-1,1,-1,1,-1}>
    {
        t = Transpose <perm = [1, 0, 2]> (x)
        h, y = LSTM <hidden_size = 2> (t, w, r)
    }

    Good:
    # a stride drops the last row
    net (float[N, 1, 9, 9] x) => (float[N, 1, 4, 4] y)
    {
        y = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (x)
    }
    """
    for unread in positions.weightless:
        yield without_weights(unread)
    for unread in positions.unread:
        if not (unread.is_edge and unread.count <= MOST_AT_EDGES * unread.size):
            yield without_effect(unread, max_unread)
    for sequence in positions.orderless:
        yield Finding(
            sequence,
            f"outputs stay the same when axis {sequence.axis} is shuffled "
            f"({counted(sequence.samples, 'sample')}): attention ignores the order of positions",
            severity=Severity.INFO,
            hint=f"add a positional encoding to {sequence.input.name!r} before the first attention",
        )
