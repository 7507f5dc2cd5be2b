"""CMP004: a net for training beside the same net for inference; and alignment by layer."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner

from onnxlint.cli.main import cli
from onnxlint.report import ModelReport
from onnxlint.settings import Settings
from onnxlint.severity import Stage
from onnxlint.testing import run_rule
from onnxlint_rules.cmp.mode_disagreement import mode_disagreement
from onnxlint_rules.cmp.reference_divergence import reference_divergence

SHIFTS = Path(__file__).parent.parent / "fixtures" / "shifts"
DATA = SHIFTS / "test.npz"


def judged(model: str | Path, reference: str | Path, **given: object) -> ModelReport:
    settings = Settings(**{
        "reference": SHIFTS / f"{reference}.onnx", "data": DATA, "samples": 64, **given,
    })  # fmt: skip
    report = run_rule(mode_disagreement, SHIFTS / f"{model}.onnx", settings=settings)
    assert report.error is None, report
    assert report.crashed == ()
    return report


@pytest.mark.parametrize("name", ["digits", "digits_conv", "digits_dropout"])
def test_sound_nets_agree_with_themselves(name):
    for pair in ((name, f"{name}_train"), (f"{name}_train", name)):
        report = judged(*pair)
        assert report.findings == ()
        assert report.not_applicable == {}


@pytest.mark.parametrize(("name", "op"), [("digits_stale", "Relu"),
                                          ("digits_tiny", "BatchNormalization")])  # fmt: skip
def test_statistics_that_are_not_those_of_training(name, op):
    (found,) = judged(name, f"{name}_train").findings
    assert found.severity.value == "warning"
    assert found.place.op_type == op
    assert "training and inference mode disagree: linear CKA 0." in found.message
    assert found.measured <= 0.75
    assert found.evidence["layers"]["y"] < 0.8


def test_what_alignment_does_not_see_decisions_show(tmp_path):
    """The offset and scale of every channel, as of statistics that were never updated."""
    for name in ("digits_conv", "digits_conv_train"):
        model = onnx.load(SHIFTS / f"{name}.onnx")
        for each in model.graph.initializer:
            if each.dims == [10] and each.name.endswith("bias") and name == "digits_conv":
                array = onnx.numpy_helper.to_array(each) + np.eye(10)[3] * 30
                each.CopyFrom(onnx.numpy_helper.from_array(array.astype(np.float32), each.name))
        onnx.save(model, tmp_path / f"{name}.onnx")
    report = judged(tmp_path / "digits_conv", tmp_path / "digits_conv_train")
    (found,) = report.findings
    assert found.unit == "fraction of decisions"
    assert found.measured > 0.5


def test_two_nets_are_not_two_modes():
    report = judged("digits", "digits_tiny_train")
    told = "the reference is not the same net in another mode"
    assert report.not_applicable == {"CMP004": told}


def test_a_net_beside_itself_has_one_mode():
    assert "CMP004" in judged("digits", "digits").not_applicable


def test_it_needs_data_and_a_trained_model():
    told = judged("digits", "digits_train", data=None).not_applicable["CMP004"]
    assert told.startswith("needs data (--data)")
    settings = Settings(reference=SHIFTS / "digits_stale_train.onnx", data=DATA, samples=64)
    report = run_rule(
        mode_disagreement, SHIFTS / "digits_stale.onnx", settings=settings, stage=Stage.INIT
    )
    assert report.findings == ()


def test_few_samples_are_not_judged(tmp_path):
    np.savez(tmp_path / "few.npz", x=np.load(DATA)["x"][:20])
    told = judged("digits", "digits_train", data=tmp_path / "few.npz").not_applicable["CMP004"]
    assert told == "too few samples to compare layers: 20 (at least 32: --samples)"


def test_what_is_dropped_is_the_same_in_every_run():
    first, again = (judged("digits_stale", "digits_dropout_train") for _ in range(2))
    assert first.not_applicable == again.not_applicable
    pages = [alignment("digits_dropout", "digits_dropout_train") for _ in range(2)]
    assert pages[0] == pages[1]


def alignment(model: str, reference: str) -> dict[str, float]:
    return dict(judged_strictly(model, reference).findings[0].evidence["layers"])


def judged_strictly(model: str, reference: str) -> ModelReport:
    settings = Settings(reference=SHIFTS / f"{reference}.onnx", data=DATA, samples=64)
    return run_rule(mode_disagreement, SHIFTS / f"{model}.onnx", settings=settings, min_cka=1.1)


def test_another_rule_leaves_modes_alone():
    settings = Settings(reference=SHIFTS / "digits_stale_train.onnx", data=DATA, samples=64)
    report = run_rule(reference_divergence, SHIFTS / "digits_stale.onnx", settings=settings)
    told = "the reference is the same net in another mode (CMP004 compares these)"
    assert report.not_applicable == {"CMP002": told}


def test_the_page_shows_alignment_by_layer(tmp_path):
    for model, told in (("digits_stale", "The reference is the same net in training mode."),
                        ("digits_dropout", "compared by linear CKA alone")):  # fmt: skip
        page = tmp_path / f"{model}.html"
        CliRunner().invoke(cli, [
            "check", str(SHIFTS / f"{model}.onnx"), "--reference",
            str(SHIFTS / f"{model}_train.onnx"), "--data", str(DATA), "--select", "CMP004",
            "-f", f"html={page}",
        ])  # fmt: skip
        assert told in page.read_text()
        assert "Lowest linear CKA on" in page.read_text()


def test_a_diff_tells_alignment_and_gives_no_verdict():
    models = [str(SHIFTS / f"{name}.onnx") for name in ("digits", "digits_stale")]
    asked = ["diff", *models, "--data", str(DATA), "--samples", "40"]
    document = json.loads(CliRunner().invoke(cli, [*asked, "-f", "json"]).stdout)
    layers = document["alignments"]["layers"]
    assert document["alignments"]["samples"] == 40
    assert [each["layer"]["op"] for each in layers][-1] == "Gemm"
    assert all(0 <= each["cka"] <= 1 for each in layers)
    text = CliRunner().invoke(cli, asked).stdout
    assert "Similarity: linear CKA of " in text
    assert "similarity" not in text.splitlines()[0]
    same = json.loads(CliRunner().invoke(cli, ["diff", models[0], *asked[1:2], *asked[3:],
                                               "-f", "json"]).stdout)  # fmt: skip
    assert not same["differs"]
    assert min(each["cka"] for each in same["alignments"]["layers"]) == pytest.approx(1)
