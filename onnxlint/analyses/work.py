"""What running a model costs, in operations: the same on every machine, however busy it is.

One operation is one multiplication and addition. What else is done is put in as many as take about
as long; all figures are rough, for they only have to tell cheap from dear.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from math import inf
from typing import TYPE_CHECKING

from onnxlint.analyses.execution import Execution
from onnxlint.analyses.shapes import Shapes
from onnxlint.analyses.sizes import Sizes
from onnxlint.findings import NotApplicable
from onnxlint.model.graph import Graph, Node, Scope, Value
from onnxlint.model.tensors import element_count

if TYPE_CHECKING:
    from onnxlint.runtime.messages import Seen

AN_ELEMENT = 20
"""Operations for one element that is written: memory gives a twentieth of what cores multiply."""

A_NODE = 500_000
"""Operations for calling a kernel: about ten microseconds."""

A_NODE_LOADED = 5_000_000
"""Operations for a node when a session is created and optimised: about 0.1 ms."""

A_WEIGHT_LOADED = 300
"""Operations for a weight that is read, copied and brought into the order that kernels want."""

UNKNOWN_TRIPS = 16
"""Rounds of a loop whose number no shape tells."""

MOST_CALLS = 50
"""Functions that call each other are counted so deep."""

FREE_OPERATIONS = 1e11
"""What looking again may cost in any case: one to three seconds, as long as starting takes."""

LOOKS = 5.0
"""What it may cost where a model takes more, as a multiple of loading it and running one sample:
with the samples of `Execution`, about ten times what a user's own try would cost."""

BATCHES = (1, 2, 3)
"""Batch sizes that are tried: alone, the least company, and the least that is odd."""

SAMPLES_CHANGED = 4
"""So many samples are changed at once, part by part: what saturates for one may not for others."""

PARTS = 64
"""So many changes of a part of an input at most: of three axes, in two other values each."""

MOST_SYMBOLS = 6
"""So many free sizes beside the batch are varied: more than height, width, time, and two states."""


class Question(StrEnum):
    """What is asked by running again; those least likely to find something come last."""

    BATCH = "other batch sizes"
    LIMITS = "samples at the limits"
    OPTIMISED = "the unoptimised model"
    AXES = "other sizes of dynamic axes"
    COMPANY = "two samples together"
    ONE_STEP = "sequences of one step"
    SENSITIVITY = "one input changed at a time"
    REPEATED = "the same input twice"
    GRADIENTS = "small changes followed through the layers"
    ORDER = "the sequence shuffled"
    POSITIONS = "a part of one input changed at a time"


class Work:
    """The operations of loading a model, and of running one sample or the first feed.

    What may be asked is settled beforehand for all questions, whichever rules are selected: so no
    answer depends on what was asked before. `left_out` are those that were to be asked all the
    same; of what is not `limited` there are none.
    """

    def __init__(
        self, load: float, run: float, *, samples: int = 1, inputs: int = 1, symbols: int = 0,
        limited: bool = True,
    ) -> None:  # fmt: skip
        self.load, self.run, self.samples = load, run, max(1, samples)
        self._inputs, self._symbols, self._limited = inputs, symbols, limited
        self.left_out: list[Question] = []
        self._settled = self._settle()

    @classmethod
    def build(cls, graph: Graph, shapes: Shapes, execution: Execution) -> Work:
        """Reads it off what the first run showed, and off shapes; nothing where it did not run."""
        attempt, inputs = execution.attempt, execution.inputs
        if not execution.ran or attempt is None:
            return cls(0.0, 0.0)
        estimate = _Estimate(shapes, attempt.sizes, execution.runs[0].types)
        return cls(
            loading(graph),
            estimate.of(graph.main),
            samples=attempt.samples_per_run,
            inputs=len(inputs.slots),
            symbols=len(Sizes(inputs.slots, attempt.feeds[0]).others),
            limited=not inputs.settings.full_trace,
        )

    @property
    def sample(self) -> float:
        """The operations of one sample."""
        return self.run / self.samples

    @property
    def budget(self) -> float:
        """What all questions together may cost."""
        if not self._limited:
            return inf
        return max(FREE_OPERATIONS, LOOKS * (self.load + self.sample))

    def batches(self, usual: int) -> list[int]:
        """The batch sizes to try beside the usual one; of a large model, the cheapest."""
        sizes = [size for size in BATCHES if size != usual]
        return sizes if sum(sizes) * self.sample <= FREE_OPERATIONS / 2 else sizes[:1]

    def asks(self, question: Question) -> bool:
        """Whether it is to be asked; if not, the report will say so."""
        if question not in self._settled and question not in self.left_out:
            self.left_out.append(question)
        return question in self._settled

    def check(self, question: Question) -> None:
        """Refuses what is not to be asked.

        Raises:
            NotApplicable: the questions before it take what may be spent.
        """
        if not self.asks(question):
            raise NotApplicable(
                f"{question}: about {self._costs[question]:.1g} operations, where looking again at "
                f"this model may take {self.budget:.1g} in all (--trace full lifts the limit)"
            )

    def check_size(self, times: float) -> None:
        """Refuses a run that costs so many times what the first feed did.

        Raises:
            NotApplicable: that alone is more than may be spent.
        """
        cost = times * self.run
        if times > 1 and cost > self.budget:
            told = f"a larger size would take about {cost:.1g} operations"
            raise NotApplicable(f"{told} (limit {self.budget:.1g}; --trace full lifts it)")

    @property
    def _costs(self) -> Mapping[Question, float]:
        """About what each takes, in the order in which they are settled."""
        load, run, sample = self.load, self.run, self.sample
        return {
            Question.BATCH: load + sum(self.batches(self.samples)) * sample,
            Question.LIMITS: load + 3 * sample,
            Question.OPTIMISED: 2 * load + 2 * run,
            Question.AXES: min(self._symbols, MOST_SYMBOLS) * run,
            Question.COMPANY: 4 * sample,
            Question.ONE_STEP: run,
            Question.SENSITIVITY: (self._inputs + 1) * run,
            Question.REPEATED: 2 * run,
            Question.GRADIENTS: 2 * load + 3 * run,
            Question.ORDER: 3 * sample * min(SAMPLES_CHANGED, self.samples),
            Question.POSITIONS: PARTS * sample * min(SAMPLES_CHANGED, self.samples),
        }

    def _settle(self) -> frozenset[Question]:
        left, found = self.budget, set[Question]()
        for question, cost in self._costs.items():
            if cost <= left:
                left -= cost
                found.add(question)
        return frozenset(found)


