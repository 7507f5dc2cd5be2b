"""The graph as TensorBoard's page "Graphs" shows it: TensorFlow's GraphDef."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from onnxlint.model.graph.operators import LOOPS
from onnxlint.viewers.paths import Paths
from onnxlint.viewers.picture import Picture, Tensor, Vertex

if TYPE_CHECKING:
    from tensorboardX.proto.graph_pb2 import GraphDef

PRODUCER = 22
"""A version of TensorFlow's format, which viewers ask for; of its first releases."""


def graph_def(picture: Picture, paths: Paths) -> GraphDef:
    """All nodes, the inputs and outputs of the model, and what is stored in it."""
    from tensorboardX.proto.graph_pb2 import GraphDef
    from tensorboardX.proto.versions_pb2 import VersionDef

    drawing = _Drawing(picture, paths)
    nodes = [*drawing.values(), *drawing.nodes(), *drawing.outputs()]
    return GraphDef(node=nodes, versions=VersionDef(producer=PRODUCER))


class _Drawing:
    """A model that is written node by node."""

    def __init__(self, picture: Picture, paths: Paths) -> None:
        self._picture, self._paths = picture, paths

    def nodes(self) -> Iterator[Any]:
        """Those of all scopes."""
        for number, vertex in enumerate(self._picture.vertices):
            layer = self._picture.model.layers[number]
            made = [self._picture.tensors[at] for at in vertex.outputs if at is not None]
            told = {
                **vertex.attributes,
                "onnx_number": f"#{number}",
                "onnx_name": vertex.name,
                "onnx_outputs": ", ".join(tensor.name for tensor in made),
            }
            if layer.parameters:
                told["parameters"] = f"{layer.parameters:,}"
            yield _node(self._paths.nodes[number], layer.op, self._edges(vertex), made, told)

    def values(self) -> Iterator[Any]:
        """Inputs of all scopes, and initializers."""
        fed = self._fed()
        for at, tensor in enumerate(self._picture.tensors):
            if tensor.producer is None:
                op = "Const" if tensor.origin == "initializer" else "Input"
                sources = [self._end(fed[at])] if at in fed else []
                told = {"onnx_name": tensor.name}
                yield _node(self._paths.tensors[at], op, sources, [tensor], told)

    def outputs(self) -> Iterator[Any]:
        """Where the outputs of the model go."""
        main = self._picture.rooms[0]
        for at, name in zip(main.outputs, self._paths.outputs, strict=True):
            tensor = self._picture.tensors[at]
            yield _node(name, "Output", [self._end(at)], [tensor], {"onnx_name": tensor.name})

    def _edges(self, vertex: Vertex) -> list[str]:
        """What a node reads, and what its bodies put out, each once."""
        inside = (self._picture.rooms[room].outputs for _, room in vertex.bodies)
        read = [at for at in vertex.inputs if at is not None]
        read += [at for outputs in inside for at in outputs]
        return [*dict.fromkeys(map(self._end, read))]

    def _end(self, at: int) -> str:
        tensor = self._picture.tensors[at]
        if tensor.producer is None:
            return self._paths.tensors[at]
        made = self._paths.nodes[tensor.producer]
        return f"{made}:{tensor.slot}" if tensor.slot else made

    def _fed(self) -> dict[int, int]:
        """What the inputs of bodies get from outside."""
        found: dict[int, int] = {}
        for number, vertex in enumerate(self._picture.vertices):
            if (
                self._picture.model.layers[number].op in LOOPS
            ):  # whose body gets what the node reads, slot by slot
                for _, room in vertex.bodies:
                    inner = self._picture.rooms[room].inputs
                    pairs = zip(inner, vertex.inputs, strict=False)
                    found |= {one: other for one, other in pairs if other is not None}
        return found


def _node(
    name: str, op: str, sources: Sequence[str], made: Sequence[Tensor], told: Mapping[str, str]
) -> Any:
    from tensorboardX.proto.attr_value_pb2 import AttrValue
    from tensorboardX.proto.node_def_pb2 import NodeDef

    attributes = {key: AttrValue(s=text.encode()) for key, text in told.items()}
    shapes = AttrValue.ListValue(shape=[_shape(tensor) for tensor in made])
    attributes["_output_shapes"] = AttrValue(list=shapes)
    number = _dtype(made[0].dtype) if made else 0
    if number:
        attributes["dtype"] = AttrValue(type=number)
    return NodeDef(name=name, op=op, input=sources, attr=attributes)


def _shape(tensor: Tensor) -> Any:
    from tensorboardX.proto.tensor_shape_pb2 import TensorShapeProto

    if tensor.dims is None:
        return TensorShapeProto(unknown_rank=True)
    dims = [
        TensorShapeProto.Dim(size=dim) if isinstance(dim, int)
        else TensorShapeProto.Dim(size=-1, name=dim or "")
        for dim in tensor.dims
    ]  # fmt: skip
    return TensorShapeProto(dim=dims)


_DTYPES = {"float16": "HALF", "float32": "FLOAT", "float": "FLOAT", "float64": "DOUBLE"}


def _dtype(dtype: str | None) -> int:
    """TensorFlow's number of a dtype; 0 of one that it has not."""
    from tensorboardX.proto.types_pb2 import DataType

    name = _DTYPES.get(dtype or "", (dtype or "").upper())
    values: Mapping[str, int] = dict(DataType.items())
    return values.get(f"DT_{name}", 0)
