"""Models beside baselines: those of one layer unasked, autoencoders, and baselines of one's own."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import SOUND

from onnxlint.cli.main import cli
from onnxlint.pipeline import lint
from onnxlint.planner import Planner, options_of
from onnxlint.report import ModelReport
from onnxlint.runtime.metrics import principal_components
from onnxlint.runtime.metrics.fits import Samples, folds
from onnxlint.runtime.metrics.simple_models import linear_regression
from onnxlint.settings import LabelSource, Settings

FOLDER = Path(__file__).parent.parent / "fixtures" / "baselines"

OWN = """
import numpy as np

class Nearest:
    def fit(self, x, y):
        self.x, self.y = x, y
    def predict(self, x):
        return self.y[((x[:, None] - self.x[None]) ** 2).sum(-1).argmin(1)]

def product(x, y, others):
    return others[:, 0] * others[:, 1]

def scores(x, y, others):
    return np.eye(3)[np.full(len(others), np.bincount(y).argmax())]

def drawn(x, y, others):
    return np.random.normal(size=len(others))

def counted(x, y, others):
    return np.full(len(others), float(len(x)))

def short(x, y, others):
    return y[:3]

def fractions(x, y, others):
    return np.full(len(others), 0.5)

def failing(x, y, others):
    raise SystemExit("no")
