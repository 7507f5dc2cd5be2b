"""Standard operators whose operands do not fit each other inside the function that they stand for.

The specification spells out many operators as functions of others: Attention, RotaryEmbedding,
the normalisations. Their bodies are inferred with the operands' types, in a child process.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from onnxlint.analyses.static.inference_complaints import InferenceFailure, told_inside
from onnxlint.analyses.static.schemas import Schemas
from onnxlint.analyses.static.shapes import Dim, Shapes
from onnxlint.model.file.making import make_tensor, make_type
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import INEXACT_BODIES
from onnxlint.safety.forked import Crashed, Isolated
from onnxlint.safety.limits import Budget

if TYPE_CHECKING:
    from onnx import ModelProto

    from onnxlint.types import Array

MOST_EXPANSIONS = 512
"""Operators with operands of different sizes that are looked into; a choice, each takes a
millisecond. Exported models have a few dozen."""

LARGEST_NODE = 4096
"""Bytes of a node; a choice: those of these operators have a handful of numbers as attributes."""

MOST_ALONE = 16
"""Operators that are tried each in a process of its own when native code crashes at one."""

EXPANSION_BYTES = 256 * 1024**2
"""Memory for all of them: a choice, a body has some dozen nodes."""


class Expansions:
    """The nodes inside whose bodies shape inference fails."""

    def __init__(self, failures: list[InferenceFailure]) -> None:
        self.failures = failures

    @classmethod
    def build(cls, graph: Graph, shapes: Shapes, schemas: Schemas, budget: Budget) -> Expansions:
        """Infers each operator once for all nodes with the same operands and attributes."""
        questions: dict[bytes, tuple[ModelProto, list[Node]]] = {}
        for node in _functions(graph, schemas):
            question = _question(node, graph, shapes)
            if question is None:
                continue
            key = question.SerializeToString(deterministic=True)
            if key in questions or len(questions) < MOST_EXPANSIONS:
                questions.setdefault(key, (question, []))[1].append(node)
        answers = _answers([question for question, _ in questions.values()], budget)
        told = zip(questions.values(), answers, strict=True)
        return cls([
            InferenceFailure(node, reason, inner_op)
            for (_, nodes), answer in told
            for inner_op, reason in [told_inside(answer or "")] if reason
            for node in nodes
        ])  # fmt: skip


def _functions(graph: Graph, schemas: Schemas) -> Iterator[Node]:
    """Nodes of standard operators that have a body, and more than one operand to compare."""
    schema: Any
    for schema, nodes in schemas.uses(graph):
        has_body = schema.has_function or schema.has_context_dependent_function
        if has_body and not schema.domain and schema.name not in INEXACT_BODIES:
            yield from (node for node in nodes if sum(map(bool, node.inputs)) > 1)


def _question(node: Node, graph: Graph, shapes: Shapes) -> ModelProto | None:
    """A model of the node alone, with the types of its inputs and the sizes among them.

    None where something about it is not known.
    """
    from onnx import ModelProto, NodeProto, ValueInfoProto

    if node.proto.ByteSize() > LARGEST_NODE or any(a.ref_attr_name for a in node.attribute_list):
        return None
    alone = NodeProto()
    alone.CopyFrom(node.proto)
    alone.ClearField("name")
    alone.ClearField("doc_string")
    alone.ClearField("metadata_props")
    alone.domain = ""
    alone.input[:] = [f"x{slot}" if value else "" for slot, value in enumerate(node.inputs)]
    alone.output[:] = [f"y{slot}" if name else "" for slot, name in enumerate(node.proto.output)]
    question = ModelProto(ir_version=10)
    question.opset_import.add(version=node.scope.opsets[""])
    proto = question.graph
    proto.name = "operator"
    proto.node.append(alone)
    for name, value in zip(alone.input, node.inputs, strict=True):
        shape = shapes.of(value)
        if value is None:
            continue
        if shape is None:
            return None
        dims = None if shape.dims is None else [*shape.dims]
        given = make_type(shape.element_type, dims)
        proto.input.append(ValueInfoProto(name=name, type=given))
        if shape.is_integer and (numbers := _sizes(value, shape.dims, graph)) is not None:
            tensor = proto.initializer.add(name=name)
            tensor.MergeFrom(make_tensor(numbers, shape.element_type))
    return question


def _sizes(value: Value, dims: tuple[Dim, ...] | None, graph: Graph) -> Array | None:
    """The numbers of a constant that may tell sizes."""
    import numpy as np

    numbers = None if dims is None or len(dims) > 1 else graph.integers(value)
    return (
        None if numbers is None else np.array(numbers if dims or len(numbers) != 1 else numbers[0])
    )


def _answers(questions: list[ModelProto], budget: Budget) -> list[str | None]:
    """What inference says of each; nothing where native code crashes, or there is no time left."""
    if not questions:
        return []
    try:
        return _asked(questions, budget)
    except Crashed as error:
        if not error.is_native:
            return [None] * len(questions)
    answers: list[str | None] = []
    for question in questions[:MOST_ALONE]:
        try:
            answers += _asked([question], budget)
        except Crashed:
            answers.append(None)
    return answers + [None] * (len(questions) - len(answers))


def _asked(questions: list[ModelProto], budget: Budget) -> list[str | None]:
    from onnxlint.runtime.shape_inference.expansions import complaints, packed

    share = Budget(budget.left / 4, budget.memory)
    child = Isolated(complaints, packed(questions), share, EXPANSION_BYTES)
    answers: list[str | None] = json.loads(child.result())
    return answers
