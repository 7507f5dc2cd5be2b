"""What is seen of one node or value, as `onnxlint inspect MODEL NAME` shows it."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from onnxlint.inspection.inspected import Bound, Layer, Reach, Seen


class Power(Struct, frozen=True):
    """Counted elements with a magnitude in [2^exponent, 2^(exponent + 1)), by their sign."""

    exponent: int
    negative: int
    positive: int


class End(Struct, frozen=True):
    """A node at the other end of a value: its number, operator and name."""

    layer: int | None
    op: str
    node: str


class Call(Struct, frozen=True):
    """What was seen of a value in one of several calls: by the nodes on the way, outermost first.

    It ran `times` in all runs.
    """

    nodes: tuple[End, ...]
    times: int
    observed: Seen


class Spot(Struct, frozen=True):
    """Where the numbers of a subgraph or function were taken; runs and iterations count from 0.

    `of` is how often it ran in that run, in the call that is told by the nodes on the way to it.
    """

    scope: str
    nodes: tuple[End, ...]
    run: int
    iteration: int
    of: int


class Tensor(Struct, frozen=True):
    """A value: its type, where it comes from, who reads it, and what was seen of it.

    `origin` is `input`, `initializer`, `node` or `nothing`. `powers` are counted on a regular
    subset of the elements. A constant is measured as it is stored. `calls` has each call apart,
    where a subgraph or function is run by several; `reach` tells how often it ran.
    """

    name: str
    type: str
    origin: str
    scope: str = ""
    producer: End | None = None
    consumers: tuple[End, ...] = ()
    is_output: bool = False
    observed: Seen | None = None
    powers: tuple[Power, ...] = ()
    bound: Bound | None = None
    calls: tuple[Call, ...] = ()
    reach: Reach | None = None


class Detail(Struct, frozen=True):
    """One node with its inputs and outputs, or one value alone, in `outputs`.

    `source` is the line of the user's code, `traceback` all that the exporter kept of it, `note`
    what else it wrote at the node. Of `samples` in `data` statistics were taken; `unobserved` says
    why of none. `spot` is where numbers were taken, if not in the main graph.
    """

    path: str
    layer: Layer | None
    attributes: Mapping[str, str]
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor, ...]
    source: str | None = None
    traceback: str | None = None
    metadata: Mapping[str, str] | None = None
    note: str | None = None
    samples: int | None = None
    data: str | None = None
    unobserved: str | None = None
    spot: Spot | None = None
