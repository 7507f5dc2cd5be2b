"""What TensorBoard shows of one step: scalars, histograms and texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from msgspec import to_builtins

from onnxlint.findings import counted
from onnxlint.report import ModelReport
from onnxlint.reporters.markdown_text import code, plain
from onnxlint.severity import Severity
from onnxlint.viewers.paths import Paths
from onnxlint.viewers.picture import Health, Picture, Tensor

if TYPE_CHECKING:
    from tensorboardX.proto.summary_pb2 import Summary

    from onnxlint.inspection.inspected import Layer

MOST_ROWS = 1_000
"""Findings and values in a table; the others are counted. A choice: a page of some 100 kB."""

LONGEST = 300
"""Characters of a name or a message in a table."""

SCORES = ("accuracy", "log_loss", "calibration_error", "rmse", "r2")

KINDS = {
    "nan": "NaN", "negative_infinite": "-Inf", "negative": "negative", "zero": "0",
    "positive": "positive", "positive_infinite": "+Inf",
}  # fmt: skip
"""What `Health` counts, as the table calls it."""


class Summaries:
    """Of one model, with what rules said of it where they ran."""

    def __init__(self, picture: Picture, paths: Paths, report: ModelReport | None) -> None:
        self._picture, self._paths, self._report = picture, paths, report

    def all(self) -> Iterator[Summary]:
        """Scalars, histograms, texts."""
        yield self._scalars()
        yield from self._histograms()
        yield from self._texts()

    def scalars(self) -> dict[str, float]:
        """Numbers by tag."""
        told = {} if self._report is None else dict(_findings(self._report))
        model = self._picture.model
        told["model/nodes"] = model.nodes
        told["model/parameters"] = sum(layer.parameters for layer in model.layers)
        for name, tensor in self._seen():
            told |= dict(_numbers(name, tensor))
        for name, tensor in self._named():
            if tensor.producer is not None and not tensor.slot:
                told |= dict(_costs(name, model.layers[tensor.producer]))
        return told

    def _scalars(self) -> Summary:
        from tensorboardX.proto.summary_pb2 import Summary

        values = self.scalars().items()
        return Summary(
            value=[Summary.Value(tag=tag, simple_value=float(number)) for tag, number in values]
        )

    def _histograms(self) -> Iterator[Summary]:
        from tensorboardX.summary import histogram_raw

        for name, tensor in self._named():
            seen = tensor.histogram
            if seen is not None:
                kind = "weights" if tensor.is_stored else "activations"
                yield histogram_raw(
                    f"{kind}/{name}", seen.minimum, seen.maximum, seen.elements, seen.total,
                    seen.squares, seen.limits, seen.counts,
                )  # fmt: skip

    def _texts(self) -> Iterator[Summary]:
        if self._report is not None:
            yield _text("findings", "\n".join(self._findings_table(self._report)))
        yield _text("health", "\n".join(self._health_table()))
        yield _text("model", "\n".join(_facts(self._picture)))

    def _named(self) -> Iterator[tuple[str, Tensor]]:
        return zip(self._paths.tensors, self._picture.tensors, strict=True)

    def _seen(self) -> Iterator[tuple[str, Tensor]]:
        """Values of a run."""
        return (
            each for each in self._named() if each[1].seen is not None and not each[1].is_stored
        )

    def _health_table(self) -> Iterator[str]:
        """Of values and weights alike, those with NaN or infinities first."""
        rows = [(name, tensor.health) for name, tensor in self._named() if tensor.health]
        if not rows:
            yield self._picture.model.unobserved or "Nothing was run."
            return
        rows.sort(key=lambda row: not _is_ill(row[1]))
        yield f"| Value | {' | '.join(KINDS.values())} |"
        yield "|---" * (len(KINDS) + 1) + "|"
        for name, seen in rows[:MOST_ROWS]:
            counts = " | ".join(f"{getattr(seen, kind):,}" for kind in KINDS)
            yield f"| {code(name, LONGEST)} | {counts} |"
        yield from _rest(len(rows), "values")

    def _findings_table(self, report: ModelReport) -> Iterator[str]:
        if report.error is not None:
            yield plain(report.error, LONGEST)
            return
        counts = ", ".join(counted(report.count(each), each.value) for each in Severity)
        yield from (f"{code(report.path, LONGEST)}: {counts}", "")
        if not report.findings:
            return
        places = {(layer.scope, layer.index): at
                  for at, layer in enumerate(self._picture.model.layers)}  # fmt: skip
        yield from ("| Severity | Rule | Where | Node here | What |", "|---|---|---|---|---|")
        for found in report.findings[:MOST_ROWS]:
            at = places.get((found.place.scope, -1 if (i := found.place.node_index) is None else i))
            here = "" if at is None else code(self._paths.nodes[at], LONGEST)
            cells = (
                found.severity.value, f"{found.code} {found.name}", code(str(found.place), LONGEST),
                here, _cell(found.message),
            )  # fmt: skip
            yield f"| {' | '.join(cells)} |"
        yield from _rest(len(report.findings), "findings")


def _findings(report: ModelReport) -> Iterator[tuple[str, float]]:
    for severity in Severity:
        yield f"findings/{severity.value}", report.count(severity)
    for rule, count in sorted(Counter(f"{f.code}-{f.name}" for f in report.findings).items()):
        yield f"rules/{rule}", count
    for name in SCORES:
        value = getattr(report.metrics, name, None)
        if value is not None:
            yield f"metrics/{name}", value


def _numbers(name: str, tensor: Tensor) -> Iterator[tuple[str, float]]:
    """The health of a value, and the scale of the first output of a layer."""
    seen, health = tensor.seen, tensor.health
    if health is not None:
        yield from ((f"health/{name}/{kind}", count) for kind, count in to_builtins(health).items())
    if seen is None or tensor.slot or tensor.producer is None:
        return
    if seen.rms is not None:
        yield f"scale/{name}", seen.rms
    yield f"dead/{name}", seen.dead
    yield f"saturated/{name}", seen.saturated


def _costs(name: str, layer: Layer) -> Iterator[tuple[str, float]]:
    """What a layer costs, by the name of its first output; time where it was measured."""
    if layer.cost is not None and layer.cost.macs:
        yield f"macs/{name}", layer.cost.macs
    if layer.time is not None and layer.time.milliseconds is not None:
        yield f"milliseconds/{name}", layer.time.milliseconds


def _is_ill(seen: Health | None) -> bool:
    return seen is not None and bool(seen.nan + seen.negative_infinite + seen.positive_infinite)


def _facts(picture: Picture) -> Iterator[str]:
    model = picture.model
    yield from ("| | |", "|---|---|")
    ports = {
        "Input": [f"{each.name}: {each.type}" for each in model.inputs],
        "Output": [f"{each.name}: {each.type}" for each in model.outputs],
        "Opset": [f"{name or 'ai.onnx'} {version}" for name, version in model.opsets.items()],
        "Producer": [model.producer],
        "Nodes": [f"{model.nodes:,}"],
        "Samples": [] if model.samples is None else [f"{model.samples:,} ({model.data})"],
        "Not run": [model.unobserved] if model.unobserved else [],
    }  # fmt: skip
    for title, texts in ports.items():
        yield from (f"| {title} | {code(text, LONGEST)} |" for text in texts[:MOST_ROWS] if text)


def _cell(text: str) -> str:
    return plain(text, LONGEST).replace("\n", " ")


def _rest(count: int, of: str) -> Iterator[str]:
    if count > MOST_ROWS:
        yield from ("", f"{count - MOST_ROWS:,} more {of}.")


def _text(tag: str, text: str) -> Any:
    from tensorboardX import summary

    told = summary.text(tag, text)
    told.value[0].tag = tag  # without the ending that it adds
    told.value[0].tensor.tensor_shape.Clear()  # one text, no list of one
    return told
