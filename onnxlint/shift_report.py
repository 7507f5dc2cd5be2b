"""How two sets of samples differ: by feature and by layer, for rules, formats and pages."""

from __future__ import annotations

from msgspec import Struct

from onnxlint.findings import counted

SMALL_PSI, LARGE_PSI = 0.1, 0.25
"""A small and a large shift (Siddiqi, Credit Risk Scorecards, 2006)."""

LEVEL = 0.005
"""False alarms of the features together, and of the layers together, where nothing differs."""


class Side(Struct, frozen=True):
    """One feature in one of the sets: moments of what is finite; shares of all its samples.

    `share` is how often `FeatureShift.value` occurs.
    """

    mean: float | None = None
    deviation: float | None = None
    missing: float = 0.0
    share: float | None = None


class FeatureShift(Struct, frozen=True):
    """One feature of an input in both sets.

    `psi` is its population stability index, `chance` what sets of these sizes have where nothing
    differs, `p` the p-value, corrected for the number of features. `kind` is `number`, `category`,
    `token` or `statistic` (of a channel); `value` is the one whose share changed most, of a
    category, a token, or a number that one set repeats.
    """

    input: str
    name: str
    kind: str
    psi: float
    chance: float
    p: float
    train: Side
    data: Side
    value: str | None = None

    @property
    def excess(self) -> float:
        """The index less what chance makes of it."""
        return max(0.0, self.psi - self.chance)

    @property
    def is_beyond_chance(self) -> bool:
        """Whether chance does not explain it."""
        return self.p <= LEVEL

    @property
    def told(self) -> str:
        """What was observed, the training set first."""
        before, after = self.train, self.data
        if abs(after.missing - before.missing) > 0.01:
            return f"missing {before.missing:.1%} → {after.missing:.1%}"
        shares = f"share of {self.value} {before.share or 0:.1%} → {after.share or 0:.1%}"
        if self.kind == "statistic" and before.mean is not None and after.mean is not None:
            return f"{before.mean:.3g} → {after.mean:.3g} on average"
        pairs = ("mean", before.mean, after.mean), ("standard deviation", before.deviation,
                                                   after.deviation)  # fmt: skip
        known = [f"{name} {one:.3g} → {other:.3g}" for name, one, other in pairs
                 if one is not None and other is not None]  # fmt: skip
        return ", ".join([*known, shares] if self.value is not None else known) or "not finite"


class LayerShift(Struct, frozen=True):
    """One layer, or the inputs together, of samples of both sets.

    `auc` is that of a classifier that tells the two sets apart by it (0.5: not at all), on samples
    that it was not fitted to; `p` the p-value, corrected for the number of layers.
    """

    value: str
    node: str
    op_type: str
    features: int
    auc: float
    p: float

    @property
    def is_beyond_chance(self) -> bool:
        """Whether chance does not explain it."""
        return self.p <= LEVEL


class ShiftReport(Struct, frozen=True):
    """The training set beside the other: features, the most shifted first, and layers in order.

    `train_samples` and `samples` were compared, by layer `run_samples` of each set. `within` says
    that samples were compared within classes: the `labels` of both sets, or the `predictions`,
    where differing frequencies of these explain all that differs. `class_psi` is the index of the
    frequencies of the labels; None without labels. `copies` were left out: samples that a set holds
    again, though the other one holds none like them. `not_compared` says why there are no layers.
    """

    train_samples: int
    samples: int
    run_samples: int = 0
    seed: int = 0
    features: tuple[FeatureShift, ...] = ()
    layers: tuple[LayerShift, ...] = ()
    within: str | None = None
    class_psi: float | None = None
    copies: int = 0
    not_compared: str | None = None

    @property
    def differs(self) -> bool:
        """Whether anything differs by more than chance."""
        return any(each.is_beyond_chance for each in self.features) or any(
            each.is_beyond_chance for each in self.layers
        )

    @property
    def verdict(self) -> str:
        """What was compared and how it ended, in a sentence."""
        counts = f"{counted(len(self.features), 'feature')}, {counted(len(self.layers), 'layer')}"
        told = f"{self.train_samples:,} training samples and {self.samples:,} others, {counts}"
        if self.within == "predictions":
            return f"{told}: they differ as predicted classes are more or less frequent"
        within = " within the classes" if self.within == "labels" else ""
        several = sum(each.is_beyond_chance for each in self.features)
        layers = sum(each.is_beyond_chance for each in self.layers)
        if not several and not layers:
            return f"{told}: no more different{within} than chance makes them"
        differ = f"{counted(several, 'feature')} and {counted(layers, 'layer')}"
        return f"{told}: {differ} differ{within} beyond chance"


def size_of(feature: FeatureShift) -> str:
    """How large a shift is, in a word."""
    if not feature.is_beyond_chance or feature.excess <= SMALL_PSI:
        return "none" if not feature.is_beyond_chance else "negligible"
    return "large" if feature.excess > LARGE_PSI else "small"
