"""Features of an affine layer that are off-centre, or on very different scales."""

from collections.abc import Iterator

from onnxlint import (
    FedInput,
    Finding,
    Severity,
    Stage,
    counted,
)

RAW_PIXELS = 16.0
"""Images of up to 16 in magnitude are normalised in one of the usual ways: 0…1, -1…1, z-scores."""


LARGE_UNITS = 10.0
"""Units of a layer that suits its input have a standard deviation of about 1."""


GRAVE_SHIFT = 1.0
"""Standard deviations: beyond, hardly any value of a typical feature has the other sign."""


TAKEN_BACK = 0.5
"""A trained bias leaves no more of the offset of a typical unit. A choice of ours."""


def raw_pixels(fed: FedInput) -> Iterator[Finding]:
    import numpy as np

    seen, units = fed.features, fed.units
    peak = max(-seen.lowest, seen.highest)
    if peak <= RAW_PIXELS or units is None:
        return
    spread = float(np.median(units[1]))
    if spread > LARGE_UNITS:
        yield Finding(
            fed,
            f"raw pixels ({seen.lowest:.4g} to {seen.highest:.4g}) feed a convolution: its outputs "
            f"have standard deviation {spread:.3g} (limit {LARGE_UNITS:g})",
            measured=spread,
            limit=LARGE_UNITS,
            severity=Severity.INFO,
            hint="scale the images to 0…1, or normalise them by channel",
        )


def table(
    fed: FedInput, max_mean: float, max_scale_ratio: float, stage: Stage
) -> Iterator[Finding]:
    import numpy as np

    seen = fed.features
    judged = (seen.count > 1) & ~seen.constant & ~seen.flags
    judged &= np.maximum(-seen.minimum, seen.maximum) > 1
    spread = np.where(judged, seen.spread, np.nan)
    if not judged.any():
        return
    shift = np.abs(seen.mean) / spread
    chance = 3 / np.sqrt(np.maximum(seen.count, 1))
    shifted = shift > max_mean + chance
    is_excused = stage is Stage.TRAINED and _is_taken_back(fed)
    if shifted.sum() > judged.sum() / 2 and not is_excused:
        worst = int(np.nanargmax(shift))
        yield Finding(
            fed,
            f"{shifted.sum()} of {counted(judged.sum(), 'feature')} not centred; feature {worst}: "
            f"mean is {shift[worst]:.3g} standard deviations from 0 (limit {max_mean:g})",
            measured=float(shift[worst]),
            limit=max_mean,
            unit="standard deviations",
            hint=f"subtract the mean of training, e.g. {seen.mean[worst]:.3g} for feature {worst}",
            severity=None if float(np.nanmedian(shift)) >= GRAVE_SHIFT else Severity.INFO,
        )
    varying = (seen.count > 1) & ~seen.constant & ~seen.flags
    if varying.sum() > 1:
        yield from _sizes(fed, np.where(varying, seen.spread, np.nan), max_scale_ratio)


def _is_taken_back(fed: FedInput) -> bool:
    """Whether the first layer's bias moves its typical unit towards 0, by half at least."""
    import numpy as np

    if fed.units is None or fed.unbiased_means is None:
        return False
    mean, spread = fed.units
    before, after = (
        float(np.median(np.abs(means) / np.maximum(spread, 1e-30)))
        for means in (fed.unbiased_means, mean)
    )
    return after <= before * TAKEN_BACK


def _sizes(fed: FedInput, spread: object, max_ratio: float) -> Iterator[Finding]:
    import numpy as np

    sizes = np.asarray(spread)
    weight = fed.opening.weight
    taken = sizes
    if weight is not None and len(weight) == len(sizes):
        taken = sizes * np.sqrt((weight**2).sum(axis=(1, 2)))
    small, large = int(np.nanargmin(sizes)), int(np.nanargmax(sizes))
    ratio = float(sizes[large] / sizes[small])
    if ratio > max_ratio and taken[large] > max_ratio * taken[small]:
        yield Finding(
            fed,
            f"feature scales differ by a factor of {ratio:,.0f} (limit {max_ratio:g}): feature "
            f"{large} has standard deviation {sizes[large]:.3g}, feature {small} "
            f"{sizes[small]:.3g}",
            measured=ratio,
            limit=max_ratio,
            unit="ratio of standard deviations",
            hint="divide each feature by its standard deviation in training",
        )
