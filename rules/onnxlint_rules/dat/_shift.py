"""What DAT010 says of features, and of layers."""

from collections.abc import Iterator

from onnxlint import FeatureShift, Finding, Severity, Shift

NAMED = 3
"""Features that a message names, the most shifted first."""

HINT = (
    "prepare these samples as those of training were (scale, order of columns and channels, "
    "missing values), or train with samples like these"
)


def by_features(shift: Shift, max_psi: float, small_psi: float) -> Iterator[Finding]:
    """A finding for all features: a warning where one is beyond the larger limit."""
    report = shift.report
    if report.within == "predictions":
        return
    beyond = [each for each in report.features if each.is_beyond_chance]
    large = [each for each in beyond if each.excess > max_psi]
    limit = max_psi if large else small_psi
    told = large or [each for each in beyond if each.excess > small_psi]
    if not told:
        return
    worst, count = told[0], len(report.features)
    many = (
        f"{len(told)} of {count} features differ{'' if told[1:] else 's'}"
        if count > 1
        else "the only feature differs"
    )
    named = "; ".join(f"{_named(each)} {each.told} (PSI {each.excess:.2f})"
                      for each in told[:NAMED])  # fmt: skip
    more = f"; … and {len(told) - NAMED} more" if len(told) > NAMED else ""
    yield Finding(
        shift.place(worst.input),
        f"{many} from the training data: {named}{more}; limit PSI {limit:g}, p ≤ {worst.p:.2g}, "
        f"{_sizes(shift)}{_apart(shift)}",
        measured=worst.excess,
        limit=limit,
        unit="PSI",
        severity=None if large else Severity.INFO,
        evidence={"features": {f"{each.input}: {each.name}": each.excess for each in told[:100]}},
        hint=HINT,
    )


def by_layer(shift: Shift, max_auc: float) -> Iterator[Finding]:
    """One for the layer that tells the sets apart best, where no feature does."""
    report = shift.report
    told = [each for each in report.layers if each.is_beyond_chance and each.auc > max_auc]
    if not told or report.within == "predictions":
        return
    worst = max(told, key=lambda each: each.auc)
    what = "this output" if worst.op_type else "all features together"
    yield Finding(
        shift.place(worst.value),
        f"a classifier tells these samples from the training data by {what}: AUC {worst.auc:.2f} "
        f"(limit {max_auc:g}), p ≤ {worst.p:.2g}, {report.run_samples:,} samples of each set",
        measured=worst.auc,
        limit=max_auc,
        unit="AUC",
        evidence={"layers": {each.value: each.auc for each in told}},
        hint=HINT,
    )


def _named(feature: FeatureShift) -> str:
    return repr(feature.name) if feature.name != feature.input else "its"


def _sizes(shift: Shift) -> str:
    report = shift.report
    within = " within the classes of both" if report.within == "labels" else ""
    return f"{report.train_samples:,} training samples and {report.samples:,} others{within}"


def _apart(shift: Shift) -> str:
    """What the layers make of it."""
    beyond = [each for each in shift.report.layers if each.is_beyond_chance and each.op_type]
    if not beyond:
        return ""
    worst = max(beyond, key=lambda each: each.auc)
    return f"; layer output {worst.value!r} tells them apart with AUC {worst.auc:.2f}"
