"""Operators that stand in a model as the nodes that they are made of."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from onnxlint.analyses.static.shapes import Shapes
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node
from onnxlint.model.patterns.matcher import Match, Pattern


class Decomposition(Struct, frozen=True):
    """How exporters write an operator of a later opset as several nodes.

    `since` is the opset that introduced the operator, `layer` the layer of PyTorch that newer
    exporters write as one node.
    """

    operator: str
    since: int
    layer: str
    pattern: Pattern


DECOMPOSITIONS = (
    Decomposition("LayerNormalization", 17, "torch.nn.LayerNorm", Pattern("""
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
    """)),
    Decomposition("RMSNormalization", 23, "torch.nn.RMSNorm", Pattern("""
        p = Pow(x, 2)
        | p = Mul(x, x)
        v = ReduceMean(p, ...)
        a = Add(v, e)
        s = Sqrt(a)
        r = Reciprocal(s)
        | r = Div(1, s)
        y = Mul(x, r)
        | y = Div(x, s)
    """)),
    Decomposition("Gelu", 20, "torch.nn.functional.gelu", Pattern("""
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
    """)),
    Decomposition("Attention", 23, "torch.nn.functional.scaled_dot_product_attention", Pattern("""
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
    """)),
)  # fmt: skip
"""Those that are known; where two fit one place, the first."""


class Decompositions:
    """The places of a model that one operator of its opset could be."""

    def __init__(self, graph: Graph, shapes: Shapes) -> None:
        self._graph = graph
        self._shapes = shapes

    @classmethod
    def build(cls, graph: Graph, shapes: Shapes) -> Decompositions:
        """Searches nothing yet."""
        return cls(graph, shapes)

    def __iter__(self) -> Iterator[tuple[Decomposition, list[Match]]]:
        """Each operator that stands somewhere as several nodes, and where, by their last nodes."""
        taken: set[Node] = set()
        scopes = (self._graph.main, *self._graph.functions)
        newest = max(scope.opsets.get("", 0) for scope in scopes)
        for each in DECOMPOSITIONS:
            matches = each.pattern.matches(self._graph) if each.since <= newest else ()
            places = [match for match in matches if self._fits(each, match, taken)]
            taken.update(match.last for match in places)
            if places:
                yield each, places

    def _fits(self, decomposition: Decomposition, match: Match, taken: set[Node]) -> bool:
        if match.last in taken or match.last.scope.opsets.get("", 0) < decomposition.since:
            return False
        return all(self._is_over_last_axis(n) for n in match.nodes if n.op == "ReduceMean")

    def _is_over_last_axis(self, mean: Node) -> bool:
        """Whether a mean runs over the last axis alone, as that of a normalisation does."""
        constant, rank = self._graph.integers(mean.input(1)), self._shapes.rank(mean.input(0))
        axes = mean.integers("axes") if constant is None else constant
        return axes == [-1] or (rank is not None and axes == [rank - 1])
