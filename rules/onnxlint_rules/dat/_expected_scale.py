"""Data on a different scale than the graph expects."""

from collections.abc import Iterator

from onnxlint import FedInput, Finding

NARROW = 0.01
"""What 0…1 becomes when it is divided by 127.5 or more once again."""


def off_scale(fed: FedInput, max_scale: float) -> Iterator[Finding]:
    """If the graph normalises: how far from 0, or how narrow, the typical feature is afterwards."""
    import numpy as np

    scaling, seen = fed.opening.scaling, fed.features
    if scaling is None or not scaling.normalises or scaling.scale.size not in (1, seen.mean.size):
        return
    mean = np.abs(seen.mean * scaling.scale + scaling.offset)
    spread = seen.spread * np.abs(scaling.scale)
    size = float(np.median(np.hypot(mean, spread)))
    told = f"values from {seen.lowest:.4g} to {seen.highest:.4g}"
    if size > max_scale:
        is_raw = 1.5 < seen.highest <= 255
        yield Finding(
            fed,
            f"{told} have magnitude {size:.3g} after the graph's own normalisation "
            f"(limit {max_scale:g}): wrong scale",
            measured=size,
            limit=max_scale,
            hint="divide the data by 255: the graph may expect 0…1"
            if is_raw
            else "prepare the data as in training",
        )
    elif _is_normal(fed) and spread.max() < NARROW:
        yield Finding(
            fed,
            f"{told} appear to be normalised already, and the graph normalises again (standard "
            f"deviation {spread.max():.3g} afterwards, limit {NARROW:g})",
            measured=float(spread.max()),
            limit=NARROW,
            hint="give the data as it is before normalisation",
        )


def _is_normal(fed: FedInput) -> bool:
    """Whether values typically lie in 0…1 or -1…1, or have mean 0 and standard deviation 1."""
    import numpy as np

    seen = fed.features
    return bool(np.median(np.abs(seen.mean)) <= 1 and 0.05 < np.median(seen.spread) < 2)


def odd_bytes(fed: FedInput) -> Iterator[Finding]:
    seen, wanted = fed.features, fed.slot.dtype
    if {fed.given, wanted} == {"int8", "uint8"}:
        message = f"data is {fed.given}, model expects {wanted}"
        yield Finding(fed, message, hint=f"shift the data by 128, and give it as {wanted}")
    elif wanted == "uint8" and fed.is_image and seen.highest == 1:
        yield Finding(
            fed,
            "image bytes are only 0 or 1 (expected 0 to 255)",
            measured=1,
            limit=255,
            hint="do not scale the image to 0…1 before it is converted to integers",
        )
