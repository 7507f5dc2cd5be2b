"""Loops whose end hangs on their data alone: on synthetic data they need not end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from onnxlint.model.file.making import make_node

if TYPE_CHECKING:
    from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto

MOST_TRIPS = 1_000
"""A loop that takes more trips on synthetic data is taken for one that does not end on it: decoders
of text and speech stop at 448 or 512. Counted, for seconds would tell another story each time."""

NO_COUNT = 1 << 31
"""A trip count from here on is none: exporters write the largest integer for `while`."""

GUARD = "onnxlint-most-trips"
"""What the nodes are called that end such a loop; no model may call one so."""


def bound_loops(model: ModelProto) -> None:
    """Makes a run fail where a loop without a trip count goes on for too long.

    The number of the trip is looked up in a table of so many entries: onnxruntime refuses the next.
    """
    from onnx import TensorProto

    domains = {"", "ai.onnx"}
    for number, body in enumerate(_endless(model.graph, {})):
        if not body.input or not body.output or not body.input[0].name:
            continue
        table, entry, going = (f"{GUARD}-{part}-{number}" for part in ("table", "entry", "going"))
        flags = TensorProto(name=table, data_type=TensorProto.BOOL, dims=[MOST_TRIPS],
                            raw_data=b"\x01" * MOST_TRIPS)  # fmt: skip
        domain = next((each.domain for each in model.opset_import if each.domain in domains), "")
        body.node.extend([
            make_node("Constant", [], [table], name=table, value=flags, domain=domain),
            make_node("Gather", [table, body.input[0].name], [entry], name=entry, domain=domain),
            make_node("And", [body.output[0].name, entry], [going], name=going, domain=domain),
        ])  # fmt: skip
        body.output[0].name = going


def is_endless(message: str) -> bool:
    """Whether a run was ended so."""
    return GUARD in message


def _endless(graph: GraphProto, outer: dict[str, int | None]) -> Iterator[GraphProto]:
    """The bodies of loops that only their condition ends, those inside others too."""
    known = outer | _counts(graph)
    for node in graph.node:
        bodies = [attribute.g for attribute in node.attribute if attribute.HasField("g")]
        for body in bodies:
            yield from _endless(body, known)
        if node.op_type == "Loop" and node.domain in ("", "ai.onnx") and bodies:
            count = known.get(node.input[0], 0) if node.input and node.input[0] else None
            if count is None or count >= NO_COUNT:
                yield bodies[0]


def _counts(graph: GraphProto) -> dict[str, int | None]:
    """The whole numbers that are constants of a graph; no others matter."""
    from onnx import TensorProto

    tensors = [(tensor.name, tensor) for tensor in graph.initializer]
    tensors += [(node.output[0], attribute.t) for node, attribute in _constants(graph)]
    return {
        name: _number(tensor)
        for name, tensor in tensors
        if tensor.data_type == TensorProto.INT64
        and not tensor.external_data
        and list(tensor.dims) in ([], [1])
        and (len(tensor.raw_data) == 8 or len(tensor.int64_data) == 1)
    }


def _number(tensor: TensorProto) -> int:
    if tensor.raw_data:
        return int.from_bytes(tensor.raw_data, "little", signed=True)
    return int(tensor.int64_data[0])


def _constants(graph: GraphProto) -> Iterator[tuple[NodeProto, AttributeProto]]:
    for node in graph.node:
        if node.op_type == "Constant" and node.output:
            yield from ((node, each) for each in node.attribute if each.name == "value")
