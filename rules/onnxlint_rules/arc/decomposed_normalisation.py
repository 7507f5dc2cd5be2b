"""ARC015 decomposed-normalisation."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Match, Node, Pattern, Severity, Shapes, rule

LAYER_NORM = Pattern("""
    m = ReduceMean(x, ...)
    d = Sub(x, m)
    ? c = Cast(d)
    p = Pow(c, 2)
    | p = Mul(c, c)
    v = ReduceMean(p, ...)
    a = Add(v, e)
    s = Sqrt(a)
    r = Reciprocal(s)
    | r = Div(1, s)
    y = Mul(d, r)
    | y = Div(d, s)
""")
RMS_NORM = Pattern("""
    p = Pow(x, 2)
    | p = Mul(x, x)
    v = ReduceMean(p, ...)
    a = Add(v, e)
    s = Sqrt(a)
    r = Reciprocal(s)
    | r = Div(1, s)
    y = Mul(x, r)
    | y = Div(x, s)
""")
GELU = Pattern("""
    q = Pow(x, 3)
    h = Mul(q, 0.044715)
    i = Add(x, h)
    t = Mul(i, 0.79788)
    d = Mul|Div(x, c)
    f = Erf(d)
    | f = Tanh(t)
    a = Add(f, 1)
    m = Mul(x, a)
    n = Mul(x, 0.5)
    o = Mul(a, 0.5)
    y = Mul(m, 0.5)
    | y = Mul(n, a)
    | y = Mul(x, o)
    where c is constant
""")
ATTENTION = Pattern("""
    s = MatMul(q, k)
    * t = Mul|Div|Add(s, _)
    ? w = Where(_, t, _)
    p = Softmax(w)
    ? g = Where(_, _, p)
    ? d = Dropout(g, ...)
    y = MatMul(d, v)
    where q is not constant
    where k is not constant
    where v is not constant
""")

KINDS = (
    ("LayerNormalization", 17, LAYER_NORM, "torch.nn.LayerNorm"),
    ("RMSNormalization", 23, RMS_NORM, "torch.nn.RMSNorm"),
    ("Gelu", 20, GELU, "torch.nn.functional.gelu"),
    ("Attention", 23, ATTENTION, "torch.nn.functional.scaled_dot_product_attention"),
)
"""The operators, the opsets that introduced them, their patterns, and PyTorch's layers."""


@rule(
    "ARC015", "decomposed-normalisation", severity=Severity.INFO,
    ops=("Sqrt", "Erf", "Tanh", "Softmax"),
)  # fmt: skip
def decomposed_normalisation(graph: Graph, shapes: Shapes) -> Iterator[Finding]:
    """A decomposed LayerNormalization, RMSNormalization, Gelu or Attention.

    Why: a runtime must recognise the parts to run them in one kernel, and misses unusual
    decompositions; in float16 the squares of a normalisation overflow between its parts, which the
    operator computes in float32 (TensorRT issues 2781, 3657). One finding for each operator, at the
    first occurrence. Not reported if the model's opset does not have the operator.
    Fix: call the framework's own layer (`nn.LayerNorm`, `nn.RMSNorm`, `F.gelu`,
    `F.scaled_dot_product_attention`) and export with an opset that has the operator.

    Bad:
    <ir_version: 8, opset_import: ["" : 17]>
    net (float[N, 8] x) => (float[N, 8] y)
    <float two = {2}, float eps = {1e-5}>
    {
        mean = ReduceMean <axes = [-1]> (x)
        centred = Sub(x, mean)
        squares = Pow(centred, two)
        variance = ReduceMean <axes = [-1]> (squares)
        above = Add(variance, eps)
        deviation = Sqrt(above)
        y = Div(centred, deviation)
    }

    Good:
    <ir_version: 8, opset_import: ["" : 16]>
    # opset 16 does not have it
    net (float[N, 8] x) => (float[N, 8] y)
    <float two = {2}, float eps = {1e-5}>
    {
        mean = ReduceMean <axes = [-1]> (x)
        centred = Sub(x, mean)
        squares = Pow(centred, two)
        variance = ReduceMean <axes = [-1]> (squares)
        above = Add(variance, eps)
        deviation = Sqrt(above)
        y = Div(centred, deviation)
    }

    Good:
    <ir_version: 8, opset_import: ["" : 17]>
    # a normalisation over the channels of an image is none of these
    net (float[N, 8, H, W] x) => (float[N, 8, H, W] y)
    <float two = {2}, float eps = {1e-5}>
    {
        mean = ReduceMean <axes = [1]> (x)
        centred = Sub(x, mean)
        squares = Pow(centred, two)
        variance = ReduceMean <axes = [1]> (squares)
        above = Add(variance, eps)
        deviation = Sqrt(above)
        y = Div(centred, deviation)
    }
    """
    told: set[Node] = set()
    newest = max(scope.opsets.get("", 0) for scope in (graph.main, *graph.functions))
    for operator, since, pattern, layer in KINDS:
        if since > newest:
            continue
        places = [
            match
            for match in pattern.matches(graph)
            if match.last not in told
            and match.last.scope.opsets.get("", 0) >= since
            and _normalises_last_axis(match, graph, shapes)
        ]
        told.update(match.last for match in places)
        if places:
            more = f" ({len(places):,} occurrences)" if len(places) > 1 else ""
            yield Finding(
                places[0],
                f"{operator} (one operator since opset {since}) is decomposed into "
                f"{len(places[0].nodes)} nodes{more}",
                hint=f"call {layer} and export with opset {since} or later",
                measured=len(places),
                limit=0,
                unit="places",
            )


def _normalises_last_axis(match: Match, graph: Graph, shapes: Shapes) -> bool:
    """Whether the means of a match, if it has any, run over the last axis."""
    for node in match.nodes:
        if node.op == "ReduceMean":
            constant, shape = graph.integers(node.input(1)), shapes.of(node.input(0))
            axes = node.integers("axes") if constant is None else constant
            rank = shape.rank if shape is not None else None
            if axes != [-1] and (rank is None or axes != [rank - 1]):
                return False
    return True
