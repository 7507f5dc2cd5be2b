"""What is known of operators, beyond their schemas: one table a trait, each with its reason.

A rule or an analysis that asks "does this operator … ?" takes the trait from here. What it needs
beside it, it adds where it stands, with the reason: `MOVING | {"Slice"}`. Operators outside the
standard domain are written `com.microsoft::FusedConv`.
"""

from __future__ import annotations

from collections.abc import Mapping

# How an operator passes on what it reads

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

PICKING = frozenset({"Compress", "Gather", "GatherElements", "GatherND", "Slice", "Split"})
"""Gives some elements of the first input, as they are."""

REPEATING = frozenset({"Expand", "Tile"})
"""Gives the elements of the first input, as they are, several times."""

BLOCKING = frozenset({"DepthToSpace", "SpaceToDepth"})
"""Moves elements between channels and places."""

HANDING_ON = MOVING | PICKING | REPEATING | BLOCKING | {"CastLike"}
"""Every element of the output is one of the first input: all that moves, picks or repeats."""

# What an operator computes

ELEMENTWISE = frozenset({
    "Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "BitwiseNot", "Cast", "CastLike",
    "Ceil", "Celu", "Clip", "Cos", "Cosh", "Dropout", "Elu", "Erf", "Exp", "Floor", "Gelu",
    "HardSigmoid", "HardSwish", "Identity", "IsInf", "IsNaN", "LeakyRelu", "Log", "Mish", "Neg",
    "Not", "PRelu", "Reciprocal", "Relu", "Round", "Selu", "Shrink", "Sigmoid", "Sign", "Sin",
    "Sinh", "Softplus", "Softsign", "Sqrt", "Swish", "Tan", "Tanh", "ThresholdedRelu",
})  # fmt: skip
"""One output element for each element of the first input, computed from that one alone."""

ARITHMETIC = frozenset({"Add", "Div", "Mul", "Sub"})
"""The four of them, which normalise, shift and scale."""

COMPARISONS = frozenset({"Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"})
"""Gives true or false for two numbers."""

LOGICAL = frozenset({"And", "Not", "Or", "Xor"})
"""Works on true and false."""

BROADCASTING = ARITHMETIC | COMPARISONS | (LOGICAL - {"Not"}) | {
    "BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "Max", "Mean", "Min", "Mod", "Pow",
    "PRelu", "Sum", "Where",
}  # fmt: skip
"""Stretches operands of size 1 to the size of the others."""

COMMUTATIVE = frozenset({
    "Add", "And", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "Equal", "Max", "Mean", "Min", "Mul",
    "Or", "Sum", "Xor",
})  # fmt: skip
"""Gives the same with its operands in any order."""

ACTIVATIONS = frozenset({
    "Celu", "Clip", "Elu", "Gelu", "HardSigmoid", "HardSwish", "LeakyRelu", "Mish", "PRelu", "Relu",
    "Selu", "Sigmoid", "Softplus", "Softsign", "Swish", "Tanh", "ThresholdedRelu",
})  # fmt: skip
"""Non-linearities that networks have between layers."""

SIGMOIDS = frozenset({"HardSigmoid", "Sigmoid"})
"""From 0 to 1, element by element."""

SQUASHING = SIGMOIDS | {"Tanh"}
"""Saturates at both ends, element by element."""

SOFTMAXES = frozenset({"LogSoftmax", "Softmax"})
"""Normalises scores along an axis to probabilities, or their logarithms."""

BOUNDED = SQUASHING | {"Softmax"}
"""Gives numbers of a range that is the same for every input."""

NORMALISATIONS = frozenset({
    "BatchNormalization", "GroupNormalization", "InstanceNormalization", "LayerNormalization",
    "RMSNormalization",
})  # fmt: skip
"""Brings its input to a mean and a variance, and scales and shifts with what was learnt."""

POOLS = frozenset({"AveragePool", "LpPool", "MaxPool"})
"""One number for a window of each channel."""

GLOBAL_POOLS = frozenset({"GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool"})
"""One number for each channel."""

REDUCTIONS = frozenset({
    "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean",
    "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare",
})  # fmt: skip
"""One number for all elements along some axes."""

# Where weights are

AFFINE = frozenset({"Conv", "ConvTranspose", "Einsum", "Gemm", "MatMul"})
"""Multiplies its first input with a second one, mostly constant, and adds up."""

RECURRENT = frozenset({"GRU", "LSTM", "RNN"})
"""Steps through a sequence with weights, inside one node."""

WEIGHT_SLOTS: Mapping[str, tuple[int, ...]] = {
    "Conv": (1,), "ConvTranspose": (1,), "DeformConv": (1,), "Gather": (0,), "Gemm": (1,),
    "GRU": (1, 2), "LSTM": (1, 2), "MatMul": (0, 1), "RNN": (1, 2),
}  # fmt: skip
"""The inputs, by slot, that hold learnt weights of two and more dims."""

LAYERS = ("Conv", "ConvTranspose", "Gemm", "MatMul", "LSTM", "GRU", "RNN")
"""Operators that multiply their input with weights."""

INTEGER_AFFINE = frozenset({"ConvInteger", "MatMulInteger", "QLinearConv", "QLinearMatMul"})
"""The same on quantised numbers."""

QUANTIZE = frozenset({"QuantizeLinear", "com.microsoft::QuantizeLinear"})
"""From real numbers to quantised ones."""

DEQUANTIZE = frozenset({"DequantizeLinear", "com.microsoft::DequantizeLinear"})
"""From quantised numbers to real ones."""

QDQ = ("QuantizeLinear", "DequantizeLinear")
"""The pair of the standard domain; a scale that is not a single number goes along `axis`."""

TREES = frozenset({
    "ai.onnx.ml::TreeEnsemble", "ai.onnx.ml::TreeEnsembleClassifier",
    "ai.onnx.ml::TreeEnsembleRegressor",
})  # fmt: skip
"""Decides by thresholds, step by step."""

# What decides the size or the value of an output

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

DRAWING = frozenset({
    "Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform",
    "RandomUniformLike",
})  # fmt: skip
"""Draws numbers by chance at every run."""

RANDOM_OPS = DRAWING | {"Dropout"}
"""May give another result at every run on the same input: a Dropout in training mode does."""

DECIDING = COMPARISONS | {
    "ArgMax", "ArgMin", "Ceil", "Floor", "Hardmax", "NonMaxSuppression", "Round", "Sign", "TopK",
    "Unique", "com.microsoft::BeamSearch", "com.microsoft::GreedySearch",
}  # fmt: skip
"""Turns a difference of rounding into another answer: two nearly equal inputs share it only where
neither is near a tie."""

STEPPED = COMPARISONS | LOGICAL | SIZE_OPS | TREES | {
    "ArgMax", "ArgMin", "Ceil", "Floor", "IsInf", "IsNaN", "NonZero", "Round", "Sign",
    "ai.onnx.ml::Binarizer",
}  # fmt: skip
"""May well give the same for different inputs."""

FORMER = frozenset({
    "Affine", "Crop", "DynamicSlice", "ImageScaler", "ParametricSoftplus", "Scale", "ScaledTanh",
})  # fmt: skip
"""Experimental operators that ONNX has removed and onnxruntime 1.32 has kernels for; GRUUnit and
GivenTensorFill have none."""

SUBGRAPHS = frozenset({"If", "Loop", "Scan"})
"""Runs graphs that its attributes hold."""

LOOPS = SUBGRAPHS - {"If"}
"""Runs a graph as often as something says."""
