"""A model with taps inside If, Loop, Scan and local functions: each iteration is shown as it runs.

Functions get a copy for each call, so that calls are told apart.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct

from onnxlint.analyses.execution.tapped_model import OPERATOR
from onnxlint.analyses.static.body_models import Body, bodies
from onnxlint.model.file.making import make_node
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Scope
from onnxlint.runtime import DOMAIN

if TYPE_CHECKING:
    from onnx import FunctionProto, GraphProto, ModelProto, NodeProto

    from onnxlint.runtime.protocol import Watch

    Container: TypeAlias = "GraphProto | FunctionProto"

MOST_TAPPED = 4096
"""Bodies that are tapped in one model: a choice, some ten thousand nodes more."""

COPIED_BYTES = 64 * 1024 * 1024
"""Functions are copied for their calls up to this size together: a choice."""


class TappedBody(Struct, frozen=True):
    """A body, what is watched in it, and what its taps are called.

    With `is_counted`, one in which nothing is watched has a tap all the same, to count how often it
    runs: on a number of its own, of the empty name.
    """

    body: Body
    number: int
    watches: Sequence[Watch]
    is_counted: bool = False

    @property
    def names(self) -> list[str]:
        """The values that are tapped."""
        names = [watch.name for watch in self.watches]
        return names or [""] * self.is_counted

    def key(self, name: str) -> str:
        """What the tap on a value of this name is called."""
        return f"{self.number}:{name}"

    def keyed(self) -> Iterator[Watch]:
        """What is watched, by the names of the taps."""
        from msgspec.structs import replace

        from onnxlint.runtime.protocol import Watch

        watches = self.watches or [Watch(name, sizes_only=True) for name in self.names]
        return (replace(watch, name=self.key(watch.name)) for watch in watches)


def every_body(graph: Graph) -> tuple[list[Body], Body | None]:
    """The bodies of a model, from the outside to the inside, and the first that is one too many."""
    found = list(islice(_breadth_first(graph), MOST_TAPPED + 1))
    return found[:MOST_TAPPED], found[MOST_TAPPED] if len(found) > MOST_TAPPED else None


def _breadth_first(graph: Graph) -> Iterator[Body]:
    waiting = deque(bodies(graph.main))
    while waiting:
        body = waiting.popleft()
        yield body
        waiting.extend(body.inside())


def is_copied_cheaply(tapped: Iterable[TappedBody]) -> bool:
    """Whether the functions are small enough to be copied for each call."""
    called = [each.body.scope for each in tapped if each.body.scope.function is not None]
    sizes = {scope: _size(scope) for scope in called}
    return sum(sizes[scope] for scope in called) <= COPIED_BYTES


def _size(scope: Scope) -> int:
    return 0 if scope.function is None else int(scope.function.ByteSize())


def with_taps(graph: Graph, tapped: Sequence[TappedBody]) -> tuple[ModelProto, list[str]]:
    """A copy of the model with taps on what is watched, and their names by number."""
    from onnx import ModelProto

    model = ModelProto()
    model.CopyFrom(graph.model.proto)
    names = [each.key(name) for each in tapped for name in each.names]
    numbers = {name: at for at, name in enumerate(names)}
    copies: dict[tuple[int, ...], Container] = {(): model.graph}
    known = {each.name for each in model.functions}
    for each in tapped:
        around = copies.get(_way(each.body)[:-2])
        copy = None if around is None else _copied(model, around, each, known)
        if copy is not None:
            copies[_way(each.body)] = copy
    for each in tapped:
        found = copies.get(_way(each.body))
        if found is not None:
            found.node.extend(_taps(each, numbers))
    _import(model.opset_import)
    return model, names


def _way(body: Body) -> tuple[int, ...]:
    """What tells a body from all others: the nodes on the way to it, and its own scope."""
    ids = [part for node in body.calls for part in (id(node.scope), id(node))]
    return (*ids[1:], id(body.scope))


def _copied(
    model: ModelProto, around: Container, tapped: TappedBody, known: set[str]
) -> Container | None:
    """The copy of a body in the copy of the scope around it; a function becomes one of its own."""
    body = tapped.body
    node = around.node[body.owner.index]
    if body.scope.function is None:
        held = [each for each in node.attribute if each.HasField("g")]
        at = [scope is body.scope for scope in body.owner.subgraphs].index(True)
        inner: GraphProto | None = held[at].g if at < len(held) else None
        return inner
    function: FunctionProto = model.functions.add()
    function.CopyFrom(body.scope.function)
    name = f"{function.name}_of_call_{tapped.number}"
    while name in known:
        name += "_"
    known.add(name)
    function.name = node.op_type = name
    _import(function.opset_import)
    return function


def _import(imported: object) -> None:
    imported.add(domain=DOMAIN, version=1)  # type: ignore[attr-defined]


def _taps(tapped: TappedBody, numbers: Mapping[str, int]) -> Iterator[NodeProto]:
    for value in tapped.names:
        key = tapped.key(value)
        name = f"onnxlint-tap:{key}"
        if not value:
            value = f"onnxlint-run:{key}"
            yield make_node("Constant", [], [value], name=value, value_int=0)
        yield make_node(OPERATOR, [value], [name], name=name, domain=DOMAIN, tap=numbers[key])