def loading(graph: Graph) -> float:
    """Operations of creating a session."""
    nodes = sum(1 for _ in graph.nodes())
    weights = sum(tensor.size for _, tensor in graph.tensors)
    return nodes * A_NODE_LOADED + weights * A_WEIGHT_LOADED


class _Estimate:
    """Counts what the nodes do, with the sizes that were seen, inferred or else guessed."""

    def __init__(self, shapes: Shapes, sizes: Mapping[str, int], seen: Mapping[str, Seen]) -> None:
        self._shapes, self._sizes, self._seen = shapes, sizes, seen
        self._elements: dict[Value, int] = {}
        self._functions: dict[Scope, float] = {}
        self._depth = 0

    def of(self, scope: Scope) -> float:
        """The operations of all nodes of a graph."""
        return sum(map(self._of_node, scope.nodes))

    def _of_node(self, node: Node) -> float:
        fed = (value for value in node.inputs if value is not None and value.tensor_proto is None)
        read = max(map(self._count, fed), default=1)
        written = 0
        for value in filter(None, node.outputs):
            if value not in self._elements and self._dims(value) is None:
                self._elements[value] = read  # nothing is known: as large as what was read
            written += self._count(value)
        once = A_NODE + AN_ELEMENT * max(written, 1) + self._products(node, written)
        inside = sum(map(self.of, node.subgraphs))
        if node.called is not None:
            inside += self._of_function(node.called)
        return once + inside * (self._trips(node) if node.op in ("Loop", "Scan") else 1)

    def _of_function(self, function: Scope) -> float:
        """Counted once; nothing where it calls itself, or calls are nested deeper than any are."""
        if function not in self._functions and self._depth < MOST_CALLS:
            self._functions[function] = 0.0
            self._depth += 1
            self._functions[function] = self.of(function)
            self._depth -= 1
        return self._functions.get(function, 0.0)

    def _products(self, node: Node, written: int) -> float:
        """Multiplications and additions."""
        op = node.op.rpartition("::")[2]
        second = node.input(1)
        if op.startswith(("Conv", "QLinearConv", "FusedConv", "DeformConv", "NhwcConv")):
            kernel = node.input(3) if op.startswith("QLinear") else second
            each = element_count((self._dims(kernel) or (1,))[1:])
            return each * (self._count(node.input(0)) if "Transpose" in op else written)
        if "MatMul" in op or "Gemm" in op:
            return written * (self._dims(node.input(0)) or (1,))[0 if node.attribute("transA", 0)
                                                                 else -1]  # fmt: skip
        if op in ("LSTM", "GRU", "RNN"):
            steps = element_count((self._dims(node.input(0)) or (1,))[:2])
            return steps * (self._count(second) + self._count(node.input(2)))
        if "Attention" in op:
            return 2 * written * max((self._dims(node.input(0)) or (1,))[1:] or (1,))
        if op.startswith("TreeEnsemble"):
            return AN_ELEMENT * max(1, written) * len(set(node.integers("nodes_treeids") or [0]))
        return 0.0

    def _trips(self, node: Node) -> int:
        """Rounds: as long as what a Scan reads, or as what it or a Loop collects."""
        scanned = (
            [*node.inputs[-1:], *node.outputs[-1:]] if node.op == "Scan" else node.outputs[-1:]
        )
        known = (self._dims(value) for value in scanned if value is not None)
        return max((dims[0] for dims in known if dims), default=UNKNOWN_TRIPS)

    def _count(self, value: Value | None) -> int:
        if value is None:
            return 0
        if value not in self._elements:
            self._elements[value] = element_count(self._dims(value) or ())
        return self._elements[value]

    def _dims(self, value: Value | None) -> tuple[int, ...] | None:
        """The sizes of a value; None where they are not known."""
        if value is None:
            return None
        if value.name in self._seen and not value.scope.path:
            return self._seen[value.name][1]
        shape = self._shapes.of(value)
        if shape is None or shape.dims is None:
            return None
        dims = [d if isinstance(d, int) else self._sizes.get(d or "", 0) for d in shape.dims]
        return None if 0 in dims and 0 not in shape.dims else tuple(dims)
