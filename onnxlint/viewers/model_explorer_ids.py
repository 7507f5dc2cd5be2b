"""Where Model Explorer's adapter for ONNX shows a node: its graph, and the id that it has there.

The adapter (the package `model-explorer-onnx`) gives names to nodes without one, makes them unique
and draws the branches of an If in the graph around it. What is drawn nowhere has no place: bodies
within the body of a Loop, and those of a function's nodes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import cached_property
from typing import NamedTuple

from onnxlint.viewers.picture import Picture

UNNAMED = "node"
"""What the adapter calls a node without a name, and what it counts from."""

NO_NAME = "<main>"
"""What it calls a main graph without one."""


class Shown(NamedTuple):
    """A node of the viewer: its graph, and its id there."""

    graph: str
    id: str


class Ids:
    """The places of the nodes and values of a picture."""

    def __init__(self, picture: Picture) -> None:
        self._picture = picture
        self._names = [""] * len(picture.vertices)
        self._graphs: dict[int, str] = {}
        self.nodes: dict[int, Shown] = {}
        for at, room in enumerate(picture.rooms):
            if not room.path or self._is_function(at):
                self._name(at, Counter())
        self._show_main()

    def tensor(self, at: int) -> Shown | None:
        """Where an input or an initializer of a graph is shown."""
        tensor = self._picture.tensors[at]
        graph = self._graphs.get(tensor.room)
        is_input = tensor.origin in ("input", "initializer")
        return Shown(graph, f"[value] {tensor.name}") if graph is not None and is_input else None

    def _is_function(self, at: int) -> bool:
        return self._picture.rooms[at].path.startswith("function:") and at in self._called

    @cached_property
    def _called(self) -> set[int]:
        return {each.function for each in self._picture.vertices if each.function is not None}

    @cached_property
    def _inside(self) -> dict[int, list[int]]:
        """The nodes of each room, in the order of the file."""
        inside: defaultdict[int, list[int]] = defaultdict(list)
        for number, vertex in enumerate(self._picture.vertices):
            inside[vertex.room].append(number)
        layers = self._picture.model.layers
        for numbers in inside.values():
            numbers.sort(key=lambda number: layers[number].index)
        return inside

    def _name(self, room: int, repeated: Counter[str]) -> None:
        """Names the nodes of a room and of those in it, each once in its room."""
        used: set[str] = set()
        for number in self._inside.get(room, ()):
            vertex = self._picture.vertices[number]
            wanted = name = vertex.name or UNNAMED
            while name in used:
                repeated[wanted] += 1
                name = f"{wanted}_{repeated[wanted]}"
            used.add(name)
            self._names[number] = name
            for _, body in vertex.bodies:
                self._name(body, repeated)

    def _show_main(self) -> None:
        main = self._picture.rooms[0]
        self._show(0, NO_NAME if main.name is None else main.name, is_main=True)
        for at in sorted(self._called):
            self._show(at, f"[function]{self._picture.rooms[at].name}")

    def _show(self, room: int, graph: str, *, is_main: bool = False) -> None:
        """Shows a room as a graph; of the main one also the bodies of its nodes."""
        self._graphs[room] = graph
        embeds = is_main or room not in self._called
        for number in self._inside.get(room, ()):
            self._show_node(number, graph, "", embeds=embeds, is_main=is_main)

    def _show_node(
        self, number: int, graph: str, prefix: str, *, embeds: bool, is_main: bool
    ) -> None:
        shown = prefix + self._names[number]
        self.nodes[number] = Shown(graph, shown)
        is_if = self._picture.model.layers[number].op == "If"
        for attribute, body in self._picture.vertices[number].bodies:
            if is_if and embeds:
                for inner in self._inside.get(body, ()):
                    self._show_node(
                        inner, graph, f"{shown}/{attribute}/", embeds=True, is_main=is_main
                    )
            elif is_main:
                self._show(body, f"{shown}/{attribute}")