"""


def judged(name: str, key: str | None = "y", data: str | None = None, **given) -> ModelReport:
    """What the rules on baselines say of a model with its own data."""
    file = FOLDER / f"{data or name.partition('_')[0]}.npz"
    labels = None if key is None else LabelSource(file, key)
    samples = {} if key is None else {"samples": 1000}
    settings = Settings(data=file, labels=labels, **samples, **given)
    return lint(FOLDER / f"{name}.onnx", select=["CMP001", "CMP005"], settings=settings)


def codes(report: ModelReport) -> list[str]:
    assert report.error is None
    return [f"{each.code} {each.severity.value}" for each in report.findings]


@pytest.fixture
def own(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(OWN)
    return tmp_path


# Models of one layer


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("plane_sound", []), ("plane_hasty", ["CMP001 warning"]),
        ("plane_sparse", []),  # a lasso
        ("plane_network", []),  # unasked, a network is compared with nothing
    ],
)  # fmt: skip
def test_a_regression_of_one_layer_is_compared_unasked(name, found):
    report = judged(name)
    assert codes(report) == found
    assert bool(report.metrics.baselines) == (name != "plane_network")


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("classes_sound", []), ("classes_hasty", ["CMP001 warning"]),
        ("rare_weighted", []),  # its mean recall is higher
    ],
)  # fmt: skip
def test_a_classifier_of_one_layer_is_compared_unasked(name, found):
    pytest.importorskip("sklearn")
    report = judged(name)
    assert codes(report) == found
    assert list(report.metrics.baselines) == ["logistic regression"]


@pytest.mark.parametrize(
    ("name", "found"), [("product_sound", []), ("plane_network", ["CMP001 warning"])]
)
def test_a_network_is_compared_when_asked(name, found):
    pytest.importorskip("sklearn")
    assert codes(judged(name, compare_simple=True)) == found


# Autoencoders


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("factors_sound", []), ("factors_hasty", ["CMP005 warning"]), ("ring_sound", []),
        ("units_sound", []),  # features of many units, which the model scales
        ("factors_crossed", []), ("factors_sampled", []), ("factors_forecast", []),
    ],
)  # fmt: skip
def test_an_autoencoder_is_compared_with_pca(name, found):
    assert codes(judged(name, key=None)) == found


def test_labels_that_are_the_samples_say_what_is_meant():
    assert codes(judged("ring_hasty", key=None)) == []
    report = judged("ring_hasty", key="x", compare_simple=True)
    assert codes(report) == ["CMP005 warning"]  # and no regression on what it is given
    assert list(report.metrics.baselines) == ["PCA of 1 component"]
    assert report.metrics.task == "regression"


def test_a_reconstruction_has_measures_without_labels():
    metrics = judged("factors_sound", key=None).metrics
    assert (metrics.task, metrics.samples, metrics.output) == ("reconstruction", 600, "y")
    assert metrics.rmse == pytest.approx(metrics.baselines["PCA of 3 components"], rel=0.05)
    assert metrics.r2 > 0.9


def test_a_number_of_samples_that_was_asked_for_holds():
    report = judged("factors_hasty", key=None, samples=20)
    assert report.not_applicable["CMP005"] == "too few samples: 20 (at least 50)"


def test_components_are_those_of_the_other_samples():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(60, 2)) @ rng.normal(size=(2, 90)) + 3
    assert principal_components.left_over(rows, 2, 0).max() < 1e-9 * rows.var() * 90
    wide = principal_components.left_over(rows[:, :5], 1, 0).sum()
    centred = rows[:, :5] - rows[:, :5].mean(axis=0)
    best = (np.linalg.svd(centred)[1][1:] ** 2).sum()
    assert best < wide < 1.5 * best


# Baselines of one's own


def test_an_onnx_file_is_a_baseline():
    hasty = judged("plane_hasty", baselines=(FOLDER / "plane_sound.onnx",))
    assert "plane_sound.onnx (1.026)" in hasty.findings[0].message
    sound = judged("plane_sound", baselines=(FOLDER / "plane_hasty.onnx",))
    assert codes(sound) == []
    assert list(sound.metrics.baselines) == ["linear regression", "plane_hasty.onnx"]


def test_code_is_a_baseline_fitted_by_cross_validation(own):
    given = {"baselines": (own / "mine:product", own / "mine:Nearest", own / "mine:counted")}
    report = judged("product_sound", **given)
    assert codes(report) == ["CMP001 warning"]
    assert "mine:product (" in report.findings[0].message
    assert set(report.metrics.baselines) == {"mine:product", "mine:Nearest", "mine:counted"}
    assert report.metrics.baselines["mine:Nearest"] > report.metrics.baselines["mine:product"]
    assert report.metrics.baselines["mine:counted"] == pytest.approx(480, abs=2)


def test_code_is_fitted_to_the_samples_of_training_where_there_are_such(own):
    train = FOLDER / "product_train.npz"
    given = {"train_data": train, "train_labels": LabelSource(train, "y")}
    report = judged("product_sound", baselines=(own / "mine:counted",), **given)
    assert report.metrics.baselines["mine:counted"] == pytest.approx(600, abs=2)


def test_rows_of_scores_are_classes(own):
    report = judged("classes_hasty", baselines=(own / "mine:scores",))
    assert 0.3 < report.metrics.baselines["mine:scores"] < 0.5


def test_code_that_draws_draws_the_same(own):
    twice = [judged("plane_network", baselines=(own / "mine:drawn",)) for _ in range(2)]
    assert twice[0].metrics.baselines == twice[1].metrics.baselines


def test_an_estimator_of_a_library_is_a_baseline():
    pytest.importorskip("sklearn")
    report = judged("product_sound", baselines=(Path("sklearn.tree:DecisionTreeRegressor"),))
    assert codes(report) == []
    assert report.metrics.baselines["sklearn.tree:DecisionTreeRegressor"] < 1


PROBLEMS = {
    "mine:short": "--baseline mine:short: returned an array of shape [3] for 120 samples; return",
    "mine:failing": "--baseline mine:failing: SystemExit: no",
    "mine:missing": "--baseline mine:missing: the module has no such function; a baseline is a",
    "nowhere:f": "--baseline nowhere:f: cannot be imported (No module named 'nowhere'); a",
    "mine:fractions": "--baseline mine:fractions: returned fractions for classes; return class",
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_code_that_fails_ends_in_one_sentence(name, own):
    assert PROBLEMS[name] in judged("classes_sound", baselines=(own / name,)).error


def test_models_that_fail_end_in_one_sentence(tmp_path, write_model):
    other = judged("plane_hasty", baselines=(FOLDER / "classes_sound.onnx",)).error
    assert other is not None
    assert "give a model that predicts the same" in other or "match no output" in other
    (tmp_path / "empty.onnx").write_bytes(b"")
    assert "empty" in judged("plane_hasty", baselines=(tmp_path / "empty.onnx",)).error
    assert "--baseline" in judged("plane_hasty", baselines=(write_model(SOUND),)).error


# The command and the configuration


def test_the_command_tells_all(monkeypatch, own):
    monkeypatch.chdir(own)
    data = FOLDER / "plane.npz"
    words = ["check", str(FOLDER / "plane_hasty.onnx"), "--data", str(data),
             "--labels", f"{data}:y", "--baseline", str(FOLDER / "plane_sound.onnx"),
             "--baseline", "mine:Nearest", "--select", "CMP001", "--no-cache"]  # fmt: skip
    done = CliRunner().invoke(cli, [*words, "-f", "full", "-f", "json=r.json", "-f", "card=c.md",
                                    "-f", "html=r.html"])  # fmt: skip
    assert "plane_sound.onnx 1.026, mine:Nearest 2." in done.output
    (model,) = json.loads((own / "r.json").read_text())["models"]
    assert [*model["metrics"]["baselines"]] == ["linear regression", "plane_sound.onnx",
                                                "mine:Nearest"]  # fmt: skip
    assert "| Baseline mine:Nearest: RMSE | 2." in (own / "c.md").read_text()
    assert "Baseline plane_sound.onnx: RMSE" in (own / "r.html").read_text()


USAGE = {
    "--baseline two.onnx": "--baseline requires --labels",
    "--data d.npz --labels d.npz:y --baseline no.onnx": "--baseline 'no.onnx' does not exist",
}


@pytest.mark.parametrize("arguments", USAGE)
def test_what_a_baseline_needs(arguments, write_model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez(tmp_path / "d.npz", x=[1], y=[1])
    done = CliRunner().invoke(cli, ["check", str(write_model()), *arguments.split()])
    assert done.exit_code == 2
    assert USAGE[arguments] in done.output


def test_a_configuration_names_baselines_from_its_folder(tmp_path, monkeypatch):
    from onnxlint.job import settings_of

    monkeypatch.chdir(tmp_path)
    (tmp_path / "team").mkdir()
    (tmp_path / "team" / "base.toml").write_text("baselines = ['old.onnx', 'mine:fit']")
    (tmp_path / "onnxlint.toml").write_text("extend = 'team/base.toml'")
    from onnxlint.config import load

    settings = settings_of(load(tmp_path / "onnxlint.toml"), "m.onnx")
    team = tmp_path / "team"
    assert settings.baselines == (team / "old.onnx", team / "mine:fit")


def test_a_command_that_reproduces_names_them():
    given = {"baselines": (Path("a.onnx"), Path("m:f"))}
    told = list(options_of(Planner(overrides=given)))
    assert told == ["--baseline", "a.onnx", "--baseline", "m:f"]


# How they are fitted


def test_folds_deal_classes_out_evenly():
    truths = np.repeat([0, 1], [90, 10])
    parts = list(folds(truths, 0))
    assert [truths[part.predicted].sum() for part in parts] == [2] * 5
    assert sorted(np.concatenate([part.predicted for part in parts])) == [*range(100)]
    assert all(len(part.fitted) == 80 for part in parts)


@pytest.mark.parametrize("features", [3, 40])
def test_a_ridge_is_scikit_learns(features):
    linear_model = pytest.importorskip("sklearn.linear_model")
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    rng = np.random.default_rng(0)
    x, y = rng.normal(2, 3, size=(30, features)), rng.normal(size=(30, 2))
    mine, others = (Samples({"x": x[part]}, ("x",), y[part]) for part in (slice(25), slice(25, 30)))
    scaler = preprocessing.StandardScaler().fit(x[:25])
    ridge = linear_model.Ridge().fit(scaler.transform(x[:25]), y[:25])
    wanted = ridge.predict(scaler.transform(x[25:]))
    assert np.allclose(linear_regression(mine, others), wanted)
