"""Operators that hand on what they read: in another shape, order, type or selection."""

from __future__ import annotations

from onnxlint.model.graph.operators.quantised import DEQUANTIZE
from onnxlint.model.graph.operators.shapes import CONSTANT_OPS, SIZE_OPS

RESHAPING = frozenset({"Flatten", "Reshape", "Squeeze", "Unsqueeze"})
"""Same elements in the same order, in another shape."""

LAYOUT = RESHAPING | {"Transpose"}
"""Same elements, in another shape or order."""

COPYING = frozenset({"Identity", "Dropout"})
"""Same elements in the same places: at inference a Dropout does nothing."""

CASTING = frozenset({"Cast", "CastLike"})
"""Same elements in the same places, in another type; a narrower one rounds or cuts them off."""

MOVING = LAYOUT | COPYING | {"Cast"}
"""Gives all elements of the first input, in another shape, order or type maybe."""

SCORE_SHAPING = MOVING | {"Add", "Clip", "Div", "Mul", "Sub", "Tanh", "Where"}
"""Scales, limits or masks the scores of attention on their way to the softmax."""

PICKING = frozenset({"Compress", "Gather", "GatherElements", "GatherND", "Slice", "Split"})
"""Gives some elements of the first input, as they are."""

REPEATING = frozenset({"Expand", "Tile"})
"""Gives the elements of the first input, as they are, several times."""

BLOCKING = frozenset({"DepthToSpace", "SpaceToDepth"})
"""Moves elements between channels and places."""

REGROUPING = frozenset({"Concat", "Slice", "Split"})
"""Joins or cuts along an axis: what comes out stood in an input, and was not looked up."""

ASSEMBLING = MOVING | PICKING | REGROUPING | {
    "ai.onnx.ml::ArrayFeatureExtractor", "ai.onnx.ml::FeatureVectorizer",
}  # fmt: skip
"""Makes a table of columns: joins, picks and orders them."""

HANDING_ON = MOVING | PICKING | REPEATING | BLOCKING | {"CastLike"}
"""Every element of the output is one of the first input: all that moves, picks or repeats."""

REARRANGING = HANDING_ON | {
    "Concat", "ConcatFromSequence", "Pad", "ReduceMax", "Resize", "ScatterElements", "ScatterND",
    "SequenceInsert", "SplitToSequence", "Upsample", "Where",
}  # fmt: skip
"""Puts numbers elsewhere, chooses among them or repeats them. Wider than `HANDING_ON`: they may
come from several inputs, and a Resize may weigh neighbours."""

REPLACING = LAYOUT | {"Pad", "Slice"}
"""Changes where the elements of the first input stand, and may leave some out or add a fill."""

DROPPING = PICKING | {"Resize", "ScatterElements", "ScatterND", "TopK", "Where"}
"""May leave out some of what it reads: by index, by size, by overwriting it or by rank."""

CHOOSING_FILL = {
    "Where": (1, 2), "Pad": (2,), "ScatterND": (0, 2), "ScatterElements": (0, 2), "Concat": None,
}  # fmt: skip
"""Puts a value beside others, unread: the slots that it enters by; None: by any."""

# Behind which a value still is what it was, in some respect

SAME_MEANING = MOVING | {"Clip", "Concat", "Expand", "Slice"}
"""An input of the model still means the same behind it: joined, cut or limited, a pixel is a pixel
and a token a token."""

SAME_COLUMNS = RESHAPING | COPYING | CASTING | {"Clip", "StringNormalizer", "ai.onnx.ml::Imputer"}
"""The columns of a table are the same behind it, where their number is: each is cleaned alone."""

SAME_WEIGHT = CASTING | {"DequantizeLinear", "Identity", "QuantizeLinear", "Transpose"}
"""The same weight, turned, or rounded at most."""

SAME_CONSTANT = (RESHAPING - {"Flatten"}) | {"Cast", "DequantizeLinear", "Identity", "Transpose"}
"""What exporters put between a constant and the layer that reads it. Wider than `SAME_WEIGHT` by
shapes; a CastLike and a QuantizeLinear are not followed back to what is stored."""

SAME_CODES = (HANDING_ON - CASTING) | {"MaxPool", "Pad"}
"""Hands on quantised values as they are: a Cast makes other ones of them. A maximum is one of the
values that it is taken of, and padding adds to them."""

SAME_INDICES = MOVING | PICKING | REPEATING | {"Clip", "Concat", "Max", "Min"}
"""Its outputs hold numbers of the first input, and maybe others that are valid: what exporters
limit indices with."""

SAME_PLACE = MOVING | {"Gather", "Pad", "Slice"}
"""Only moves numbers: what it reads names a place of the network better than what it gives."""

SEEN_NUMBERS = MOVING | REPEATING | REGROUPING | CONSTANT_OPS | {"Gather", "Pad", "Shape"}
"""Computes none of the numbers that it gives: they stood in an input, in the file, or are sizes."""

LARGER_THAN_STORED = REPEATING | DEQUANTIZE | {
    "ConstantOfShape", "Identity", "Pad", "Range", "Resize",
}  # fmt: skip
"""Its result is better computed than stored: it is larger than what it is made of. An Identity
computes nothing."""

BOOKKEEPING = CONSTANT_OPS | SIZE_OPS | {
    "Cast", "Concat", "Gather", "Identity", "Range", "Reshape", "Slice", "Squeeze", "Unsqueeze",
}  # fmt: skip
"""What exporters compute shapes with. Others that only move values (Transpose, Flatten) are written
by people, who may have forgotten their result."""

CARRYING_BOUNDS = frozenset({"Cast", "Concat", "Reshape", "Unsqueeze"})
"""By these exporters bring bounds into the shape that Slice needs."""

JOINING = frozenset({"Add", "Concat", "Sum"})
"""Where branches meet."""

ON_RESIDUALS = frozenset({"Add", "BatchNormalization", "Dropout", "Identity", "Mul", "Reshape"})
"""May stand, mostly with a constant, between a layer and the sum that it joins."""

LARGE_VALUE_SLOTS = {
    "Add": (0, 1), "Cast": (0,), "Concat": None, "Expand": (0,), "Gather": (0,), "Identity": (0,),
    "Mul": (0, 1), "Neg": (0,), "Reshape": (0,), "Slice": (0,), "Squeeze": (0,), "Sub": (0, 1),
    "Tile": (0,), "Transpose": (0,), "Unsqueeze": (0,), "Where": (1, 2),
}  # fmt: skip
"""May pass on a large value, and the slots that it comes by (None: any): with arithmetic (a mask is
scaled and shifted) and without what makes values small, so wider and narrower than `MOVING`."""
