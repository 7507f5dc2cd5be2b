"""Which layers of two models are the same one: by weights, by what they read, by what reads them.

Names and modules only decide between candidates that structure cannot tell apart. The passes go
from the surest evidence to the weakest, and what one of them found is what the next goes on from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from itertools import islice
from typing import TypeVar

from onnxlint.analyses.matching.layer_graph import LayerGraph, LayerVertex, Source, layers_among
from onnxlint.analyses.matching.neighbours import Ends, Neighbours, ends_of
from onnxlint.analyses.matching.traits import traits
from onnxlint.model.graph.nodes import Value

T = TypeVar("T")

MOST_NEIGHBOURS = 100
"""Readers of a layer, or candidates, that are looked at: a choice; thousands may read one value,
and tell little."""

MOST_LOOKS = 200_000
"""Ties are broken one by one, each of which costs a look at all layers, until so many layers were
looked at: a choice, some seconds."""

LEAST_TELLING = 4
"""Elements of a constant from which on it tells layers apart: a choice; many are divided by 8."""

MOST_ALIGNED = 4_000_000
"""Pairs of layers that an alignment may look at: a choice, two seconds. What is longer is paired in
its order."""

Key = Callable[[LayerVertex], Hashable]


class Matching:
    """The new layer for each old one that has one; `ports` are the paired inputs and outputs.

    `alike` says how far the weights of two layers are apart, where they are expected to have moved
    a little only: of layers in one position the nearest are paired, before names are looked at.
    """

    def __init__(
        self, old: LayerGraph, new: LayerGraph, ports: Mapping[Value, Value],
        alike: Callable[[LayerVertex, LayerVertex], float] | None = None,
    ) -> None:  # fmt: skip
        self.old, self.new = old, new
        self._alike = alike
        self.pairs: dict[LayerVertex, LayerVertex] = {}
        self.taken: dict[LayerVertex, LayerVertex] = {}
        self._ports = ports
        self._match_weights(self._exact)
        self._match_weights(self._mark)
        self._spread(self._exact)
        for key, then in ((_strict, self._exact), (_strict, _strict), (_kind, _kind)):
            self._spread(key)
            self._align(then)
        self._spread(_kind)
        self._match_retyped()

    def image(self, source: Source) -> Source | None:
        """What a layer or an input of the old model is in the new one."""
        return (
            self.pairs.get(source) if isinstance(source, LayerVertex) else self._ports.get(source)
        )

    @property
    def gone(self) -> list[LayerVertex]:
        """The layers of the old model that the new one lacks."""
        return [layer for layer in self.old.layers if layer not in self.pairs]

    @property
    def come(self) -> list[LayerVertex]:
        """The layers of the new model that the old one lacks."""
        return [layer for layer in self.new.layers if layer not in self.taken]

    def _pair(self, one: LayerVertex, other: LayerVertex) -> None:
        self.pairs[one], self.taken[other] = other, one

    def _match_weights(self, key: Key) -> None:
        """Layers of one kind whose weights are the same, and no other layer's."""
        before, after = (
            _grouped(filter(_is_telling, side), key) for side in (self.gone, self.come)
        )
        for mark, layers in before.items():
            likes = after.get(mark, ())
            if mark is not None and len(layers) == len(likes) == 1:
                self._pair(layers[0], likes[0])

    def _mark(self, layer: LayerVertex) -> Hashable | None:
        """The same for layers with the same weights, in whichever order and float dtype."""
        if layer not in self._marks:
            self._marks[layer] = _mark_of(self._side(layer), layer)
        return self._marks[layer]

    @cached_property
    def _marks(self) -> dict[LayerVertex, Hashable | None]:
        return {}

    def _spread(self, key: Key) -> None:
        """Goes on from what is paired: what only one layer can be, then any of several.

        Such ties are broken one by one: what follows from one may break the others. What reads
        something new, or is read by it, is paired by any one neighbour.
        """
        ties = 0
        while (
            self._go_on(key)
            or self._break(key, ties * len(self.new.layers) > MOST_LOOKS)
            or self._beside(key)
        ):
            ties += 1

    def _go_on(self, key: Key) -> bool:
        """Forwards and backwards as far as it goes; whether anything was found."""
        start = len(self.pairs)
        while True:
            count = len(self.pairs)
            self._forward(key)
            self._backward(key)
            if len(self.pairs) == count:
                return count > start

    def _forward(self, key: Key) -> None:
        """Pairs layers that read the same, where no other one does, in the order of the file."""
        rivals, likes = (self._by_reads(side, key) for side in (self.gone, self.come))
        for layer in self.gone:
            if len(rivals[key(layer), _read(layer, _itself)]) > 1:
                continue
            read = _read(layer, self.image)
            free = [] if read is None else _free(likes.get((key(layer), read)), self.taken)
            if len(free) == 1:
                self._pair(layer, free[0])

    def _backward(self, key: Key) -> None:
        """Pairs layers that the same layers read, and no other ones, from the outputs on."""
        ends, their = self._ends
        rivals = _grouped(self.gone, lambda layer: (key(layer), _used(layer, ends, _itself)))
        likes = _grouped(self.come, lambda layer: (key(layer), _used(layer, their, _itself)))
        for layer in reversed(self.gone):
            if len(rivals[key(layer), _used(layer, ends, _itself)]) > 1:
                continue
            used = _used(layer, ends, self.image)
            free = [] if used is None else _free(likes.get((key(layer), used)), self.taken)
            if len(free) == 1:
                self._pair(layer, free[0])

    @cached_property
    def _ends(self) -> tuple[Ends, Ends]:
        return ends_of(self.old), ends_of(self.new)

    def _break(self, key: Key, all_of_them: bool) -> bool:
        """Pairs the first layer that may be one of several with the likeliest; whether it did."""
        likes = self._by_reads(self.come, key)
        count = len(self.pairs)
        for layer in self.gone:
            read = _read(layer, self.image)
            free = [] if read is None else _free(likes.get((key(layer), read)), self.taken)
            if free:
                self._pair(layer, min(free, key=partial(self._unlikeness, layer)))
                if not all_of_them:
                    return True
        return len(self.pairs) > count

    @staticmethod
    def _by_reads(side: Iterable[LayerVertex], key: Key) -> dict[Hashable, list[LayerVertex]]:
        return _grouped(side, lambda layer: (key(layer), _read(layer, _itself)))

    def _beside(self, key: Key) -> bool:
        """Pairs layers of which one neighbour is paired, where only one fits."""
        count = len(self.pairs)
        for layer in self.gone:
            near = dict.fromkeys(self._candidates(layer))
            likes = [other for other in near if key(other) == key(layer)]
            if len(likes) == 1:
                self._pair(layer, likes[0])
        return len(self.pairs) > count

    def _candidates(self, layer: LayerVertex) -> Iterator[LayerVertex]:
        """Layers without a partner beside the partners of what is beside this one."""
        for before in layers_among(each for reads in layer.reads for each in reads):
            if before in self.pairs:
                readers = (use.reader for use in self.pairs[before].read_by[:MOST_NEIGHBOURS])
                yield from (reader for reader in readers if reader not in self.taken)
        for use in layer.read_by[:MOST_NEIGHBOURS]:
            if use.reader in self.pairs:
                read = (each for reads in self.pairs[use.reader].reads for each in reads)
                yield from (x for x in layers_among(read) if x not in self.taken)

    def _exact(self, layer: LayerVertex) -> Hashable:
        """What it does, to the last number that is no weight."""
        if layer not in self._exactly:
            side = self._side(layer)
            self._exactly[layer] = (*_strict_parts(layer), traits(side, layer.node))
        return self._exactly[layer]

    @cached_property
    def _exactly(self) -> dict[LayerVertex, Hashable]:
        return {}

    def _side(self, layer: LayerVertex) -> LayerGraph:
        is_old = layer.node.scope.shared is self.old.graph.main.shared
        return self.old if is_old else self.new

    def _unlikeness(self, one: LayerVertex, other: LayerVertex) -> tuple[float, ...]:
        mark = self._mark(one)
        return (
            mark is None or mark != self._mark(other),
            self._exact(one) != self._exact(other),
            one.sizes != other.sizes,
            one.node.op != other.node.op,
            0.0 if self._alike is None else self._alike(one, other),
            one.module != other.module,
            one.output.name != other.output.name,
        )

    def _align(self, key: Key) -> None:
        """Pairs what is left by its order, as two texts are compared line by line."""
        gone, come = self.gone, self.come
        before, after = ([key(layer) for layer in side] for side in (gone, come))
        for start, begin, length in _common(before, after):
            for step in range(length):
                self._pair(gone[start + step], come[begin + step])

    def _match_retyped(self) -> None:
        """Pairs the only layers between the same neighbours, whatever they do."""
        before, after = Neighbours(self.old, self.pairs), Neighbours(self.new, self.taken)
        ends = {like: value for value, like in self._ports.items()}

        def named(side: Neighbours, layer: LayerVertex, *, is_new: bool) -> Hashable:
            def old(source: Source) -> Source | None:
                if not is_new:
                    return source
                known = isinstance(source, LayerVertex)
                return self.taken.get(source) if known else ends.get(source)  # type: ignore

            read = frozenset(old(each.source) for group in side.read(layer) for each in group)
            used = frozenset(old(each) for each in side.used(layer))
            return read, used

        old = _grouped(self.gone, lambda layer: named(before, layer, is_new=False))
        new = _grouped(self.come, lambda layer: named(after, layer, is_new=True))
        for place, layers in old.items():
            likes = new.get(place, ())
            if len(layers) == len(likes) == 1:
                self._pair(layers[0], likes[0])


