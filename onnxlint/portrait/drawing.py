"""The graph as it is drawn: boxes within groups, each laid out once with all within it folded.

A group that is unfolded needs more room than its box; whoever draws it makes that room, by
stretching the layout around it. So the layout of a group does not depend on what is unfolded.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

WIDTH, HEIGHT = 156, 42
"""Of the box of a step, and of a group that is folded."""
FRAME = 56
"""How much taller an unfolded group is than its inside: title and margins."""
ABOVE, BELOW = -1, -2
"""Ends of an edge that comes into a group from outside of it, or leaves it."""
SIZES, TO_UNUSED, PAST, BACK, STUB = 1, 2, 4, 8, 16
"""Marks of an edge: only sizes are read; it ends at steps that no output depends on; it leads past
such steps, which read the same value; it goes back to a step that comes before; only its ends are
drawn, because the source has many readers."""


class Value(Struct, frozen=True):
    """A value that is handed from step to step, or a weight; `type` is dtype and shape as text."""

    name: str
    type: str | None = None


class Seen(Struct, frozen=True):
    """What a run showed of a step's first output; the ends are of finite elements."""

    samples: int
    elements: int
    nan: int
    infinite: int
    zeros: int
    dead: float
    low: float | None = None
    high: float | None = None


class Step(Struct, frozen=True):
    """A node, or (without an operator) an input or output of a graph; values go by their numbers.

    `glue` are nodes that compute sizes or prepare constants for this one, `sizes` the values of
    which they read sizes. `unused`: no output of the model depends on it. `calls` is the group that
    shows the function that it calls. `consists` tells what a classical model is made of.
    """

    kind: str
    name: str
    op: str = ""
    scope: str = ""
    index: int | None = None
    module: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    reads: tuple[int, ...] = ()
    sizes: tuple[int, ...] = ()
    weights: tuple[Value, ...] = ()
    gives: tuple[int, ...] = ()
    glue: tuple[tuple[int, str], ...] = ()
    parameters: int = 0
    macs: int = 0
    seen: Seen | None = None
    unused: bool = False
    calls: int | None = None
    consists: str = ""


class Edge(Struct, frozen=True):
    """A line between two children of a group, by their places in it; `points` are its bends.

    They are x and y in turn, from `source` to `target`.
    """

    source: int
    target: int
    values: tuple[int, ...]
    points: tuple[float, ...] = ()
    marks: int = 0


class Group(Struct, frozen=True):
    """What is drawn as one box when it is folded. A child is a step, or a group: `-1 - number`.

    `x` and `y` are where the middles of the children are. `step` is the node whose subgraphs it
    shows. `kind` is `graph`, `function`, `subgraph`, `module`, `inputs`,
    `outputs`, `block`, `repeat` or `part`.
    """

    kind: str
    title: str
    parent: int | None
    children: tuple[int, ...]
    x: tuple[float, ...]
    y: tuple[float, ...]
    width: float
    height: float
    edges: tuple[Edge, ...] = ()
    step: int | None = None
    path: str = ""
    size: int = 0


class Drawing(Struct, frozen=True):
    """All pictures of a model: `roots` are the groups of the main graph and of its functions.

    `opened` are the groups that are unfolded at first, as many as fit a screen.
    """

    values: tuple[Value, ...]
    steps: tuple[Step, ...]
    groups: tuple[Group, ...]
    roots: tuple[int, ...]
    opened: tuple[int, ...] = ()
