"""Assertions about a model, one line each, for a team's own tests.

    from onnxlint.asserting import OnnxModel

    model = OnnxModel("classifier.onnx", data="validation.npz")

    def test_classifier():
        model.assert_layers(["Conv", "Conv", "Gemm"])
        model.assert_output("scores", range=(0, 1))
        model.assert_finite()

Each raises AssertionError with what was observed and what was expected, also where the model cannot
be read or run, or has nothing that the assertion is about. In tests of pytest, the fixture
`onnx_model` makes an `OnnxModel`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from onnxlint.analyses.inputs.user_data import Data
from onnxlint.analyses.predictions.outputs import Outputs
from onnxlint.analyses.predictions.predictions import Predictions
from onnxlint.analyses.static.layers import Layers
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.analyses.static.trained_parameters import Parameters
from onnxlint.analyses.trace.trace import Trace
from onnxlint.expectations import (
    Dims,
    Range,
    mistyped,
    outside,
    told,
    unequal,
    weighted_layers,
)
from onnxlint.findings import Diagnostic, Finding
from onnxlint.job import Job
from onnxlint.model.graph.graph import Graph
from onnxlint.pipeline import lint, lint_model
from onnxlint.report import ModelReport
from onnxlint.rules.packs import Registry, discover
from onnxlint.rules.rule import Rule
from onnxlint.safety.printable import printable_lines
from onnxlint.settings import Settings
from onnxlint.severity import Severity, Stage
from onnxlint.testing import shared_workers


def assert_clean(
    path: str | Path,
    *,
    select: Iterable[str] = (),
    ignore: Iterable[str] = (),
    fail_on: str | None = None,
    config: Path | None = None,
    settings: Settings | None = None,
) -> None:
    """Asserts that onnxlint finds nothing in a model that fails the gate.

    Args:
        path: the model.
        select: codes, prefixes or names of the rules to run; without it those of the configuration.
        ignore: those not to run.
        fail_on: the severity from which on a finding fails; without it the configuration's.
        config: a configuration file; without it the nearest one holds.
        settings: data, samples, seed, limits; without it the configuration's.
    """
    report = lint(path, select=select, ignore=ignore, config=config, settings=settings)
    if fail_on is not None:
        report = replace(report, fail_on=Severity(fail_on))
    _check_complete(report)
    if not report.ran and not report.not_applicable:
        raise AssertionError(f"{path}: no rule ran")
    _check_none(
        report, [each for each in report.findings if each.severity.rank <= report.fail_on.rank]
    )


class OnnxModel(Struct, frozen=True):
    """A model under test.

    Args:
        path: the model's file.
        data: samples to run it on, in any format that onnxlint reads; without it synthetic ones.
        stage: how far training is: `init` or `trained`.
        samples: how many samples are run.
        settings: whatever else onnxlint can be told; the others win.
    """

    path: str | Path
    data: str | Path | None = None
    stage: str = Stage.TRAINED.value
    samples: int | None = None
    settings: Settings = field(default_factory=Settings)

    def assert_clean(self, *, select: Iterable[str] = (), fail_on: str | None = None) -> None:
        """Asserts that onnxlint finds nothing that fails the gate; see `assert_clean`."""
        assert_clean(self.path, select=select, fail_on=fail_on, settings=self._settings())

    def assert_layers(self, expected: Sequence[str] | Mapping[str, str]) -> None:
        """Asserts which layers with weights there are, in order: convolutions, dense, recurrent.

        Args:
            expected: the operators, `["Conv", "Gemm"]`; or operators by module or, where the
                exporter wrote none, by weight: `{"conv1": "Conv", "fc": "Gemm"}`.
        """

        def check(graph: Graph, layers: Layers) -> Iterator[Finding]:
            found = [*weighted_layers(graph, layers)]
            if isinstance(expected, Mapping):
                yield from unequal(graph, "layers", dict(found), dict(expected))
                if [name for name, _ in found] != [*expected]:
                    yield from unequal(graph, "order of layers", [*dict(found)], [*expected])
            else:
                yield from unequal(graph, "layers", [kind for _, kind in found], [*expected])

        self._judge(check)

    def assert_operators(self, expected: Mapping[str, int]) -> None:
        """Asserts how many nodes of some operators there are: `{"Softmax": 1, "Dropout": 0}`."""

        def check(graph: Graph) -> Iterator[Finding]:
            found = {op: len([*graph.nodes(op)]) for op in expected}
            yield from unequal(graph, "operators", found, dict(expected))

        self._judge(check)

    def assert_parameters(self, trainable: int | Range) -> None:
        """Asserts how many trainable parameters there are, or between which numbers."""

        def check(graph: Graph) -> Iterator[Finding]:
            found = Parameters.build(graph).total
            low, high = (trainable, trainable) if isinstance(trainable, int) else trainable
            if not low <= found <= high:
                expected = f"{low:,}" if low == high else f"{low:,} to {high:,}"
                yield told(graph, "trainable parameters", f"{found:,}", expected)

        self._judge(check)

    def assert_inputs(self, *names: str) -> None:
        """Asserts the names of the inputs, in their order."""

        def check(graph: Graph) -> Iterator[Finding]:
            yield from unequal(graph, "inputs", [v.name for v in graph.inputs], [*names])

        self._judge(check)

    def assert_outputs(self, *names: str) -> None:
        """Asserts the names of the outputs, in their order."""

        def check(graph: Graph) -> Iterator[Finding]:
            yield from unequal(graph, "outputs", [v.name for v in graph.outputs], [*names])

        self._judge(check)

    def assert_input(
        self, name: str, *, dtype: str | None = None, shape: Dims | None = None,
        range: Range | None = None,  # noqa: A002
    ) -> None:  # fmt: skip
        """Asserts the type of an input, and the range of the data for it.

        Args:
            name: the input's.
            dtype: `float32`, `int64`, ….
            shape: sizes, names of dynamic dimensions, and `*` for any: `("batch", 3, 224, "*")`.
            range: minimum and maximum of the data, inclusive.
        """

        def check(graph: Graph, shapes: Shapes) -> Iterator[Finding]:
            yield from mistyped(graph, shapes, graph.inputs, f"input {name!r}", name, dtype, shape)

        def check_data(graph: Graph, data: Data) -> Iterator[Finding]:
            import numpy as np

            for fed in data:
                if fed.value.name == name and range is not None:
                    low = min((float(np.min(block)) for block in fed.blocks), default=math.nan)
                    high = max((float(np.max(block)) for block in fed.blocks), default=math.nan)
                    yield from outside(graph, f"range of input {name!r}", (low, high), range)

        self._judge(check)
        if range is not None:
            self._judge(check_data)

    def assert_output(
        self, name: str, *, dtype: str | None = None, shape: Dims | None = None,
        range: Range | None = None,  # noqa: A002
    ) -> None:  # fmt: skip
        """Asserts the type of an output, and the range of its values; see `assert_input`."""

        def check(graph: Graph, shapes: Shapes) -> Iterator[Finding]:
            what = f"output {name!r}"
            yield from mistyped(graph, shapes, graph.outputs, what, name, dtype, shape)

        def check_values(graph: Graph, outputs: Outputs) -> Iterator[Finding]:
            for output in outputs:
                if output.value.name == name and range is not None:
                    seen = output.bounds or (math.nan, math.nan)
                    yield from outside(graph, f"range of output {name!r}", seen, range)

        self._judge(check)
        if range is not None:
            self._judge(check_values)

    def assert_initial_entropy(self, *, tolerance: float = 0.1) -> None:
        """Asserts that predictions over k classes have an entropy near ln k.

        So an untrained classifier should begin; its loss is then ln k, too.

        Args:
            tolerance: how far the mean entropy may be from ln k, as a fraction of it.
        """

        def check(graph: Graph, predictions: Predictions) -> Iterator[Finding]:
            heads = [each for each in predictions if each.is_probable]
            if not heads:
                yield told(graph, "outputs with probabilities", "none", "at least one")
            for head in heads:
                expected = head.expected_entropy
                if not abs(head.entropy - expected) <= tolerance * expected:
                    what = f"mean entropy of output {head.head.value.name!r} in nats"
                    bounds = f"{expected:.3f} with a tolerance of {tolerance:.0%}"
                    yield told(graph, what, f"{head.entropy:.3f}", bounds)

        self._judge(check)

    def assert_finite(self) -> None:
        """Asserts that no value inside the model is NaN or infinite on any sample."""

        def check(graph: Graph, trace: Trace) -> Iterator[Finding]:
            for each in trace.nodes():
                seen = each.output.statistics
                if seen.nan or seen.infinite:
                    found = f"{seen.nan:,} NaN and {seen.infinite:,} infinite"
                    yield Finding(each, f"elements: observed {found}, expected none")
                    return  # what is computed from it is no better

        self._judge(check)

    def assert_layer_inputs_normalised(
        self, *, max_shift: float = 10.0, rms: Range = (0.01, 10.0)
    ) -> None:
        """Asserts that what layers read has a mean near 0 and a variance near 1.

        Args:
            max_shift: how many standard deviations the mean may be from 0.
            rms: bounds of the root mean square.
        """
        self._judge_by("unnormalised-layer-input", max_shift=max_shift, min_rms=rms[0],
                       max_rms=rms[1])  # fmt: skip

    def assert_no_dead_units(self, *, max_fraction: float = 0.0) -> None:
        """Asserts that every channel of every ReLU is above zero on some sample.

        Args:
            max_fraction: the share of a ReLU's channels that may be zero on all samples.
        """
        self._judge_by("dead-relu", max_dead_fraction=max_fraction)

    def assert_close_to(self, reference: str | Path, *, max_error: float = 1e-3) -> None:
        """Asserts that the outputs are those of another model on the same samples.

        Args:
            reference: the other model.
            max_error: the largest error of an output, as a fraction of its norm (L2).
        """
        settings = replace(self._settings(), reference=Path(reference))
        limits = {"max_error": max_error, "max_error_quantised": max_error}
        self._judge_by("reference-divergence", settings, **limits)

    def assert_deterministic(self, *, max_difference: float = 0.01) -> None:
        """Asserts that outputs are the same when the same input is run again.

        Args:
            max_difference: the largest difference of an output, as a fraction of its peak.
        """
        self._judge_by("nondeterministic", max_difference=max_difference)

    def assert_batch_independent(self, *, max_difference: float = 0.01) -> None:
        """Asserts that the outputs for a sample do not depend on the others in its batch."""
        self._judge_by("batch-coupling", max_difference=max_difference)

    def _settings(self) -> Settings:
        settings = replace(self.settings, stage=Stage(self.stage))
        if self.data is not None:
            settings = replace(settings, data=Path(self.data))
        return settings if self.samples is None else replace(settings, samples=self.samples)

    def _judge(self, check: Callable[..., Iterable[Finding]]) -> None:
        """Runs a function of analyses, as a rule is run."""
        rule = Rule("AST001", "assertion", Severity.ERROR, check)
        self._run(Job(str(self.path), (rule,), self._settings()))

    def _judge_by(self, name: str, settings: Settings | None = None, **options: Any) -> None:
        """Runs a rule; every finding counts, whatever its severity."""
        rule = _registry().named(name)
        if rule is None:
            raise AssertionError(f"the rule {name!r} is not installed")
        settings = settings or self._settings()
        self._run(Job(str(self.path), (rule,), settings, {rule.code: options}))

    def _run(self, job: Job) -> None:
        report = lint_model(job, workers=shared_workers())
        _check_complete(report)
        for reason in report.not_applicable.values():
            raise AssertionError(printable_lines(f"{report.path}: cannot be judged: {reason}"))
        _check_none(report, report.findings)


@cache
def _registry() -> Registry:
    return discover()


def _check_complete(report: ModelReport) -> None:
    if report.error is not None:
        raise AssertionError(printable_lines(f"{report.path}: {report.error}"))
    if not report.complete:
        _check_none(report, [each for each in report.findings if each.code.startswith("LNT")])


def _check_none(report: ModelReport, findings: Iterable[Diagnostic]) -> None:
    lines = [f"{report.path}: {_line(finding)}" for finding in findings]
    if lines:
        raise AssertionError(printable_lines("\n".join(lines)))


def _line(finding: Diagnostic) -> str:
    own = finding.code.startswith("AST")
    code = "" if own else f"{finding.severity} {finding.code} {finding.name}: "
    where = f"{finding.place}: " if finding.place.node or finding.place.value else ""
    return f"{code}{where}{finding.message}"
