"""DAT002 input-range."""

from collections.abc import Iterator

from onnxlint import Data, FedInput, Finding, Severity, rule


@rule("DAT002", "input-range", severity=Severity.WARNING)
def input_range(data: Data, *, max_scale: float = 20.0) -> Iterator[Finding]:
    """Data outside the range that was promised, or on another scale than the model was made for.

    Why: a model that expects 0…1 and gets 0…255, or is fed what was normalised before and
    normalises again, gives answers that look fine and mean nothing. Outside of the contract's
    `[inputs.NAME] range` is an error. The scale is judged by what the graph itself does to the
    input first, with the mean and spread of the training's data: the data must then come out
    near 1. The limit of 20 spreads is beyond any sample of the same kind. int8 where uint8 is
    wanted, and bytes that are 0 or 1 alone, are of another scale, too.
    Fix: prepare the samples as the training did, once: either before the model or in its graph.

    Bad:
    # data: x = [[0.0, 200.0], [255.0, 90.0]]
    # config: inputs.x.range = [0, 1]
    net (float[N, 2] x) => (float[N, 2] y)
    {
        y = Relu(x)
    }

    Bad:
    # bytes for a graph that takes 0…1
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
            yield from _scale(fed, max_scale)
        else:
            yield from _bytes(fed)


def _outside(fed: FedInput, lowest: float, highest: float) -> Iterator[Finding]:
    seen = fed.features
    if seen.lowest < lowest or seen.highest > highest:
        far = seen.lowest if lowest - seen.lowest > seen.highest - highest else seen.highest
        yield Finding(
            fed,
            f"values from {seen.lowest:.4g} to {seen.highest:.4g}, and the contract says "
            f"{lowest:g} to {highest:g}",
            measured=far,
            limit=lowest if far < lowest else highest,
            severity=Severity.ERROR,
        )


NARROW = 0.01
"""What 0…1 becomes when it is divided by 127.5 or more once again."""


def _scale(fed: FedInput, max_scale: float) -> Iterator[Finding]:
    """Where the graph normalises: how far from 0, or how narrow, the typical feature comes out."""
    import numpy as np

    scaling, seen = fed.opening.scaling, fed.features
    if scaling is None or not scaling.normalises or scaling.scale.size not in (1, seen.mean.size):
        return
    mean = np.abs(seen.mean * scaling.scale + scaling.offset)
    spread = seen.spread * np.abs(scaling.scale)
    size = float(np.median(np.hypot(mean, spread)))
    told = f"values from {seen.lowest:.4g} to {seen.highest:.4g}"
    if size > max_scale:
        raw = ", as for 0…255 where 0…1 is wanted" if 1.5 < seen.highest <= 255 else ""
        yield Finding(
            fed,
            f"{told} come out of the graph's own normalisation at a typical {size:.3g}, "
            f"more than {max_scale:g}: they are on another scale{raw}",
            measured=size,
            limit=max_scale,
        )
    elif _is_normal(fed) and spread.max() < NARROW:
        yield Finding(
            fed,
            f"{told} are normalised already, and the graph does it again: its own normalisation "
            f"leaves a spread of {spread.max():.3g}, less than {NARROW:g}",
            measured=float(spread.max()),
            limit=NARROW,
        )


def _is_normal(fed: FedInput) -> bool:
    """Whether numbers typically lie in 0…1 or -1…1, or have mean 0 and spread 1."""
    import numpy as np

    seen = fed.features
    return bool(np.median(np.abs(seen.mean)) <= 1 and 0.05 < np.median(seen.spread) < 2)


def _bytes(fed: FedInput) -> Iterator[Finding]:
    seen, wanted = fed.features, fed.slot.dtype
    if {fed.given, wanted} == {"int8", "uint8"}:
        yield Finding(fed, f"the data is {fed.given}, the model wants {wanted}: shift it by 128")
    elif wanted == "uint8" and fed.is_image and seen.highest == 1:
        yield Finding(
            fed,
            "bytes of an image that are 0 or 1 alone, where 0 to 255 is wanted: scaled to 0…1 "
            "before they were made integers?",
            measured=1,
            limit=255,
        )
