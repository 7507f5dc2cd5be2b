"""The section of inputs and outputs."""

from __future__ import annotations

from msgspec import Struct

from onnxlint.portrait.interface import Interface, Port
from onnxlint.report import ModelReport


class View(Struct, frozen=True):
    """What the template reads."""

    part: Interface
    report: ModelReport

    @property
    def facts(self) -> list[tuple[str, str]]:
        """Where the model comes from, each with its title."""
        opsets = ", ".join(f"{d or 'ai.onnx'} {v}" for d, v in sorted(self.part.opsets.items()))
        told = [("Producer", self.part.producer), ("Opsets", opsets),
                ("IR version", str(self.part.ir_version)), ("Nodes", f"{self.part.nodes:,}"),
                ("Description", self.part.doc), *sorted(self.part.metadata.items())]  # fmt: skip
        return [(title, text) for title, text in told if text]

    @property
    def ports(self) -> list[tuple[str, Port]]:
        """Inputs, then outputs."""
        return [*(("input", each) for each in self.part.inputs),
                *(("output", each) for each in self.part.outputs)]  # fmt: skip
