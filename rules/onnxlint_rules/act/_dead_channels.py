"""Channels of a ReLU that are zero: how sure that is, and what revives them."""

from collections.abc import Iterator

from onnxlint import Finding, Node, ObservedNode, Ranges, Severity, counted


def revival(relu: Node, *, is_open: bool) -> str:
    """What to do; more samples first where they may show that the channels are alive."""
    read = relu.input(0)
    before = f"the bias of {read.name!r}" if read is not None else "the bias before Relu"
    revive = f"raise {before}, lower the learning rate or use LeakyRelu, and train again"
    return (
        f"run with more of your own samples (--data); if still dead, {revive}"
        if is_open
        else revive
    )


def looks(relu: ObservedNode) -> float:
    """How often each channel was observed: samples, times positions within them."""
    seen = relu.output
    channels = len(seen.channels.maximum) if seen.channels is not None else 1
    return seen.statistics.finite / channels


def proven(relu: Node, ranges: Ranges) -> float:
    """The fraction of channels that no input can make positive."""
    read = relu.input(0)
    found = None if read is None else ranges.of(read)
    return 0.0 if found is None or found.nan else float((found.high <= 0).mean())


def rarely_active(relu: ObservedNode, least: float) -> Iterator[Finding]:
    """A layer that is silent for all but a few samples or places."""
    seen = relu.output.statistics
    active = 1 - seen.zeros / max(1, seen.finite)
    if seen.finite and active < least:
        yield Finding(
            relu,
            f"{active:.2%} of outputs are above zero on "
            f"{counted(relu.output.of_samples, 'sample')} (limit {least:.0%})",
            measured=active,
            limit=least,
            unit="fraction of outputs",
            severity=Severity.INFO,
            hint=revival(relu.node, is_open=False),
        )
