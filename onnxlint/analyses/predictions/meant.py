"""Whether an output that is shaped as an input is meant to reconstruct it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxlint.analyses import Unavailable
from onnxlint.analyses.predictions.labels import Labels
from onnxlint.analyses.static.bottleneck import Bottleneck
from onnxlint.model.graph.graph import Graph
from onnxlint.settings import Settings

if TYPE_CHECKING:
    from onnxlint.types import Array

EXPLAINED = 0.1
"""Share of the input's variance: an output for something else has neither its scale nor its mean.
A choice."""

ALIKE = 0.3
"""Mean correlation of an output's elements with the input's; by chance, that of 50 samples is less
than 0.28 in 95 of 100 cases for a single element. A choice."""

FEW_NUMBERS = 8
"""Of fewer elements some other output may correlate with the input by chance."""

ORDERS = 100
"""Other orders of the input's elements, with none of which the output may correlate more."""

MOST_ELEMENTS = 512
"""Elements that are compared, evenly over all."""


def check_meant(
    graph: Graph, settings: Settings, bottleneck: Bottleneck, given: Array, made: Array
) -> None:
    """By the labels, which are the samples; else by names, else by the numbers.

    Raises:
        Unavailable: it is not, as far as one can tell.
    """
    if _is_labelled(settings, given) or _is_named(graph, bottleneck) or _is_alike(given, made):
        return
    raise Unavailable(
        f"output {bottleneck.output.name!r} has the size of input {bottleneck.source.name!r}, but "
        "does not resemble it; labels that are the samples say that it is meant to"
    )


def _is_labelled(settings: Settings, given: Array) -> bool:
    """Whether the labels are the samples themselves.

    Raises:
        Unavailable: they say that another output is meant.
    """
    import numpy as np

    if settings.labels is None:
        return False
    labels = Labels.build(settings).array[: len(given)]
    if labels.dtype.kind != "f" or labels.size != given.size:
        return False
    if not np.allclose(labels.reshape(given.shape), given, rtol=1e-5):
        raise Unavailable("the labels of the output are not the samples")
    return True


def _is_named(graph: Graph, bottleneck: Bottleneck) -> bool:
    """Whether exporters kept the names of an encoder and a decoder, or of a reconstruction."""
    names = " ".join(node.name for node in graph.main.nodes).lower()
    output = bottleneck.output.name.lower()
    both = "encoder" in names and "decoder" in names
    return both or "autoencoder" in names or "reconstruct" in output


def _is_alike(given: Array, made: Array) -> bool:
    """Whether it is nearer to the input than the mean of all samples is.

    Else each element must correlate with its own place in the input, and not with another's.
    """
    left = ((given - made) ** 2).mean() / max(given.var(axis=0).mean(), 1e-300)
    if left <= 1 - EXPLAINED:
        return True
    return given.shape[1] >= FEW_NUMBERS and _is_in_order(given, made)


def _is_in_order(given: Array, made: Array) -> bool:
    import numpy as np

    every = -(-given.shape[1] // MOST_ELEMENTS)
    x, y = (_standardised(rows[:, ::every]) for rows in (given, made))
    correlations = x.T @ y / len(x)
    varying = np.flatnonzero(np.abs(x).max(axis=0))
    own = correlations[varying, varying].mean() if len(varying) else 0.0
    rng = np.random.default_rng(0)
    others = (correlations[varying, rng.permutation(varying)].mean() for _ in range(ORDERS))
    return own >= ALIKE and all(own > other for other in others)


def _standardised(rows: Array) -> Array:
    import numpy as np

    spread = rows.std(axis=0)
    return np.asarray((rows - rows.mean(axis=0)) / np.where(spread > 0, spread, 1))
