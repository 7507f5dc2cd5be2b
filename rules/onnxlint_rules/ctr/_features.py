"""The features of the user's data beside what is promised of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from onnxlint import Contract, FedInput, Finding
from onnxlint_rules.ctr._bounds import crossed, told

if TYPE_CHECKING:
    from onnxlint.types import Array


def outside(fed: FedInput, contract: Contract) -> Iterator[Finding]:
    """Features that leave their range, and ranges of features that are not there."""
    seen, name = fed.by_feature, fed.value.name
    for key, bounds in fed.contract.feature_ranges.items():
        at = _position(fed, key)
        if at is None:
            yield Finding(
                contract.line("inputs", name, "features", key),
                f"input {name!r} has no feature {key} (it has {_known(fed)})",
                hint=f"take it out of inputs.{name}.features, or give data with the feature",
            )
            continue
        low, high = float(seen.minimum[at]), float(seen.maximum[at])
        if low < bounds[0] or high > bounds[1]:
            far = low if low < bounds[0] else high
            yield Finding(
                fed,
                f"feature {key} of input {name!r} ranges from {low:.6g} to {high:.6g} "
                f"({told(bounds)})",
                measured=far,
                limit=crossed(far, bounds),
                hint=f"prepare the samples as for training, or change inputs.{name}.features.{key}",
            )


def _position(fed: FedInput, key: str) -> int | None:
    """Where a feature stands, by the name of its column, else by its number."""
    count = len(fed.by_feature.minimum)
    if key in fed.columns:
        return fed.columns.index(key) if len(fed.columns) == count else None
    is_number = key.isascii() and key.isdecimal() and len(key) < 10
    return int(key) if is_number and int(key) < count else None


def _known(fed: FedInput) -> str:
    names = ", ".join(map(repr, fed.columns[:5]))
    more = ", …" if len(fed.columns) > 5 else ""
    return f"{names}{more}" if names else f"{len(fed.by_feature.minimum):,}, from 0"


def moments(fed: FedInput) -> Iterator[Finding]:
    """Means and standard deviations outside their bounds: the feature that is farthest off."""
    promised = fed.contract
    told_of = (("mean", "data-mean", promised.data_mean), ("std", "data-std", promised.data_std))
    for what, key, bounds in told_of:
        if bounds is None:
            continue
        seen = fed.by_feature.mean if what == "mean" else fed.by_feature.spread
        counted = fed.by_feature.count > 0
        excess = _excess(seen, *bounds) * counted
        if excess.max(initial=0.0) > 0:
            worst, off = int(excess.argmax()), int((excess > 0).sum())
            measured = float(seen[worst])
            name = {"mean": "mean", "std": "standard deviation"}[what]
            yield Finding(
                fed,
                f"{name} of feature {worst} of input {fed.value.name!r} is {measured:.4g} "
                f"({told(bounds)}){_more(off)}",
                measured=measured,
                limit=crossed(measured, bounds),
                hint="prepare the samples as for training, or change "
                f"inputs.{fed.value.name}.{key}",
            )


def unnormalised(fed: FedInput, max_mean: float, max_scale: float) -> Iterator[Finding]:
    """Features that are off-centre or off-scale: that which is farthest off."""
    import numpy as np

    seen = fed.by_feature
    varies = (seen.count > 1) & (seen.minimum < seen.maximum)
    spread = np.where(varies, seen.spread, 1.0)
    off_centre = np.where(seen.count > 0, np.abs(seen.mean), 0.0)
    scale = np.maximum(spread, 1 / np.maximum(spread, np.finfo(np.float64).tiny))
    off = (off_centre > max_mean) | (scale > max_scale)
    if not off.any():
        return
    worst = int(np.argmax(np.maximum(off_centre / max_mean, scale / max_scale)))
    yield Finding(
        fed,
        f"feature {worst} of input {fed.value.name!r} has mean {seen.mean[worst]:.4g} and standard "
        f"deviation {seen.spread[worst]:.4g} (promised normalised: {-max_mean:g} to {max_mean:g}, "
        f"and {1 / max_scale:g} to {max_scale:g}){_more(int(off.sum()))}",
        measured=float(seen.mean[worst]),
        limit=max_mean,
        hint="normalise the samples with the statistics of the training data, or take "
        f"inputs.{fed.value.name}.normalised out of the contract",
    )


def _excess(seen: Array, lowest: float, highest: float) -> Array:
    import numpy as np

    return np.asarray(np.maximum(lowest - seen, seen - highest).clip(min=0))


def _more(off: int) -> str:
    return f" ({off:,} features)" if off > 1 else ""
