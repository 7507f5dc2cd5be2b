"""What is seen of a model, as `onnxlint inspect` shows it and its JSON holds it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from onnxlint.inspection.cost import Cost, Profiled, Timed, Totals

Dims = tuple[int | str | None, ...] | None
"""A size, a symbol or an unknown size for each axis; None where not even the rank is known."""


class Port(Struct, frozen=True):
    """An input or output of the model; `type` is dtype and dims as text.

    `layer` is the number of the layer that gives an output, None for what
    no node gives.
    """

    name: str
    type: str
    dtype: str | None = None
    dims: Dims = None
    layer: int | None = None


class Input(Struct, frozen=True):
    """A computed value that a layer reads, and the number of the layer that gives it.

    `layer` is None for an input of the model, of a function or of a subgraph. Where `size_only` is
    true, the layer does not read the value itself, but sizes that glue takes from it.
    """

    name: str
    layer: int | None = None
    size_only: bool = False


class Weight(Struct, frozen=True):
    """A constant that a layer reads, and that training may change; `dims` as the layer sees it."""

    name: str
    dtype: str | None = None
    dims: Dims = None


class Bound(Struct, frozen=True):
    """What the first output can be for any input: None for an end without a limit.

    `nan`: NaN may be among the elements. `basis` is `exact`, or `loose` where the ends need not be
    met, or `dtype` where they rest on an input of which only the dtype is known. `violated`: a run
    showed a number outside, which is a mistake of the linter.
    """

    low: float | None
    high: float | None
    nan: bool
    basis: str
    violated: bool = False


class Seen(Struct, frozen=True):
    """What was observed of the first output, over all elements of so many samples.

    `minimum` to `rms` are over finite elements, None where there are none. `dead` is the share of
    channels that are always zero, `saturated` that of a sigmoid's or tanh's outputs whose slope is
    0. `constant`: no two samples differ; None where they cannot be compared.
    """

    samples: int
    elements: int
    nan: int
    positive_infinite: int
    negative_infinite: int
    zeros: int
    subnormal: int
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None
    rms: float | None = None
    dead: float = 0.0
    saturated: float = 0.0
    constant: bool | None = None

    @property
    def infinite(self) -> int:
        """Elements that are infinite, of either sign."""
        return self.positive_infinite + self.negative_infinite

    @property
    def lowest(self) -> float | None:
        """The minimum, infinities among the elements."""
        return float("-inf") if self.negative_infinite else self.minimum

    @property
    def highest(self) -> float | None:
        """The maximum, infinities among the elements."""
        return float("inf") if self.positive_infinite else self.maximum

    @property
    def magnitude(self) -> float | None:
        """The largest magnitude, infinities among the elements."""
        ends = [abs(end) for end in (self.lowest, self.highest) if end is not None]
        return max(ends, default=None)


class Reach(Struct, frozen=True):
    """How often a graph, subgraph or function ran: in `runs` of `of_runs` runs, `times` in all.

    Of more iterations than were measured, `times` counts those that were, and `is_cut` is true.
    """

    runs: int
    of_runs: int
    times: int
    is_cut: bool = False


class Forest(Struct, frozen=True):
    """The trees of a tree ensemble; `depth` is that of the deepest, in splits.

    `features` maps the columns that are looked at to the number of splits that do, most first.
    `outputs` are classes or targets, `mean_depth` is over trees, `tracked` how many splits send
    missing values to their true side.
    """

    trees: int
    nodes: int
    leaves: int
    depth: int
    features: Mapping[str, int]
    outputs: int | None = None
    mean_depth: float = 0.0
    tracked: int = 0

    @property
    def told(self) -> str:
        """The sizes as text."""
        named = (_counted(self.trees, "tree"), _counted(self.nodes, "node"),
                 _counted(self.leaves, "leaf", "leaves"))  # fmt: skip
        mean = f" (mean {self.mean_depth:.3g})" if self.trees > 1 else ""
        given = f", {_counted(self.outputs, 'output')}" if self.outputs else ""
        return f"{', '.join(named)}, depth {self.depth:,}{mean}{given}"

    @property
    def largest_share(self) -> float:
        """The share of splits at the feature that has most of them."""
        total = sum(self.features.values())
        return max(self.features.values()) / total if total else 0.0

    def importance(self, most: int) -> str:
        """The features by their share of splits, as many as are named."""
        total = sum(self.features.values())
        shares = [f"{at} ({count / total:.1%})" for at, count in self.features.items()][:most]
        more = len(self.features) - len(shares)
        return ", ".join([*shares, *([f"{more:,} more"] if more else [])])


class Classic(Struct, frozen=True):
    """What a linear model, a support vector machine, a scaler or an encoder consists of.

    `outputs` are classes or targets; `zeros` of the coefficients are 0; `categories` are those
    that an encoder knows. None where the attributes do not tell.
    """

    features: int | None = None
    outputs: int | None = None
    coefficients: int = 0
    zeros: int = 0
    intercepts: int = 0
    support_vectors: int = 0
    kernel: str | None = None
    categories: int = 0

    @property
    def told(self) -> str:
        """What there is of these, as text."""
        zeros = f" ({self.zeros:,} of them 0)" if self.zeros else ""
        parts = (
            self.support_vectors and _counted(self.support_vectors, "support vector"),
            self.kernel and f"{self.kernel.lower()} kernel",
            self.coefficients and _counted(self.coefficients, "coefficient") + zeros,
            self.categories and _counted(self.categories, "category", "categories"),
            self.features and _counted(self.features, "feature"),
            self.outputs and _counted(self.outputs, "output"),
        )
        return ", ".join(part for part in parts if part)

    @property
    def main(self) -> str:
        """The count by which its size is known; empty where it has learnt nothing of the kind."""
        return (
            _counted(self.support_vectors, "vector") if self.support_vectors
            else _counted(self.coefficients, "coefficient") if self.coefficients
            else _counted(self.categories, "category", "categories") if self.categories else ""
        )  # fmt: skip


def _counted(count: int, one: str, several: str = "") -> str:
    return f"{count:,} {one if count == 1 else several or f'{one}s'}"


class Layer(Struct, frozen=True):
    """One node, with the type of its first output.

    `number` counts over all scopes, `index` in its own, both in the order of the file; `scope` is
    the path of the subgraph or function it stands in, empty for the main graph. `parameters` counts
    what was learnt, in folded weights too. `is_glue` tells a node whose outputs depend on no
    input's elements: it computes sizes, or prepares constants. `inputs` are told past glue, `reads`
    are what the node reads itself, but for initializers. `reach` tells how often the graph,
    subgraph or function ran that it stands in; None where that is not known. `forest` is what a
    tree ensemble consists of, `classic` what other classical operators do.
    """

    number: int
    index: int
    module: str | None
    op: str
    node: str
    output: str | None
    shape: str | None
    parameters: int
    minimum: float | None = None
    maximum: float | None = None
    scope: str = ""
    dtype: str | None = None
    dims: Dims = None
    is_glue: bool = False
    inputs: tuple[Input, ...] = ()
    reads: tuple[Input, ...] = ()
    outputs: tuple[str, ...] = ()
    weights: tuple[Weight, ...] = ()
    bound: Bound | None = None
    observed: Seen | None = None
    cost: Cost | None = None
    time: Timed | None = None
    reach: Reach | None = None
    forest: Forest | None = None
    classic: Classic | None = None

    @property
    def title(self) -> str:
        """What it is called: its module, else its node's name, else its index; with its scope."""
        named = self.module or self.node or f"#{self.index}"
        return f"{self.scope} {named}" if self.scope else named


class Inspected(Struct, frozen=True):
    """A model; `unobserved` says why no ranges were observed though they were asked for.

    `nodes` counts those of all scopes, also of functions that nothing calls. `samples` of `data`
    were run; None without a run. `unknown_operators` counts the nodes whose operator has no bounds,
    where bounds were asked for. `profiled` is there where time was asked for, or `unprofiled`, the
    reason. `metadata` is what the file says of itself beside its producer.
    """

    path: str
    ir_version: int
    opsets: Mapping[str, int]
    producer: str
    nodes: int
    inputs: tuple[Port, ...] = ()
    outputs: tuple[Port, ...] = ()
    layers: tuple[Layer, ...] = ()
    samples: int | None = None
    data: str | None = None
    unobserved: str | None = None
    unknown_operators: Mapping[str, int] | None = None
    totals: Totals | None = None
    profiled: Profiled | None = None
    unprofiled: str | None = None
    graph: str = ""
    domain: str = ""
    model_version: int = 0
    doc: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)

    def document(self, layers: Sequence[Layer]) -> dict[str, Any]:
        """For JSON, with these of its layers."""
        import msgspec

        document: dict[str, Any] = msgspec.to_builtins(replace(self, layers=tuple(layers)))
        return document
