"""ARC013 early-downsampling."""

from collections.abc import Iterator
from itertools import islice
from math import prod
from typing import Annotated

from onnxlint import Finding, Graph, Layers, Node, Option, Severity, Value, Walk, rule
from onnxlint.model.graph.operators import POOLS, SIZE_OPS


@rule("ARC013", "early-downsampling", severity=Severity.INFO, ops=("Conv",))
def early_downsampling(
    graph: Graph, layers: Layers, *,
    first_windows: Annotated[
        int, Option("convolutions and poolings after an input that are judged", unit="nodes")
    ] = 3,
    min_kept: Annotated[
        float, Option("smallest share of an input's values that these keep", unit="fraction")
    ] = 0.1,
) -> Iterator[Finding]:  # fmt: skip
    """First layers that lose resolution much faster than they gain channels.

    Why: information discarded early cannot be recovered later. A convolution or pooling keeps
    channels / strides of the values that it reads; the product over the `first_windows` after an
    input should be at least `min_kept` (Szegedy et al., Rethinking the Inception architecture,
    2016, arXiv 1512.00567: no representational bottleneck early in the network; a rule of
    NeuraLint, too). Sound networks stay above: the stem of ResNet keeps 1.3, the patches of ViT 1.0
    and those of its smallest variant 0.25, a MobileNet v3 with its first block 0.33. If the values
    have another consumer, nothing is lost.
    Fix: use smaller strides or more channels in the first layers.

    Bad:
    net (float[N, 1, H, W] x) => (float[N, 1, K, L] y)
    <float[1, 1, 1, 1] w = {1}>
    {
        h = Conv <strides = [2, 2]> (x, w)
        active = Relu(h)
        y = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (active)
    }

    Good:
    net (float[N, 1, H, W] x) => (float[N, 2, K, L] y)
    <float[2, 1, 1, 1] w = {1, 2}>
    {
        h = Conv <strides = [2, 2]> (x, w)
        active = Relu(h)
        y = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (active)
    }
    """
    for image in graph.inputs:
        kept = 1.0
        for node in islice(_windows(image, layers), first_windows):
            layer, strides = layers.of(node), node.integers("strides") or []
            thinned = prod(step for step in strides if step > 0)
            kept *= (layer.outputs / layer.inputs if layer is not None else 1) / thinned
            if thinned > 1 and kept < min_kept:
                more = f"{min_kept / kept:.2g} times as many channels up to here"
                yield Finding(
                    node,
                    f"keeps {kept:.1%} as many values as input {image.name!r} has "
                    f"(limit {min_kept:.0%})",
                    hint=f"use smaller strides or {more}",
                    measured=kept,
                    limit=min_kept,
                    unit="fraction of values",
                )
                break


def _windows(image: Value, layers: Layers) -> Iterator[Node]:
    """The convolutions and poolings that read everything of an image, up to where it branches."""
    walk = Walk([image])
    for value in walk:
        node = next((each for each in value.consumers if each.op not in SIZE_OPS), None)
        if node is None or layers.readers(value) != 1:
            return
        if node.op in POOLS | {"Conv"}:
            yield node
        elif layers.change(node) is None:
            return
        walk.add(node.output)
