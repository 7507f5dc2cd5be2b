"""For rule authors: models from text, and the examples of a rule's docstring run as its tests.

An example is a model in ONNX's text syntax. The header (`<ir_version: …>`) may be left out. Lines
beside it say what the syntax cannot:

    # stage: init            judge at this stage of training
    # option: limit = 3      give the rule an option
    # target: ort-cpu-1.20   where the model is to run
    # data: x = [[1.5, 2]]   feed this, input by input, instead of synthesised samples
    # labels: [0, 1, 1]      what should come out, sample by sample
    # train: x = [[1.5, 2]]  the data that it was trained on, input by input
    # train-labels: [0, 1]   and its labels
    # series: [0, 10, 20]    checkpoints at these steps: the changes are made for each anew, with
                             `k` counting them from 0, and `weights` the constants as arrays
    # config: seed = 7       what the configuration file says, as `outputs.y.range = [0, 1]`
    >>> model.graph.node[0].name = ""      change the parsed model (`folder` is its directory)
"""

from __future__ import annotations

import atexit
import re
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field
from msgspec.structs import replace

from onnxlint.config import Config, Loaded
from onnxlint.config_files import with_paths
from onnxlint.fixing import FixRequest, fix_model
from onnxlint.job import Job, promised, settings_of
from onnxlint.pipeline import lint_model
from onnxlint.report import ModelReport
from onnxlint.rules.rule import Rule
from onnxlint.settings import LABELLED_SAMPLES, CheckpointFiles, LabelSource, Settings
from onnxlint.severity import Stage
from onnxlint.toml_tables import ConfigError, converted

if TYPE_CHECKING:
    from onnx import ModelProto

    from onnxlint.analyses.execution.worker import Workers

HEADER = '<ir_version: 10, opset_import: ["" : 21]>\n'
"""Put before an example that has none of its own."""

DATA_FILE = "data.npz"
"""Holds an example's data, beside its model."""

LABEL_FILE = "labels.npy"
"""Holds its labels."""

TRAIN_FILE, TRAIN_LABEL_FILE = "train.npz", "train_labels.npy"
"""The same of what it was trained on."""

MODEL_FILE = "model.onnx"
"""The model, in a folder of its own; of a series the last checkpoint."""

_DIRECTIVE = re.compile(
    r"(?:# (stage|option|target|data|labels|train|train-labels|config|series):|>>> )\s*(.*)"
)


class ExampleError(ValueError):
    """An example that is not a model: which line, and why."""


