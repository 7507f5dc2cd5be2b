"""SEC010 oversized-proto."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Finding, Model, Option, Place, Preflight, ProblemKind, Severity, rule

_HINT = "save the weights as external data (onnx.save(…, save_as_external_data=True))"


@rule("SEC010", "oversized-proto", severity=Severity.WARNING)
def oversized_proto(
    model: Model,
    preflight: Preflight,
    *,
    warn_bytes: Annotated[int, Option("file size from which on to warn", "bytes")] = 1_932_735_283,
) -> Iterator[Finding]:
    """A model file at or near protobuf's 2 GiB limit.

    Why: a protobuf message is limited to 2 GiB: onnx refuses to save or load a larger one, after
    hours of training and export. From 1.8 GiB on, a quantised copy with its scales, or one more
    layer, exceeds the limit.
    Fix: keep the weights in external data (`onnx.save(model, path, save_as_external_data=True)`).

    Bad:
    # option: warn-bytes = 64
    net (float[N, 2] x) => (float[N, 2] y) <float[2, 2] w = {1, 2, 3, 4}> { y = MatMul(x, w) }

    Good:
    net (float[N, 2] x) => (float[N, 2] y) <float[2, 2] w = {1, 2, 3, 4}> { y = MatMul(x, w) }
    """
    for hazard in preflight.of(ProblemKind.OVERSIZED):
        yield Finding(
            hazard,
            hazard.message,
            measured=hazard.measured,
            limit=hazard.limit,
            unit="bytes",
            severity=Severity.ERROR,
            hint=_HINT,
        )
        return
    if model.size >= warn_bytes:
        yield Finding(
            Place(),
            f"file size {model.size:,} bytes (protobuf limit 2 GiB, "
            f"warning from {warn_bytes:,} on)",
            measured=model.size,
            limit=warn_bytes,
            unit="bytes",
            hint=_HINT,
        )
