"""Which nodes of a model the kernels compute that onnxruntime ran."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct, field

from onnxlint.analyses.static.multiplications import is_product
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import SIZE_OPS
from onnxlint.model.graph.walk import Walk
from onnxlint.runtime.protocol import Kernel

NAME = "onnxlint-{}/"
"""What nodes are called while they are timed: by their number in the file."""

_TAG = re.compile(r"onnxlint-(\d+)/")

_MADE = re.compile(r"(?:_token_\d+)?(?:_nchwc)?$")
"""What onnxruntime puts behind a name that it takes for a node of its own."""

_REORDER = "ReorderOutput"
"""Brings what a kernel put out into the layout that the model asks for."""


class NodeTime(Struct):
    """The kernels that compute a node, and the other nodes that these compute with it."""

    kernels: list[Kernel] = field(default_factory=list)
    covers: list[Node] = field(default_factory=list)


class Attribution:
    """Gives every kernel to a node: to what multiplies, where it computes several.

    A kernel that stands for one node has its name. One that is fused, or in another layout, has
    outputs of the model: it computes what lies between them and what it reads.
    """

    def __init__(self, graph: Graph, numbered: Sequence[Node], kernels: Sequence[Kernel]) -> None:
        self._graph, self._numbered = graph, numbered
        self._order = {node: number for number, node in enumerate(numbered)}
        self._makers = dict(_makers(graph))
        self._aliases = {
            kernel.inputs[0]: kernel.outputs[0]
            for kernel in kernels
            if kernel.op == _REORDER and kernel.inputs and kernel.outputs
        }
        self.nodes: dict[Node, NodeTime] = {}
        self.others: list[Kernel] = []
        self._owners: dict[Node, Node] = {}
        roots = [(kernel, self._roots(kernel)) for kernel in kernels]
        self._taken = {root for _, found in roots for root in found}
        for kernel, found in roots:
            self._give(kernel, found)
        for node in graph.main.nodes:
            self._give_behind(node)

    def _give(self, kernel: Kernel, roots: Sequence[Node]) -> None:
        if not roots:
            self.others.append(kernel)
            return
        inside = () if kernel.op == _REORDER else self._inside(kernel, roots)
        nodes = sorted({*roots, *inside}, key=self._order.__getitem__)
        main = next((node for node in nodes if is_product(node.op)), nodes[-1])
        main = self._owners.get(main, main)
        entry = self.nodes.setdefault(main, NodeTime())
        entry.kernels.append(kernel)
        for node in nodes:
            if self._owners.setdefault(node, main) is main and node not in (main, *entry.covers):
                entry.covers.append(node)

    def _give_behind(self, node: Node) -> None:
        """What no kernel's name or output tells is computed with what it reads: an activation."""
        if node in self._owners or node.op in SIZE_OPS:
            return
        read = (value.producer for value in node.inputs if value is not None)
        main = next((self._owners[maker] for maker in read if maker in self._owners), None)
        if main is not None:
            self._owners[node] = main
            self.nodes[main].covers.append(node)

    def _roots(self, kernel: Kernel) -> list[Node]:
        """The nodes that its name and its outputs tell."""
        found = [self._numbered[int(number)] for number in _TAG.findall(kernel.name)
                 if int(number) < len(self._numbered)]  # fmt: skip
        outputs = [self._aliases.get(name, name) for name in kernel.outputs]
        if not found:
            outputs.append(_MADE.sub("", kernel.name))
        found += [self._makers[name] for name in outputs if name in self._makers]
        return [*dict.fromkeys(found)]

    def _inside(self, kernel: Kernel, roots: Iterable[Node]) -> Iterator[Node]:
        """What lies between the roots and the inputs, and has no kernel of its own."""
        ends = {*kernel.inputs}
        for node in (walk := Walk(roots)):
            yield node
            for value in filter(None, node.inputs):
                if value.name not in ends and self._is_fused(value):
                    walk.add(value.producer)

    def _is_fused(self, value: Value) -> bool:
        maker = value.producer
        return (
            maker is not None
            and maker not in self._taken
            and maker in self._order
            and self._graph.tensor(value) is None
            and maker.scope in (self._graph.main, *self._graph.main.nested)
        )


def _makers(graph: Graph) -> Iterator[tuple[str, Node]]:
    """The nodes by the names of their outputs: those of the main graph before those inside it."""
    for scope in reversed(graph.main.nested):
        for node in scope.nodes:
            yield from ((value.name, node) for value in node.outputs if value is not None)
