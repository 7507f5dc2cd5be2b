"""dtype and symbolic shape of every value, by onnx's shape inference in a child process."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING

from msgspec import Struct

from onnxlint.analyses.static.inference_complaints import InferenceFailure, failures_of
from onnxlint.analyses.static.inference_process import InferenceProcess, remedy
from onnxlint.contributions import Contributions, Loss
from onnxlint.model.file.dtypes import bits, dtype_name, is_float, is_integer
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Scope, Value
from onnxlint.model.preflight import Preflight
from onnxlint.runtime.shape_inference.inferred import Inferred
from onnxlint.safety.limits import Alarm

if TYPE_CHECKING:
    from onnx import TensorShapeProto, TypeProto

Dim = int | str | None
"""A fixed size, a symbol, or unknown."""


class Shape(Struct, frozen=True):
    """The type of a tensor: ONNX element type, and dims (None: not even the rank is known)."""

    element_type: int
    dims: tuple[Dim, ...] | None

    @property
    def dtype(self) -> str:
        """The specification's name of the element type."""
        return dtype_name(self.element_type)

    @property
    def bits(self) -> int:
        """Bits of one element; 0 for strings."""
        return bits(self.element_type) or 0

    @property
    def is_float(self) -> bool:
        """Whether elements are floating point numbers."""
        return is_float(self.element_type)

    @property
    def is_integer(self) -> bool:
        """Whether elements are integers; booleans are not."""
        return is_integer(self.element_type)

    @property
    def rank(self) -> int | None:
        """Number of dimensions, None where unknown."""
        return None if self.dims is None else len(self.dims)

    def dim(self, axis: int) -> Dim:
        """One dim, negative axes from the end; None where it is unknown or out of range."""
        if self.dims is None or not -len(self.dims) <= axis < len(self.dims):
            return None
        return self.dims[axis]

    def nbytes(self, unknown: int = 1, sizes: Mapping[str, int] | None = None) -> int:
        """Bytes of the tensor: `sizes` are those of symbols, `unknown` that of all others."""
        known = sizes or {}
        dims = [dim if isinstance(dim, int) else known.get(dim or "", unknown)
                for dim in self.dims or ()]  # fmt: skip
        return prod(dims) * (bits(self.element_type) or 8) // 8

    def __str__(self) -> str:
        dims = "?" if self.dims is None else ", ".join(str(d or "?") for d in self.dims)
        return f"{self.dtype}[{dims}]"


