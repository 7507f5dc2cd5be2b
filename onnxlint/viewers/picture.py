"""All of a model that a viewer is given: its layers, their values, and what was seen of these."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from onnxlint.inspection.inspected import Dims, Inspected, Seen


class Histogram(Struct, frozen=True):
    """How the finite elements of a tensor are distributed.

    `limits` are the upper ends of the bins, the last one `maximum`; the first begins at `minimum`.
    `counts` add up to `elements`. Where they were counted on a regular subset of the elements, they
    are scaled to all of them; the other numbers are exact.
    """

    minimum: float
    maximum: float
    elements: int
    total: float
    squares: float
    limits: tuple[float, ...]
    counts: tuple[float, ...]


class Health(Struct, frozen=True):
    """All elements of a tensor by what kind of number they are.

    Of a large tensor the signs of those that are finite and not 0 were counted on a regular subset.
    """

    nan: int
    negative_infinite: int
    negative: int
    zero: int
    positive: int
    positive_infinite: int


class Tensor(Struct, frozen=True):
    """A value, defined in the room of this number; `producer` is the number of its layer.

    `slot` counts the outputs of the producer. `origin` is `input`, `initializer`, `node` or
    `nothing`; `is_stored` is also true of what a Constant gives.
    """

    name: str
    room: int
    origin: str
    producer: int | None = None
    slot: int = 0
    dtype: str | None = None
    dims: Dims = None
    is_stored: bool = False
    seen: Seen | None = None
    health: Health | None = None
    histogram: Histogram | None = None


class Vertex(Struct, frozen=True):
    """A node beside the layer of its number; values go by their numbers, None where one is omitted.

    `name` and `room` say where it stands. `bodies` are the rooms of its subgraphs, each with its
    attribute, `function` that of the local function which it calls.
    """

    name: str
    room: int
    inputs: tuple[int | None, ...]
    outputs: tuple[int | None, ...]
    attributes: Mapping[str, str] = field(default_factory=dict)
    bodies: tuple[tuple[str, int], ...] = ()
    function: int | None = None


class Room(Struct, frozen=True):
    """A scope: the main graph, of the path "", a subgraph of the node `owner`, or a function.

    `initializers` that no node reads are among them. `name` is that of the file: of a function
    `domain::Name`, None where a graph has none.
    """

    path: str
    inputs: tuple[int, ...] = ()
    outputs: tuple[int, ...] = ()
    initializers: tuple[int, ...] = ()
    owner: int | None = None
    name: str | None = None


class Picture(Struct, frozen=True):
    """A model: `vertices` are in the order of the layers, `rooms` begin with the main graph.

    `modified` is when its file was written, in seconds since 1970.
    """

    model: Inspected
    tensors: tuple[Tensor, ...] = ()
    vertices: tuple[Vertex, ...] = ()
    rooms: tuple[Room, ...] = ()
    modified: float = 0.0
