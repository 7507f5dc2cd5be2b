"""The text of a new `onnxlint.toml`: what was seen of each model, as promises with comments."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

from onnxlint.cli.contract_facts import InputFacts, ModelFacts, OutputFacts, Pair, ValueFacts
from onnxlint.cli.toml_text import dotted, rounded_down, rounded_up, value

MARGIN = 0.1
"""How far observed ranges are widened, as a share of their width, and budgets raised."""

MOST_LAYERS = 2_000
"""Layers that are written; beyond, a file would be larger than one that is read."""

LEAST_SPARSITY_MARGIN = 0.05

NORMALISED_MEAN, NORMALISED_SCALE = 0.5, 2.0
"""What CTR006 takes for normalised."""

_LICENCES = ("license", "model_license", "licence", "model_licence")


class ModelSection:
    """The tables of one model; `prefix` is `per-model` where it is not the only one."""

    def __init__(self, facts: ModelFacts, prefix: str | None, *, is_initial: bool) -> None:
        self._facts, self._prefix, self._initial = facts, prefix, is_initial

    def lines(self) -> Iterator[str]:
        """All tables, those that a person edits most first."""
        facts = self._facts
        yield from self._inputs(facts.inputs)
        yield from self._outputs(facts.outputs)
        yield from self._architecture()
        yield from self._values(facts.values)
        yield from self._budgets()
        yield from self._provenance()

    def _table(self, *names: str) -> str:
        parts = names if self._prefix is None else (self._prefix, *names)
        return f"\n[{dotted(*parts)}]"

    def _observed(self, line: str) -> str:
        """A line about what was seen: a comment where only synthetic samples were."""
        return f"# {line}" if self._facts.synthetic else line

    def _inputs(self, inputs: Sequence[InputFacts]) -> Iterator[str]:
        for each in inputs:
            yield self._table("inputs", each.name)
            yield from _typed(each)
            yield from (f"{key} = {value(told)}" for key, told in each.prepared.items())
            if each.range is not None:
                yield f"range = {value(widened(each.range))}"
                yield from self._features(each)
            elif each.dtype not in ("string", "bool"):
                yield "# range = [0, 1]  # of all elements; --data writes what it holds"
                yield "# normalised = true  # each feature has mean 0 and standard deviation 1"

    def _features(self, each: InputFacts) -> Iterator[str]:
        if each.means is None or each.stds is None:
            return
        if each.features:
            ranges = [widened(pair) for pair in each.features]
            mark = "" if _are_telling(ranges) else "# "
            named = dict(zip(each.columns, ranges, strict=False))
            how = "by column" if named else "by feature or channel, in order"
            yield f"{mark}features = {value(named or ranges)}  # {how}"
        furthest = max(map(abs, each.means))
        scales = [1 / NORMALISED_SCALE <= std <= NORMALISED_SCALE for std in each.stds]
        kept = furthest <= NORMALISED_MEAN and all(scales)
        comment = "" if kept else "# "
        yield f"{comment}normalised = true  # features have mean near 0, std near 1"
        yield f"data-mean = {value(widened(each.means, signed=True))}  # of each feature"
        yield f"data-std = {value(widened(each.stds))}"

    def _outputs(self, outputs: Sequence[OutputFacts]) -> Iterator[str]:
        for each in outputs:
            yield self._table("outputs", each.name)
            yield from _typed(each)
            if each.head in ("softmax", "log-softmax", "logits", "sigmoid"):
                yield f"# head = {value(each.head)}  # as it is recognised"
            if each.sums_to_one:
                yield "sums-to-one = true"
            if each.range is not None:
                bounds = (0.0, 1.0) if _is_share(each) else widened(each.range)
                yield self._observed(f"range = {value(bounds)}")
            yield from self._entropy(each)

    def _entropy(self, each: OutputFacts) -> Iterator[str]:
        if each.entropy is None or each.most_entropy is None:
            return
        most = rounded_up(each.most_entropy)
        lowest = each.most_entropy if self._initial else each.entropy
        bounds = [max(0.0, rounded_down(lowest - MARGIN * each.most_entropy)), most]
        if not self._initial:
            bounds[1] = min(most, rounded_up(each.entropy + MARGIN * each.most_entropy))
        line = (
            f"entropy = {value(bounds)}  # in nats; knowing nothing gives {each.most_entropy:.3f}"
        )
        kept = bounds[0] <= each.entropy <= bounds[1]
        yield line if kept and (self._initial or not self._facts.synthetic) else f"# {line}"

    def _architecture(self) -> Iterator[str]:
        facts = self._facts
        yield self._table("architecture")
        if facts.opsets:
            standard = len(facts.opsets) == 1 and "" in facts.opsets
            named = {name or "ai.onnx": version for name, version in facts.opsets.items()}
            yield f"opset = {value(facts.opsets[''] if standard else named)}"
        yield f"ir-version = {facts.ir_version}"
        yield f"parameters = {facts.parameters}  # trainable"
        yield f"operators = {value(facts.operators)}"
        yield "other-operators = false  # none beside these"
        yield from self._layers()

    def _layers(self) -> Iterator[str]:
        layers = self._facts.layers
        if len(layers) > MOST_LAYERS:
            yield f"# {len(layers):,} layers are too many to write (limit {MOST_LAYERS:,})"
            return
        if not layers:
            return
        yield "other-layers = false  # none beside these"
        yield self._table("architecture", "layers")
        for name, kind, dims in layers:
            yield f"{dotted(name)} = {value({'kind': kind, 'shape': dims})}"

    def _values(self, values: Sequence[ValueFacts]) -> Iterator[str]:
        comment = "# " if self._facts.synthetic else ""
        for each in values:
            lines = [self._table("values", each.name).strip(), *_value_lines(each)]
            yield ""
            yield from (f"{comment}{line}" for line in lines)

    def _budgets(self) -> Iterator[str]:
        facts = self._facts
        yield self._table("budgets")
        yield f"file-size = {value(size_text(facts.file_bytes * (1 + MARGIN)))}"
        yield f"nodes = {math.ceil(facts.nodes * (1 + MARGIN))}"
        yield f"# parameters = {math.ceil(facts.parameters * (1 + MARGIN))}"
        if facts.uncounted is not None:
            yield f"# costs: {_comment(facts.uncounted)}"
        if facts.flops is not None:
            yield f"flops = {value(rounded_up(math.ceil(facts.flops * (1 + MARGIN))))}"
        if facts.peak_memory is not None:
            yield f"peak-memory = {value(size_text(facts.peak_memory * (1 + MARGIN)))}"
        if facts.symbols:
            sizes = dict.fromkeys(facts.symbols, 1)
            yield f"sizes = {value(sizes)}  # of dynamic dimensions, for flops and peak-memory"
        yield '# latency = {reference = "previous.onnx", ratio = 1.2}  # measured by the clock'

    def _provenance(self) -> Iterator[str]:
        facts = self._facts
        yield self._table("provenance")
        required = [name for name, text in facts.metadata.items() if text.strip()]
        if required:
            yield f"required = {value(required)}  # metadata keys"
        yield '# require = ["git-commit", "data-sha256", "seed"]  # onnxlint.stamp writes them'
        licence = next((facts.metadata[key] for key in _LICENCES if facts.metadata.get(key)), "")
        named = [licence.strip()] if licence.strip() else ["Apache-2.0", "MIT"]
        yield f"{'' if licence.strip() else '# '}licences = {value(named)}"
        if facts.producer:
            yield f"producer = {value(re.escape(facts.producer))}  # regular expression"
        if facts.producer_version:
            yield f"producer-version = {value(re.escape(facts.producer_version))}"


def widened(bounds: Pair, *, signed: bool = False) -> Pair:
    """An observed range with a margin on both sides, in few digits.

    What is nowhere negative stays so, unless it is `signed`; a single number gets a margin of its
    own magnitude.
    """
    low, high = bounds
    margin = MARGIN * ((high - low) or abs(high) or 1.0)
    lowest, highest = rounded_down(low - margin), rounded_up(high + margin)
    return (0.0 if low >= 0 and lowest < 0 and not signed else lowest), highest


def _value_lines(each: ValueFacts) -> Iterator[str]:
    low, high = each.range
    yield f"range = {value(widened(each.range))}"
    margin = MARGIN * ((high - low) or abs(high) or 1.0)
    least, most = rounded_down(each.mean - margin), rounded_up(each.mean + margin)
    yield f"mean = {value((max(least, 0.0) if low >= 0 else least, most))}"
    yield f"std = {value((rounded_down(each.std / 2), rounded_up(each.std * 2)))}"
    if 0 < each.sparsity < 1:
        off = max(LEAST_SPARSITY_MARGIN, MARGIN * each.sparsity)
        least, most = rounded_down(each.sparsity - off, 2), rounded_up(each.sparsity + off, 2)
        yield f"sparsity = {value((max(0.0, least), min(1.0, most)))}"
    yield "finite = true"


def _typed(each: InputFacts | OutputFacts) -> Iterator[str]:
    if each.dtype is not None:
        yield f"dtype = {value(each.dtype)}"
    if each.dims is not None:
        yield f"shape = {value(each.dims)}"


def _is_share(each: OutputFacts) -> bool:
    low, high = each.range or (0.0, 2.0)
    return each.head in ("softmax", "sigmoid", "probabilities") and low >= 0 and high <= 1


def _are_telling(ranges: Sequence[Pair]) -> bool:
    """Whether features differ, so that the range of all does not say the same."""
    return len(set(ranges)) > 1


_UNITS = ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))


def size_text(nbytes: float) -> str:
    """A size that is not smaller, as `parse_bytes` reads it."""
    for factor, unit in _UNITS:
        if nbytes >= factor:
            return f"{math.ceil(nbytes / factor * 10) / 10:g}{unit}"
    return f"{max(1, math.ceil(nbytes))}B"


def _comment(text: str) -> str:
    """A text that stays in its line."""
    return value(text)[1:-1]


def contract_text(
    models: Sequence[tuple[str, ModelFacts]], head: dict[str, Any], *, is_initial: bool
) -> str:
    """The whole file; several models, with the globs of their paths, have a table each."""
    lines = [*_introduction(models)]
    lines += [f"{name} = {value(each)}" for name, each in head.items()]
    lines.append('# targets = ["ort-cpu"]  # where the model runs: onnxlint targets')
    for path, facts in models:
        several = len(models) > 1
        if several:
            lines += ["", "", "[[per-model]]", f"path = {value(path)}"]
        if facts.unseen is not None:
            lines += ["", f"# nothing was observed: {_comment(facts.unseen)}"]
        section = ModelSection(facts, "per-model" if several else None, is_initial=is_initial)
        lines += section.lines()
    return "\n".join(lines) + "\n"


def _introduction(models: Sequence[tuple[str, ModelFacts]]) -> Iterator[str]:
    yield "# What this model promises: onnxlint reports what a release breaks (rules CTR)."
    yield "# Written by 'onnxlint init' from what it saw; edit it, and keep it with the code."
    yield f"# Observed ranges are widened by {MARGIN:.0%} of their width, standard deviations by a"
    yield f"# factor of 2; budgets are {MARGIN:.0%} above what was seen."
    if all(facts.synthetic for _, facts in models):
        yield "# Without --data, what was seen on synthetic samples is a comment."
    yield ""