class Example(Struct, frozen=True):
    """A model in text with what goes beside it."""

    text: str
    stage: Stage = Stage.TRAINED
    changes: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    targets: tuple[str, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    labels: tuple[Any, ...] = ()
    train: Mapping[str, Any] = field(default_factory=dict)
    train_labels: tuple[Any, ...] = ()
    series: tuple[int, ...] = ()

    @classmethod
    def parse(cls, source: str) -> Example:
        """Takes the directives out of an example's lines."""
        directives: dict[str, list[str]] = {}
        text = []
        for line in source.splitlines():
            directive = _DIRECTIVE.fullmatch(line.strip())
            if directive is None:
                text.append(line)
            else:
                directives.setdefault(directive[1] or "change", []).append(directive[2])
        option, data, config, train = (
            tomllib.loads("\n".join(directives.get(kind, ())))
            for kind in ("option", "data", "config", "train")
        )
        labels, train_labels, series = (
            _listed(directives.get(kind, [])) for kind in ("labels", "train-labels", "series")
        )
        return cls(
            "\n".join(text).strip(),
            Stage(directives.get("stage", [Stage.TRAINED])[-1]),
            tuple(directives.get("change", ())),
            {name.replace("-", "_"): value for name, value in option.items()},
            tuple(directives.get("target", ())),
            data,
            config,
            labels,
            train,
            train_labels,
            series,
        )

    def settings_in(self, folder: Path) -> Settings:
        """The settings that it is judged with; files that they name lie in `folder`."""
        config = converted(with_paths(dict(self.config), folder), Config)
        settings = settings_of(Loaded(config, folder / "onnxlint.toml"))
        settings = replace(
            settings, targets=self.targets, inputs=config.inputs, outputs=config.outputs,
            **promised([config]),
        )  # fmt: skip
        if self.data:
            settings = replace(settings, data=folder / DATA_FILE)
        if self.labels:
            settings = replace(
                settings, labels=LabelSource(folder / LABEL_FILE), samples=LABELLED_SAMPLES
            )
        if self.train:
            labels = LabelSource(folder / TRAIN_LABEL_FILE)
            settings = replace(settings, train_data=folder / TRAIN_FILE, train_labels=labels)
        if self.series:
            files = tuple(self._checkpoint(folder, k) for k in range(len(self.series)))
            settings = replace(settings, series=CheckpointFiles(files, self.series, "step"))
        return settings

    def _checkpoint(self, folder: Path, k: int) -> Path:
        """The file of a checkpoint of the series."""
        is_last = k == len(self.series) - 1
        return folder / (MODEL_FILE if is_last else f"checkpoint_{k}.onnx")

    def model(self, folder: Path) -> ModelProto:
        """The model; its data, and files that its changes write, go to `folder`.

        Of a series it is the last checkpoint; the earlier ones are written to `folder`, too.

        Raises:
            ExampleError: the text is not a model, or a change fails.
        """
        for path, arrays in ((DATA_FILE, self.data), (TRAIN_FILE, self.train)):
            if arrays:
                _save_data(folder / path, arrays)
        for path, labels in ((LABEL_FILE, self.labels), (TRAIN_LABEL_FILE, self.train_labels)):
            if labels:
                _save_labels(folder / path, labels)
        if not self.series:
            return self._changed({"folder": folder})
        for k in range(len(self.series)):
            proto = self._changed({"folder": folder, "k": k}, arrays=True)
            self._checkpoint(folder, k).write_bytes(proto.SerializeToString())
        return proto

    def _changed(self, names: dict[str, Any], *, arrays: bool = False) -> ModelProto:
        """The model with its changes; `arrays` lets them change constants as arrays, too."""
        proto = model_from_text(self.text)
        weights = _arrays(proto) if arrays else {}
        names = {**names, "model": proto, "weights": weights}
        for change in self.changes:
            try:
                exec(change, names)
            except Exception as error:
                raise ExampleError(f"'>>> {change}': {type(error).__name__}: {error}") from error
        _put_back(proto, names["weights"])
        return proto


def _listed(given: list[str]) -> tuple[Any, ...]:
    """The list that a directive holds; of several the last."""
    return tuple(tomllib.loads(f"a = {given[-1]}")["a"]) if given else ()


def _arrays(proto: ModelProto) -> dict[str, Any]:
    """Its constants as arrays that can be changed."""
    from onnx import numpy_helper

    return {each.name: numpy_helper.to_array(each).copy() for each in proto.graph.initializer}


def _put_back(proto: ModelProto, weights: Mapping[str, Any]) -> None:
    """Writes such arrays into the model, in the dtypes that it has."""
    import numpy as np
    from onnx import numpy_helper

    for each in proto.graph.initializer:
        if each.name in weights:
            dtype = numpy_helper.to_array(each).dtype
            array = np.asarray(weights[each.name], dtype)
            each.CopyFrom(numpy_helper.from_array(array, each.name))


def model_from_text(text: str) -> ModelProto:
    """A model in ONNX's text syntax, with a header if it has none.

    Raises:
        ExampleError: the syntax is wrong; the message is onnx's.
    """
    from onnx import parser

    try:
        return parser.parse_model(text if text.lstrip().startswith("<") else HEADER + text)
    except (parser.ParseError, IndexError) as error:  # older ones: a number out of range
        raise ExampleError(f"not ONNX text: {error}") from error


def _save_data(path: Path, data: Mapping[str, Any]) -> None:
    """Arrays of an example: what is written with a point is float32, as models mostly want it."""
    import numpy as np

    arrays: dict[str, Any] = {name: np.array(value) for name, value in data.items()}
    doubles = {name: array for name, array in arrays.items() if array.dtype == np.float64}
    np.savez(path, **arrays | {name: array.astype(np.float32) for name, array in doubles.items()})


def _save_labels(path: Path, labels: tuple[Any, ...]) -> None:
    import numpy as np

    np.save(path, np.array(labels))


@contextmanager
def saved(example: Example) -> Iterator[Path]:
    """The example's model as a file in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="onnxlint-example-") as name:
        path = Path(name) / MODEL_FILE
        path.write_bytes(example.model(Path(name)).SerializeToString())
        yield path


@cache
def shared_workers() -> Workers:
    """The process that runs models for every call from here: to start one takes half a second."""
    from onnxlint.analyses.execution.worker import Workers

    workers = Workers()
    atexit.register(workers.close)
    return workers


def run_rule(
    rule: Rule, model: str | Path, *, stage: Stage = Stage.TRAINED,
    settings: Settings | None = None, **options: Any,
) -> ModelReport:  # fmt: skip
    """What one rule says of a model, with these options; nothing else is run."""
    return lint_model(_job(rule, model, stage, settings, options), workers=shared_workers())


def fix_by_rule(
    rule: Rule, model: str | Path, target: str | Path, *, stage: Stage = Stage.TRAINED,
    settings: Settings | None = None, workers: Workers | None = None, **options: Any,
) -> ModelReport:  # fmt: skip
    """Fixes a model by the fixes of one rule; verified by a run, where the model runs."""
    request = FixRequest(Path(target), unverified=True)
    job = _job(rule, model, stage, settings, options)
    return fix_model(job, request, workers=workers or shared_workers())


def _job(
    rule: Rule, model: str | Path, stage: Stage, settings: Settings | None, options: dict[str, Any]
) -> Job:
    settings = replace(settings or Settings(), stage=stage)
    return Job(str(model), (rule,), settings, {rule.code: options})


def problems(rule: Rule) -> list[str]:
    """What is wrong with a rule's documentation and examples; empty if it keeps its word.

    Where the finding of a Bad example carries a fix, that must fix the example.
    """
    documentation = rule.documentation
    required: tuple[str, ...] = ("why", "fix", "bad", "good")
    lacks = "docstring has no {}: section"
    if rule.documented is not None:  # a table need not say why, but must show that it finds
        required, lacks = ("bad",), "no example {!r}"
    lacking = [lacks.format(title) for title in required if not getattr(documentation, title)]
    examples = [(text, True) for text in documentation.bad]
    examples += [(text, False) for text in documentation.good]
    return lacking + [problem for text, fires in examples for problem in _broken(rule, text, fires)]


def _broken(rule: Rule, source: str, fires: bool) -> Iterable[str]:
    kind = "Bad" if fires else "Good"
    try:
        example = Example.parse(source)
        with saved(example) as path:
            settings = example.settings_in(path.parent)
            report = run_rule(rule, path, stage=example.stage, settings=settings, **example.options)
            unfixed = list(_unfixed(rule, path, example)) if report.fixable else []
    except (ConfigError, ExampleError, ValueError) as error:
        return [f"the {kind} example is {error}"]
    if not report.complete:
        crash = report.error or "; ".join(finding.message for finding in report.findings)
        return [f"the {kind} example cannot be judged: {crash}"]
    messages = [finding.message for finding in report.findings]
    if fires and not messages:
        reason = report.not_applicable.get(rule.code, "no finding")
        return [f"the Bad example does not fire: {reason}"]
    return unfixed if fires else [f"the Good example fires: {message}" for message in messages]


def _unfixed(rule: Rule, path: Path, example: Example) -> Iterator[str]:
    """What the fix of an example's finding leaves; a milder finding may remain for a person."""
    target = path.with_name("fixed.onnx")
    settings = example.settings_in(path.parent)
    report = fix_by_rule(
        rule, path, target, stage=example.stage, settings=settings, **example.options
    )
    fixes = report.mending
    if fixes is None or fixes.problem is not None:
        reason = report.error if fixes is None else fixes.problem
        yield f"the fix of the Bad example cannot be made: {reason}"
        return
    for _, reason in fixes.refused:
        yield f"the fix of the Bad example was not kept: {reason}"
    gravest = min((finding.severity.rank for finding in fixes.fixed), default=0)
    for finding in report.findings:
        if fixes.fixed and finding.severity.rank <= gravest:
            yield f"after the fix, the Bad example still fires: {finding.message}"
