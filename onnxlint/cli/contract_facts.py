"""What `init` sees of a model: the facts that become the lines of its contract."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec

from onnxlint.settings import InputContract, Settings

if TYPE_CHECKING:
    from onnxlint.analyses import Analyses
    from onnxlint.analyses.inputs.user_data import FedInput
    from onnxlint.analyses.predictions.outputs import Output
    from onnxlint.analyses.static.shapes import Shapes
    from onnxlint.analyses.trace.trace import Observed, Trace
    from onnxlint.model.graph.nodes import Value

Pair = tuple[float, float]

MOST_VALUES = 40
"""Inner values that are written: a choice, what a person reads through."""

MOST_FEATURES = 64
"""Features of an input whose ranges are written one by one."""

_SHOWN = {"float": "float32", "double": "float64"}


class InputFacts(msgspec.Struct):
    """An input: its type, and what the user's data shows of it. Moments are those of features.

    `prepared` are the keys by which the configuration already has its images prepared.
    """

    name: str
    dtype: str | None
    dims: list[int | str] | None
    range: Pair | None = None
    features: list[Pair] = []
    columns: list[str] = []
    means: Pair | None = None
    stds: Pair | None = None
    prepared: dict[str, Any] = {}


class OutputFacts(msgspec.Struct):
    """An output: its type, and what a run shows of it."""

    name: str
    dtype: str | None
    dims: list[int | str] | None
    range: Pair | None = None
    head: str | None = None
    sums_to_one: bool = False
    entropy: float | None = None
    most_entropy: float | None = None


class ValueFacts(msgspec.Struct):
    """An inner value, by its module or name."""

    name: str
    range: Pair
    mean: float
    std: float
    sparsity: float


class ModelFacts(msgspec.Struct, kw_only=True):
    """A model. `unseen` says why nothing was observed; `uncounted` where costs are not known."""

    ir_version: int
    opsets: dict[str, int]
    parameters: int
    operators: dict[str, int]
    layers: list[tuple[str, str, list[int]]]
    inputs: list[InputFacts]
    outputs: list[OutputFacts]
    values: list[ValueFacts] = []
    file_bytes: int
    nodes: int
    flops: int | None = None
    peak_memory: int | None = None
    uncounted: str | None = None
    symbols: list[str] = []
    metadata: dict[str, str] = {}
    producer: str = ""
    producer_version: str = ""
    unseen: str | None = None
    synthetic: bool = True
    samples: int = 0


def observed_facts(analyses: Analyses, *, static_only: bool) -> ModelFacts:
    """Looks at a model, and runs it unless that is not wanted.

    Raises:
        DataError: the user's data cannot be read, or does not fit.
    """
    facts = _static(analyses)
    if static_only:
        facts.unseen = "the model was not run"
        return facts
    from onnxlint.analyses.trace.trace import Trace
    from onnxlint.model.graph.place import NotApplicable

    try:
        trace = analyses.get(Trace)
    except NotApplicable as reason:
        facts.unseen = str(reason)
        return facts
    facts.synthetic, facts.samples = trace.synthetic, trace.samples
    _look_at_data(analyses, facts)
    _look_at_outputs(analyses, facts)
    facts.values = list(_values(analyses, trace))
    return facts


def _static(analyses: Analyses) -> ModelFacts:
    from onnxlint.analyses.static.contract import Contract
    from onnxlint.analyses.static.shapes import Shapes
    from onnxlint.model.graph.graph import Graph
    from onnxlint.model.preflight import Preflight

    graph, contract, shapes = analyses.get(Graph), analyses.get(Contract), analyses.get(Shapes)
    proto, settings = graph.model.proto, analyses.get(Settings)
    facts = ModelFacts(
        ir_version=proto.ir_version,
        opsets=dict(graph.main.opsets),
        parameters=contract.parameters,
        operators=dict(sorted(contract.operators.items())),
        layers=[(layer.name, layer.kind, list(layer.dims)) for layer in contract.layers],
        inputs=[
            InputFacts(v.name, *_type(shapes, v), prepared=_prepared(settings.inputs.get(v.name)))
            for v in graph.inputs
        ],
        outputs=[OutputFacts(v.name, *_type(shapes, v)) for v in graph.outputs],
        file_bytes=analyses.get(Preflight).total_bytes,
        nodes=sum(len(scope.nodes) for scope in graph.scopes),
        symbols=sorted(contract.symbols),
        metadata={entry.key: entry.value for entry in proto.metadata_props},
        producer=proto.producer_name,
        producer_version=proto.producer_version,
    )
    _count_costs(analyses, facts)
    return facts


def _prepared(declared: InputContract | None) -> dict[str, Any]:
    """The keys that differ from the defaults."""
    keys = {} if declared is None else msgspec.to_builtins(declared)
    plain = msgspec.to_builtins(InputContract())
    return {key: each for key, each in keys.items() if each != plain[key]}


def _count_costs(analyses: Analyses, facts: ModelFacts) -> None:
    from onnxlint.analyses.static.costs import Costs
    from onnxlint.model.graph.place import NotApplicable

    try:
        costs = analyses.get(Costs)
        unknown = sorted({*costs.uncounted, *costs.unsized})
        if unknown:
            facts.uncounted = f"sizes at {', '.join(unknown)} are unknown"
        facts.flops = None if costs.uncounted else costs.product_flops
        facts.peak_memory = None if costs.unsized else costs.peak_memory
    except NotApplicable as reason:
        facts.uncounted = str(reason)


def _type(shapes: Shapes, value: Value) -> tuple[str | None, list[int | str] | None]:
    """Dtype and dimensions as the contract writes them; None for what is no tensor, or unknown."""
    shape = shapes.of(value)
    if shape is None:
        return None, None
    dims = (
        None if shape.dims is None else [d if isinstance(d, int) else d or "*" for d in shape.dims]
    )
    return _SHOWN.get(shape.dtype, shape.dtype), dims


def _look_at_data(analyses: Analyses, facts: ModelFacts) -> None:
    from onnxlint.analyses.inputs.user_data import Data
    from onnxlint.model.graph.place import NotApplicable

    with suppress(NotApplicable):  # there is none
        by_name = {each.name: each for each in facts.inputs}
        for fed in analyses.get(Data):
            if fed.is_numeric and fed.features.count.sum():
                _look_at_features(fed, by_name[fed.value.name])


def _look_at_features(fed: FedInput, told: InputFacts) -> None:
    told.range = (fed.features.lowest, fed.features.highest)
    seen = fed.by_feature
    if not fed.is_float or not (seen.count > 0).all():
        return
    if len(seen.minimum) <= MOST_FEATURES:
        told.features = list(zip(seen.minimum.tolist(), seen.maximum.tolist(), strict=True))
        unique = len(set(fed.columns)) == len(told.features)
        told.columns = fed.columns if unique and not any(map(str.isdecimal, fed.columns)) else []
    told.means = (float(seen.mean.min()), float(seen.mean.max()))
    told.stds = (float(seen.spread.min()), float(seen.spread.max()))


def _look_at_outputs(analyses: Analyses, facts: ModelFacts) -> None:
    from onnxlint.analyses.predictions.outputs import Outputs
    from onnxlint.analyses.predictions.predictions import Predictions
    from onnxlint.model.graph.place import NotApplicable

    by_name = {each.name: each for each in facts.outputs}
    with suppress(NotApplicable):
        for output in analyses.get(Outputs):
            _look_at_output(output, by_name[output.value.name])
    with suppress(NotApplicable):  # no output is a prediction
        for prediction in analyses.get(Predictions):
            told = by_name[prediction.head.value.name]
            told.head = prediction.head.kind
            if prediction.is_probable and math.isfinite(prediction.entropy):
                told.entropy, told.most_entropy = prediction.entropy, prediction.expected_entropy
            if prediction.head.kind not in ("softmax", "probabilities"):
                told.sums_to_one = False


SUM_TOLERANCE = 0.005
"""Half of what CTR008 takes."""


def _look_at_output(output: Output, told: OutputFacts) -> None:
    bounds = output.bounds
    if bounds is not None and all(map(math.isfinite, bounds)):
        told.range = bounds
    rows = [array for array in output.arrays if array.ndim > 1 and array.dtype.kind == "f"]
    told.sums_to_one = bool(rows) and output.farthest_sum[0] <= SUM_TOLERANCE


def _values(analyses: Analyses, trace: Trace) -> Iterator[ValueFacts]:
    """What a run shows of inner values, evenly over the model where there are many."""
    from onnxlint.analyses.static.contract import Contract

    contract = analyses.get(Contract)
    named: dict[str, Observed] = {}
    for observed in trace.values():
        value, seen = observed.value, observed.statistics
        name = contract.name_of(value)
        fits = name is not None and seen.finite == seen.elements and not value.is_output
        if fits and name is not None and observed.samples is not None:
            named.setdefault(name, observed)
    step = max(1, math.ceil(len(named) / MOST_VALUES))
    for name, observed in list(named.items())[::step]:
        seen = observed.statistics
        yield ValueFacts(
            name, (seen.minimum, seen.maximum), seen.mean, math.sqrt(seen.variance),
            seen.zeros / seen.elements,
        )  # fmt: skip


def decoded(data: bytes) -> ModelFacts | str:
    """What a child process saw, or why it saw nothing."""
    answer: dict[str, Any] = msgspec.json.decode(data)
    error = answer.get("error")
    return error if isinstance(error, str) else msgspec.convert(answer, ModelFacts)
