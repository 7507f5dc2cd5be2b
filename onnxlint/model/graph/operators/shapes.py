"""What decides the size, the type or the value of an output: operands of shape, counts, attributes.

Operands that are looked up by are in `indexing`."""

from __future__ import annotations

from collections.abc import Mapping

SHAPE_SLOTS: Mapping[str, tuple[int, ...]] = {
    "AffineGrid": (1,), "CenterCropPad": (1,), "Col2Im": (1, 2), "ConstantOfShape": (0,),
    "DFT": (2,), "Expand": (1,), "Pad": (1, 3), "ReduceL1": (1,), "ReduceL2": (1,),
    "ReduceLogSum": (1,), "ReduceLogSumExp": (1,), "ReduceMax": (1,), "ReduceMean": (1,),
    "ReduceMin": (1,), "ReduceProd": (1,), "ReduceSum": (1,), "ReduceSumSquare": (1,),
    "Reshape": (1,), "Resize": (2, 3), "STFT": (1,), "Slice": (1, 2, 3, 4), "Split": (1,),
    "SplitToSequence": (1,), "Squeeze": (1,), "Tile": (1,), "TopK": (1,), "Unsqueeze": (1,),
    "Upsample": (1,),
}  # fmt: skip
"""The inputs, by slot, whose elements decide the shape of the output; shape inference reads them.

Measured: onnxruntime 1.32 loads no model in which one of them is external, nor do 1.16 to 1.28, of
the ten that were tried."""

SIZE_OPS = frozenset({"Shape", "Size"})
"""Reads the size of a value, and none of its elements."""

CONSTANT_OPS = frozenset({"Constant", "ConstantOfShape"})
"""The file alone decides its output."""

DATA_SIZED = frozenset({"Compress", "NonMaxSuppression", "NonZero", "Unique"})
"""The elements of its input decide how many its output has."""

MAYBE_EMPTY = DATA_SIZED | {"Range", "Slice", "Split"}
"""May leave nothing of what it reads: by its elements, or by operands of this run."""

SIZE_SLOTS: Mapping[str, tuple[int, ...]] = {
    "ScatterND": (0,), "ScatterElements": (0,), "Scatter": (0,), "ReduceSum": (), "ReduceMean": (),
    "ReduceMax": (), "ReduceMin": (), "GlobalAveragePool": (), "GlobalMaxPool": (),
}  # fmt: skip
"""The result has the sizes of the inputs in these slots, whatever the others hold: what is
scattered or summed up may have any number of elements."""

COUNT_SLOT: Mapping[str, int] = {
    "BlackmanWindow": 0, "ConstantOfShape": 0, "HammingWindow": 0, "HannWindow": 0, "Loop": 0,
    "Range": 1,
}  # fmt: skip
"""The slot that says how many steps something has."""

FLOAT_SETTINGS: Mapping[str, tuple[int, ...]] = {
    "Resize": (1, 2), "Upsample": (1,), "Dropout": (1,), "Pad": (2,),
}  # fmt: skip
"""Slots of floats that are not data, so that no gradient goes to them."""

CONSTANT_SLOTS: Mapping[str, tuple[int, ...]] = {
    "Conv": (1, 2), "ConvTranspose": (1, 2), "Gemm": (1, 2), "MatMul": (0, 1),
    "LSTM": (1, 2, 3), "GRU": (1, 2, 3), "RNN": (1, 2, 3),
    "Resize": (1, 2, 3), "Upsample": (1,), "Pad": (1, 2), "Clip": (1, 2), "Slice": (1, 2, 3, 4),
    "Reshape": (1,), "Expand": (1,), "Tile": (1,), "Squeeze": (1,), "Unsqueeze": (1,),
    "Split": (1,), "TopK": (1,), "ReduceMean": (1,), "ReduceSum": (1,),
}  # fmt: skip
"""Operands that converters (TensorRT's among them) accept only as constants."""

PARAMETER_SLOTS: Mapping[str, tuple[int, ...]] = {
    "AffineGrid": (1,), "BitShift": (1,), "Bernoulli": (0,), "CenterCropPad": (1,), "Clip": (1, 2),
    "Col2Im": (1, 2), "ConstantOfShape": (0,), "CumSum": (1,), "DFT": (1, 2),
    "DequantizeLinear": (1, 2), "Dropout": (1, 2), "Expand": (1,), "Gather": (1,),
    "GatherElements": (1,), "GatherND": (1,), "GridSample": (1,), "If": (0,), "Loop": (0, 1),
    "MaxUnpool": (1, 2), "MaxRoiPool": (1,), "Mod": (1,), "Div": (1,),
    "NonMaxSuppression": (0, 1, 2, 3, 4), "OneHot": (0, 1, 2), "Pad": (1, 2, 3), "Pow": (0, 1),
    "QuantizeLinear": (1, 2), "Range": (0, 1, 2), "Reshape": (1,), "Resize": (1, 2, 3),
    "RoiAlign": (1, 2), "STFT": (1, 2, 3), "Scatter": (1,), "ScatterElements": (1,),
    "ScatterND": (1,), "SequenceAt": (1,), "SequenceErase": (1,), "SequenceInsert": (2,),
    "Slice": (1, 2, 3, 4), "Split": (1,), "SplitToSequence": (1,), "Squeeze": (1,),
    "StringSplit": (0,), "TensorScatter": (2,), "Tile": (1,), "TopK": (1,), "Trilu": (1,),
    "Unsqueeze": (1,), "Upsample": (1,), "BlackmanWindow": (0,), "HammingWindow": (0,),
    "HannWindow": (0,), "MelWeightMatrix": (0, 1, 2, 3, 4), "ReduceSum": (1,), "ReduceMean": (1,),
    "ReduceMax": (1,), "ReduceMin": (1,), "ReduceProd": (1,), "ReduceL1": (1,), "ReduceL2": (1,),
    "ReduceLogSum": (1,), "ReduceLogSumExp": (1,), "ReduceSumSquare": (1,),
    "NegativeLogLikelihoodLoss": (1,), "SoftmaxCrossEntropyLoss": (1,), "LSTM": (4,), "GRU": (4,),
    "RNN": (4,), "RotaryEmbedding": (1, 2, 3), "Attention": (3, 4, 5, 6), "ImageDecoder": (0,),
}  # fmt: skip
"""Input slots whose numbers are shapes, axes, indices and the like: not every number is valid."""

MASKING_SLOTS: Mapping[str, tuple[int, ...]] = {
    "And": (0, 1), "Equal": (0, 1), "Not": (0,), "Or": (0, 1), "ReduceSum": (0,), "Sub": (1,),
    "Where": (0,),
}  # fmt: skip
"""Slots in which integers that look nothing up leave things out, by 0 and 1."""

SPECTRAL = frozenset({"DFT", "STFT"})
"""Reads a signal in fine steps, and nothing else."""

FRAMING = frozenset({"Conv", "If", "Pad", "Slice"})
"""May cut frames from a signal, or a branch of it does."""

ON_SIZES = frozenset({
    "Abs", "Add", "And", "Cast", "Ceil", "Concat", "ConstantOfShape", "Div", "Equal", "Expand",
    "Floor", "Gather", "Greater", "GreaterOrEqual", "Identity", "Less", "LessOrEqual", "Max", "Min",
    "Mod", "Mul", "Neg", "Not", "Or", "Range", "ReduceMax", "ReduceProd", "ReduceSum", "Reshape",
    "Slice", "Sqrt", "Squeeze", "Sub", "Transpose", "Unsqueeze", "Where",
})  # fmt: skip
"""Operators by which exporters compute sizes, axes and positions."""
