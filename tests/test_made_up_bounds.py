"""Whole numbers that a graph indexes with, behind any arithmetic, stay within what they index."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass

import numpy as np
from conftest import tries
from hypothesis import assume, given
from hypothesis import strategies as st

from onnxlint.analyses import Analyses
from onnxlint.analyses.inputs.inputs import Inputs
from onnxlint.model.file.load import open_model
from onnxlint.settings import Settings
from onnxlint.testing import Example, saved


@dataclass(frozen=True)
class Lookup:
    """How {v} indexes one axis of a table {t}, and whether it may count from the end, too."""

    nodes: str
    axis: int = 0
    from_the_end: bool = True


LOOKUPS = {
    "int64[K] i": (
        Lookup("{y} = Gather(t, {v})"),
        Lookup("{y} = Gather<axis = 1>(t, {v})", 1),
        Lookup("{y} = Gather<axis = -1>(t, {v})", 1),
    ),
    "int64 i": (Lookup("{y} = Gather(t, {v})"), Lookup("{y} = Gather<axis = 1>(t, {v})", 1)),
    "int64[1, 1] i": (
        Lookup("{y} = GatherElements(t, {v})"),
        Lookup("{y} = GatherElements<axis = 1>(t, {v})", 1),
        Lookup("{y} = GatherND(t, {v})"),
        Lookup("{u} = GatherND(t, {v}) {y} = ScatterND(t, {v}, {u})"),
        Lookup("{u} = GatherElements(t, {v}) {y} = ScatterElements(t, {v}, {u})"),
    ),
    "int64[ROWS] i": (
        Lookup("{y} = NegativeLogLikelihoodLoss(t, {v})", 1, from_the_end=False),
        Lookup("{y} = SoftmaxCrossEntropyLoss(t, {v})", 1, from_the_end=False),
    ),
}
"""The look-ups that an input of each type can go through."""

STEPS: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "Add({v}, {k})": lambda v, k: v + k,
    "Add({k}, {v})": lambda v, k: v + k,
    "Sub({v}, {k})": lambda v, k: v - k,
    "Sub({k}, {v})": lambda v, k: k - v,
    "Mul({v}, {k})": lambda v, k: v * k,
    "Identity({v})": lambda v, k: v,
    "Cast<to = 7>({v})": lambda v, k: v,
}

Chain = list[tuple[str, int]]
CHAINS = st.lists(st.tuples(st.sampled_from([*STEPS]), st.integers(-4, 4)), max_size=4)


@dataclass(frozen=True)
class Indexing:
    """A model with one input that chains of arithmetic lead into look-ups in one table."""

    declared: str
    ways: list[tuple[Lookup, Chain]]
    rows: int | str
    columns: int

    def text(self) -> str:
        nodes, constants = [], []
        for way, (lookup, chain) in enumerate(self.ways):
            value = "i"
            for at, (step, number) in enumerate(chain):
                name = f"{way}_{at}"
                constants.append(f"int64 k{name} = {{{number}}}")
                nodes.append(f"v{name} = {step.format(v=value, k=f'k{name}')}")
                value = f"v{name}"
            nodes.append(lookup.nodes.format(v=value, y=f"y{way}", u=f"u{way}"))
        outputs = ", ".join(f"float y{way}" for way in range(len(self.ways)))
        declared = self.declared.replace("ROWS", str(self.rows))
        return f"""g (float[{self.rows}, {self.columns}] t, {declared}) => ({outputs})
        <{", ".join(constants)}> {{ {" ".join(nodes)} }}"""

    def has_an_answer(self) -> bool:
        """Whether some number counts from the start of every axis, however long a free one is."""
        numbers = np.arange(-100, 101)
        fits = np.full(numbers.shape, True)
        rows = self.rows if isinstance(self.rows, int) else 1
        for reached, size, _ in self.reached(numbers, rows):
            fits &= (reached >= 0) & (reached < size)
        return bool(fits.any())

    def reached(self, made: np.ndarray, rows: int) -> Iterator[tuple[np.ndarray, int, bool]]:
        """What each look-up reads for the numbers that were made up, and the size of its axis."""
        for lookup, chain in self.ways:
            indices = made
            for step, number in chain:
                indices = STEPS[step](indices, number)
            yield indices, self.columns if lookup.axis else rows, lookup.from_the_end


@st.composite
def indexings(draw: st.DrawFn) -> Indexing:
    declared = draw(st.sampled_from([*LOOKUPS]))
    ways = st.tuples(st.sampled_from(LOOKUPS[declared]), CHAINS)
    return Indexing(
        declared, draw(st.lists(ways, min_size=1, max_size=2)),
        draw(st.integers(1, 12) | st.just("N")), draw(st.integers(1, 12)),
    )  # fmt: skip


@tries(60)
@given(indexings())
def test_made_up_indices_stay_within_what_they_index(model: Indexing) -> None:
    assume(model.has_an_answer())
    with (
        saved(Example.parse(model.text())) as path,
        open_model(str(path)) as opened,
        closing(Analyses(Settings(), opened)) as analyses,
    ):
        attempt = next(analyses.get(Inputs).attempts())
    for feed in [*attempt.feeds, *(edge.feed for edge in attempt.limits)]:
        for reached, size, signed in model.reached(feed["i"], rows=len(feed["t"])):
            assert (reached < size).all()
            assert (reached >= (-size if signed else 0)).all()
