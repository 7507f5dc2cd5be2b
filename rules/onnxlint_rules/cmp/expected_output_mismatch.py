"""CMP003 expected-output-mismatch."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Expected, Finding, Option, Rounding, Severity, Tolerance, rule

ABSOLUTE = 1e-7
"""The difference allowed for every element, as in onnx's own test runner."""

CANCELLED = 1e-5
"""The difference allowed relative to the output's RMS: about 100 steps of float32. Kernels sum in
an order of their own, and where large values cancel, only their rounding remains."""

STEPS = 10
"""Steps of a dtype coarser than float32 that rounding may add up to: 1% in float16."""


@rule("CMP003", "expected-output-mismatch", severity=Severity.ERROR)
def expected_output_mismatch(
    expected: Expected, rounding: Rounding, *,
    max_error: Annotated[
        float, Option("largest error of an element", unit="relative error")
    ] = 1e-3,
    max_error_quantised: Annotated[
        float, Option("the same for a quantised model", unit="relative error")
    ] = 0.05,
) -> Iterator[Finding]:  # fmt: skip
    """An output that differs from the expected output of the ONNX test data set.

    Why: `output_*.pb` of a test data set is what the exporter's framework, or the publisher of the
    model, computed for `input_*.pb`. If onnxruntime computes something else, an export, a
    conversion or a later change of the file went wrong: the model is not the one that was tested.
    `max_error` is the tolerance of onnx's own test runner for each element, wider in float16;
    elements near zero are compared relative to the whole output. A quantised model rounds
    differently on every processor: 5% of the output, and a step of its 8-bit values, are allowed.
    Fix: export again from the checkpoint that computed the outputs, or, if the model was changed on
    purpose, write the outputs again. `--reference` with the former model finds the layer.

    Bad:
    # config: data = "test_data_set_0"
    net (float[N, 2] x) => (float[N, 2] y)
    {
        y = Neg(x)
    }
    >>> from onnx import numpy_helper; import numpy as np
    >>> sets = folder / "test_data_set_0"; sets.mkdir()
    >>> x = numpy_helper.from_array(np.array([[1, 2]], np.float32)).SerializeToString()
    >>> [(sets / name).write_bytes(x) for name in ("input_0.pb", "output_0.pb")]

    Good:
    # config: data = "test_data_set_0"
    net (float[N, 2] x) => (float[N, 2] y)
    {
        y = Relu(x)
    }
    >>> from onnx import numpy_helper; import numpy as np
    >>> sets = folder / "test_data_set_0"; sets.mkdir()
    >>> x = numpy_helper.from_array(np.array([[1, 2]], np.float32)).SerializeToString()
    >>> [(sets / name).write_bytes(x) for name in ("input_0.pb", "output_0.pb")]
    """
    tolerance = _tolerance(rounding, max_error, max_error_quantised)
    for output in expected:
        for misfit in output.misfits[:1]:
            hint = "export again from the checkpoint that computed the test data set"
            yield Finding(output, misfit, hint=hint)
        mismatch = output.mismatch(tolerance)
        if mismatch is not None:
            yield Finding(
                output,
                str(mismatch),
                measured=mismatch.excess * tolerance.relative,
                limit=tolerance.relative,
                unit="relative error",
                hint="export again from the checkpoint that computed the test data set, or find "
                "the layer with --reference and the former model",
            )


def _tolerance(rounding: Rounding, max_error: float, max_error_quantised: float) -> Tolerance:
    if rounding.quantised:
        return Tolerance(max_error_quantised, ABSOLUTE, max_error_quantised, steps=1)
    steps = STEPS * rounding.epsilon
    return Tolerance(max(max_error, steps), ABSOLUTE, max(CANCELLED, steps))
