"""The user's data, input by input: its samples and their features."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from msgspec import Struct

from onnxlint.analyses import Unavailable
from onnxlint.analyses.inputs.inputs import NO_DATA, Inputs
from onnxlint.analyses.inputs.preprocessing import Opening, Openings
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Value
from onnxlint.model.graph.place import Place
from onnxlint.settings import InputContract

if TYPE_CHECKING:
    from onnxlint.runtime.data.fitting import Fed
    from onnxlint.runtime.feeds.synthesis import Slot
    from onnxlint.runtime.statistics.features import Features
    from onnxlint.types import Array


class TableFile(Struct, frozen=True):
    """A CSV or Parquet file whose columns, but for the labels, are the features of one input."""

    path: Path
    label: str | None
    input: str

    def columns(self) -> list[str]:
        """The names of the features in their order."""
        from onnxlint.runtime.data import csv_parquet

        expected = {self.input} | ({self.label} if self.label else set())
        return [name for name in csv_parquet.names(self.path, expected) if name != self.label]


class FedInput(Struct, frozen=True, eq=False, dict=True):
    """One input and what was fed to it.

    `blocks` hold every sample once, along `batch_axis`; None where it counts no samples. `given` is
    the dtype that the data had, `contract` what is declared of the input. `unrounded` are the
    samples as they were given, where the input's dtype lacks large numbers of theirs.
    """

    value: Value
    slot: Slot
    contract: InputContract
    opening: Opening
    blocks: list[Array]
    batch_axis: int | None
    given: str
    table: TableFile | None = None
    unrounded: Array | None = None

    @property
    def place(self) -> Place:
        """Where the input stands."""
        return self.value.place

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """The shape of each block."""
        return [block.shape for block in self.blocks]

    @property
    def is_float(self) -> bool:
        """Whether it takes floating-point numbers."""
        return "float" in self.slot.dtype

    @property
    def is_numeric(self) -> bool:
        """Whether it takes numbers."""
        return self.slot.dtype not in ("str", "bool")

    @property
    def is_table(self) -> bool:
        """Whether a sample is a row of features."""
        return len(self.slot.dims) == 2 and self.opening.axis == 1

    @property
    def is_image(self) -> bool:
        """Whether a sample seems to be an image: one of its three axes has 1, 3 or 4 channels."""
        dims = self.slot.dims
        return len(dims) == 4 and not {1, 3, 4}.isdisjoint((dims[1], dims[3]))

    @property
    def axis(self) -> int | None:
        """The axis of its features, by its readers, else by its shape; None where none tells."""
        dims = self.slot.dims
        if self.opening.axis is None and self.is_image:
            return 1 if dims[1] in (1, 3, 4) else 3
        return self.opening.axis

    @cached_property
    def features(self) -> Features:
        """Statistics by feature, over all samples."""
        from onnxlint.runtime.statistics.features import measure_features

        return measure_features(self.blocks, self.axis)

    @cached_property
    def by_feature(self) -> Features:
        """The same where no reader tells the axis: of a table by its columns."""
        from onnxlint.runtime.statistics.features import measure_features

        if self.axis is None and len(self.slot.dims) == 2:
            return measure_features(self.blocks, 1)
        return self.features

    @cached_property
    def columns(self) -> list[str]:
        """The names of its features, where it is fed from a table that has names; else none."""
        return [] if self.table is None else self.table.columns()

    def column(self, at: int) -> Array:
        """A column of a table over all samples, in the numbers that were given; else nothing."""
        import numpy as np

        whole = self.blocks if self.unrounded is None else [self.unrounded]
        is_table = len(self.slot.dims) in (1, 2) and whole[0].dtype.kind in "fiu"
        rows = [block.reshape(-1, block.shape[-1] if len(self.slot.dims) > 1 else 1)
                for block in whole if is_table and block.size]  # fmt: skip
        found = [each[:, at] for each in rows if at < each.shape[1]]
        return np.concatenate(found) if found else np.zeros(0)

    @cached_property
    def units(self) -> tuple[Array, Array] | None:
        """Mean and spread of the first layer's units, as if features varied one by one.

        None where its weights are not at hand.
        """
        import numpy as np

        weight, unbiased = self.opening.weight, self.unbiased_means
        if weight is None or unbiased is None:
            return None
        bias, mean = self.opening.bias, unbiased
        if bias is not None and bias.size in (1, mean.size):
            mean = mean + bias.reshape(-1)
        return mean, np.sqrt(self.features.spread**2 @ (weight**2).sum(axis=2))

    @property
    def unbiased_means(self) -> Array | None:
        """Means of the first layer's units before its bias is added."""
        weight, features = self.opening.weight, self.features
        if weight is None or len(weight) != len(features.mean):
            return None
        means: Array = features.mean @ weight.sum(axis=2)
        return means


