"""Steps from checkpoint to checkpoint, joined to a curve for each tensor of the last one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from msgspec import Struct

from onnxlint.analyses.series.steps import Moved, Step
from onnxlint.analyses.series.tensors import Sizes, cosine
from onnxlint.series_report import Curve, TensorCurve


class Chains(Struct, frozen=True):
    """The tensors' curves; `above` has the layers with matrices next before each layer.

    `layers` has, for each checkpoint, the number that its layers have in the last one.
    """

    tensors: tuple[TensorCurve, ...]
    above: dict[int, tuple[int, ...]]
    layers: list[dict[int, int]]


def chained(steps: Sequence[Step]) -> Chains:
    """Follows each tensor of the last checkpoint back as far as it goes."""
    last = steps[-1].tensors
    by_step = [{(each.new, each.parameter): each for each in step.tensors} for step in steps]
    tensors = tuple(_curve(_followed(each, by_step)) for each in last)
    return Chains(tensors, {each.new: each.above for each in last}, _numbered(steps))


def _followed(last: Moved, by_step: Sequence[dict[tuple[int, str], Moved]]) -> list[Moved | None]:
    """A tensor's moves, None where a checkpoint lacks it."""
    moves: list[Moved | None] = [last]
    at: Moved | None = last
    for known in reversed(by_step[:-1]):
        at = None if at is None else known.get((at.old, at.parameter))
        moves.append(at)
    return moves[::-1]


def _numbered(steps: Sequence[Step]) -> list[dict[int, int]]:
    """Of each checkpoint, the layers by the numbers that they have in the last one."""
    found = [{layer: layer for layer in steps[-1].layers}]
    for step in reversed(steps):
        later = found[-1]
        found.append({old: later[new] for new, old in step.layers.items() if new in later})
    return found[::-1]


def _curve(moves: Sequence[Moved | None]) -> TensorCurve:
    last = moves[-1]
    assert last is not None
    directions = [() if each is None else each.move.direction for each in moves]
    turns = tuple(cosine(*pair) for pair in pairwise(directions))
    return TensorCurve(
        place=last.place,
        parameter=last.parameter,
        shape=last.shape,
        depth=last.new,
        mean=_levels(moves, lambda sizes: sizes.mean),
        rms=_levels(moves, lambda sizes: sizes.rms),
        tiny=_seen(moves, lambda sizes: sizes.tiny),
        update=tuple(None if each is None else each.move.update for each in moves),
        changed=tuple(None if each is None else each.move.changed for each in moves),
        turn=turns,
        like_initial=last.looks_drawn,
        folded=any(each is not None and each.folded for each in moves),
    )


def _seen(moves: Sequence[Moved | None], of: Callable[[Sizes], float | None]) -> Curve:
    """A number of each checkpoint: of the first from where it is left, of others as arrived."""
    first = moves[0]
    start = None if first is None else of(first.move.before)
    return (start, *(None if each is None else of(each.move.after) for each in moves))


def _levels(moves: Sequence[Moved | None], of: Callable[[Sizes], float | None]) -> Curve:
    """The same; a tensor that is folded in some checkpoints is scaled so that no step jumps."""
    curve = [*_seen(moves, of)]
    for at in range(len(moves) - 1, -1, -1):
        each, after = moves[at], curve[at + 1]
        if each is None or after is None:
            continue
        before, arrived = of(each.move.before), of(each.move.after)
        if before is not None and arrived:
            curve[at] = before if arrived == after else after * before / arrived
    return tuple(curve)
