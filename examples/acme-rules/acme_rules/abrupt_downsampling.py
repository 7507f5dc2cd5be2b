"""ACME001 abrupt-downsampling."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Finding, Option, Severity, rule

from acme_rules.resolution import Resolution


@rule("ACME001", "abrupt-downsampling", severity=Severity.WARNING)
def abrupt_downsampling(
    resolution: Resolution,
    *,
    most: Annotated[float, Option("factor by which one node may shrink an image")] = 8.0,
) -> Iterator[Finding]:
    """A node that shrinks an image by more than our camera's line buffer holds.

    Why: the accelerator then reads the image twice from memory, at a third of the speed.
    Fix: split the step into two convolutions or poolings.

    Bad:
    net (float[1, 1, 32, 32] x) => (float[1, 1, 8, 8] y) {
        y = MaxPool<kernel_shape = [4, 4], strides = [4, 4]>(x)
    }

    Good:
    net (float[1, 1, 32, 32] x) => (float[1, 1, 16, 16] y) {
        y = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(x)
    }
    """
    for step in resolution.steps:
        if step.factor > most:
            yield Finding(
                step.node,
                f"image shrinks by a factor of {step.factor:g} (limit {most:g})",
                measured=step.factor,
                limit=most,
                unit="times fewer pixels",
                hint=f"split {step.node.op_type} into two steps",
            )
