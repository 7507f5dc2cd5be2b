"""CMP003: the outputs that a test data set expects, beside those that the model gives."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from onnxlint.analyses.comparison.stored_outputs import Comparison, Tolerance
from onnxlint.analyses.execution.worker import Workers
from onnxlint.job import Job
from onnxlint.pipeline import lint_model
from onnxlint.report import ModelReport
from onnxlint.settings import Settings
from onnxlint.severity import Severity
from onnxlint.testing import Example, run_rule, saved
from onnxlint_rules.cmp.expected_output_mismatch import expected_output_mismatch

DATA = Path(onnx.__file__).parent / "backend" / "test" / "data"
STORED = sorted(
    path.parent
    for folder in ("simple", "pytorch-operator", "pytorch-converted")
    for path in (DATA / folder).glob("*/model.onnx")
)

SUM = "net (float[N, 3] x) => (float[N, 3] y) <float[3] b = {1, 1, 1}> { y = Add(x, b) }"
X = np.array([[1, 2, 3], [4, 5, 6]], np.float32)


def test_set(folder: Path, inputs: list[np.ndarray], outputs: list[np.ndarray], *, name="") -> Path:
    folder.mkdir(parents=True)
    for kind, arrays in (("input", inputs), ("output", outputs)):
        for number, array in enumerate(arrays):
            tensor = numpy_helper.from_array(array, name if kind == "output" else "")
            (folder / f"{kind}_{number}.pb").write_bytes(tensor.SerializeToString())
    return folder


test_set.__test__ = False


def judged(text: str, data: Path, **options: float) -> ModelReport:
    with saved(Example.parse(text)) as path:
        report = run_rule(expected_output_mismatch, path, settings=Settings(data=data), **options)
    assert report.crashed == (), report
    return report


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (X + 1, None),
        (X + np.float32(1.0005), None),
        ((X + 1).astype(np.float64), None),
        (X, "value at [0, 0] is 2, expected 1 (test_data_set_0/output_0.pb); 6 of 6 elements "
         "differ"),
        (np.where(X == 5, np.nan, X + 1), "value at [1, 1] is 6, expected nan "
         "(test_data_set_0/output_0.pb); 1 of 6 elements differs"),
        (X[:1] + 1, "shape [2, 3], expected [1, 3] (test_data_set_0/output_0.pb)"),
        ((X + 1).astype(np.int64), "dtype float32, expected int64 (test_data_set_0/output_0.pb)"),
    ],
)  # fmt: skip
def test_outputs_right_and_wrong(wanted, told, tmp_path):
    test_set(tmp_path / "test_data_set_0", [X], [np.asarray(wanted)])
    report = judged(SUM, tmp_path)
    assert report.rules_run == 1
    assert [finding.message for finding in report.findings] == ([told] if told else [])
    assert all(finding.severity is Severity.ERROR for finding in report.findings)


def test_every_set_counts_and_an_output_is_told_once(tmp_path):
    for number in range(3):
        test_set(tmp_path / f"test_data_set_{number}", [X], [X + 1 + number])
    (found,) = judged(SUM, tmp_path).findings
    assert "test_data_set_2/" in found.message
    assert found.message.endswith("12 of 18 elements differ")


def test_files_are_assigned_by_name_then_by_number(tmp_path):
    two = "net (float[3] x) => (float[3] y, float[3] z) { y = Neg(x) z = Abs(x) }"
    x = X[0]
    test_set(tmp_path / "a", [x], [x], name="z")
    assert not judged(two, tmp_path / "a").findings
    test_set(tmp_path / "b", [x], [-x, x], name="as the framework calls it")
    assert not judged(two, tmp_path / "b").findings
    test_set(tmp_path / "c", [x], [x, x])
    (found,) = judged(two, tmp_path / "c").findings
    assert found.place.value == "y"


def test_a_sample_without_its_batch_axis(tmp_path):
    test_set(tmp_path / "set", [X[0]], [X[0] + 1])
    report = judged(SUM, tmp_path / "set")
    assert (report.rules_run, report.findings) == (1, ())


def test_what_is_drawn_or_not_there_is_not_judged(tmp_path):
    noisy = "net (float[N, 3] x) => (float[N, 3] y) { r = RandomNormalLike(x) y = Add(x, r) }"
    report = judged(noisy, test_set(tmp_path / "noise", [X], [X]))
    assert "deterministic" in report.not_applicable["CMP003"]
    still = """net (float[N, 3] x) => (float[N, 3] y)
        <float ratio = {0.5}, bool training = {0}> { y = Dropout(x, ratio, training) }"""
    assert judged(still, test_set(tmp_path / "still", [X], [X + 1])).findings
    report = judged(SUM, test_set(tmp_path / "inputs", [X], []))
    assert "output_*.pb" in report.not_applicable["CMP003"]


def test_a_file_that_is_no_tensor_is_one_sentence(tmp_path):
    folder = test_set(tmp_path / "set", [X], [X])
    (folder / "output_0.pb").write_bytes(b"\xff\xff")
    report = judged(SUM, folder)
    assert report.error is not None
    assert "output_0.pb: is not a tensor" in report.error


def test_float16_and_quantised_models_may_round(tmp_path):
    half = "net (float16[N, 3] x) => (float16[N, 3] y) { y = Exp(x) }"
    x = X.astype(np.float16)
    exact = np.exp(X.astype(np.float64))
    right, wrong = exact * 1.004, exact * 1.05
    for name, wanted, count in (("right", right, 0), ("wrong", wrong, 1)):
        folder = test_set(tmp_path / name, [x], [wanted.astype(np.float16)])
        assert len(judged(half, folder).findings) == count
    steps = """net (float[N, 3] x) => (uint8[N, 3] q) <float s = {0.1}, uint8 z = {0}>
        { q = QuantizeLinear(x, s, z) }"""
    q = (X * 10).astype(np.uint8)
    for name, wanted, count in (("step", q + 1, 0), ("two", q + 2, 1)):
        folder = test_set(tmp_path / name, [X], [wanted.astype(np.uint8)])
        assert len(judged(steps, folder).findings) == count


def test_elements_in_which_large_numbers_cancel():
    wanted = np.array([1000, 1e-4], np.float32)
    tolerance = Tolerance(1e-3, 1e-7, 1e-5)
    for got, differs in (([1000, 1.1e-3], False), ([1000, 0.1], True), ([1002, 1e-4], True)):
        found = Comparison(Path("f"), wanted, np.array(got, np.float32))
        assert bool((found.excess(tolerance) > 1).any()) is differs


def test_masks_of_the_lowest_number_are_minus_infinity():
    wanted = np.array([-np.inf, 1, np.nan, np.inf], np.float32)
    got = np.array([np.finfo(np.float32).min, 1, np.nan, np.inf], np.float32)
    assert not Comparison(Path("f"), wanted, got).excess(Tolerance(1e-3)).any()
    assert np.isinf(Comparison(Path("f"), wanted, -got).excess(Tolerance(1e-3))[[0, 3]]).all()


@pytest.mark.parametrize("shard", range(4))
def test_onnx_own_test_sets_agree(shard):
    """What onnx stores of its conformance cases: no sound model has a mismatch."""
    judged_count = 0
    with closing(Workers()) as workers:
        for folder in STORED[shard * 7 :: 28]:
            settings = Settings(data=folder, time_limit=60)
            job = Job(str(folder / "model.onnx"), (expected_output_mismatch,), settings)
            report = lint_model(job, workers=workers)
            assert report.error is None
            assert report.findings == ()
            judged_count += report.rules_run
    assert judged_count > 2


def test_a_model_without_inputs_has_outputs_alone(tmp_path):
    text = "net () => (float[2] y) { y = Constant<value: tensor = float[2] {1, 2}>() }"
    folder = test_set(tmp_path / "set", [], [np.array([1, 3], np.float32)])
    (found,) = judged(text, folder).findings
    assert found.message.startswith("value at [1] is 2, expected 3 (")


def test_the_command_ends_with_1_on_a_mismatch(write_model, onnxlint, tmp_path):
    model = write_model(SUM)
    for name, wanted, code in (("good", X + 1, 0), ("bad", X, 1)):
        folder = test_set(tmp_path / name / "test_data_set_0", [X], [wanted]).parent
        done = onnxlint(model, "--select", "CMP003", "--data", folder)
        assert done.returncode == code, done
    assert "expected-output-mismatch" in done.stdout
