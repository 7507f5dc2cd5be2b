"""Which inputs and outputs of a model are tokens, masks, positions and caches."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from onnxlint.analyses.language.caches import Cache, caches_of
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Value
from onnxlint.model.graph.operators import MOVING
from onnxlint.model.graph.traversal import followers

if TYPE_CHECKING:
    from onnxlint.runtime.feeds.synthesis import Slot

_POSITIONS = r"(?i)position|^pos(_ids?)?$"
_KINDS = r"(?i)token_type|segment|^type_ids?$"
_EMBEDDED = r"(?i)^(decoder_)?inputs?_embeds?$|^inputs?_embeddings?$"
_BRANCH = r"(?i)use_(past|cache)"
_OF_ENCODER = r"(?i)encoder|cross|memory|src"
_KEPT = r"(?i)logits?_to_keep"
"""Names of inputs, as optimum, onnxruntime-genai, transformers.js and their users write them."""

LEAST_VOCABULARY = 8
"""Rows of a table of tokens: those of kinds of tokens have two or three. A choice of ours."""

NEAR = 8
"""Operators that may stand between ids and their table: casts and reshapes."""


class Interface(Struct, frozen=True):
    """The inputs of a language model by what they mean; those that it has not are None.

    `tokens` are ids [batch, sequence], or vectors [batch, sequence, width]. `width` is that of the
    table which they are looked up in, and `vocabulary` its rows; 0 where there is none. `special`
    are ids that the graph compares tokens with: those of padding and of ends. `mask` says which
    tokens are no padding, `heard` the same of the states of an encoder. `kept` asks for scores of
    the last tokens only.
    """

    tokens: Slot
    vocabulary: int = 0
    width: int = 0
    mask: Slot | None = None
    positions: Slot | None = None
    kinds: Slot | None = None
    states: Slot | None = None
    heard: Slot | None = None
    branch: Slot | None = None
    kept: Slot | None = None
    special: tuple[int, ...] = ()
    caches: tuple[Cache, ...] = ()
    whole_mask: Slot | None = None

    @property
    def steps(self) -> int | None:
        """The number of tokens that every run takes; None where it is dynamic."""
        size = self.tokens.dims[1]
        return size if isinstance(size, int) else None

    @property
    def batch(self) -> int | None:
        """The number of samples that every run takes; None where it is dynamic."""
        size = self.tokens.dims[0]
        return size if isinstance(size, int) else None

    @property
    def grows(self) -> bool:
        """Whether a cache grows with every token, or a state is handed on."""
        return any(not cache.is_cross for cache in self.caches)


def interface_of(graph: Graph, shapes: Shapes, slots: Sequence[Slot]) -> Interface | None:
    """What a model takes tokens by; None where nothing says that it does, or two inputs may."""
    by_name = {slot.name: slot for slot in slots}
    values = {value.name: value for value in graph.inputs}
    tables = {
        name: table for name, value in values.items()
        if name in by_name and (table := _table(graph, value, by_name[name])) is not None
    }  # fmt: skip
    named = _named_tokens(slots) or _looked_up(tables, by_name)
    if named is None:
        return None
    rows, width = tables.get(named.name, (0, 0))
    if not rows and len(named.dims) == 3 and isinstance(named.dims[2], int):
        width = named.dims[2]
    rest = [slot for slot in slots if slot is not named]
    caches = tuple(caches_of(graph, shapes, rest, named))
    cached = {cache.slot.name for cache in caches}
    rest = [slot for slot in rest if slot.name not in cached]
    states = next(_states(rest, named), None)
    masks = [slot for slot in rest if _is_mask(slot)]
    heard = next((slot for slot in masks if _fits(slot, states)), None)
    if any(cache.is_cross for cache in caches):  # the states themselves may be fed no more
        masks = [slot for slot in masks if not re.search(_OF_ENCODER, slot.name)]
    masks = [slot for slot in masks if slot is not heard and not _is_of_others(slot, rest, named)]
    return Interface(
        named, rows, width,
        mask=next((slot for slot in masks if len(slot.dims) == 2), None),
        positions=_first(rest, _POSITIONS),
        kinds=_first(rest, _KINDS),
        states=states,
        heard=heard,
        branch=_first(rest, _BRANCH),
        kept=_first(rest, _KEPT),
        special=tuple(_special(graph, values[named.name])),
        caches=caches,
        whole_mask=next((slot for slot in masks if len(slot.dims) > 2), None),
    )  # fmt: skip


def _named_tokens(slots: Sequence[Slot]) -> Slot | None:
    """Vectors in place of tokens, by their name."""
    found = [slot for slot in slots if len(slot.dims) == 3 and re.search(_EMBEDDED, slot.name)]
    return found[0] if len(found) == 1 and "float" in found[0].dtype else None


def _looked_up(tables: dict[str, tuple[int, int]], slots: dict[str, Slot]) -> Slot | None:
    """The ids that are looked up in a table of words: of two, those of the decoder."""
    found = [
        slots[name] for name, (rows, _) in tables.items()
        if rows >= LEAST_VOCABULARY
        and not re.search(_POSITIONS, name) and not re.search(_KINDS, name)
    ]  # fmt: skip
    if len(found) > 1:
        found = [slot for slot in found if "decoder" in slot.name.lower()]
    return found[0] if len(found) == 1 else None


def _table(graph: Graph, value: Value, slot: Slot) -> tuple[int, int] | None:
    """Rows and width of the table that an input of ids, a row a sample, is looked up in."""
    if len(slot.dims) != 2 or slot.dtype not in ("int64", "int32"):
        return None
    for node, at in followers(value, MOVING, NEAR):
        if node.op == "Gather" and at == 1 and node.attribute("axis", 0) == 0:
            tensor = graph.tensor(node.input(0))
            if tensor is not None and len(tensor.dims) == 2:
                return tensor.dims[0], tensor.dims[1]
        quantised = node.op == "Gather" and at == 1 and node.input(0) is not None
        if quantised and (found := _dequantised(graph, node.input(0))) is not None:
            return found
        if node.op == "com.microsoft::EmbedLayerNormalization" and at == 0:
            tensor = graph.tensor(node.input(2))
            return (tensor.dims[0], tensor.dims[1]) if tensor is not None else None
        if node.op == "com.microsoft::GatherBlockQuantized" and at == 1:
            tensor = graph.tensor(node.input(0))
            return (tensor.dims[0], 0) if tensor is not None else None
    return None


def _special(graph: Graph, tokens: Value) -> Iterator[int]:
    """The numbers that tokens are compared with."""
    for node, at in followers(tokens, MOVING, NEAR):
        number = graph.number(node.input(1 - at)) if node.op == "Equal" and at < 2 else None
        if number is not None:
            yield int(number)


def _dequantised(graph: Graph, value: Value | None) -> tuple[int, int] | None:
    """The dims of a table that is stored as integers."""
    node = value.producer if value is not None else None
    if node is None or node.op not in ("DequantizeLinear", "Cast"):
        return None
    tensor = graph.tensor(node.input(0))
    two = tensor is not None and len(tensor.dims) == 2
    return (tensor.dims[0], tensor.dims[1]) if tensor is not None and two else None


def _states(slots: Sequence[Slot], tokens: Slot) -> Iterator[Slot]:
    """The states of an encoder, [batch, sequence, width]."""
    for slot in slots:
        is_float = "float" in slot.dtype and len(slot.dims) == 3
        if is_float and re.search(_OF_ENCODER, slot.name) and slot is not tokens:
            yield slot


def _is_mask(slot: Slot) -> bool:
    return "mask" in slot.name.lower() and slot.dtype != "str" and len(slot.dims) >= 2


def _fits(slot: Slot, states: Slot | None) -> bool:
    """Whether a mask is that of an encoder's states."""
    if states is None or len(slot.dims) != 2:
        return False
    return bool(re.search(_OF_ENCODER, slot.name)) or slot.dims[1] == states.dims[1]


def _is_of_others(mask: Slot, slots: Sequence[Slot], tokens: Slot) -> bool:
    """Whether a mask is that of another sequence, as of an encoder's ids in the same file."""
    last = mask.dims[-1]
    lengths = {slot.dims[1] for slot in slots if len(slot.dims) > 1 and not _is_mask(slot)}
    return isinstance(last, str) and last != tokens.dims[1] and last in lengths


def _first(slots: Sequence[Slot], name: str) -> Slot | None:
    return next((slot for slot in slots if re.search(name, slot.name)), None)
