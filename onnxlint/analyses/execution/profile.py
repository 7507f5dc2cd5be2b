"""How long each node of a model takes, by onnxruntime's own profiler: only shown, never judged."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, ClassVar

from onnxlint.analyses import Unavailable
from onnxlint.analyses.execution.execution import Execution
from onnxlint.analyses.execution.kernel_times import NAME, Attribution, NodeTime
from onnxlint.analyses.execution.probed_session import serialised
from onnxlint.analyses.execution.worker import RunFailure, Worker, WorkerDied
from onnxlint.analyses.inputs.dynamic_axes import Sizes
from onnxlint.model.file.messages import containers
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node

if TYPE_CHECKING:
    from onnxlint.runtime.protocol import Kernel, Profiled
    from onnxlint.types import Feed

RUNS = 7
"""Runs after one that warms up; their median is taken."""

LARGEST_GRAPH = 1 << 30
"""Bytes of weights up to which the optimised model is written, to see what fused kernels cover."""


class Profile:
    """The time of each node in one run of the first sample, as the model ships.

    The clock decides: no rule may ask for it.
    """

    is_timed: ClassVar[bool] = True

    def __init__(self, graph: Graph, feed: Feed, profiled: Profiled) -> None:
        self.feed, self.runs, self.kernels = feed, profiled.runs, profiled.kernels
        self._attribution = Attribution(graph, numbered(graph), profiled.kernels)

    @classmethod
    def build(cls, graph: Graph, execution: Execution, worker: Worker) -> Profile:
        """Runs the model a few times more.

        Raises:
            Unavailable: it did not run, or onnxruntime's profiler tells nothing.
        """
        if execution.attempt is None:
            raise Unavailable(execution.failure or "the model did not run")
        feed = one_sample(execution)
        try:
            profiled = _profiled(graph, execution, worker, feed)
        except (RunFailure, WorkerDied) as error:
            raise Unavailable(f"the kernels were not timed: {error}") from error
        if not any(map(_milliseconds, profiled.kernels)):
            raise Unavailable("onnxruntime's profiler saw no kernel")
        return cls(graph, feed, profiled)

    @property
    def milliseconds(self) -> float:
        """What all kernels take."""
        return sum(map(_milliseconds, self.kernels))

    @property
    def others(self) -> float:
        """Milliseconds of kernels that compute no node, or of which it is not known."""
        return sum(map(_milliseconds, self._attribution.others))

    @property
    def nodes(self) -> dict[Node, NodeTime]:
        """The nodes that have kernels of their own."""
        return self._attribution.nodes

    def of(self, node: Node) -> float | None:
        """Milliseconds of a node's kernels; None where it has none of its own."""
        found = self.nodes.get(node)
        return None if found is None else sum(map(_milliseconds, found.kernels))

    def share(self, node: Node) -> float | None:
        """Its part of the time of all kernels."""
        own, total = self.of(node), self.milliseconds
        return None if own is None else own / total if total else 0.0


def one_sample(execution: Execution) -> Feed:
    """The first sample of what was run, alone where samples can be told apart."""
    if execution.attempt is None:
        return {}
    feed = execution.attempt.feeds[0]
    axes = Sizes(execution.inputs.slots, feed)
    return axes.with_batch(feed, [0]) if axes.batch_axes else feed


def numbered(graph: Graph) -> list[Node]:
    """All nodes in the order of the containers of the file."""
    roots = (graph.main, *graph.functions)
    return [node for root in roots for scope in root.nested for node in scope.nodes]


def _profiled(graph: Graph, execution: Execution, worker: Worker, feed: Feed) -> Profiled:
    from onnx import ModelProto

    proto = ModelProto()
    proto.CopyFrom(graph.model.proto)
    nodes = (node for container in containers(proto) for node in container.node)
    for number, node in enumerate(nodes):
        node.name = NAME.format(number)
    synthetic = execution.inputs.synthetic
    data, folder = serialised(proto, graph.model.files, [], synthetic=synthetic)
    weights = sum(tensor.nbytes for _, tensor in graph.tensors)
    keeps_graph = weights <= LARGEST_GRAPH
    return worker.profile(data, folder, execution.level, feed, RUNS, keeps_graph=keeps_graph)


def _milliseconds(kernel: Kernel) -> float:
    return median(kernel.microseconds or [0.0]) / 1000
