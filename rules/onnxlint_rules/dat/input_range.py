"""DAT002 input-range."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Data, FedInput, Finding, Option, Severity, rule
from onnxlint_rules.dat._expected_scale import odd_bytes, off_scale


@rule("DAT002", "input-range", severity=Severity.WARNING)
def input_range(
    data: Data,
    *,
    max_scale: Annotated[
        float,
        Option("magnitude after the graph's own normalisation", "standard deviations"),
    ] = 20.0,
) -> Iterator[Finding]:
    """Data outside the declared range, or on a different scale than the model expects.

    Why: a model that expects 0…1 and gets 0…255, or that normalises what was normalised before,
    gives answers that look valid and are meaningless. Values outside the declared `[inputs.NAME]
    range` are an error. The scale is judged by what the graph itself first does to the input, with
    the mean and standard deviation of the training data: the data must then come out near 1. The
    limit of 20 standard deviations is beyond any sample of the same kind. int8 instead of uint8,
    and bytes that are only 0 or 1, are a different scale, too.
    Fix: prepare the samples as in training, once: either before the model or in its graph.

    Bad:
    # data: x = [[0.0, 200.0], [255.0, 90.0]]
    # config: inputs.x.range = [0, 1]
    net (float[N, 2] x) => (float[N, 2] y)
    {
        y = Relu(x)
    }

    Bad:
    # bytes for a graph that expects 0…1
    # data: x = [[0.0, 200.0, 97.0], [255.0, 90.0, 31.0]]
    net (float[N, 3] x) => (float[N, 2] y)
    <float mean = {0.449}, float spread = {0.226}, float[3, 2] w = {1, 2, 3, 4, 5, 6}>
    {
        centred = Sub(x, mean)
        normal = Div(centred, spread)
        y = MatMul(normal, w)
    }

    Good:
    # data: x = [[0.0, 0.8, 0.4], [1.0, 0.3, 0.1]]
    # config: inputs.x.range = [0, 1]
    net (float[N, 3] x) => (float[N, 2] y)
    <float mean = {0.449}, float spread = {0.226}, float[3, 2] w = {1, 2, 3, 4, 5, 6}>
    {
        centred = Sub(x, mean)
        normal = Div(centred, spread)
        y = MatMul(normal, w)
    }
    """
    for fed in data:
        if not fed.is_numeric or not fed.features.count.sum():
            continue
        if fed.contract.range is not None:
            yield from _outside(fed, *fed.contract.range)
        elif fed.is_float:
            yield from off_scale(fed, max_scale)
        else:
            yield from odd_bytes(fed)


def _outside(fed: FedInput, lowest: float, highest: float) -> Iterator[Finding]:
    seen = fed.features
    if seen.lowest < lowest or seen.highest > highest:
        far = seen.lowest if lowest - seen.lowest > seen.highest - highest else seen.highest
        yield Finding(
            fed,
            f"values range from {seen.lowest:.4g} to {seen.highest:.4g} "
            f"(declared {lowest:g} to {highest:g})",
            measured=far,
            limit=lowest if far < lowest else highest,
            severity=Severity.ERROR,
            hint=f"scale the data to {lowest:g}…{highest:g}, or correct the declared range",
        )
