"""How trees came to fit the samples of training: grown to do so, or tree by tree, and how many."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from msgspec import Struct
from msgspec.structs import replace

from onnxlint.analyses.execution.execution import Execution
from onnxlint.analyses.execution.probed_session import serialised
from onnxlint.analyses.execution.worker import RunFailure, Worker, WorkerDied
from onnxlint.analyses.predictions.labels import Labels
from onnxlint.analyses.predictions.outputs import Outputs
from onnxlint.analyses.predictions.scores import Scores
from onnxlint.analyses.predictions.train_scores import TrainingSet
from onnxlint.analyses.static.output_heads import table_of
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.model.file.errors import DataError
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node
from onnxlint.model.graph.operators import TREES
from onnxlint.model.graph.place import NotApplicable
from onnxlint.settings import Settings

if TYPE_CHECKING:
    from onnxlint.model.edit.tree_subset import Leaves
    from onnxlint.runtime.protocol import Ran
    from onnxlint.types import Array

STAGES = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 3 / 4)
"""Of all rounds of boosting, after which the loss is looked at; a choice."""

CHANCE = 2.576
"""Standard errors of a mean difference: 99%, as several stages are compared."""

Kind = Literal["tree", "forest", "boosted"]


class Stage(Struct, frozen=True):
    """The loss on other samples with the first `trees` of `of`, and `full` with all of them."""

    trees: int
    of: int
    loss: float
    full: float


class TreeFit:
    """What kind of ensemble the model is, and whether fewer of its trees would do better.

    Runs it with parts of its trees when asked.
    """

    def __init__(self, graph: Graph, run: _Parts, training: TrainingSet) -> None:
        self._graph, self._parts, self._training = graph, run, training

    @classmethod
    def build(
        cls, graph: Graph, shapes: Shapes, settings: Settings, labels: Labels, scores: Scores,
        outputs: Outputs, execution: Execution, training: TrainingSet, worker: Worker,
    ) -> TreeFit:  # fmt: skip
        """Looks at nothing yet."""
        run = _Parts(graph, shapes, settings, labels, scores, outputs, execution, worker)
        return cls(graph, run, training)

    @cached_property
    def kind(self) -> Kind | None:
        """A single `tree`, a `forest`, whose trees are averaged, or `boosted`: trees are added up.

        None of whatever else.
        """
        nodes = [node for node in self._graph.nodes() if node.op in TREES]
        leaves = [_leaves(node) for node in nodes]
        known = [each for each in leaves if each is not None]
        if not known or len(known) != len(leaves):
            return None
        if sum(len(each.trees) for each in known) == 1:
            return "tree"
        if all(map(_is_vote, known)):
            return "forest"
        if len(known) > 1 or nodes[0] not in self._graph.main.nodes:
            return None
        return "forest" if self._is_averaged(nodes[0], known[0]) else "boosted"

    def better_stage(self, least: float, share: float) -> Stage | None:
        """The best number of first trees, where the loss on the others is less than with all.

        By a `share` of it and by `least`, beyond chance.
        """
        node = next(node for node in self._graph.main.nodes if node.op in TREES)
        leaves = _leaves(node)
        full = self._parts.scores.losses
        if leaves is None or full is None:
            return None
        found = None
        for kept in _stages(leaves):
            part = self._parts.scored(node, kept)
            losses = None if part is None else part.losses
            if losses is None or len(losses) != len(full) or not _is_less(losses, full):
                continue
            stage = Stage(len(kept), len(leaves.trees), float(losses.mean()), float(full.mean()))
            gained = stage.full - stage.loss
            is_clear = gained > max(least, share * stage.loss)
            if is_clear and (found is None or stage.loss < found.loss):
                found = stage
        return found

    def _is_averaged(self, node: Node, leaves: Leaves) -> bool:
        """Whether each tree of a regression predicts the targets of training itself."""
        train = self._training.scores
        if train is None or train.task != "regression" or leaves.has_base:
            return False
        if leaves.is_average:
            return True
        trees = leaves.trees
        ends = [self._parts.outputs(node, [trees[at]], self._training.execution) for at in (0, -1)]
        return all(each is not None and _explains(each * len(trees), train) for each in ends)


class _Parts:
    """Runs the model with some of its trees."""

    def __init__(
        self, graph: Graph, shapes: Shapes, settings: Settings, labels: Labels, scores: Scores,
        outputs: Outputs, execution: Execution, worker: Worker,
    ) -> None:  # fmt: skip
        self.scores = scores
        self._graph, self._shapes, self._settings, self._labels = graph, shapes, settings, labels
        self._outputs, self._execution, self._worker = outputs, execution, worker

    def scored(self, node: Node, kept: Sequence[int]) -> Scores | None:
        """How well these trees meet the labels; None where that cannot be run."""
        try:
            runs = self._runs(node, kept, self._execution)
            execution = Execution(self._execution.inputs, runs=runs,
                                  attempt=self._execution.attempt)  # fmt: skip
            seen = [replace(out, arrays=[ran.outputs[out.value.name] for ran in runs
                                         if out.value.name in ran.outputs], seen=None)
                    for out in self._outputs]  # fmt: skip
            return Scores.build(self._graph, self._shapes, self._settings, self._labels, execution,
                                Outputs(seen))  # fmt: skip
        except (RunFailure, WorkerDied, DataError, NotApplicable):
            return None

    def outputs(self, node: Node, kept: Sequence[int], execution: Execution | None) -> Array | None:
        """What these trees give for samples; None where that cannot be run."""
        import numpy as np

        if execution is None:
            return None
        try:
            runs = self._runs(node, kept, execution)
        except (RunFailure, WorkerDied):
            return None
        name = self.scores.output.value.name
        return np.concatenate([ran.outputs[name] for ran in runs]).astype(np.float64)

    def _runs(self, node: Node, kept: Sequence[int], execution: Execution) -> list[Ran]:
        from onnx import ModelProto

        from onnxlint.model.edit.tree_subset import keep_trees
        from onnxlint.runtime.protocol import Ran, Run

        graph, attempt = self._graph, execution.attempt
        proto = ModelProto()
        proto.CopyFrom(graph.model.proto)
        keep_trees(proto.graph.node[node.index], kept)
        scored = self.scores.output.value
        table = table_of(scored).name
        watched = [table] if table != scored.name else []
        data, folder = serialised(proto, graph.model.files, watched, synthetic=False)
        self._worker.load(data, folder, self._execution.level)
        feeds = [] if attempt is None else attempt.feeds
        return [Ran({}, self._worker.run(Run(dict(feed), [], [table])).outputs) for feed in feeds]


def _leaves(node: Node) -> Leaves | None:
    from onnxlint.model.edit.tree_subset import leaves_of

    return leaves_of(node.proto)


def _is_vote(leaves: Leaves) -> bool:
    """Whether every leaf gives shares of classes, all trees together 1."""
    trees = len(leaves.trees)
    limit = (1 + 1e-3) / trees
    shares = leaves.is_classifier and leaves.transform == "NONE" and not leaves.has_base
    return shares and bool(leaves.weight) and min(leaves.weight) >= 0 and (
        max(leaves.weight) <= limit)  # fmt: skip


def _stages(leaves: Leaves) -> Iterator[list[int]]:
    """The first trees, by whole rounds: a tree a class in each, where trees are of one class."""
    classes: dict[int, set[int]] = {}
    for tree, output in zip(leaves.tree, leaves.output, strict=True):
        classes.setdefault(tree, set()).add(output)
    per_round = leaves.outputs if all(len(each) == 1 for each in classes.values()) else 1
    rounds = len(leaves.trees) // per_round
    for count in sorted({math.ceil(rounds * share) for share in STAGES} - {rounds}):
        yield leaves.trees[: count * per_round]


def _is_less(losses: Array, full: Array) -> bool:
    differences = full - losses
    chance = CHANCE * float(differences.std()) / math.sqrt(len(differences))
    return float(differences.mean()) > chance


def _explains(given: Array, scores: Scores) -> bool:
    """Whether a single tree, as if all were like it, is nearer to the targets than their mean."""
    truths = scores.truths
    if given.size < truths.size:
        return False
    predicted = given.reshape(len(given), -1)[: len(truths)].reshape(truths.shape)
    return bool(((predicted - truths) ** 2).mean() < truths.var(axis=0).mean())
