"""Which layer is the first to differ from another model's."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from msgspec import Struct

from onnxlint.analyses.comparison.reference_model import ComparedModels
from onnxlint.analyses.comparison.value_pairing import ComparedModel, Pair, paired, seen_by_readers
from onnxlint.analyses.execution.worker import RunFailure, WorkerDied
from onnxlint.analyses.static.precision import Distance
from onnxlint.model.file.errors import DataError
from onnxlint.model.graph.nodes import Value
from onnxlint.model.graph.place import Place
from onnxlint.model.graph.walk import Walk

FLOATS = ("float", "float16", "double")
"""Types of what is compared layer by layer."""

FETCH_BUDGET_BYTES = 128 * 1024 * 1024
"""Values are fetched in groups of about this size, so that depth does not cost memory."""

MOST_GROUPS = 32
"""Values are fetched in so many groups of `FETCH_BUDGET_BYTES`; of more of them, every n-th."""

STEPS_OF_A_LAYER = 100
"""Steps of the dtype that one layer may differ by; the n-th by as many times the root of n."""

LYING_NAMES = 0.05
"""Names are not used where for this share of the values structure shows that they mean others."""


class FirstDivergence(Struct, frozen=True):
    """The first value, in the order of the file, that differs and makes the outputs differ.

    `like` is the reference's; `error` is more than `limit`, which rounding may do there. `compared`
    values beside the outputs were compared.
    """

    value: Value
    like: Value
    error: float
    limit: float
    compared: int

    @property
    def place(self) -> Place:
        """Where it stands."""
        return self.value.place


class LayerDifferences:
    """How far every value of one run is from its like in the other model."""

    def __init__(self, both: ComparedModels, run: int, outputs: dict[Value, Value]) -> None:
        self._both, self._run, self._outputs = both, run, outputs
        self._known_likes: dict[float, dict[Value, Value]] = {}
        self._pairing = paired(both.mine, both.theirs, both.inputs)

    def first(self, outputs: list[Value], limit: float, epsilon: float) -> FirstDivergence | None:
        """Where these outputs begin to differ by more than rounding.

        Rounding may do `limit`, and less in the first layers of float32: see `STEPS_OF_A_LAYER`.
        Going back from the outputs, what agrees is not passed: a value that differs and makes
        nothing differ only has the name of another one. None where no value differs.
        """
        likes = self._likes_within(limit)
        limits = {
            value: min(limit, STEPS_OF_A_LAYER * epsilon * math.sqrt(layer))
            for layer, value in enumerate(likes, 1)
        }
        far = {value for value, like in likes.items() if self._errors[value, like] > limits[value]}
        reached = _reached(outputs, far, likes.keys() - far)
        if not reached:
            return None
        first = min(reached, key=_index)
        like = likes[first]
        compared = len(likes.keys() - self._outputs.keys())
        return FirstDivergence(first, like, self._errors[first, like], limits[first], compared)

    def error(self, value: Value, limit: float) -> float | None:
        """How far a value is from its like; None where it has none, or holds no floats."""
        likes = self._likes_within(limit)
        return self._errors[value, likes[value]] if value in likes else None

    def all(self, limit: float) -> list[tuple[Value, Value, float]]:
        """Every value with its like and how far it is from it, in the order of the file."""
        likes = self._likes_within(limit)
        return [(value, like, self._errors[value, like]) for value, like in likes.items()]

    def _likes_within(self, limit: float) -> dict[Value, Value]:
        if limit not in self._known_likes:
            self._known_likes[limit] = self._likes(limit)
        return self._known_likes[limit]

    def _likes(self, limit: float) -> dict[Value, Value]:
        """The nearer like of each value, in the order of the file."""
        structure, names = self._pairing.by_structure, self._pairing.by_name
        lies = known = 0
        for value in structure.keys() & names.keys():
            errors = [self._errors.get((value, answer[value])) for answer in (structure, names)]
            if errors[0] is not None and errors[1] is not None:
                known += 1
                lies += errors[0] <= limit < errors[1]
        likes: dict[Value, Value] = {}
        answers = [structure] if lies > LYING_NAMES * known else [structure, names]
        for value, like in self._errors:
            if value in self._outputs:
                likes[value] = self._outputs[value]
            elif any(answer.get(value) is like for answer in answers):
                best = likes.setdefault(value, like)
                if self._errors[value, like] < self._errors[value, best]:
                    likes[value] = like
        return {value: like for value, like in likes.items() if (value, like) in self._errors}

    @cached_property
    def _errors(self) -> dict[Pair, float]:
        """How far the pairs are; nothing where they cannot be watched."""
        groups = list(self._groups())
        jobs = [(self._run, [_fetched(pair) for pair in group]) for group in groups]
        watched = [_fetched(pair) for group in groups for pair in group]
        errors: dict[Pair, float] = {}
        try:
            for group, (got, wanted) in zip(groups, self._both.run(jobs, watched), strict=True):
                for pair in group:
                    mine, theirs = _fetched(pair)
                    one, other = got.get(mine), wanted.get(theirs)
                    if one is None or other is None or one.shape != other.shape or not one.size:
                        continue
                    if one.dtype.kind == other.dtype.kind == "f":
                        errors[pair] = Distance.between(one, other).relative
        except (RunFailure, WorkerDied, DataError):
            return {}  # some kernel exists only when fused
        return errors

    def _groups(self) -> Iterator[list[Pair]]:
        """Pairs that are fetched at once, in the order of the file."""
        sizes = self._sizes
        step = math.ceil(sum(sizes.values()) / (MOST_GROUPS * FETCH_BUDGET_BYTES)) or 1
        chosen = {
            pair: size for number, (pair, size) in enumerate(sizes.items())
            if number % step == 0 or pair[0] in self._outputs
        }  # fmt: skip
        return _grouped(chosen, FETCH_BUDGET_BYTES)

    @property
    def _sizes(self) -> dict[Pair, int]:
        """The pairs that may hold floats, with what both sides take."""
        answers = (self._pairing.by_structure, self._pairing.by_name, self._outputs)
        pairs = {pair: None for answer in answers for pair in answer.items()}
        mine, theirs = self._both.mine, self._both.theirs
        return {
            (value, like): _size(mine, value) + _size(theirs, like)
            for value, like in sorted(pairs, key=lambda pair: _index(pair[0]))
            if _may_be_float(mine, value) and _may_be_float(theirs, like)
        }


def _grouped(sizes: Mapping[Pair, int], room: int) -> Iterator[list[Pair]]:
    """Parts of the pairs that take so many bytes each, of `room` bytes together at most.

    One that is larger than that is a part by itself.
    """
    group: list[Pair] = []
    left = room
    for pair, size in sizes.items():
        if size > left and group:
            yield group
            group, left = [], room
        group.append(pair)
        left -= size
    if group:
        yield group


def _fetched(pair: Pair) -> tuple[str, str]:
    return seen_by_readers(pair[0]).name, seen_by_readers(pair[1]).name


def _reached(start: Iterable[Value], far: set[Value], near: Iterable[Value]) -> set[Value]:
    """Values of `far` that lead to the start, by a way that does not go through `near`."""
    barred = set(near)
    walk = Walk(value for value in start if value not in barred)
    reached = set()
    for value in walk:
        if value in far:
            reached.add(value)
        if value.producer is not None:
            walk.add(*(read for read in value.producer.inputs if read not in barred))
    return reached


def _index(value: Value) -> int:
    return value.producer.index if value.producer is not None else -1


def _size(side: ComparedModel, value: Value) -> int:
    shape = side.shapes.of(value)
    return shape.nbytes(unknown=16) if shape is not None else 0


def _may_be_float(side: ComparedModel, value: Value) -> bool:
    shape = side.shapes.of(value)
    return shape is None or shape.dtype in FLOATS
