"""ONX038 invalid-attribute-value."""

from collections.abc import Iterator

from onnxlint import (
    Finding,
    Graph,
    InferenceFailures,
    Node,
    Schemas,
    Severity,
    Shapes,
    counted,
    rule,
)
from onnxlint.model.graph.operators import ATTRIBUTE_LIMITS, FUNCTIONS_EACH_WAY, LISTED
from onnxlint_rules.onx._axes import OPS, named_axes
from onnxlint_rules.onx._unlisted_values import list_at, unlisted_values


@rule("ONX038", "invalid-attribute-value", severity=Severity.ERROR)
def invalid_attribute_value(
    graph: Graph, schemas: Schemas, shapes: Shapes, failures: InferenceFailures
) -> Iterator[Finding]:
    """An attribute whose value is not one that the specification allows.

    Why: most runtimes reject the model. Some silently use a default and compute something else:
    onnxruntime 1.32 treats any unknown `reduction` of a scatter as "none", and that of a loss as
    "sum". A warning where onnxruntime accepts the value as intended, such as "sigmoid" for
    "Sigmoid" in a GRU: other runtimes reject it or fall back (tensorflow-onnx issue 566). Axes are
    checked where the rank is known; shape-conflict reports what shape inference rejects.
    Fix: write the value as the operator's specification at the imported opset lists it.

    Bad:
    net (float[2, 1, 4, 4] x) => (float[2, 1, 8, 8] y)
    <float[4] scales = {1, 1, 2, 2}>
    {
        y = Resize <mode = "bilinear"> (x, "", scales)
    }

    Bad:
    # onnxruntime treats it as "none", and loses updates
    net (float[4] x, float[2] updates) => (float[4] y)
    <int64[2] indices = {1, 1}>
    {
        y = ScatterElements <reduction = "sum"> (x, indices, updates)
    }

    Bad:
    # a warning: onnxruntime ignores case here
    net (float[S, 1, 2] x, float[1, 6, 2] w, float[1, 6, 2] r) => (float[S, 1, 1, 2] y)
    {
        y = GRU <hidden_size = 2, activations = ["sigmoid", "Tanh"]> (x, w, r)
    }

    Bad:
    # three in each direction
    net (float[S, 1, 2] x, float[1, 8, 2] w, float[1, 8, 2] r) => (float[S, 1, 1, 2] y)
    {
        y = LSTM <hidden_size = 2, activations = ["Sigmoid", "Tanh"]> (x, w, r)
    }

    Bad:
    net (float[2, 3] x) => (float[2, 3] y)
    <float[3] scale = {1, 1, 1}>
    {
        y = LayerNormalization <axis = 2> (x, scale)
    }

    Bad:
    <ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]>
    net (float[N, 2] x) => (float[N, 1] y)
    {
        y = ai.onnx.ml.LinearRegressor <coefficients = [1.0, 2.0], post_transform = "softmax"> (x)
    }

    Good:
    <ir_version: 8, opset_import: ["" : 17]>
    net (float[2, 1, 4, 4] x) => (float[2, 1, 8, 8] y)
    <float[4] scales = {1, 1, 2, 2}>
    {
        y = Resize <mode = "linear", coordinate_transformation_mode = "asymmetric"> (x, "", scales)
    }

    Good:
    # the schema's own default of RNN is two activations, for both directions
    net (float[S, 1, 2] x, float[1, 2, 2] w, float[1, 2, 2] r) => (float[S, 1, 1, 2] y)
    {
        y = RNN <hidden_size = 2, activations = ["Tanh", "Tanh"]> (x, w, r)
    }

    Good:
    # Flatten may split behind the last axis, and the axis of a single scale is unused
    net (float[2, 3] x) => (uint8[6, 1] y)
    <float scale = {0.1}, uint8 zero = {0}>
    {
        flat = Flatten <axis = 2> (x)
        y = QuantizeLinear <axis = 5> (flat, scale, zero)
    }
    """
    refused = {failure.node for failure in failures.found}
    for schema, nodes in schemas.uses(graph):
        op = nodes[0].op
        for name, by_opset in LISTED.get(op, {}).items():
            if name in schema.attributes:
                listed = list_at(by_opset, nodes[0])
                yield from (f for n in nodes if listed for f in unlisted_values(n, name, listed))
        for name, limits in ATTRIBUTE_LIMITS.get(op, {}).items():
            yield from (f for node in nodes for f in _judge_number(node, name, *limits))
        if op in FUNCTIONS_EACH_WAY:
            yield from (f for node in nodes for f in _judge_count(node))
        if op in OPS:
            yield from (f for n in nodes if n not in refused for f in _judge_axes(n, graph, shapes))


def _judge_number(node: Node, name: str, least: int, most: int | None) -> Iterator[Finding]:
    found = node.attribute(name)
    if isinstance(found, int) and not (least <= found <= (found if most is None else most)):
        limit = f"minimum {least}" if most is None else f"limits {least} and {most}"
        span = f"{least} or more" if most is None else f"a value from {least} to {most}"
        hint = f"set {name} to {span}"
        yield Finding(node, f"{name} is {found} ({limit})", found, least, name, hint=hint)


def _judge_count(node: Node) -> Iterator[Finding]:
    """A recurrent operator has its activations once for each direction, or none at all."""
    given, direction = node.attribute("activations", []), node.attribute("direction", "forward")
    refers = any(a.name == "direction" and a.ref_attr_name for a in node.attribute_list)
    wanted = FUNCTIONS_EACH_WAY[node.op] * (2 if direction == "bidirectional" else 1)
    fits = len(given) in (0, wanted) or (node.op == "RNN" and len(given) == 2)
    if not fits and not refers:
        count = counted(len(given), "activation")
        message = f"{count} ({node.op} with direction {direction!r} expects {wanted})"
        hint = f"list {wanted} activations, or none for the defaults"
        yield Finding(node, message, len(given), wanted, "activations", hint=hint)


def _judge_axes(node: Node, graph: Graph, shapes: Shapes) -> Iterator[Finding]:
    for named in named_axes(node, graph, shapes):
        if not named.is_there:
            limits = f"limits {named.least} and {named.most}"
            message = f"{named.attribute} is {named.axis}, outside the input's axes ({limits})"
            hint = f"use an axis from {named.least} to {named.most}"
            yield Finding(node, message, named.axis, named.most, "axis", hint=hint)
