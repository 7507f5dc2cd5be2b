"""The outputs that a test data set says the model gives, beside those that it gave."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from msgspec import Struct, field
from msgspec.structs import replace

from onnxlint.analyses import Unavailable
from onnxlint.analyses.execution.execution import Execution
from onnxlint.analyses.static.precision import Rounding, finite_parts
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Value
from onnxlint.model.graph.place import Place

if TYPE_CHECKING:
    from onnxlint.types import Array

NO_EXPECTATION = "requires a test data set with output_*.pb (--data)"


class Tolerance(Struct, frozen=True):
    """By how much an element may differ: `absolute`, plus what two shares allow.

    `relative` is a share of the element; `of_rms` one of the root mean square of the whole output,
    for where large numbers cancel, an element is no more exact than these. Integers of 8 bits may
    differ by `steps`.
    """

    relative: float
    absolute: float = 0.0
    of_rms: float = 0.0
    steps: int = 0


class Comparison(Struct, frozen=True, eq=False):
    """One output in one run: what the file says, and what came; both of one shape and kind."""

    file: Path
    wanted: Array
    got: Array

    @property
    def source(self) -> str:
        """The file and the folder that it lies in."""
        return f"{self.file.parent.name}/{self.file.name}"

    def excess(self, tolerance: Tolerance) -> Array:
        """By how many times the tolerance each element differs; infinite where numbers are not.

        What is not a floating-point number differs by 0 or infinitely.
        """
        import numpy as np

        if self.wanted.dtype.kind != "f":
            return np.where(self._differing(tolerance), np.inf, 0.0)
        wanted, got, same = finite_parts(self.wanted, self.got)
        rms = float(np.sqrt(np.mean(wanted**2))) if wanted.size else 0.0
        allowed = tolerance.absolute + tolerance.of_rms * rms + tolerance.relative * np.abs(wanted)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.nan_to_num(np.abs(wanted - got) / allowed, nan=0.0)
        return np.where(same, ratio, np.inf)

    def _differing(self, tolerance: Tolerance) -> Array:
        import numpy as np

        wanted, got = self.wanted, self.got
        if wanted.dtype.kind in "iu" and wanted.dtype.itemsize == 1:
            return np.asarray(np.abs(wanted.astype(int) - got.astype(int)) > tolerance.steps)
        if wanted.dtype.kind in TEXT:
            wanted, got = wanted.astype(object), got.astype(object)  # not padded to the longest
        return np.asarray(wanted != got)


class Mismatch(Struct, frozen=True):
    """The element that differs most: by how many times the tolerance, and what it is.

    `differing` of all `elements` in all runs differ by more than the tolerance.
    """

    excess: float
    source: str
    index: tuple[int, ...]
    wanted: object
    got: object
    differing: int
    elements: int

    def __str__(self) -> str:
        at = f" at {list(self.index)}" if self.index else ""
        told = f"value{at} is {_written(self.got)}, expected {_written(self.wanted)}"
        elements = f"{self.elements:,} element{'s' * (self.elements != 1)}"
        verb = "differs" if self.differing == 1 else "differ"
        return f"{told} ({self.source}); {self.differing:,} of {elements} {verb}"


class ExpectedOutput(Struct, frozen=True, eq=False):
    """One output over all runs; `misfits` tells of files that cannot be compared, and why."""

    value: Value
    comparisons: list[Comparison] = field(default_factory=list)
    misfits: list[str] = field(default_factory=list)

    @property
    def place(self) -> Place:
        """Where it stands."""
        return self.value.place

    def mismatch(self, tolerance: Tolerance) -> Mismatch | None:
        """Where it differs most; None where all of it is within the tolerance."""
        import numpy as np

        excess = [comparison.excess(tolerance) for comparison in self.comparisons]
        peaks = [float(each.max(initial=0.0)) for each in excess]
        if max(peaks, default=0.0) <= 1:
            return None
        run = int(np.argmax(peaks))
        found, shape = self.comparisons[run], excess[run].shape
        index = tuple(map(int, np.unravel_index(int(excess[run].argmax()), shape)))
        return Mismatch(
            peaks[run], found.source, index, found.wanted[index], found.got[index],
            sum(int((each > 1).sum()) for each in excess), sum(each.size for each in excess),
        )  # fmt: skip

    def add(self, found: Comparison) -> None:
        """Takes one more run."""
        wanted, got = found.wanted, found.got
        if got.shape == (1, *wanted.shape):  # a sample without its batch axis was fed as a batch
            wanted = wanted[None]
        if wanted.shape != got.shape:
            told = f"shape {list(got.shape)}, expected {list(wanted.shape)} ({found.source})"
            self.misfits.append(told)
        elif _kind(wanted) != _kind(got):
            self.misfits.append(f"dtype {got.dtype}, expected {wanted.dtype} ({found.source})")
        else:
            self.comparisons.append(replace(found, wanted=wanted))


class Expected:
    """The outputs of which test data sets say what they should be."""

    asked_by: ClassVar = ("data", NO_EXPECTATION)

    def __init__(self, outputs: list[ExpectedOutput]) -> None:
        self._outputs = outputs

    def __iter__(self) -> Iterator[ExpectedOutput]:
        return iter(self._outputs)

    @classmethod
    def build(cls, graph: Graph, execution: Execution, rounding: Rounding) -> Expected:
        """Reads the files of expected outputs.

        Raises:
            Unavailable: there are none, no output can be compared, or the model did not run.
            DataError: a file is not a tensor.
        """
        inputs = execution.inputs
        if inputs.obstacle is None and not any(inputs.fed.expected):
            raise Unavailable(NO_EXPECTATION)
        if not execution.ran:
            raise Unavailable(execution.failure or "the model did not run")
        outputs = {
            value.name: ExpectedOutput(value)
            for value in graph.outputs
            if _is_tensor(value) and not rounding.drawn_by(value)
        }
        for ran, files in zip(execution.runs, inputs.fed.expected, strict=True):
            for name, file, wanted in _assigned(graph, files):
                if name in outputs and name in ran.outputs:
                    outputs[name].add(Comparison(file, wanted, ran.outputs[name]))
        found = [output for output in outputs.values() if output.comparisons or output.misfits]
        if not found:
            raise Unavailable("no output is a deterministic tensor that is small enough to be kept")
        return cls(found)


def _assigned(graph: Graph, files: Mapping[int, Path]) -> Iterator[tuple[str, Path, Array]]:
    """The output that each file tells of, by the tensor's name, else by the file's number."""
    from onnxlint.runtime.data.tensors import read_tensor

    names = [value.name for value in graph.outputs]
    for number, file in files.items():
        numbered = graph.outputs[number] if number < len(names) else None
        if numbered is not None and not _is_tensor(numbered):
            continue  # the file holds a sequence or an optional
        name, wanted = read_tensor(file)
        if name in names or numbered is not None:
            yield name if name in names or numbered is None else numbered.name, file, wanted


def _is_tensor(value: Value) -> bool:
    return value.type is None or value.type.WhichOneof("value") in (None, "tensor_type")


TEXT = "OUST"
"""numpy's kinds of text."""


def _kind(array: Array) -> str:
    """Floats of any width can be compared, and so can integers; text has several dtypes."""
    kind = array.dtype.kind
    return "text" if kind in TEXT else "integer" if kind in "iu" else kind


def _written(element: object) -> str:
    import numpy as np

    return f"{element:.6g}" if isinstance(element, np.floating) else str(element)
