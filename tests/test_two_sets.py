"""Two labelled sets: the one that a model was trained on, and the one that it was not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from onnxlint.model.edit.tree_subset import keep_trees
from onnxlint.pipeline import lint
from onnxlint.planner import Planner, options_of
from onnxlint.runtime.metrics import bootstrap
from onnxlint.settings import LabelSource, Settings

SETS = Path(__file__).parent.parent / "fixtures" / "two_sets"


def judged(model: str, train: Path, data: Path, key: str = "y"):
    """The report of PRD014 alone."""
    settings = Settings(
        data=data, labels=LabelSource(data, key), train_data=train,
        train_labels=LabelSource(train, key), samples=1000,
    )  # fmt: skip
    return lint(SETS / model, select=["PRD014"], settings=settings)


def found(model: str, train: str, data: str) -> list[tuple[str, str]]:
    report = judged(model, SETS / train, SETS / data)
    assert report.error is None
    return [(each.severity.value, each.message) for each in report.findings]


def test_a_network_that_learnt_its_samples_by_heart():
    ((severity, message),) = found("memorised.onnx", "noisy.npz", "noisy_held_out.npz")
    assert severity == "warning"
    assert message.startswith("accuracy falls from ")
    assert "on 120 training samples" in message
    assert "(seed 0)" in message


def test_a_sound_network_has_no_warning():
    assert not [told for told in found("sound.onnx", "train.npz", "held_out.npz")
                if told[0] != "info"]  # fmt: skip


def test_exchanged_files_are_the_reverse():
    ((severity, message),) = found("memorised.onnx", "noisy_held_out.npz", "noisy.npz")
    assert severity == "warning"
    assert message.startswith("accuracy rises from ")


@pytest.mark.parametrize(
    ("name", "train", "severities"),
    [("curve_memorised", "curve_few", ["warning"]), ("curve_sound", "curve_many", [])],
)
def test_a_regression(name, train, severities):
    seen = found(f"{name}.onnx", f"{train}.npz", "curve_others.npz")
    assert [severity for severity, _ in seen] == severities
    assert all(message.startswith("R² falls from 1 on 100 training") for _, message in seen)


TREES = {
    "tree_grown": ("noisy", "warning", "accuracy falls from 1 on 240"),
    "tree_sound": ("clear", "info", "log loss rises"),
    "forest_grown": ("clear", "info", "trees fit what they are grown on"),
    "forest_drawn": ("drawn", "warning", "accuracy falls from 0.98"),
    "boosted_sound": ("clear", "info", "log loss rises"),
    "boosted_close": ("noisy", "info", "with fewer of its trees the loss"),
    "boosted_long": ("noisy", "warning", "with the first 4 of 60 trees the log loss"),
    "tree_grown_amount": ("noisy", "warning", "R² falls from 1 on 240"),
    "forest_grown_amount": ("noisy", "info", "trees fit what they are grown on"),
    "boosted_sound_amount": ("clear", "info", "mean squared error rises"),
    "boosted_long_amount": ("noisy", "warning", "with the first 4 of 60 trees the mean squared"),
}  # fmt: skip
"""What is said of trees of scikit-learn: a lead that they have by construction is no warning."""


@pytest.mark.parametrize("name", TREES)
def test_trees_are_judged_by_what_they_do_on_other_samples(name):
    kind, severity, said = TREES[name]
    files = (SETS / f"trees_{kind}_{part}.npz" for part in ("grown_on", "others"))
    report = judged(f"{name}.onnx", *files, "amount" if "amount" in name else "y")
    assert report.error is None
    ((seen, message),) = [(each.severity.value, each.message) for each in report.findings]
    assert seen == severity
    assert said in message


def test_some_trees_of_an_ensemble_add_up_to_all_of_it():
    onnx = pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    x = np.load(SETS / "trees_noisy_others.npz")["x"]

    def outputs(kept: list[int] | None) -> np.ndarray:
        model = onnx.load(SETS / "boosted_long_amount.onnx")
        (node,) = (each for each in model.graph.node if each.op_type == "TreeEnsembleRegressor")
        if kept is not None:
            keep_trees(node, kept)
        return runtime.InferenceSession(model.SerializeToString()).run(None, {"x": x})[0]

    base = outputs([0]) + outputs([1]) - outputs([0, 1])
    rest = outputs([*range(1, 60)])
    assert np.allclose(outputs([0]) + rest - base, outputs(None), atol=1e-3)


def test_both_sets_are_in_the_report():
    metrics = judged("memorised.onnx", SETS / "noisy.npz", SETS / "noisy_held_out.npz").metrics
    assert metrics is not None
    assert metrics.train is not None
    assert (metrics.samples, metrics.train.samples) == (400, 120)
    assert metrics.train.accuracy > metrics.accuracy + 0.1


def test_the_command_tells_both(onnxlint):
    given = (
        SETS / "memorised.onnx", "--data", SETS / "noisy_held_out.npz",
        "--labels", f"{SETS / 'noisy_held_out.npz'}:y", "--train-data", SETS / "noisy.npz",
        "--train-labels", f"{SETS / 'noisy.npz'}:y", "--select", "PRD014",
    )  # fmt: skip
    assert "; on training samples accuracy " in onnxlint(*given).stdout
    report = json.loads(onnxlint(*given, "--format", "json").stdout)
    train = report["models"][0]["metrics"]["train"]
    assert train["samples"] == 120
    assert train["train"] is None


def test_the_same_samples_twice_end_in_one_sentence():
    report = judged("sound.onnx", SETS / "train.npz", SETS / "train.npz")
    assert report.error is not None
    assert "the same samples as those of --data" in report.error


def test_samples_that_do_not_fit_end_in_one_sentence(tmp_path):
    np.savez(tmp_path / "bad.npz", x=np.ones((60, 3), np.float32), y=np.zeros(60, np.int64))
    report = judged("sound.onnx", tmp_path / "bad.npz", SETS / "held_out.npz")
    assert report.error is not None
    assert report.error.startswith("--train-data ")


def test_labels_of_another_length_end_in_one_sentence(tmp_path):
    x = np.load(SETS / "train.npz")["x"]
    np.savez(tmp_path / "bad.npz", x=x, y=np.zeros(60, np.int64))
    report = judged("sound.onnx", tmp_path / "bad.npz", SETS / "held_out.npz")
    assert report.error is not None
    assert "60 labels for 400 samples" in report.error


USAGE = {
    "--train-data d.npz": "--train-data requires --data",
    "--train-labels d.npz:y": "--train-labels requires --train-data",
    "--train-data d.npz --train-labels d.npz:y": "--train-data requires --data",
    "--train-data nowhere.npz": "--train-data 'nowhere.npz' does not exist",
}


@pytest.mark.parametrize("arguments", USAGE)
def test_what_training_data_needs(arguments, onnxlint, write_model, tmp_path):
    np.savez(tmp_path / "d.npz", x=[1], y=[1])
    done = onnxlint(write_model(), *arguments.split())
    assert done.returncode == 2
    assert USAGE[arguments] in done.stderr


def test_a_command_that_reproduces_names_both_sets():
    given = {"train_data": Path("a.npz"), "train_labels": LabelSource(Path("a.npz"), "y")}
    told = list(options_of(Planner(overrides=given)))
    assert told == ["--train-data", "a.npz", "--train-labels", "a.npz:y"]


def test_the_interval_is_that_of_the_normal_distribution():
    rng = np.random.default_rng(3)
    first, second = rng.normal(1, 1, 500), rng.normal(0, 1, 500)
    low, high = bootstrap.difference(first, second, 0, 0.99)
    middle, half = first.mean() - second.mean(), 2.576 * (2 / 500) ** 0.5
    assert (low, high) == pytest.approx((middle - half, middle + half), abs=0.04)
    assert bootstrap.difference(first, second, 0, 0.99) == (low, high)
