"""ARC014 masked-softmax-nan."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Node, Severity, Shapes, Value, rule
from onnxlint_rules.arc._masks import Masks
from onnxlint_rules.arc._softmaxes import runs_over_rows


@rule("ARC014", "masked-softmax-nan", severity=Severity.WARNING, ops=("Softmax", "LogSoftmax"))
def masked_softmax_nan(graph: Graph, shapes: Shapes) -> Iterator[Finding]:
    """A softmax whose entries an input can mask with -inf, all of them, and nothing guards it.

    Why: a softmax over nothing but -inf is NaN. A sample that is padding only, as the last batch of
    a server holds some, or a row that padding on the left empties, gets NaN for a prediction, and
    PyTorch itself may not: its attention guards such rows (onnxscript issue 2479). Masks that are
    constant, that come of sizes alone (a causal one), that the network computes itself or that
    were looked at row by row are left alone. One finding for the inputs that mask together.
    Fix: mask with the lowest number of the dtype (`torch.finfo(dtype).min`) instead of -inf, or
    replace what comes out where a row is masked whole (`torch.nan_to_num`, `masked_fill`).

    Bad:
    net (float[N, H, T, T] scores, bool[N, 1, 1, T] padding) => (float[N, H, T, T] y)
    <float low = {-inf}>
    {
        masked = Where(padding, low, scores)
        y = Softmax(masked)
    }

    Bad:
    # 0 times -inf is NaN at every entry that stays
    net (float[N, H, T, T] scores, float[N, 1, 1, T] keep) => (float[N, H, T, T] y)
    <float one = {1}, float low = {-inf}>
    {
        blocked = Sub(one, keep)
        mask = Mul(blocked, low)
        masked = Add(scores, mask)
        y = Softmax(masked)
    }

    Good:
    # the lowest finite number
    net (float[N, H, T, T] scores, bool[N, 1, 1, T] padding) => (float[N, H, T, T] y)
    <float low = {-3.4028235e38}>
    {
        masked = Where(padding, low, scores)
        y = Softmax(masked)
    }

    Good:
    <ir_version: 6, opset_import: ["" : 11]>
    # until opset 12 a softmax runs over all axes from `axis` on: one row of these is not all
    net (float[N, 2, 2] scores) => (float[N, 2, 2] y)
    <float[2, 2] mask = {-inf, -inf, 0, 0}>
    {
        masked = Add(scores, mask)
        y = Softmax <axis = 1> (masked)
    }

    Good:
    # a row that is masked whole is replaced
    net (float[N, H, T, T] scores, bool[N, 1, 1, T] padding) => (float[N, H, T, T] y)
    <float low = {-inf}, float zero = {0}>
    {
        masked = Where(padding, low, scores)
        p = Softmax(masked)
        empty = IsNaN(p)
        y = Where(empty, zero, p)
    }
    """
    masks = Masks(graph)
    told: dict[str, list[Node]] = {}
    causes: dict[Value | None, list[Cause]] = {}
    for softmax in graph.nodes("Softmax", "LogSoftmax"):
        if not runs_over_rows(softmax, shapes):
            continue
        value = softmax.input(0)
        if value not in causes:
            causes[value] = list(dict.fromkeys(_causes(value, masks)))
        for cause, may_be_guarded in causes[value]:
            if not (may_be_guarded and masks.is_guarded(softmax)):
                told.setdefault(cause, []).append(softmax)
    for cause, softmaxes in told.items():
        more = f"; so in {len(softmaxes)} softmaxes" if len(softmaxes) > 1 else ""
        yield Finding(softmaxes[0], cause + more, len(softmaxes), 0, "softmaxes")


Cause = tuple[str, bool]
"""What makes NaN, and whether a guard behind the softmax helps."""


def _causes(value: Value | None, masks: Masks) -> Iterator[Cause]:
    """Why a softmax that reads a value may give NaN."""
    for mask in masks.before(value):
        if masks.can_block_a_row(mask):
            names = " and ".join(repr(each.name) for each in masks.deciders(mask)) or "the inputs"
            yield (
                f"{names} can mask all entries of a row with -inf, and nothing guards it from NaN",
                True,
            )
    for blocked, rows in masks.blocked_rows(value):
        if blocked:
            yield (
                f"its constant mask is -inf all over in {blocked} of {rows} rows: they are NaN",
                True,
            )
    for node in masks.products(value):
        yield f"{node.place} multiplies with -inf, which makes NaN of every 0", False
