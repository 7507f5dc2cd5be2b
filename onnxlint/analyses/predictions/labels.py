"""The labels that the user supplied: the ground truth, sample by sample."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from msgspec import Struct

from onnxlint.model.file.errors import DataError
from onnxlint.model.graph.place import Place
from onnxlint.settings import LabelSource, Settings

if TYPE_CHECKING:
    from onnxlint.types import Array

NO_LABELS = "requires --labels together with --data"


class Labels(Struct, frozen=True, eq=False, dict=True):
    """All labels of the file: int64, float or text (dtype object), a row for each sample.

    `folders` are those that the labels are named after, empty ones too; None where a file says
    them.
    """

    asked_by: ClassVar = ("labels", NO_LABELS)

    array: Array
    source: LabelSource
    folders: tuple[str, ...] | None = None

    @property
    def place(self) -> Place:
        """Nowhere in the model."""
        return Place()

    @cached_property
    def counts(self) -> Mapping[str, int] | None:
        """Number of labels per class; None where they are not one class per sample."""
        single = self.array.size == len(self.array)
        if not single and self._marks_one_of_many:
            return Counter(map(str, self.array.argmax(axis=1).tolist()))
        if not single or self.array.dtype.kind == "f":
            return None
        return Counter(map(str, self.array.reshape(-1).tolist()))

    @property
    def _marks_one_of_many(self) -> bool:
        """Whether each row is 1 at its class and else 0."""
        array = self.array
        if array.ndim != 2 or array.dtype.kind == "O":
            return False
        return bool(((array == 0) | (array == 1)).all() and (array.sum(axis=1) == 1).all())

    @classmethod
    def build(cls, settings: Settings) -> Labels:
        """Reads them.

        Raises:
            DataError: they cannot be read, or there are no samples that they belong to.
        """
        from onnxlint.runtime.data import labels

        source = settings.labels
        assert source is not None  # as `asked_by` says
        if settings.data is None:
            raise DataError(f"{source}: labels require the samples that they belong to (--data)")
        return cls(labels.read(source.file, source.key), source, _folders(source, settings.data))

    def of(self, samples: int, *, are_all: bool) -> Array:
        """Those of the first samples; `are_all` says that the data holds no more.

        Raises:
            DataError: their number is another.
        """
        count = len(self.array)
        if count < samples or (are_all and count > samples):
            told = f"{self.source}: {count:,} labels for {samples:,} samples"
            raise DataError(f"{told}; give one label, or one row of labels, per sample")
        return self.array[:samples]


def _folders(source: LabelSource, data: Path) -> tuple[str, ...] | None:
    """The folders of classes, where they are the labels.

    Raises:
        DataError: the samples are others.
    """
    from onnxlint.runtime.data import class_folders

    if not source.file.is_dir():
        return None
    if not data.is_dir() or not source.file.samefile(data):
        told = "the folders of images that labels are named after must be the data"
        raise DataError(f"{source}: {told}; give --data {source.file} (now {data})")
    return tuple(class_folders.folders(source.file))
