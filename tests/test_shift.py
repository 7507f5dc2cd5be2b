"""DAT010: samples beside the training data; what shifted is found, and what did not is not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from onnx import TensorProto, helper, numpy_helper

from onnxlint.analyses.predictions.compared_sets import _kept
from onnxlint.cli.main import cli as main
from onnxlint.report import ModelReport
from onnxlint.runtime.metrics.binning import binned
from onnxlint.runtime.metrics.two_sample import Sides, stability_indices
from onnxlint.settings import Settings
from onnxlint.shift_report import LARGE_PSI, LEVEL
from onnxlint.testing import run_rule
from onnxlint_rules.dat.distribution_shift import distribution_shift

SHIFTS = Path(__file__).parent.parent / "fixtures" / "shifts"
HALF = 0.5


def loaded(name: str):
    """One of scikit-learn's data sets."""
    from sklearn import datasets  # each fork of whoever imported it copies 90 MB more

    return getattr(datasets, f"load_{name}")()


def network(folder: Path, shape: list[object], kind: int = TensorProto.FLOAT) -> Path:
    """One dense layer on everything that a sample holds."""
    width = int(np.prod(shape[1:]))
    weight = np.random.default_rng(0).normal(0, 1 / width, (width, 3)).astype(np.float32)
    nodes = [
        helper.make_node("Cast", ["x"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["f"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["y"], "dense"),
    ]
    graph = helper.make_graph(
        nodes, "net", [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 3])],
        [numpy_helper.from_array(weight, "w")],
    )  # fmt: skip
    path = folder / "net.onnx"
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path.write_bytes(model.SerializeToString())
    return path


def judged(
    folder: Path, train: np.ndarray, data: np.ndarray, labels: tuple[np.ndarray, ...] = (),
    seed: int = 0,
) -> ModelReport:  # fmt: skip
    """The report of DAT010 on two sets."""
    kinds = {"f": TensorProto.FLOAT, "i": TensorProto.INT64}
    model = network(folder, ["N", *train.shape[1:]], kinds[train.dtype.kind])
    files = folder / "train.npz", folder / "data.npz"
    for file, x, y in zip(files, (train, data), labels or (None, None), strict=True):
        wide = x.astype(np.float32) if x.dtype.kind == "f" else x
        np.savez(file, x=wide, **({} if y is None else {"y": y}))
    named = {}
    if labels:
        named = {"train_labels": f"{files[0]}:y", "labels": f"{files[1]}:y"}
    settings = Settings(train_data=files[0], data=files[1], samples=100, seed=seed, **named)
    report = run_rule(distribution_shift, model, settings=settings)
    assert report.error is None, report
    assert report.crashed == ()
    return report


def messages(report: ModelReport) -> list[str]:
    return [f"{each.severity.value}: {each.message}" for each in report.findings]


def halves(name: str = "wine") -> tuple[np.ndarray, np.ndarray]:
    whole = loaded(name).data
    order = np.random.default_rng(1).permutation(len(whole))
    return whole[order[::2]], whole[order[1::2]]


def column(at: int, change) -> object:
    def made(data: np.ndarray) -> np.ndarray:
        data[:, at] = change(data[:, at])
        return data

    return made


