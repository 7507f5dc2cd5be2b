"""What published detectors of faults in training look for beyond one file, and who of ours speaks.

Each row of ANSWERED is a check of one system that needs labels, a second set of samples, another
export of the network or a series of checkpoints; its rule here fires on a run that crosses the
system's limit and not on a sound one. UNANSWERED lists the checks of that kind that no rule has,
with the reason. NeuraLint and weightwatcher read one file: their checks are with the families
that do so.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import onnx
import pytest
from msgspec.structs import replace
from onnx import numpy_helper

from onnxlint.checkpoints import checkpoint_files, natural
from onnxlint.pipeline import lint, lint_model
from onnxlint.planner import Planner
from onnxlint.report import ModelReport
from onnxlint.settings import LabelSource, Settings
from onnxlint.severity import Severity, Stage
from onnxlint.testing import Example, saved, shared_workers

FIXTURES = Path(__file__).parent.parent / "fixtures"
Arrays = dict[str, np.ndarray]

HEAD = """n (float[N, 8] x) => (float[N, 1] y) <float[8, 1] w = {6, 0, 0, 0, 0, 0, 0, 0}>
{ h = MatMul(x, w) y = %s(h) }"""


class One(NamedTuple):
    """A model and what lies beside it, named from the folder of fixtures.

    `changed` makes other samples or labels of those in `data`.
    """

    model: str
    data: str = ""
    train: str = ""
    labels: str = "y"
    changed: Callable[[Arrays], Arrays] | None = None
    stage: str = "trained"
    reference: str = ""


class Series(NamedTuple):
    """The checkpoints of one training, of which the last may be spoilt."""

    name: str
    is_spoilt: bool = False


class Row(NamedTuple):
    """A check of a system, the rule that answers it, and two runs to tell apart."""

    system: str
    check: str
    limit: str
    rule: str
    crossing: One | Series
    sound: One | Series


def far(given: Arrays) -> Arrays:
    return {**given, "y": given["y"] + 1000}


def small(given: Arrays) -> Arrays:
    return {**given, "y": given["y"] / 20}


def single(given: Arrays) -> Arrays:
    return {**given, "y": np.full_like(given["y"], 7)}


def mirrored(given: Arrays) -> Arrays:
    return {**given, "x": np.ascontiguousarray(given["x"][..., ::-1])}


CLOUDS, EVENTS, PRICES = (f"labelled/{name}.npz" for name in ("clouds", "events", "prices"))
CLASSES = One("labelled/sound.onnx", CLOUDS)
AMOUNTS = One("labelled/price.onnx", PRICES)
KNOWN_ODDS = One("labelled/set_bias.onnx", EVENTS, stage="init")
KNOWN_MEAN = One("labelled/set_mean.onnx", PRICES, changed=far, stage="init")
UNEVEN = One("labelled/unset_bias.onnx", EVENTS, stage="init")
FAR_MEAN = One("labelled/unset_mean.onnx", PRICES, changed=far, stage="init")
BY_HEART = One("two_sets/memorised.onnx", "two_sets/noisy_held_out.npz", "two_sets/noisy.npz")
EXCHANGED = One("two_sets/memorised.onnx", "two_sets/noisy.npz", "two_sets/noisy_held_out.npz")
LEARNT = One("two_sets/sound.onnx", "two_sets/held_out.npz", "two_sets/train.npz")
MIRRORED = One("shifts/digits.onnx", "shifts/test.npz", "shifts/train.npz", changed=mirrored)
AS_TRAINED = One("shifts/digits.onnx", "shifts/test.npz", "shifts/train.npz")
STALE = One("shifts/digits_stale.onnx", "shifts/test.npz",
            reference="shifts/digits_stale_train.onnx")  # fmt: skip
BOTH_MODES = One("shifts/digits.onnx", "shifts/test.npz", reference="shifts/digits_train.onnx")
FADING_DEEP = One("gradients/mlp_sigmoid.onnx", stage="init")
GROWING_DEEP = One("gradients/mlp_relu_normal.onnx", stage="init")
EVEN_DEEP = One("gradients/mlp_relu_kaiming.onnx", stage="init")
WELL = Series("sound")

ANSWERED = [
    # labels
    Row("TheDeepChecker", "uneven classes", "normalised perplexity < 0.5", "DAT008",
        One("labelled/always_none.onnx", EVENTS), CLASSES),
    Row("TheDeepChecker", "constant target", "standard deviation 0", "DAT011",
        One("labelled/price.onnx", PRICES, changed=single), AMOUNTS),
    Row("TheDeepChecker", "one class only", "perplexity 0", "DAT011",
        One("labelled/sound.onnx", CLOUDS, changed=single), CLASSES),
    Row("TheDeepChecker", "target off centre", "mean ≠ 0", "PRD017", FAR_MEAN, KNOWN_MEAN),
    Row("TheDeepChecker", "last bias 0, uneven classes", "not by frequency", "PRD017",
        UNEVEN, KNOWN_ODDS),
    Row("TheDeepChecker", "last bias off the mean", "std/mean ≤ 1e-3", "PRD017",
        FAR_MEAN, KNOWN_MEAN),
    Row("TheDeepChecker", "first loss off ln k", "≥ 100% of ln k", "PRD001",
        One("jax/init_far.onnx", stage="init"), One("jax/init_uniform.onnx", stage="init")),
    # samples and labels
    Row("TheDeepChecker", "output never below 0, targets are", "5 periods", "PRD011",
        One(HEAD % "Relu", PRICES), AMOUNTS),
    Row("TheDeepChecker", "output never beyond 1, targets are", "5 periods", "PRD011",
        One("labelled/price_sigmoid.onnx", PRICES), AMOUNTS),
    Row("DeepDiagnosis", "labels beyond a sigmoid", "0…1", "PRD011",
        One("labelled/price_sigmoid.onnx", PRICES), AMOUNTS),
    Row("DeepDiagnosis", "labels beyond a tanh", "-1…1", "PRD011",
        One(HEAD % "Tanh", PRICES), One(HEAD % "Identity", PRICES)),
    Row("DeepDiagnosis", "labels beyond a relu", "≥ 0", "PRD011",
        One(HEAD % "Relu", PRICES), One(HEAD % "LeakyRelu", PRICES)),
    Row("DeepDiagnosis", "labels beyond an elu", "≥ -1", "PRD011",
        One(HEAD % "Elu", PRICES), One(HEAD % "Identity", PRICES)),
    Row("DeepDiagnosis", "linear output of another range", "> 10 times that of labels", "PRD016",
        One("labelled/price.onnx", PRICES, changed=small), AMOUNTS),
    # two sets, or two exports
    Row("AUTOTRAINER", "over-fitting", "accuracy gap ≥ 0.1, ≥ 0.07 above 0.9", "PRD014",
        BY_HEART, LEARNT),
    Row("UMLAUT", "better than in training", "accuracy > training + 0.05", "PRD014",
        EXCHANGED, LEARNT),
    Row("TheDeepChecker", "augmentation that shifts samples", "CKA < 0.95", "DAT010",
        MIRRORED, AS_TRAINED),
    Row("TheDeepChecker", "modes disagree: layers", "CKA ≤ 0.75", "CMP004", STALE, BOTH_MODES),
    Row("TheDeepChecker", "modes disagree: output", "loss by > 50%", "CMP004", STALE, BOTH_MODES),
    # a series: weights
    Row("TheDeepChecker", "weights diverge", "mean doubles 5 times", "CKP003",
        Series("growing"), WELL),
    Row("TheDeepChecker", "updates too small", "log10 ratio < -4", "CKP002", Series("slow"), WELL),
    Row("TheDeepChecker", "updates too large", "log10 ratio > -1", "CKP002", Series("fast"), WELL),
    Row("TheDeepChecker", "untrained weights", "ratio 0", "CKP001", Series("forgotten"), WELL),
    Row("DeepDiagnosis", "updates too small", "ratio < 1e-5", "CKP002", Series("slow"), WELL),
    Row("DeepDiagnosis", "updates too large", "ratio > 0.1", "CKP002", Series("fast"), WELL),
    Row("DeepLocalize", "means that stay", "equal over 5 steps", "CKP001",
        Series("forgotten"), WELL),
    # a series: what the layers give and get
    Row("DeepLocalize", "outputs of 0", "mean 0 in ≥ half of the steps", "CKP005",
        Series("diverging"), WELL),
    Row("AUTOTRAINER", "dying relu", "≥ 70% of gradients 0", "CKP005",
        Series("diverging"), WELL),
    Row("AUTOTRAINER", "gradient vanishes", "first/last < 1e-3, first < 1e-4", "CKP008",
        Series("fading"), WELL),
    Row("AUTOTRAINER", "gradient explodes", "first/last > 70", "ACT013", GROWING_DEEP, EVEN_DEEP),
    Row("TheDeepChecker", "gradient vanishes", "mean halves 5 times", "CKP008",
        Series("fading"), WELL),
    Row("TheDeepChecker", "gradient too small", "mean < 1e-6", "ACT012", FADING_DEEP, EVEN_DEEP),
    Row("TheDeepChecker", "gradient too large", "mean > 1e6", "ACT013", GROWING_DEEP, EVEN_DEEP),
    Row("DeepDiagnosis", "gradient vanishes", "mean < 1e-7", "ACT012", FADING_DEEP, EVEN_DEEP),
    # a series: loss and accuracy
    Row("TheDeepChecker", "loss stays", "< 5% down in 5 periods", "CKP009", Series("stuck"), WELL),
    Row("TheDeepChecker", "loss diverges", "twice its minimum", "CKP010",
        Series("diverging"), WELL),
    Row("TheDeepChecker", "loss fluctuates", "> half of steps change sign", "CKP011",
        Series("bouncing"), WELL),
    Row("DeepDiagnosis", "loss or accuracy stays", "equal in 5 checks", "CKP009",
        Series("stuck"), WELL),
    Row("DeepDiagnosis", "loss is no number", "NaN, infinite", "CKP010",
        Series("sound", is_spoilt=True), WELL),
    Row("DeepLocalize", "NaN or infinity anywhere", "one", "CKP010",
        Series("sound", is_spoilt=True), WELL),
    Row("AUTOTRAINER", "accuracy swings", "≥ 0.03 in ≥ 20% of epochs", "CKP011",
        Series("bouncing"), WELL),
    Row("AUTOTRAINER", "no progress", "no gain > 0.01, < 0.7 at the end", "CKP009",
        Series("stuck"), WELL),
    Row("UMLAUT", "loss falls in training and rises elsewhere", "3 epochs", "CKP013",
        Series("over_trained"), WELL),
]  # fmt: skip

OF_WEIGHTS = {"CKP001", "CKP002", "CKP003"}
"""Rules on series that run no checkpoint."""

UNANSWERED = {
    ("TheDeepChecker", "one batch over-fitted, gradient check, corrupted labels"):
        "needs the training program",
    ("TheDeepChecker", "target of another scale than 1"):
        "a trained file holds that scale; before training a far mean is judged",
    ("TheDeepChecker", "loss and metric that do not go together"):
        "the loss of the training is not in the files",
    ("TheDeepChecker", "gradient that doubles 5 times"):
        "of a series only fading is judged; ACT013 judges the gradient of one checkpoint",
    ("UMLAUT", "learning rate out of range"): "needs the optimiser",
    ("UMLAUT", "accuracy on other samples above 0.95"):
        "sound for easy samples; a lead over those of training is judged",
    ("DeepDiagnosis", "loss of exactly 0"): "sound for samples that are learnt",
    ("AUTOTRAINER", "loss that does not fit the number of outputs"):
        "the loss of the training is not in the files",
}  # fmt: skip


def rules_of(run: One | Series) -> tuple[str, ...]:
    return tuple({row.rule: None for row in ANSWERED if run in (row.crossing, row.sound)})


def series_report(run: Series, folder: Path) -> ModelReport:
    at = FIXTURES / "series" / run.name
    names = sorted(map(str, at.glob("*.onnx")), key=natural)
    if run.is_spoilt:
        names = [*names[:3], spoilt(names[3], folder)]
    source = at if (at / "test.npz").exists() else at.parent
    data, train = source / "test.npz", source / "train.npz"
    overrides = {
        "series": checkpoint_files(names), "data": data, "labels": LabelSource(data, "y"),
        "train_data": train, "train_labels": LabelSource(train, "y"),
    }  # fmt: skip
    rules = rules_of(run)
    job = Planner(select=rules, overrides=overrides).job(names[-1])
    is_static = OF_WEIGHTS.issuperset(rules)
    return lint_model(replace(job, static_only=is_static), workers=shared_workers())


def spoilt(name: str, folder: Path) -> str:
    """The same checkpoint after a step that gave no numbers."""
    model = onnx.load(name)
    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor)
        tensor.CopyFrom(numpy_helper.from_array(np.full_like(array, np.nan), tensor.name))
    onnx.save(model, folder / Path(name).name)
    return str(folder / Path(name).name)


def settings_of(run: One, folder: Path) -> Settings:
    given: dict[str, object] = {"stage": Stage(run.stage)}
    if run.data:
        data = FIXTURES / run.data
        if run.changed:
            data = folder / "data.npz"
            with np.load(FIXTURES / run.data) as file:
                np.savez(data, **run.changed(dict(file)))
        given |= {"data": data, "labels": LabelSource(data, run.labels), "samples": 1000}
    if run.train:
        train = FIXTURES / run.train
        given |= {"train_data": train, "train_labels": LabelSource(train, run.labels)}
    if run.reference:
        given["reference"] = FIXTURES / run.reference
    return Settings(**given)


@cache
def report(run: One | Series) -> ModelReport:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        if isinstance(run, Series):
            return series_report(run, folder)
        is_text = "{" in run.model
        path = (
            stack.enter_context(saved(Example.parse(run.model)))
            if is_text else FIXTURES / run.model
        )  # fmt: skip
        return lint(path, select=rules_of(run), settings=settings_of(run, folder))


def told(run: One | Series, rule: str) -> set[Severity]:
    """How severe the findings of a rule are, which must have run."""
    found = report(run)
    assert found.error is None
    assert rule not in found.not_applicable, found.not_applicable[rule]
    return {each.severity for each in found.findings if each.code == rule}


@pytest.mark.parametrize("row", ANSWERED, ids=lambda row: f"{row.system}: {row.check}")
def test_a_rule_answers(row):
    loud = {Severity.INFO} if row.rule == "PRD017" else {Severity.WARNING, Severity.ERROR}
    assert told(row.crossing, row.rule) & loud
    assert not told(row.sound, row.rule) & loud


def test_no_check_is_in_both_tables():
    answered = {(row.system, row.check) for row in ANSWERED}
    assert len(answered) == len(ANSWERED)
    assert not answered & set(UNANSWERED)
