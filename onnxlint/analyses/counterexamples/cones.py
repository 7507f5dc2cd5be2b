"""A model that ends at one node: what runs to find out what that node reads and gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxlint.analyses.execution.probed_session import AS_WRITTEN, serialised
from onnxlint.analyses.execution.worker import RunFailure, Worker
from onnxlint.analyses.static.body_models import read_outside
from onnxlint.runtime.protocol import Run

if TYPE_CHECKING:
    from collections.abc import Iterable

    from onnx import ModelProto

    from onnxlint.model.graph.graph import Graph
    from onnxlint.model.graph.nodes import Node, Value
    from onnxlint.types import Array, Feed

MARK = "onnxlint-looked-at"
"""The name that the node has in such a model, so that a refusal tells of it."""

ROOM = 64 * 1024 * 1024
"""Bytes of one run's values that are sent back: a choice, 16 million floats."""


class Cone:
    """The part of the main graph that a node depends on, loaded as it is written.

    `values` are those that are sent back of every run: what the node reads, and gives if it is in.
    """

    def __init__(
        self, graph: Graph, node: Node, worker: Worker, *, including: bool, synthetic: bool
    ) -> None:
        self._graph, self._node, self._worker = graph, node, worker
        self._including, self._synthetic = including, synthetic
        read = [value for value in node.inputs if value is not None]
        given = [value for value in node.outputs if value is not None] if including else []
        self._read = list(dict.fromkeys(read))
        self._made = [v for v in dict.fromkeys([*read, *given]) if v.producer is not None]
        self._session: int | None = None
        self._data: tuple[bytes, object] | None = None

    @property
    def is_open(self) -> bool:
        """Whether it is what the worker has loaded."""
        return self._session == self._worker.session

    def open(self) -> None:
        """Loads it.

        Raises:
            RunFailure: onnxruntime cannot load it.
            WorkerDied: it ends the worker.
        """
        names = [value.name for value in self._made]
        proto = part_of(self._graph, self._node, self._made, including=self._including)
        files = self._graph.model.files
        data, folder = serialised(proto, files, names, synthetic=self._synthetic)
        self._worker.start()
        self._worker.load(data, folder, AS_WRITTEN)
        self._session = self._worker.session

    def run(self, feed: Feed) -> dict[Value, Array]:
        """What the node reads, and what it gives, by value; without those too large to be sent.

        Raises:
            RunFailure: onnxruntime cannot run it.
            WorkerDied: it ends the worker.
        """
        found = self._computed(feed) if self._made else {}
        for value in self._read:
            if value.producer is None:
                array = feed.get(value.name)
                array = self._graph.constant(value) if array is None else array
                if array is not None:
                    found[value] = array
        return found

    def _computed(self, feed: Feed) -> dict[Value, Array]:
        if not self.is_open:
            self.open()
        names = [value.name for value in self._made]
        import numpy as np

        fed = {name: np.asarray(array) for name, array in feed.items()}  # numpy's scalars, too
        ran = self._worker.run(Run(fed, [], names, ROOM), whole=False)
        return {value: ran.outputs[value.name] for value in self._made if value.name in ran.outputs}

    def refuses(self, error: RunFailure) -> bool:
        """Whether it is the node that refused."""
        return MARK in str(error)


def part_of(graph: Graph, node: Node, wanted: Iterable[Value], *, including: bool) -> ModelProto:
    """The nodes of the main graph that some values need, with no outputs; the node has a mark."""
    from onnx import ModelProto

    nodes, names = _needed(wanted, node if including else None)
    source, model = graph.model.proto, ModelProto()
    model.ir_version = source.ir_version
    model.opset_import.extend(source.opset_import)
    model.functions.extend(source.functions)
    model.graph.name = source.graph.name or "part"
    for each in graph.main.nodes:
        if each in nodes:
            model.graph.node.add().CopyFrom(each.proto)
            if each is node:
                model.graph.node[-1].name = MARK
    tensors, sparse = source.graph.initializer, source.graph.sparse_initializer
    model.graph.initializer.extend(each for each in tensors if each.name in names)
    model.graph.sparse_initializer.extend(each for each in sparse if each.values.name in names)
    kept = {value.name for value in graph.inputs} | names
    model.graph.input.extend(each for each in source.graph.input if each.name in kept)
    model.graph.value_info.extend(each for each in source.graph.value_info if each.name in names)
    return model


def _needed(wanted: Iterable[Value], last: Node | None) -> tuple[set[Node], set[str]]:
    """The nodes that make values, and the names of all that these read."""
    nodes: set[Node] = set()
    values = dict.fromkeys(wanted)
    ahead = list(values)
    if last is not None:
        nodes.add(last)
        ahead += _read_by(last)
    while ahead:
        value = ahead.pop()
        values[value] = None
        made = value.producer
        if made is not None and made not in nodes:
            nodes.add(made)
            ahead += _read_by(made)
    return nodes, {value.name for value in values}


def _read_by(node: Node) -> list[Value]:
    read = [value for value in node.inputs if value is not None]
    for scope in node.subgraphs:
        read += [value for value in read_outside(scope) if value.scope is node.scope]
    return read