def _is_telling(layer: LayerVertex) -> bool:
    sizes = (parameter.tensor.size for parameter in layer.parameters.values())
    return max(sizes, default=0) >= LEAST_TELLING


def _free(layers: Iterable[LayerVertex] | None, taken: Container[LayerVertex]) -> list[LayerVertex]:
    """Those without a partner, as many as are worth looking at."""
    return [*islice((layer for layer in layers or () if layer not in taken), MOST_NEIGHBOURS)]


def _itself(source: Source) -> Source:
    return source


def _strict_parts(layer: LayerVertex) -> tuple[Hashable, Hashable]:
    return layer.kind, layer.sizes


_strict: Key = _strict_parts


def _kind(layer: LayerVertex) -> Hashable:
    return layer.kind


def _grouped(layers: Iterable[LayerVertex], key: Key) -> dict[Hashable, list[LayerVertex]]:
    groups: dict[Hashable, list[LayerVertex]] = {}
    for layer in layers:
        groups.setdefault(key(layer), []).append(layer)
    return groups


def _read(layer: LayerVertex, image: Callable[[Source], Source | None]) -> Hashable | None:
    """What a layer reads as the other model has it; None where some of that has no partner."""
    slots = [frozenset((image(source), slot) for source, slot in reads) for reads in layer.reads]
    if any(source is None for reads in slots for source, _ in reads):
        return None
    if layer.is_commutative:
        return frozenset(Counter(slots).items())
    return tuple(slots)