class Shapes:
    """The inferred type of every value, and the nodes where inference fails."""

    works_beside = True

    def __init__(
        self, graph: Graph, inference: InferenceProcess | None, problem: str | None
    ) -> None:
        self._graph = graph
        self._inference = inference
        self._problem = problem
        self._loss: str | None = None
        self._lost: list[Loss] = []
        self._types: dict[Value, TypeProto] | None = None
        self._told: dict[Value, Shape | None] = {}
        self._failures: list[InferenceFailure] | None = None

    @classmethod
    def build(cls, inference: InferenceProcess, graph: Graph, preflight: Preflight) -> Shapes:
        """Lets inference go on, if native code may see the model; the first question waits."""
        if preflight.refusal is not None:
            inference.close()
            return cls(graph, None, preflight.refusal)
        inference.allow()
        return cls(graph, inference, None)

    @property
    def is_done(self) -> bool:
        """Whether no question has to wait."""
        return self._inference is None or self._types is not None or self._inference.is_done

    def contribute(self, report: Contributions) -> None:
        """What shape inference lost, so that rules saw less."""
        report.losses += self._lost

    @property
    def loss(self) -> str | None:
        """What rules could not see because inference died; None where it did not, or was not asked.

        A model that is not to be opened has no inference, and its findings say why.
        """
        return self._loss

    @property
    def problem(self) -> str | None:
        """Why inference could not be done at all; the declared types are known all the same."""
        self._known()
        return self._problem

    @property
    def failures(self) -> list[InferenceFailure]:
        """Every node at which inference fails, not only the first.

        They come after the types: a rule that asks for `InferenceFailures` runs when both are here.
        """
        if self._failures is None:
            self._known()
            with Alarm.waiting():
                self._failures = self._told_failures()
        return self._failures

    @property
    def are_failures_known(self) -> bool:
        """Whether nobody has to wait for them."""
        if self._failures is not None:
            return True
        return self._types is not None and (self._inference is None or self._inference.is_done)

    def of(self, value: Value | None) -> Shape | None:
        """The type of a value: inferred, else declared; None for no tensor or an unknown one."""
        if value is None:
            return None
        try:
            return self._told[value]
        except KeyError:
            found = self._told[value] = self._found(value)
            return found

    def rank(self, value: Value | None) -> int | None:
        """The number of dimensions of a value, None where it is not known."""
        shape = self.of(value)
        return None if shape is None else shape.rank

    def dim(self, value: Value | None, axis: int) -> Dim:
        """One dim of a value, negative axes from the end; None where it is not known."""
        shape = self.of(value)
        return None if shape is None else shape.dim(axis)

    def axis(self, value: Value | None, axis: int) -> int | None:
        """An axis of a value counted from 0; None where it is not known whether it has that one."""
        rank = self.rank(value)
        return axis % rank if rank and -rank <= axis < rank else None

    def is_integer(self, value: Value | None) -> bool:
        """Whether it is known that a value's elements are integers; booleans are not."""
        shape = self.of(value)
        return shape is not None and shape.is_integer

    def _found(self, value: Value) -> Shape | None:
        """The type of a value that inference told nothing of, or was not asked yet."""
        if value.tensor_proto is not None:
            return _stored(value.tensor_proto.data_type, tuple(value.tensor_proto.dims))
        self._known()
        return self._told.get(value) or declared(value)

    def type_of(self, value: Value) -> TypeProto | None:
        """The whole type, be it a sequence's, of a value that no initializer gives."""
        return self._known().get(value) or value.type

    def _known(self) -> dict[Value, TypeProto]:
        if self._types is None:
            self._types = {}
            if self._inference is not None:
                with Alarm.waiting():  # no rule's time: any may be the first to ask
                    self._take(self._inference)
        return self._types

    def _take(self, inference: InferenceProcess) -> None:
        try:
            inferred = inference.types()
            types = [*map(_parsed, inferred.types)]
        except (
            Exception
        ) as error:  # the child's end, or protobuf's DecodeError: it nests too deeply
            self._inference = None
            inference.close()
            self._problem = f"shape inference failed: {error}"
            self._lose(self._problem, "fewer shapes are known", error)
            return
        if (lost := inference.repeated_after) is not None:
            told = f"shape inference {lost} and was repeated without constants"
            self._lose(told, "fewer shapes are known", lost)
        self._keep(_scopes(self._graph), inferred, types)

    def _told_failures(self) -> list[InferenceFailure]:
        if self._inference is None:
            return []
        told = failures_of(_scopes(self._graph), self._inference.complaints())
        if (error := self._inference.unheard) is not None:
            what = f"shape inference {error} while it looked for what does not fit"
            self._lose(what, "some nodes that do not fit are not known", error)
        return [failure for failure in told if not self._lacks_type(failure)]

    def _lose(self, what: str, lost: str, error: Exception) -> None:
        self._loss = what
        self._lost.append(Loss(f"{what}: {lost}", "shape inference", hint=remedy(error)))

    def _keep(self, scopes: list[Scope], inferred: Inferred, types: list[TypeProto]) -> None:
        """Keeps the type of every value; most of them have one of few, each taken apart once."""
        known, shapes = self._known(), [*map(_shape, types)]
        for scope, names, numbers in zip(scopes, inferred.names, inferred.numbers, strict=True):
            values = scope.values
            for name, number in zip(names, numbers, strict=True):
                value = values.get(name)
                if value is not None:
                    known[value] = types[number]
                    if value.tensor_proto is None:
                        self._told[value] = shapes[number] or declared(value)

    def _lacks_type(self, failure: InferenceFailure) -> bool:
        """Whether onnx fails because it does not know the type of what a node reads: no misfit."""
        given = (value for value in failure.node.inputs if value is not None)
        return failure.lacks_type and any(
            self.type_of(value) is None and value.tensor_proto is None for value in given
        )


@lru_cache(maxsize=4096)
def _stored(element_type: int, dims: tuple[int, ...]) -> Shape:
    """The type of a constant: of a million, few differ."""
    return Shape(element_type, dims)


def declared(value: Value) -> Shape | None:
    """The type that the file declares for a value, if it is a tensor's."""
    return None if value.type is None else _shape(value.type)


def _shape(type_proto: TypeProto) -> Shape | None:
    if not type_proto.HasField("tensor_type"):
        return None
    tensor = type_proto.tensor_type
    if not tensor.elem_type:
        return None
    if not tensor.HasField("shape"):
        return Shape(tensor.elem_type, None)
    return Shape(tensor.elem_type, tuple(map(_dim, tensor.shape.dim)))


def _dim(dim: TensorShapeProto.Dimension) -> Dim:
    """A negative size, as old exporters write for a free one, is unknown: onnxruntime takes any."""
    if dim.HasField("dim_value"):
        return dim.dim_value if dim.dim_value >= 0 else None
    return dim.dim_param or None


def _scopes(graph: Graph) -> list[Scope]:
    """The scopes in the order of the containers that inference numbers."""
    return [scope for root in (graph.main, *graph.functions) for scope in root.nested]


def _parsed(serialized: bytes) -> TypeProto:
    from onnx import TypeProto

    return TypeProto.FromString(serialized)  # type: ignore[no-any-return]