RNG = np.random.default_rng(7)
SHIFTED = {
    "scale": (lambda x: x / 255, "13 of 13 features differ"),
    "mean of a column": (
        column(3, lambda x: x + x.std()), "1 of 13 features differs from the training data: "
    ),
    "swapped columns": (lambda x: x[:, [1, 0, *range(2, 13)]], "2 of 13 features differ"),
    "noise": (lambda x: x + RNG.normal(0, 2 * x.std(axis=0), x.shape), "standard deviation"),
    "a sensor that sticks": (column(9, lambda x: np.full_like(x, 5.0)), "share of 5 "),
    "missing values": (
        column(2, lambda x: np.where(np.arange(len(x)) % 4, x, np.nan)), "missing 0.0% → 25.8%",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", SHIFTED)
def test_a_table_that_shifted(kind, tmp_path):
    change, told = SHIFTED[kind]
    train, data = halves()
    (message,) = messages(judged(tmp_path, train, change(data.copy())))
    assert message.startswith("warning: ")
    assert told in message


def test_a_category_that_training_has_not_seen(tmp_path):
    rng = np.random.default_rng(0)
    train, data = rng.integers(0, 3, (200, 2)), rng.integers(0, 3, (200, 2))
    data[:20, 1] = 7
    (message,) = messages(judged(tmp_path, train, data))
    assert "1 of 2 features differs" in message
    assert "'column 1' mean 1.11 → 1.7" in message
    assert "share of 7 0.0% → 10.0%" in message


def picture(rng: np.random.Generator, count: int) -> np.ndarray:
    """Smooth pictures of three channels whose brightness differs."""
    noise = rng.normal(0, 1, (count, 3, 10, 10))
    smooth = sum(np.roll(noise, at, axis) for at in range(3) for axis in (2, 3)) / 6
    return np.clip(smooth * 0.2 + np.array([0.6, 0.5, 0.4])[:, None, None], 0, 1)


PICTURES = {
    "pixels of 0 to 255": (lambda x: x * 255, "9 of 9 features differ"),
    "channels in another order": (lambda x: x[:, ::-1], "channel 2: mean"),
    "blur": (lambda x: (x + np.roll(x, 1, 3) + np.roll(x, -1, 3)) / 3, "difference of neighbours"),
    "noise": (lambda x: x + RNG.normal(0, 0.05, x.shape), "difference of neighbours"),
    "a channel that is never filled": (
        lambda x: x * np.array([1, 1, 0])[:, None, None], "channel 2: ",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", PICTURES)
def test_pictures_that_shifted(kind, tmp_path):
    change, told = PICTURES[kind]
    rng = np.random.default_rng(0)
    (message,) = messages(judged(tmp_path, picture(rng, 80), change(picture(rng, 60))))
    assert message.startswith("warning: ")
    assert told in message


def test_other_words(tmp_path):
    found = SHIFTS / "words_a.npz", SHIFTS / "words_b.npz"
    ids = [np.load(each)["ids"] for each in found]
    same = run_rule(
        distribution_shift, SHIFTS / "ids.onnx",
        settings=Settings(train_data=found[0], data=found[1]),
    )  # fmt: skip
    assert messages(same) == []
    np.savez(tmp_path / "x.npz", ids=(ids[1] + 7) % 40)
    settings = Settings(train_data=found[0], data=tmp_path / "x.npz")
    (message,) = messages(run_rule(distribution_shift, SHIFTS / "ids.onnx", settings=settings))
    assert "share of '23' 12.1% → 0.7%" in message


def repeated(rows: np.ndarray, times: int) -> np.ndarray:
    return np.repeat(rows, times, axis=0)


UNSHIFTED = {
    "halves": lambda train, data: (train, data),
    "another order": lambda train, data: (train[train[:, 0].argsort()], data),
    "other sizes": lambda train, data: (train, data[:25]),
    "copies": lambda train, data: (repeated(train, 2), repeated(data[:40], 6)),
    "the same samples": lambda train, data: (train, train),
}


@pytest.mark.parametrize("kind", UNSHIFTED)
def test_what_is_no_shift(kind, tmp_path):
    assert messages(judged(tmp_path, *UNSHIFTED[kind](*halves("wine")))) == []


def test_classes_that_are_only_less_frequent(tmp_path):
    wine = loaded("wine")
    order = np.random.default_rng(1).permutation(len(wine.target))
    train, rest = order[::2], order[1::2]
    few = np.array([at for number, at in enumerate(rest) if wine.target[at] or number % 8 == 0])
    sets = wine.data[train], wine.data[few]
    report = judged(tmp_path, *sets, labels=(wine.target[train], wine.target[few]))
    assert messages(report) == []
    assert report.shift.within == "labels"
    assert report.shift.class_psi > 0.1
    (message,) = messages(judged(tmp_path, *sets))  # a network that knows nothing of the classes
    assert message.startswith("warning: ")


def test_predicted_classes_explain_it_where_there_are_no_labels(tmp_path):
    train, test = np.load(SHIFTS / "train.npz"), np.load(SHIFTS / "test.npz")
    kept = (test["y"] < 3) | (np.arange(300) % 9 == 0)
    np.savez(tmp_path / "few.npz", x=test["x"][kept])
    np.savez(tmp_path / "train.npz", x=train["x"])
    settings = Settings(train_data=tmp_path / "train.npz", data=tmp_path / "few.npz")
    report = run_rule(distribution_shift, SHIFTS / "digits_conv.onnx", settings=settings)
    assert messages(report) == []
    assert report.shift.within == "predictions"


@pytest.mark.parametrize("count", [1, 19])
def test_too_few_samples_are_not_judged(count, tmp_path):
    train, data = halves()
    report = judged(tmp_path, train, data[:count])
    told = f"too few samples of --data: {count} (at least 20)"
    assert report.not_applicable == {"DAT010": told}


def test_many_samples_make_a_trivial_shift_no_finding(tmp_path):
    rng = np.random.default_rng(0)
    train, data = rng.normal(0, 1, (20_000, 2)), rng.normal(0.15, 1, (20_000, 2))
    report = judged(tmp_path, train, data)
    assert report.shift.differs
    assert messages(report) == []


def test_the_seed_alone_decides(tmp_path):
    train, data = halves()
    first, again, other = (judged(tmp_path, train, data, seed=seed).shift for seed in (3, 3, 4))
    assert first == again
    assert first != other


def test_copies_are_not_values_that_a_table_has_few_of():
    few, many = [b"a", b"b", b"c"] * 30, [str(at).encode() for at in range(60)]
    assert len(_kept(few, few)) == 90
    assert len(_kept(few, [b"d"] * 50)) == 90
    assert len(_kept(many * 3, [b"z"] * 50)) == 60
    assert len(_kept(many, many)) == 60


@pytest.mark.slow
@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "diabetes", "digits"])
def test_random_halves_are_seldom_told_apart(name):
    """What the page of DAT010 says of false alarms."""
    whole = loaded(name).data
    found = 0
    for seed in range(200):
        rows = whole[np.random.default_rng(1000 + seed).permutation(len(whole))]
        sides = Sides.of(np.arange(len(rows)) < len(rows) // 2, np.zeros(len(rows), int), seed)
        tested = stability_indices(sides, [binned(each, len(rows) // 2) for each in rows.T])
        found += bool(((tested.p <= LEVEL) & (tested.beyond > LARGE_PSI)).any())
    assert found <= 5


def test_text_json_and_page_tell_it(tmp_path):
    train, data = halves()
    judged(tmp_path, train, data + data.std(axis=0) * 2)
    base = ["check", str(tmp_path / "net.onnx"), "--data", str(tmp_path / "data.npz"),
            "--train-data", str(tmp_path / "train.npz"), "--select", "DAT010"]  # fmt: skip
    ran = CliRunner().invoke(main, base)
    assert "89 training samples and 89 others, 13 features, 2 layers: 13 features" in ran.output
    assert "13 of 13 features differ from the training data" in ran.output
    page = tmp_path / "page.html"
    ran = CliRunner().invoke(main, [*base, "-f", "json", "-f", f"html={page}"])
    (model,) = json.loads(ran.stdout)["models"]
    assert {each["kind"] for each in model["shift"]["features"]} == {"number"}
    assert model["shift"]["features"][0]["p"] == 0.002
    assert "Beside the training data" in page.read_text()
    assert "population stability index" in page.read_text()


def test_training_data_needs_other_data(tmp_path):
    train, data = halves()
    judged(tmp_path, train, data)
    model, file = str(tmp_path / "net.onnx"), str(tmp_path / "train.npz")
    ran = CliRunner().invoke(main, ["check", model, "--train-data", file])
    assert ran.exit_code == 2
    assert "--train-data requires --data" in ran.output


def test_training_data_that_does_not_fit(tmp_path):
    train, data = halves()
    judged(tmp_path, train, data)
    np.savez(tmp_path / "train.npz", x=train[:, :4])
    settings = Settings(train_data=tmp_path / "train.npz", data=tmp_path / "data.npz")
    report = run_rule(distribution_shift, tmp_path / "net.onnx", settings=settings)
    assert report.error.startswith(f"--train-data {tmp_path / 'train.npz'}: input 'x' has shape")
