"""PRD015 unread-positions."""

from collections.abc import Iterator

from onnxlint import Finding, Positions, Severity, Stage, Unread, rule

MOST_AT_EDGES = 0.125
"""What strides and crops leave out at the ends of an axis: so much is a crop of 224 from 256."""

MOST_NAMED = 4
"""So many ranges are listed; more are counted."""


@rule("PRD015", "unread-positions", severity=Severity.WARNING, stages=(Stage.TRAINED,))
def unread_positions(positions: Positions, *, max_unread: float = 0.5) -> Iterator[Finding]:
    """Positions, channels or features of an input that no output depends on.

    Why: a head that reads the first step of a recurrent layer has seen one step of twenty, and
    still learns something; a layer wired to a part of what it should read is found in no log. Parts
    of an input get other valid values while all else is held, and not one bit of an output changes;
    or the first layer's weights of a feature are all zero. A warning where that is more than half
    of the positions, or an input channel of a convolution without any weight; an info for less, for
    features of a table (a lasso drops some), and where the graph picks the others straight from the
    input. Not reported are the ends of an axis, up to an eighth, which strides and crops leave out,
    and what fades with the distance, as the first steps do for the last one of a recurrent layer.
    An info, too, is attention that gives the same when the sequence is shuffled: nothing tells it
    the order.
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
    # of three channels, one has no weight
    net (float[N, 3, 4, 4] x) => (float[N, 1, 4, 4] y)
    <float[1, 3, 1, 1] w = {0.5, 0, 0.25}>
    {
        y = Conv(x, w)
    }

    Good:
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
        yield _weightless(unread)
    for unread in positions.unread:
        if not (unread.is_edge and unread.count <= MOST_AT_EDGES * unread.size):
            yield _observed(unread, max_unread)
    for sequence in positions.orderless:
        yield Finding(
            sequence,
            f"outputs stay when axis {sequence.axis} is shuffled, on {sequence.samples} samples: "
            "attention knows no order unless positions are encoded",
            severity=Severity.INFO,
        )


def _weightless(unread: Unread) -> Finding:
    assert unread.zeros is not None
    what = f"weights of {_named(unread)} in {unread.zeros.place} are all zero"
    convolves = unread.zeros.op == "Conv"
    return Finding(
        unread,
        f"not read: the {what}",
        measured=unread.count,
        limit=0,
        unit="features",
        severity=Severity.WARNING if convolves else Severity.INFO,
    )


def _observed(unread: Unread, max_unread: float) -> Finding:
    grave = unread.count > max_unread * unread.size and unread.picked is None
    is_table = unread.channels and not unread.has_places
    picked = f"; {unread.picked.place} picks the others" if unread.picked is not None else ""
    return Finding(
        unread,
        f"no output depends on {_named(unread)}: other values change no bit, on {unread.samples} "
        f"samples{picked}",
        measured=unread.count / unread.size,
        limit=max_unread,
        unit="fraction of positions",
        severity=Severity.WARNING if grave and not is_table else Severity.INFO,
    )


def _named(unread: Unread) -> str:
    ranges = [str(r.start) if len(r) == 1 else f"{r.start} to {r.stop - 1}" for r in unread.ranges]
    more = f" and {len(ranges) - MOST_NAMED} more ranges" if len(ranges) > MOST_NAMED else ""
    named = ", ".join(ranges[:MOST_NAMED]) + more
    return f"{unread.count} of {unread.size} positions along axis {unread.axis} ({named})"
