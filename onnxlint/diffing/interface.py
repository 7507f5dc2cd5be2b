"""What a caller sees of a model: inputs, outputs, versions and metadata."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from onnxlint.analyses.matching.ports import paired_ports, type_text
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Value
from onnxlint.model.graph.place import shortened
from onnxlint.release_diff import FactChange, PortChange

Kind = Literal["input", "output"]


def port_changes(kind: Kind, old: Sequence[Value], new: Sequence[Value]) -> list[PortChange]:
    """How the inputs, or the outputs, changed; in the order of the new model, the removed last."""
    pairs = paired_ports(old, new)
    before = {like: value for value, like in pairs.items()}
    changes = [
        change for value in new if (change := _change(kind, before.get(value), value)) is not None
    ]
    if [pairs[value] for value in old if value in pairs] != [v for v in new if v in before]:
        names = (", ".join(shortened(value.name) for value in side) for side in (old, new))
        changes.append(PortChange(kind, "reordered", *map(shortened, names)))
    gone = (value for value in old if value not in pairs)
    changes += [
        PortChange(kind, "removed", old=shortened(value.name), old_type=type_text(value))
        for value in gone
    ]
    return changes


def _change(kind: Kind, old: Value | None, new: Value) -> PortChange | None:
    name, new_type = shortened(new.name), type_text(new)
    if old is None:
        return PortChange(kind, "added", new=name, new_type=new_type)
    old_type = type_text(old)
    if old.name == new.name and old_type == new_type:
        return None
    change: Literal["changed", "renamed"] = "changed" if old.name == new.name else "renamed"
    return PortChange(kind, change, shortened(old.name), name, old_type, new_type)


def fact_changes(old: Graph, new: Graph) -> list[FactChange]:
    """Versions, who made the model, and its metadata, where they changed."""
    before, after = _facts(old), _facts(new)
    names = [*after, *(name for name in before if name not in after)]
    return [
        FactChange(shortened(name), _shown(before.get(name)), _shown(after.get(name)))
        for name in names if before.get(name) != after.get(name)
    ]  # fmt: skip


def _shown(text: str | None) -> str | None:
    return None if text is None else shortened(text)


def _facts(graph: Graph) -> dict[str, str]:
    proto = graph.model.proto
    opsets = {
        f"opset {domain or 'ai.onnx'}": str(version)
        for domain, version in sorted(graph.main.opsets.items())
    }
    told = {
        "IR version": str(proto.ir_version),
        "producer": f"{proto.producer_name} {proto.producer_version}".strip(),
        "domain": proto.domain,
        "model version": str(proto.model_version or ""),
    }
    facts = opsets | {name: text for name, text in told.items() if text}
    return facts | _metadata((entry.key, entry.value) for entry in proto.metadata_props)


def _metadata(entries: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {f"metadata {key!r}": text for key, text in sorted(entries)}
