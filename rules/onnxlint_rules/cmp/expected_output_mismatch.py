"""CMP003 expected-output-mismatch."""

from collections.abc import Iterator

from onnxlint import Expected, Finding, Rounding, Severity, Tolerance, rule

ABSOLUTE = 1e-7
"""What every element may differ by, as in onnx's own test runner."""

CANCELLED = 1e-5
"""What it may differ by relative to the output's RMS: about 100 steps of float32. Kernels add up in
an order of their own, and where large numbers cancel their rounding is what remains."""

STEPS = 10
"""Steps of a dtype coarser than float32 that rounding may add up to: 1% in float16."""


@rule("CMP003", "expected-output-mismatch", severity=Severity.ERROR)
def expected_output_mismatch(
    expected: Expected, rounding: Rounding, *,
    max_error: float = 1e-3, max_error_quantised: float = 0.05,
) -> Iterator[Finding]:  # fmt: skip
    """An output that is not what the test data set beside the model says.

    Why: `output_*.pb` of a test data set is what the exporter's framework, or whoever published the
    model, computed for `input_*.pb`. If onnxruntime computes something else, then an export,
    a conversion or a later change of the file went wrong: the model is not the one that was tested.
    `max_error` is the tolerance of onnx's own test runner for each element, wider in float16;
    elements near zero are compared relative to the whole output. A quantised model rounds
    differently on every processor: 5% of the output, and a step of its 8-bit numbers.
    Fix: export again from the checkpoint that made the outputs, or, if the model was changed on
    purpose, write the outputs again. `--reference` with the model as it was finds the layer.

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
            yield Finding(output, f"it {misfit}")
        mismatch = output.mismatch(tolerance)
        if mismatch is not None:
            yield Finding(
                output,
                str(mismatch),
                measured=mismatch.excess * tolerance.relative,
                limit=tolerance.relative,
                unit="relative error",
            )


def _tolerance(rounding: Rounding, max_error: float, max_error_quantised: float) -> Tolerance:
    if rounding.quantised:
        return Tolerance(max_error_quantised, ABSOLUTE, max_error_quantised, steps=1)
    steps = STEPS * rounding.epsilon
    return Tolerance(max(max_error, steps), ABSOLUTE, max(CANCELLED, steps))
