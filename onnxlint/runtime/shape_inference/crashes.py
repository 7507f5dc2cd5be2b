"""Shape inference of a model at which onnx's native code crashes, as it runs in a child process.

A crash does not tell its node. So the nodes are uncovered one after the other, in the order of
inference, until it crashes: by halves, and each try in a child of its own. The node is passed by
from then on, and the others are inferred all the same.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator
from functools import partial
from itertools import chain, count

from onnx import ModelProto, NodeProto

import onnxlint.runtime.shape_inference.ort_symbolic  # noqa: F401 - once, not in every child
from onnxlint.model.file.messages import Container, containers, subgraphs
from onnxlint.model.graph.walk import preorder
from onnxlint.runtime.shape_inference.inference import (
    functions_of,
    infer,
    tagged,
)
from onnxlint.runtime.shape_inference.inferred import Inferred
from onnxlint.safety.forked import Crashed, Isolated
from onnxlint.safety.limits import Budget

_MOST_CRASHES = 8
"""A choice of ours: nodes that are looked for before the model is left without shapes."""

_MOST_NODES = 3_000_000
"""Nodes of all tries together: of 100,000 a crash needs 17 tries, which take half a minute; whoever
waits would rather do without shapes."""


def infer_past_crashes(serialized: bytes, budget: Budget) -> bytes:
    """What `infer` gives, and the nodes at which native code crashes.

    Raises:
        Crashed: there are too many such nodes, the search takes too long, or it finds none.
    """
    attempt = partial(_attempt, serialized, budget)
    order = list(_in_order(ModelProto.FromString(serialized)))
    tries = count(1)
    told: dict[str, str] = {}
    while True:
        try:
            found = Inferred.decoded(attempt(told))
            break
        except Crashed as error:
            if not error.is_native or len(told) == _MOST_CRASHES:
                raise
            node = _first_crash(attempt, [n for n in order if n not in told], told, tries)
            if node is None:
                raise
            told[node] = f"onnx's shape inference crashes here ({error.signal})"
    found.crashes = "\n".join(f"(op_type:, node name: {n}): {why}" for n, why in told.items())
    return found.encoded()


def _attempt(serialized: bytes, budget: Budget, passing_by: Collection[str]) -> bytes:
    return Isolated(partial(infer, passing_by=passing_by), serialized, budget).result()


def _first_crash(
    attempt: Callable[[Collection[str]], bytes],
    order: list[str],
    passed_by: Collection[str],
    tries: Iterator[int],
) -> str | None:
    """The first node that makes inference crash when the nodes up to it are inferred."""

    def crashes(uncovered: int) -> bool:
        if next(tries) * len(order) > _MOST_NODES:
            raise Crashed("locating the crash of native code takes too long")
        try:
            attempt([*passed_by, *order[uncovered:]])
        except Crashed as error:
            if not error.is_native:  # a limit: whether it would crash behind is not known
                raise
            return True
        return False

    uncovered = bisect_left(range(len(order)), True, key=crashes)
    return order[uncovered - 1] if uncovered else None


def _in_order(model: ModelProto) -> Iterator[str]:
    """The tags of all nodes, each followed by what it owns, and by what it is the first to call."""
    list(tagged(containers(model)))  # all have their names then
    functions = functions_of(model)

    def inside(node: NodeProto) -> Iterator[NodeProto]:
        called = functions.pop((node.domain, node.op_type), None)
        inner: list[Container] = [*subgraphs(node), *([called] if called else [])]
        return chain.from_iterable(container.node for container in inner)

    return (node.name for node in preorder(model.graph.node, inside))
