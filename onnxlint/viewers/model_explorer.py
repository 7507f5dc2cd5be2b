"""Overlays for Model Explorer: files of node data, one a fact, for findings and statistics."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from onnxlint.findings import Diagnostic
from onnxlint.inspection.cost import Cost, Timed
from onnxlint.inspection.inspected import Layer, Seen
from onnxlint.report import ModelReport
from onnxlint.safety.writing import replacing
from onnxlint.severity import Severity
from onnxlint.viewers.model_explorer_ids import Ids, Shown
from onnxlint.viewers.picture import Picture

Results = dict[Shown, dict[str, Any]]

COLOURS = {Severity.ERROR: "#c62828", Severity.WARNING: "#f9a825", Severity.INFO: "#1976d2"}
ILL = "#c62828"
"""Of a value with numbers that are none; as of errors."""

GRADIENT = ({"stop": 0, "bgColor": "#ffffff"}, {"stop": 1, "bgColor": "#ef6c00"})

SEEN: Mapping[str, tuple[str, Callable[[Seen], float | None]]] = {
    "minimum": ("Minimum", lambda seen: seen.minimum),
    "maximum": ("Maximum", lambda seen: seen.maximum),
    "mean": ("Mean", lambda seen: seen.mean),
    "standard_deviation": ("Standard deviation", lambda seen: _deviation(seen)),
    "rms": ("RMS", lambda seen: seen.rms),
    "zeros": ("Share of zeros", lambda seen: seen.zeros / seen.elements),
    "subnormal": ("Share of subnormal numbers", lambda seen: seen.subnormal / seen.elements),
    "dead": ("Share of dead channels", lambda seen: seen.dead),
    "saturated": ("Share of saturated outputs", lambda seen: seen.saturated),
}
"""Statistics of a node's first output, of an input or a weight: the file, the title, the number."""

COUNTS: Mapping[str, tuple[str, Callable[[Seen], int]]] = {
    "nan": ("NaN", lambda seen: seen.nan),
    "infinite": ("Infinities", lambda seen: seen.infinite),
}
"""Numbers that should be 0: others are red."""

OF_LAYER: Mapping[str, tuple[str, Callable[[Layer], float | None]]] = {
    "parameters": ("Parameters", lambda layer: layer.parameters or None),
    "macs": ("MACs", lambda layer: (layer.cost or Cost()).macs),
    "memory": ("Bytes of outputs", lambda layer: (layer.cost or Cost()).activation_bytes),
    "time": ("Milliseconds", lambda layer: (layer.time or Timed()).milliseconds),
}
"""What a node costs; time where it was measured."""


def overlays(picture: Picture, report: ModelReport | None = None) -> dict[str, dict[str, Any]]:
    """Node data by the name of the file: for each graph a title, and values by ids of nodes."""
    ids = Ids(picture)
    told = {} if report is None else dict(_findings(report, picture, ids))
    seen = {shown: each for shown, each in _seen(picture, ids) if each.elements}
    for name, (title, number) in SEEN.items():
        told[name] = _graphs(title, _numbers(seen, number), gradient=GRADIENT)
    for name, (title, count) in COUNTS.items():
        told[name] = _graphs(title, _numbers(seen, count, ILL))
    layers = {shown: picture.model.layers[number] for number, shown in ids.nodes.items()}
    for name, (title, fact) in OF_LAYER.items():
        told[name] = _graphs(title, _numbers(layers, fact), gradient=GRADIENT)
    judged = () if report is None else ("findings", "rules")  # told also where there is none
    return {name: graphs for name, graphs in told.items() if graphs or name in judged}


def write_overlays(folder: Path, picture: Picture, report: ModelReport | None = None) -> list[Path]:
    """Writes each as a file of JSON, and names them; earlier ones that are not written anew go.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    told, written = overlays(picture, report), []
    for name in {"findings", "rules", *SEEN, *COUNTS, *OF_LAYER} - told.keys():
        (folder / f"{name}.json").unlink(missing_ok=True)
    for name, graphs in told.items():
        file = folder / f"{name}.json"
        with replacing(file) as stream:
            stream.write(json.dumps(graphs, indent=1, allow_nan=False).encode())
        written.append(file)
    return written


def _seen(picture: Picture, ids: Ids) -> Iterator[tuple[Shown, Seen]]:
    for number, shown in ids.nodes.items():
        outputs = picture.vertices[number].outputs
        first = outputs[0] if outputs else None
        seen = None if first is None else picture.tensors[first].seen
        if seen is not None:
            yield shown, seen
    for at, tensor in enumerate(picture.tensors):
        place = ids.tensor(at)
        if place is not None and tensor.seen is not None:
            yield place, tensor.seen


def _numbers(
    facts: Mapping[Shown, Any], number: Callable[[Any], float | None], ill: str | None = None
) -> Results:
    """The numbers that there are; those that are not 0 in the colour `ill`."""
    found = ((shown, number(each)) for shown, each in facts.items())
    told = ((shown, value if value is None else _short(value)) for shown, value in found)
    return {
        shown: {"value": value, "bgColor": ill} if ill and value else {"value": value}
        for shown, value in told if value is not None and math.isfinite(value)
    }  # fmt: skip


def _findings(report: ModelReport, picture: Picture, ids: Ids) -> Iterator[tuple[str, Any]]:
    """The worst severity at each node, and the rules."""
    at: dict[Shown, list[Diagnostic]] = {}
    places = {(layer.scope, layer.index): number
              for number, layer in enumerate(picture.model.layers)}  # fmt: skip
    values = {(picture.rooms[tensor.room].path, tensor.name): number
              for number, tensor in enumerate(picture.tensors)}  # fmt: skip
    for found in report.findings:
        place = found.place
        if place.node_index is not None:
            number = places.get((place.scope, place.node_index))
            shown = None if number is None else ids.nodes.get(number)
        else:
            number = values.get((place.scope, place.value or ""))
            shown = None if number is None else ids.tensor(number)
        if shown is not None:
            at.setdefault(shown, []).append(found)
    worst = {shown: min(each, key=lambda one: one.severity.rank) for shown, each in at.items()}
    colours = {shown: COLOURS[one.severity] for shown, one in worst.items()}
    severity = {shown: one.severity.value for shown, one in worst.items()}
    rules = {
        shown: ", ".join(dict.fromkeys(f"{one.code} {one.name}" for one in each))
        for shown, each in at.items()
    }
    for name, title, told in (("findings", "Findings", severity), ("rules", "Rules", rules)):
        results = {
            shown: {"value": text, "bgColor": colours[shown]} for shown, text in told.items()
        }
        yield name, _graphs(title, results, showExpandedSummaryOnGroupNode=True)


def _graphs(title: str, results: Results, **more: Any) -> dict[str, Any]:
    graphs: dict[str, Any] = {}
    for shown, result in results.items():
        graph = graphs.setdefault(
            shown.graph, {"name": f"onnxlint: {title}", **more, "results": {}}
        )
        graph["results"][shown.id] = result
    return graphs


def _short(value: float) -> float:
    """As many digits as a table of the viewer has room for; counts stay what they are."""
    return value if isinstance(value, int) else float(f"{value:.6g}")


def _deviation(seen: Seen) -> float | None:
    if seen.rms is None or seen.mean is None:
        return None
    return math.sqrt(max(0.0, seen.rms**2 - seen.mean**2))
