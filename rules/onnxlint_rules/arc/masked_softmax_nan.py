"""ARC014 masked-softmax-nan."""

from collections.abc import Iterator
from functools import cache

from msgspec import Struct

from onnxlint import AttentionMasks, Finding, Graph, Node, Severity, Shapes, Value, rule
from onnxlint.model.graph.operators import SOFTMAXES
from onnxlint_rules.arc._softmaxes import runs_over_rows

FINITE = "the lowest finite value of the dtype"


class Cause(Struct, frozen=True):
    """Why a softmax becomes NaN, what to do, and whether a guard behind the softmax helps."""

    message: str
    hint: str
    may_be_guarded: bool = True


@rule("ARC014", "masked-softmax-nan", severity=Severity.WARNING, ops=SOFTMAXES)
def masked_softmax_nan(graph: Graph, shapes: Shapes, masks: AttentionMasks) -> Iterator[Finding]:
    """A softmax that becomes NaN when an input masks a whole row with -inf.

    Why: a softmax of a row of -inf is NaN. A sample that is only padding, as in the last batch of a
    server, or a row that left padding masks entirely, gets NaN as its prediction, while PyTorch
    itself may not: its attention guards such rows (onnxscript issue 2479). Not reported: masks that
    are constant, that depend only on shapes (a causal mask), that the network computes itself or
    that were checked row by row. One finding for the inputs that mask together.
    Fix: mask with the lowest value of the dtype (`torch.finfo(dtype).min`) instead of -inf, or
    replace the output of a row that is masked entirely (`torch.nan_to_num`, `masked_fill`).

    Bad:
    net (float[N, H, T, T] scores, bool[N, 1, 1, T] padding) => (float[N, H, T, T] y)
    <float low = {-inf}>
    {
        masked = Where(padding, low, scores)
        y = Softmax(masked)
    }

    Bad:
    # 0 times -inf is NaN at every entry that is not masked
    net (float[N, H, T, T] scores, float[N, 1, 1, T] keep) => (float[N, H, T, T] y)
    <float one = {1}, float low = {-inf}>
    {
        blocked = Sub(one, keep)
        mask = Mul(blocked, low)
        masked = Add(scores, mask)
        y = Softmax(masked)
    }

    Instead:
    # the lowest finite value
    net (float[N, H, T, T] scores, bool[N, 1, 1, T] padding) => (float[N, H, T, T] y)
    <float low = {-3.4028235e38}>
    {
        masked = Where(padding, low, scores)
        y = Softmax(masked)
    }

    Good:
    <ir_version: 6, opset_import: ["" : 11]>
    # until opset 12 a softmax normalises all axes from `axis` on: here more than one row
    net (float[N, 2, 2] scores) => (float[N, 2, 2] y)
    <float[2, 2] mask = {-inf, -inf, 0, 0}>
    {
        masked = Add(scores, mask)
        y = Softmax <axis = 1> (masked)
    }

    Good:
    # a row that is masked entirely is replaced
    net (float[N, H, T, T] scores, bool[N, 1, 1, T] padding) => (float[N, H, T, T] y)
    <float low = {-inf}, float zero = {0}>
    {
        masked = Where(padding, low, scores)
        p = Softmax(masked)
        empty = IsNaN(p)
        y = Where(empty, zero, p)
    }
    """

    @cache
    def causes(value: Value | None) -> list[Cause]:
        found: dict[str, Cause] = {}
        for cause in _causes(value, masks):
            found.setdefault(cause.message, cause)
        return list(found.values())

    reported: dict[str, tuple[Cause, list[Node]]] = {}
    for softmax in graph.nodes(*SOFTMAXES):
        for cause in causes(softmax.input(0)) if runs_over_rows(softmax, shapes) else ():
            if not (cause.may_be_guarded and masks.is_guarded(softmax)):
                reported.setdefault(cause.message, (cause, []))[1].append(softmax)
    for cause, nodes in reported.values():
        told = {"measured": len(nodes), "limit": 0, "unit": "softmaxes"}
        yield Finding.of_nodes(nodes, cause.message, hint=cause.hint, **told)


def _causes(value: Value | None, masks: AttentionMasks) -> Iterator[Cause]:
    """Why a softmax that reads a value may return NaN."""
    for mask in masks.before(value):
        if masks.can_block_a_row(mask):
            names = " and ".join(repr(each.name) for each in masks.deciders(mask)) or "the inputs"
            yield Cause(
                f"{names} can mask an entire row with -inf, which makes the softmax NaN",
                f"mask with {FINITE} at {mask.node.place}, or replace NaN after the softmax",
            )
    for blocked, rows in masks.blocked_rows(value):
        if blocked:
            yield Cause(
                f"the constant mask is entirely -inf in {blocked} of {rows} rows, which become NaN",
                f"leave at least one entry of each row unmasked, or mask with {FINITE}",
            )
    for node in masks.products(value):
        yield Cause(
            f"{node.place} multiplies by -inf, which turns every 0 into NaN",
            f"replace {node.place} by a Where, or multiply by {FINITE}",
            may_be_guarded=False,
        )
