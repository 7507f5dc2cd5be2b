"""Operators that look up by number: where the indices are, what they index, along which axis."""

from __future__ import annotations

from collections.abc import Mapping

INDEX_SLOTS: Mapping[str, tuple[int, int, str | int | None]] = {
    "ArrayFeatureExtractor": (1, 0, -1),
    "Gather": (1, 0, "axis"),
    "GatherElements": (1, 0, "axis"),
    "NegativeLogLikelihoodLoss": (1, 0, 1),
    "RoiAlign": (2, 0, 0),
    "RotaryEmbedding": (3, 1, 0),
    "Scatter": (1, 0, "axis"),
    "ScatterElements": (1, 0, "axis"),
    "SoftmaxCrossEntropyLoss": (1, 0, 1),
    "ai.onnx.ml::ArrayFeatureExtractor": (1, 0, -1),
    "com.microsoft::EmbedLayerNormalization": (0, 2, 0),
    "com.microsoft::GatherBlockQuantized": (1, 0, "gather_axis"),
    "com.microsoft::RotaryEmbedding": (1, 2, 0),
}
"""Slot of the indices, slot of what is indexed, and along which axis."""

LOOKUPS: Mapping[str, tuple[int, int, str | None]] = {
    "Gather": (1, 0, "axis"), "GatherElements": (1, 0, "axis"), "GatherND": (1, 0, None),
}  # fmt: skip
"""The same of those that look rows of a table up; the indices of a GatherND go along several axes,
which start at the first."""

CODE_SLOT: Mapping[str, int] = {
    "Gather": 1, "GatherElements": 1, "GatherND": 1, "OneHot": 0,
    "ai.onnx.ml::ArrayFeatureExtractor": 1,
}  # fmt: skip
"""The slot that a code of a category is read by, as the number of a row or a column."""

AXIS_OF_FIRST = (
    "ArgMax", "ArgMin", "Compress", "Concat", "Gather", "GatherElements", "Hardmax",
    "LayerNormalization", "LogSoftmax", "LpNormalization", "RMSNormalization", "Scatter",
    "ScatterElements", "Softmax", "Split", "SplitToSequence", "TopK", "Unique",
)  # fmt: skip
"""Its `axis` is one of the first input."""

AXIS_BETWEEN = ("Flatten", "OneHot")
"""Its `axis` may also stand behind the last one: Flatten cuts there, OneHot adds it."""

LENGTH_SLOTS: Mapping[str, Mapping[int, int]] = {
    "com.microsoft::GroupQueryAttention": {5: -1, 6: 0},
    "com.microsoft::SparseAttention": {7: 0, 8: 0},
}
"""Slots that take the length of past and present together, and what is added to it."""

REFUSING_INDICES = frozenset({
    "Gather", "GatherElements", "GatherND", "Scatter", "ScatterElements", "ScatterND",
})  # fmt: skip
"""Its kernel ends the run at an index outside of the axis."""
