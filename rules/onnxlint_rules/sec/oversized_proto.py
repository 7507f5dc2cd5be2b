"""SEC010 oversized-proto."""

from collections.abc import Iterator

from onnxlint import Danger, Finding, Model, Place, Preflight, Severity, rule


@rule("SEC010", "oversized-proto", severity=Severity.WARNING)
def oversized_proto(
    model: Model, preflight: Preflight, *, warn_bytes: int = 1_932_735_283
) -> Iterator[Finding]:
    """A model file that protobuf can no longer read, or soon cannot.

    Why: a protobuf message ends at 2 GiB: onnx refuses to save or load a larger one, after hours
    of training and export. From 1.8 GiB on, a quantised copy with its scales, or one more layer,
    crosses the line.
    Fix: keep the weights in external data
    (`onnx.save(model, path, save_as_external_data=True)`).

    Bad:
    # option: warn-bytes = 64
    net (float[N, 2] x) => (float[N, 2] y) <float[2, 2] w = {1, 2, 3, 4}> { y = MatMul(x, w) }

    Good:
    net (float[N, 2] x) => (float[N, 2] y) <float[2, 2] w = {1, 2, 3, 4}> { y = MatMul(x, w) }
    """
    for hazard in preflight.of(Danger.OVERSIZED):
        yield Finding(
            hazard,
            hazard.message,
            measured=hazard.measured,
            limit=hazard.limit,
            unit="bytes",
            severity=Severity.ERROR,
        )
        return
    if model.size >= warn_bytes:
        yield Finding(
            Place(),
            f"the file has {model.size:,} bytes, from {warn_bytes:,} on it nears protobuf's limit",
            measured=model.size,
            limit=warn_bytes,
            unit="bytes",
        )