class Data:
    """The samples of the user's data: those that are run, and some more.

    `names` are their files, where each is one; `runs` hold every sample once, a feed each.
    """

    asked_by: ClassVar = ("data", NO_DATA)

    def __init__(
        self, inputs: list[FedInput], runs: list[dict[str, Array]], names: Sequence[str] = ()
    ) -> None:
        self.names = names
        self._inputs = inputs
        self.runs = runs

    def named(self, sample: int) -> str:
        """A sample by its number from 0, and its file where it has one."""
        is_named = sample < len(self.names)
        return f"sample {sample} ({self.names[sample]})" if is_named else f"sample {sample}"

    def __iter__(self) -> Iterator[FedInput]:
        return iter(self._inputs)

    @classmethod
    def build(cls, graph: Graph, openings: Openings, inputs: Inputs) -> Data:
        """Takes the data as it was read; nothing is measured yet.

        Raises:
            Unavailable: there is no data.
            MisfitError: it does not fit the model.
            DataError: it cannot be read.
        """
        from onnxlint.runtime.feeds.synthesis import batch_axes

        if inputs.obstacle is not None:
            raise Unavailable(inputs.obstacle)
        fed, axes = inputs.fed, batch_axes(inputs.slots)
        runs = _runs(fed, axes)
        values = {value.name: value for value in graph.inputs}
        return cls(
            [
                FedInput(
                    value=values[slot.name],
                    slot=slot,
                    contract=inputs.settings.inputs.get(slot.name, InputContract()),
                    opening=openings.of(values[slot.name]),
                    blocks=_blocks(runs, slot.name),
                    batch_axis=axes[slot.name],
                    given=fed.converted.get(slot.name, slot.dtype),
                    table=_table(inputs),
                    unrounded=fed.unrounded.get(slot.name),
                )
                for slot in inputs.slots
            ],
            runs,
            fed.names,
        )

    @property
    def samples(self) -> int:
        """How many samples are looked at."""
        return len(self.digests)

    @cached_property
    def digests(self) -> list[bytes]:
        """A hash for each sample: equal for those that are equal in every input."""
        axes = {fed.value.name: fed.batch_axis for fed in self._inputs}
        return [digest for run in self.runs for digest in _digests(run, axes)]


def _table(inputs: Inputs) -> TableFile | None:
    """The table that the only input is fed from."""
    from onnxlint.runtime.data.csv_parquet import SUFFIXES

    path = inputs.settings.data
    if path is None or len(inputs.slots) != 1 or path.suffix.lower() not in SUFFIXES:
        return None
    return TableFile(path, inputs.settings.label_in_data, inputs.slots[0].name)


def _runs(fed: Fed, axes: Mapping[str, int | None]) -> list[dict[str, Array]]:
    """Every run, without the samples that were repeated to fill the last one."""
    runs = list(fed.feeds)
    if fed.filled:
        last = dict(runs[-1])
        for name, axis in axes.items():
            if axis is not None:
                last[name] = last[name][(slice(None),) * axis + (slice(-fed.filled),)]
        runs[-1] = last
    return runs + fed.more


def _blocks(runs: list[dict[str, Array]], name: str) -> list[Array]:
    """What each run has of an input; what is the same for all of them is there once."""
    blocks = [run[name] for run in runs]
    return blocks[:1] if all(block is blocks[0] for block in blocks) else blocks


def _digests(run: Mapping[str, Array], axes: Mapping[str, int | None]) -> Iterator[bytes]:
    import hashlib

    import numpy as np

    rows = [
        np.moveaxis(array, axis, 0)
        for name, array in run.items()
        if (axis := axes[name]) is not None
    ] or [array[None] for array in run.values()]
    for at in range(len(rows[0]) if rows else 0):
        digest = hashlib.blake2b(digest_size=16)
        for row in rows:
            part = row[at : at + 1]
            text = repr(part.tolist()).encode() if part.dtype.hasobject else part.tobytes()
            digest.update(text)
        yield digest.digest()
