"""How grave it may be that samples of a batch depend on each other."""

from onnxlint import Behaviour, Difference, Node, Severity

BEYOND_STEPS = 0.1
"""Share of an output's peak beyond which a scale for the whole batch costs more than steps: valid
int8 models are within 4% of their float originals (see reference-divergence)."""

MANY_AXES = 3
"""Axes from which on the first one mostly counts samples. A choice of ours."""


def by_effect(difference: Difference, tie: Node | None) -> Severity:
    """A warning where the company decides, or moves an output by more than quantisation does."""
    moved = difference.flipped or difference.measured > BEYOND_STEPS
    return Severity.WARNING if moved and tie is None else Severity.INFO


def where_unsure(behaviour: Behaviour) -> Severity:
    """The highest severity for a first axis whose name does not say that samples are counted.

    Of two axes it may well be that of frames or points, and the other one that of their features.
    """
    if behaviour.sizes.batch_is_something_else:
        return Severity.INFO
    slots = (behaviour.sizes.slot(name) for name in behaviour.sizes.batch_axes)
    is_table = all(slot is not None and len(slot.dims) < MANY_AXES for slot in slots)
    return Severity.INFO if is_table else Severity.WARNING