def _used(
    layer: LayerVertex, ends: Mapping[LayerVertex, list[Value]],
    image: Callable[[Source], Source | None],
) -> Hashable | None:  # fmt: skip
    """Who reads a layer, as the other model has it; None where one has no partner, or none is."""
    uses = [
        (image(reader), -1 if reader.is_commutative else place, slot)
        for reader, place, slot in layer.read_by
    ]
    uses += [(image(value), 0, 0) for value in ends.get(layer, ())]
    if not uses or any(reader is None for reader, _, _ in uses):
        return None
    return frozenset(uses)


def _mark_of(side: LayerGraph, layer: LayerVertex) -> Hashable | None:
    """Size, extrema and RMS of its weights: transposing changes none, float16 next to nothing."""
    import numpy as np

    marks = []
    for name, parameter in sorted(layer.parameters.items()):
        seen = side.weights.of(parameter.tensor) if parameter.is_plain else None
        if seen is None or not seen.finite or seen.minimum == seen.maximum:
            continue
        with np.errstate(over="ignore", under="ignore"):
            extrema = np.array([seen.minimum, seen.maximum]).astype(np.float16).tolist()
        marks.append((name, parameter.tensor.size, *extrema, f"{seen.rms:.2g}"))
    return (layer.kind, tuple(marks)) if marks else None


def _common(
    before: Sequence[Hashable], after: Sequence[Hashable]
) -> Iterator[tuple[int, int, int]]:
    """Runs of equal entries in the same order: where they begin in both, and their length."""
    if len(before) * len(after) <= MOST_ALIGNED:
        from difflib import SequenceMatcher

        matcher = SequenceMatcher(None, before, after, autojunk=False)
        blocks = matcher.get_matching_blocks()
        yield from ((block.a, block.b, block.size) for block in blocks if block.size)
        return
    at = 0
    places: dict[Hashable, list[int]] = {}
    for place, entry in enumerate(after):
        places.setdefault(entry, []).append(place)
    for queue in places.values():
        queue.reverse()
    for start, entry in enumerate(before):
        queue = places.get(entry, [])
        while queue and queue[-1] < at:
            queue.pop()
        if queue:
            at = queue.pop() + 1
            yield start, at - 1, 1
