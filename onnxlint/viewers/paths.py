"""Names with the module in front, `encoder/layers/0/Conv_3`, one for each node and value."""

from __future__ import annotations

import re
from collections import Counter
from functools import cached_property

from onnxlint.viewers.picture import Picture, Room, Tensor

_UNFIT = re.compile(r"[^\w.\-]", re.ASCII)
"""What neither a node of TensorFlow nor a tag may hold."""

UNNAMED = "unnamed"
"""What a value without a name is called, which no valid model has."""

_APART = re.compile(r"[./]+")


class Paths:
    """The names of everything in a picture; no two are the same, whatever the file calls them."""

    def __init__(self, picture: Picture) -> None:
        self._picture = picture
        self._used: set[str] = set()
        self._repeated: Counter[str] = Counter()
        self._rooms: dict[int, str] = {}
        self.nodes: list[str] = [""] * len(picture.vertices)
        self._name_all()

    def _name_all(self) -> None:
        inside: dict[int, list[int]] = {}
        for number, vertex in enumerate(self._picture.vertices):
            inside.setdefault(vertex.room, []).append(number)
        for at, room in enumerate(self._picture.rooms):  # an owner's room comes before
            self._rooms[at] = self._free(self._around(at, room)) if at else ""
            for number in inside.get(at, ()):
                self.nodes[number] = self._free(self._joined(at, *self._parts(number)))

    def _around(self, at: int, room: Room) -> str:
        if room.owner is None:
            return f"functions/{_fit(room.name or room.path)}"
        owner = self._picture.vertices[room.owner]
        branch = next((name for name, body in owner.bodies if body == at), "body")
        return f"{self.nodes[room.owner]}/{_fit(branch)}"

    def _parts(self, number: int) -> list[str]:
        layer, vertex = self._picture.model.layers[number], self._picture.vertices[number]
        last = vertex.name.rstrip("/").rpartition("/")[2] or f"{layer.op}_{layer.index}"
        return [*_APART.split(layer.module or ""), last]

    def _joined(self, room: int, *parts: str) -> str:
        return "/".join(filter(None, [self._rooms[room], *map(_fit, parts)]))

    def _free(self, wanted: str) -> str:
        name = wanted
        while name in self._used:
            self._repeated[wanted] += 1
            name = f"{wanted}_{self._repeated[wanted]}"
        self._used.add(name)
        return name

    @cached_property
    def tensors(self) -> list[str]:
        """Of values: that of the node which makes one, else of their own."""
        return [self._of(at, tensor) for at, tensor in enumerate(self._picture.tensors)]

    @cached_property
    def outputs(self) -> list[str]:
        """Of the outputs of the main graph, as places that values go to."""
        main = self._picture.rooms[0]
        return [
            self._free(f"outputs/{_fit(self._picture.tensors[at].name) or UNNAMED}")
            for at in main.outputs
        ]

    def _of(self, at: int, tensor: Tensor) -> str:
        if tensor.producer is not None:
            made = self.nodes[tensor.producer]
            return f"{made}/output_{tensor.slot}" if tensor.slot else made
        if tensor.origin == "initializer":
            return self._free(self._of_weight(at, tensor))
        return self._free(self._joined(tensor.room, "inputs", tensor.name or UNNAMED))

    def _of_weight(self, at: int, tensor: Tensor) -> str:
        """By the path in its name, or beside the first node of its scope that reads it."""
        parts = [*filter(None, _APART.split(tensor.name))] or [UNNAMED]
        reader = self._readers.get(at)
        if len(parts) > 1 or reader is None:
            return self._joined(tensor.room, *parts)
        around = self.nodes[reader].rpartition("/")[0]
        return "/".join(filter(None, [around, _fit(tensor.name) or UNNAMED]))

    @cached_property
    def _readers(self) -> dict[int, int]:
        """The first node that reads each value in its own scope."""
        found: dict[int, int] = {}
        for number, vertex in enumerate(self._picture.vertices):
            for value in vertex.inputs:
                if value is not None and self._picture.tensors[value].room == vertex.room:
                    found.setdefault(value, number)
        return found


def _fit(part: str) -> str:
    """A part of a name, which begins with a letter or a digit."""
    fit = _UNFIT.sub("_", part)
    return f"n{fit}" if fit and not fit[0].isalnum() else fit
