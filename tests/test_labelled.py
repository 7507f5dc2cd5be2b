"""What labels alone tell: real trainings that went wrong in one way each, and sound ones."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from judged_rows import LABELLED, SOFTMAX, confused, judged, report_on, rows, said

from onnxlint.settings import LabelSource, OutputContract
from onnxlint.testing import Example, saved


@cache
def told(model: str, data: str, stage: str = "trained") -> list[tuple[str, str, str]]:
    """Severity, code and message of all that is said of a network on its samples."""
    source = LABELLED / f"{data}.npz"
    report = report_on(f"{model}.onnx", LabelSource(source, "y"), source, stage)
    assert report.error is None
    return [(each.severity.value, each.code, each.message) for each in report.findings]


def codes(*given: str) -> list[str]:
    """Without the imbalance of rare events, which is in the samples."""
    return [f"{severity} {code}" for severity, code, _ in told(*given) if code != "DAT008"]


# A class that is lost, and who speaks where more is


def test_a_class_that_training_called_by_another_name():
    ((severity, code, message),) = told("neglected", "clouds")
    assert (severity, code) == ("warning", "PRD013")
    assert message.startswith("recall of class 7 is 0 (limit 0.3): 33 as 2, 1 as 10 of 34 labels")


SILENT = [
    ("sound", "clouds"), ("price", "prices"), ("set_bias", "events", "init"),
]  # fmt: skip


@pytest.mark.parametrize("given", SILENT, ids=" ".join)
def test_sound_networks_are_silent(given):
    assert codes(*given) == []


SPEAKERS = {
    ("exchanged", "clouds"): ["error PRD012"],
    ("sorted_as_text", "clouds"): ["error PRD012"],
    ("shuffled", "clouds"): ["warning PRD009", "warning PRD016"],  # sure of it, and wrong
    ("always_none", "events"): ["warning PRD004"],
    ("other_labels", "events"): ["warning PRD016"],
    ("many_alarms", "events"): ["info PRD016"],
    ("price_sigmoid", "prices"): ["error PRD011"],
    ("price_scaled", "prices"): ["warning PRD016"],
    ("unset_bias", "events", "init"): ["info PRD017"],
}


@pytest.mark.parametrize("given", SPEAKERS, ids=" ".join)
def test_one_rule_speaks_for_one_fault(given):
    assert codes(*given) == SPEAKERS[given]


def test_two_classes_of_twelve_that_are_exchanged_are_named():
    (found,) = (message for _, code, message in told("exchanged", "clouds") if code == "PRD012")
    assert "2 of 12 classes are predicted one to one as other classes: 3 as 5, 5 as 3 " in found


def test_classes_in_the_order_of_folders_are_a_map():
    (found,) = (message for _, code, message in told("sorted_as_text", "clouds"))
    assert "10 of 12 classes" in found
    assert "2 as 4, 3 as 5" in found


def test_labels_from_1_on_are_told_by_their_map(tmp_path):
    given = np.load(LABELLED / "clouds.npz")
    np.save(tmp_path / "y.npy", given["y"] + 1)
    source = LABELLED / "clouds.npz"
    report = report_on("sound.onnx", LabelSource(tmp_path / "y.npy"), source)
    (found,) = report.findings
    assert found.code == "PRD012"
    assert found.evidence["map"] == {str(at + 1): str(at) for at in range(12)}
    assert found.message.endswith("; each of these labels is 1 more than the number of its class")


def test_a_scaled_regression_is_told_as_such():
    ((_, _, message),) = told("price_scaled", "prices")
    assert "although predictions correlate with labels (0.99)" in message


def test_numbers_that_a_sigmoid_cannot_give():
    ((_, _, message),) = told("price_sigmoid", "prices")
    assert message.startswith("output 'y' is from 0 to 1 for every input, but 477 labels (99%) lie")


@pytest.mark.parametrize(("model", "expected"), [("unset_mean", ["PRD017"]), ("set_mean", [])])
def test_a_far_mean_and_the_bias_of_an_untrained_network(model, expected, tmp_path):
    np.save(tmp_path / "y.npy", np.load(LABELLED / "prices.npz")["y"] + 1000)
    source = LABELLED / "prices.npz"
    report = report_on(f"{model}.onnx", LabelSource(tmp_path / "y.npy"), source, "init")
    assert [each.code for each in report.findings] == expected
    assert all("15.5 standard deviations" in each.message for each in report.findings)


# On rows of scores


@pytest.mark.parametrize(
    ("recalls", "count", "expected"),
    [
        ([1, 1, 0.25, 1], 40, 1),
        ([1, 1, 0.3, 1], 40, 0),
        ([1, 1, 0.0, 1], 19, 0),  # too few labels
        ([1, 1, 0.0, 1], 20, 1),
        ([1, 0.2, 1, 1, 0.1, 1], 40, 2),
        ([0.2, 0.2, 1, 0.25, 0.1], 40, 1),  # most of them: the model as a whole
    ],
)
def test_recall_of_a_class(recalls, count, expected, tmp_path):
    truths, predicted = confused(recalls, count)
    k = len(recalls)
    report = judged(tmp_path, SOFTMAX.format(k=k), rows(predicted, k), truths)
    assert len(said(report, "PRD013")) == expected
    found = [each for each in report.findings if each.code == "PRD013"]
    assert sorted(each.measured for each in found) == sorted(recalls)[:expected]


def test_most_classes_are_one_finding(tmp_path):
    truths, predicted = confused([0.2, 0.2, 1, 0.25, 0.1])
    report = judged(tmp_path, SOFTMAX.format(k=5), rows(predicted, 5), truths)
    (found,) = (each for each in report.findings if each.code == "PRD013")
    assert found.message.startswith("recall of 4 of 5 classes is below 0.3: 4 0.1 (36 as 2), 0 0.2")


def test_the_names_of_classes_are_those_of_the_configuration(tmp_path):
    truths, predicted = confused([1, 1, 0.0, 1])
    names = ("ant", "bee", "cat", "dog")
    report = judged(tmp_path, SOFTMAX.format(k=4), rows(predicted, 4), truths,
                    outputs={"y": OutputContract(classes=names)})  # fmt: skip
    (found,) = (each for each in report.findings if each.code == "PRD013")
    assert found.message == "recall of class cat is 0 (limit 0.3): 40 as ant of 40 labels"
    assert found.evidence["predicted"] == {"ant": 40}


@pytest.mark.parametrize(
    ("labels", "predicted", "speaker"),
    [
        (np.arange(200) % 4, np.zeros(200, int), "PRD004"),  # always the same
        (np.arange(200) % 4, (np.arange(200) + 1) % 4, "PRD012"),  # shifted
        (np.arange(200) % 4, np.random.default_rng(2).integers(0, 4, 200), "PRD016"),  # guesses
        (np.arange(200) % 5, np.arange(200) % 5 % 4, "PRD011"),  # a class that is not there
    ],
)
def test_who_speaks_for_a_broken_model(labels, predicted, speaker, tmp_path):
    report = judged(tmp_path, SOFTMAX.format(k=4), rows(predicted, 4), labels)
    speakers = said(report, "PRD004", "PRD011", "PRD012", "PRD013", "PRD016")
    assert speakers == [speaker]


# Bad input


BAD = {
    "other length": (np.zeros(59, int), "59 labels for 60 samples"),
    "other kind": (np.array(["a", "b"] * 30), "names of shape [60]"),
    "floats": (np.linspace(0, 1, 60), "labels (floats of shape [60]) match no output"),
    "empty": (np.zeros(0, int), "labels are int64[0], not one per sample"),
    "rows": (np.zeros((60, 5), int), "labels (integers of shape [60, 5]"),
}


@pytest.mark.parametrize("kind", BAD)
def test_labels_that_cannot_be_used_end_in_one_sentence(kind, tmp_path):
    labels, part = BAD[kind]
    report = judged(tmp_path, SOFTMAX.format(k=3), rows(np.arange(60) % 3, 3), labels)
    assert report.error is not None
    assert part in report.error
    assert "\n" not in report.error


@pytest.mark.parametrize(("name", "content"), [("y.csv", ""), ("y.npy", ""), ("y.csv", "label\n")])
def test_an_empty_file_of_labels_ends_in_one_sentence(name, content, tmp_path):
    np.save(tmp_path / "x.npy", np.eye(3, dtype=np.float32))
    (tmp_path / name).write_text(content)
    with saved(Example.parse(SOFTMAX.format(k=3))) as path:
        report = report_on(path, LabelSource(tmp_path / name), tmp_path / "x.npy")
    assert report.error is not None
    assert str(tmp_path / name) in report.error
    assert "\n" not in report.error
