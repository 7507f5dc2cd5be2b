"""Tree ensembles: their nodes, their leaves, and what they do for nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node
from onnxlint.model.graph.operators import TREES
from onnxlint.model.graph.place import Place

if TYPE_CHECKING:
    from onnxlint.analyses.static.tree_paths import Dead
    from onnxlint.types import Array


class Ensemble:
    """The trees of one node; `tree` numbers count in the order of the roots in the file."""

    def __init__(self, node: Node) -> None:
        from onnxlint.analyses.static.tree_paths import ordered
        from onnxlint.analyses.static.tree_rows import rows_of

        rows = rows_of(node)
        self.node, self.is_known = node, rows is not None
        if rows is not None:
            self.rows, self.order = rows, ordered(rows)

    @property
    def place(self) -> Place:
        """Where the node stands."""
        return self.node.place

    @property
    def trees(self) -> int:
        """How many trees there are."""
        return len(self.order.roots)

    @property
    def nodes(self) -> int:
        """Splits and leaves of all trees."""
        return len(self.rows.mode)

    @cached_property
    def is_leaf(self) -> Array:
        """Whether each row is a leaf."""
        import numpy as np

        from onnxlint.analyses.static.tree_rows import LEAF

        return np.asarray(self.rows.mode == LEAF)

    @property
    def leaves(self) -> int:
        """Leaves of all trees."""
        return int(self.is_leaf.sum())

    @cached_property
    def tree_leaves(self) -> Array:
        """The leaves of each tree."""
        import numpy as np

        return np.bincount(self.order.tree[self.is_leaf], minlength=self.trees)

    @cached_property
    def tree_depths(self) -> Array:
        """The splits on the longest way down each tree."""
        import numpy as np

        found = np.zeros(self.trees, np.int64)
        np.maximum.at(found, self.order.tree, self.order.level)
        return found

    @property
    def depth(self) -> int:
        """That of the deepest tree."""
        return int(self.tree_depths.max(initial=0))

    @cached_property
    def splits(self) -> Mapping[int, int]:
        """How many splits look at each feature, most first."""
        import numpy as np

        features, counts = np.unique(self.rows.feature[~self.is_leaf], return_counts=True)
        order = np.argsort(-counts, kind="stable")
        return dict(zip(features[order].tolist(), counts[order].tolist(), strict=True))

    @cached_property
    def idle(self) -> Array:
        """Rows of the splits both sides of which give the same for every input.

        Unless all are such, trees that ask the same at all nodes of a level are left out: their
        form has such splits.
        """
        found = self._digests[1]
        return found if len(found) == sum(self.splits.values()) else self._asymmetric(found)

    @cached_property
    def distinct(self) -> int:
        """How many of the trees that split anything differ."""
        return len(set(self._digests[0][self.splitting].tolist()))

    @property
    def splitting(self) -> Array:
        """The roots that are splits."""
        return self.order.roots[~self.is_leaf[self.order.roots]]

    @property
    def repeated(self) -> Array | None:
        """Rows of splits at a threshold that was asked for above; None where that is unknown."""
        return None if self._dead is None else self._asymmetric(self._dead.repeated)

    @property
    def unreachable(self) -> Array | None:
        """Rows of leaves that no input reaches; None where that is unknown.

        Left out are those behind repeated thresholds, and in trees that ask the same at all nodes
        of a level: their form has such leaves.
        """
        return None if self._dead is None else self._asymmetric(self._dead.leaves)

    def _asymmetric(self, rows: Array) -> Array:
        from onnxlint.analyses.static.tree_paths import symmetric

        if not len(rows):
            return rows
        is_symmetric = symmetric(self.rows, self.order) & (self.tree_depths > 1)
        return rows[~is_symmetric[self.order.tree[rows]]]

    @cached_property
    def _digests(self) -> tuple[Array, Array]:
        from onnxlint.analyses.static.tree_paths import digests

        return digests(self.rows, self.order)

    @cached_property
    def _dead(self) -> Dead | None:
        from onnxlint.analyses.static.tree_paths import unreached

        return unreached(self.rows, self.order)


class Trees:
    """The tree ensembles of a model, also those in subgraphs and functions.

    Left out are those that do not make trees, which `malformed` tells, those of more than
    16 million nodes, and those whose attributes the call of a function decides.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    @classmethod
    def build(cls, graph: Graph) -> Trees:
        """Looks at nothing yet."""
        return cls(graph)

    def __iter__(self) -> Iterator[Ensemble]:
        return (each for each in self._read.values() if isinstance(each, Ensemble))

    def of(self, node: Node) -> Ensemble | None:
        """The trees of a node; None where it has none that are known."""
        found = self._read.get(node)
        return found if isinstance(found, Ensemble) else None

    @property
    def malformed(self) -> Iterator[tuple[Node, str]]:
        """The nodes whose attributes do not make trees, each with the reason."""
        return ((node, each) for node, each in self._read.items() if isinstance(each, str))

    @cached_property
    def _read(self) -> dict[Node, Ensemble | str | None]:
        return {node: _read(node) for node in self._graph.nodes() if node.op in TREES}


def _read(node: Node) -> Ensemble | str | None:
    from onnxlint.analyses.static.tree_rows import MalformedTreesError

    try:
        found = Ensemble(node)
    except MalformedTreesError as problem:
        return str(problem)
    return found if found.is_known else None
