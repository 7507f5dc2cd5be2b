"""Channels that are lost in an output that agrees with the reference as a whole."""

from collections.abc import Iterator

from onnxlint import BrokenChannels, Finding, Reference, Severity, counted, listed
from onnxlint_rules.cmp._divergences import share

MOST_NAMED = 8
"""Broken channels that are listed; more are counted."""


def broken_channels(reference: Reference) -> Iterator[Finding]:
    """Outputs that agree as a whole because other channels are larger, but have broken channels."""
    for output in reference.outputs:
        broken = reference.broken_channels(output)
        if broken is None:
            continue
        uncalibrated = reference.quantised and reference.noise
        yield Finding(
            output,
            f"output {output.value.name!r} differs from the reference by {share(output.error)} as "
            f"a whole, but {_lost(broken)} on {counted(reference.samples, 'sample')}",
            measured=broken.error,
            limit=broken.limit,
            unit="relative L2 error of a channel",
            evidence={"axis": broken.axis, "channels": broken.channels},
            severity=Severity.INFO if uncalibrated else Severity.WARNING,
            hint=f"scale the channels of axis {broken.axis} separately, or keep the last layer "
            f"before {output.value.name!r} in float32",
        )


def _lost(broken: BrokenChannels) -> str:
    count, first, last = len(broken.channels), broken.channels[0], broken.channels[-1]
    names = listed([str(each) for each in broken.channels], MOST_NAMED)
    named = f"{first} to {last}" if count == last - first + 1 and count > 1 else names
    of = f"of {broken.size} along axis {broken.axis}"
    what = f"channel {named} {of}" if count == 1 else f"channels {named} {of}"
    if broken.constant is not None:
        verb = "is" if count == 1 else "are"
        return f"{what} {verb} constant at {broken.constant:.4g} where the reference varies"
    verb = "differs" if count == 1 else "differ"
    return f"{what} {verb} by up to {share(broken.error)} (limit {share(broken.limit)})"
