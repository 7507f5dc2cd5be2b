"""Warnings that onnxruntime printed while it loaded and ran the model."""

from __future__ import annotations

import re
from functools import cached_property

from msgspec import Struct

from onnxlint.analyses.execution.execution import Execution
from onnxlint.analyses.execution.runtime_errors import read_refusal
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.place import Place
from onnxlint.runtime.native_text import readable

_WARNING = re.compile(
    r"\[W:onnxruntime:[^\]]*? (?P<source>\S+)\] (?P<text>.*?)"
    r"(?=\x1b\[|\n[^\n]*\d{4}-\d\d-\d\d \d\d:|\Z)",
    re.DOTALL,
)
"""The warnings in a log: the function that warns, and what it says, over several lines maybe."""

_ELSEWHERE = (
    r"CleanUnusedInitializersAndNodeArgs|VerifyOutputSizes|affinity|Discovery|/sys/class"
    r"|GetPciBusId|\bGPU\b|appears in graph inputs|can't constant fold|in-place optimi"
)
"""What rules tell in their own words (unused initializers, initializers among the inputs, shapes of
outputs), what the machine is like, and what this build of onnxruntime could do faster."""

_ADDRESS = re.compile(r"0x[0-9a-fA-F]+")


class Entry(Struct, frozen=True):
    """A warning, its place in the graph, and how often it occurred, with other numbers or not.

    `text` is the first of these.
    """

    place: Place
    text: str
    times: int


class Journal:
    """The warnings, each once."""

    def __init__(self, graph: Graph, execution: Execution) -> None:
        self._graph, self._execution = graph, execution

    @classmethod
    def build(cls, graph: Graph, execution: Execution) -> Journal:
        """Nothing is read yet."""
        return cls(graph, execution)

    @cached_property
    def warnings(self) -> list[Entry]:
        """In the order in which they came first."""
        texts: dict[str, list[str]] = {}
        for found in _WARNING.finditer(self._execution.log):
            if re.search(_ELSEWHERE, found["source"]) or re.search(_ELSEWHERE, found["text"]):
                continue
            text = readable(_ADDRESS.sub("", found["text"]))
            texts.setdefault(re.sub(r"\d+", "0", text), []).append(text)
        return [
            Entry(read_refusal(self._graph, came[0]).place, came[0], len(came))
            for came in texts.values()
        ]
