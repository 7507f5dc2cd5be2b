"""ACME002 lost-image."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Finding, Option, Severity, rule

from acme_rules.resolution import Resolution


@rule("ACME002", "lost-image", severity=Severity.ERROR)
def lost_image(
    resolution: Resolution,
    *,
    least: Annotated[int, Option("pixels that an image must keep", unit="pixels")] = 4,
) -> Iterator[Finding]:
    """An image that has been shrunk to fewer pixels than the accelerator works on.

    Why: the accelerator pads smaller images with garbage.
    Fix: leave out the last step, or pool globally.

    Bad:
    net (float[1, 1, 4, 4] x) => (float[1, 1, 1, 1] y) {
        y = MaxPool<kernel_shape = [4, 4], strides = [4, 4]>(x)
    }

    Good:
    net (float[1, 1, 4, 4] x) => (float[1, 1, 2, 2] y) {
        y = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(x)
    }
    """
    for step in resolution.steps:
        if step.pixels < least:
            yield Finding(
                step.node,
                f"image has {step.pixels} pixels left (limit {least})",
                measured=step.pixels,
                limit=least,
                unit="pixels",
                hint=f"remove {step.node.op_type}, or use a global pooling",
            )
