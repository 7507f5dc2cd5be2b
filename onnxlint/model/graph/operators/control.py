"""Operators that run graphs of their own, or go through a sequence in steps."""

from __future__ import annotations

SUBGRAPHS = frozenset({"If", "Loop", "Scan"})
"""Runs graphs that its attributes hold."""

LOOPS = SUBGRAPHS - {"If"}
"""Runs a graph as often as something says."""

SEVERAL_STEPS = frozenset({
    "AveragePool", "Conv", "ConvTranspose", "DFT", "LpPool", "MaxPool", "Pad", "QLinearConv",
    "Reshape", "Resize", "STFT", "Slice", "SpaceToDepth", "Upsample", "com.microsoft::FusedConv",
})  # fmt: skip
"""Needs several steps of a sequence by design, or puts steps together."""
