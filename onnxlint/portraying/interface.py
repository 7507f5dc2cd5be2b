"""Reads off what a model is from outside."""

from __future__ import annotations

from onnxlint.analyses.static.shapes import Shapes
from onnxlint.model.graph.nodes import Value
from onnxlint.portrait.interface import Interface, Port
from onnxlint.portraying.subject import Subject


def interface(subject: Subject) -> Interface:
    """Inputs, outputs and origin."""
    graph, shapes = subject.graph, subject.analyses.get(Shapes)
    proto = graph.model.proto
    docs = {each.name: each.doc_string for each in (*proto.graph.input, *proto.graph.output)}

    def port(value: Value) -> Port:
        shape = shapes.of(value)
        return Port(value.name, None if shape is None else str(shape), docs.get(value.name, ""))

    return Interface(
        producer=f"{proto.producer_name} {proto.producer_version}".strip(),
        ir_version=proto.ir_version,
        opsets=dict(graph.main.opsets),
        nodes=sum(len(scope.nodes) for scope in graph.scopes),
        inputs=tuple(map(port, graph.inputs)),
        outputs=tuple(map(port, graph.outputs)),
        doc=proto.doc_string,
        metadata={each.key: each.value for each in proto.metadata_props},
    )
