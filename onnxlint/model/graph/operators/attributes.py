"""What attributes of operators say: which values they may have, and which of them are weights."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from onnxlint.model.graph.operators.layers import RECURRENT_FUNCTIONS


class Listed(Struct, frozen=True):
    """The values of an attribute, from an opset on.

    `also` are further ones that onnxruntime accepts; with `any_case` it ignores case. What it does
    not know it treats as `otherwise`, where that is given.
    """

    values: tuple[str, ...]
    also: tuple[str, ...] = ()
    any_case: bool = False
    otherwise: str | None = None

    def knows(self, value: str) -> bool:
        """Whether onnxruntime accepts a value as intended, though it is not in the list."""
        return value in self.also or (
            (self.any_case or value.lower() == (self.otherwise or "").lower())
            and value.lower() in map(str.lower, self.values)
        )


def _of(*values: str) -> Mapping[int, Listed]:
    return {1: Listed(values)}


_AUTO_PAD = {1: Listed(("NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"), also=("",))}
_DIRECTION = _of("forward", "reverse", "bidirectional")
_POST_TRANSFORM = _of("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT")
_KERNEL = _of("LINEAR", "POLY", "RBF", "SIGMOID")
_NODE_MODES = _of("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ",
                  "LEAF")  # fmt: skip
_LOSS = {1: Listed(("none", "sum", "mean"), otherwise="sum")}
_BLOCKS = _of("DCR", "CRD")
_TREES = {"post_transform": _POST_TRANSFORM, "nodes_modes": _NODE_MODES}
_RECURRENT = {1: Listed(RECURRENT_FUNCTIONS, any_case=True)}
_COORDINATES = ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric")

LISTED: Mapping[str, Mapping[str, Mapping[int, Listed]]] = {
    **{op: {"auto_pad": _AUTO_PAD} for op in (
        "Conv", "ConvTranspose", "ConvInteger", "QLinearConv", "MaxPool", "AveragePool", "LpPool",
    )},
    "RNN": {"direction": _DIRECTION, "activations": _of(*RECURRENT_FUNCTIONS)},
    "GRU": {"direction": _DIRECTION, "activations": _RECURRENT},
    "LSTM": {"direction": _DIRECTION, "activations": _RECURRENT},
    "Resize": {
        "mode": {10: Listed(("nearest", "linear"), also=("cubic",)),
                 11: Listed(("nearest", "linear", "cubic"))},
        "coordinate_transformation_mode": {
            11: Listed((*_COORDINATES, "tf_half_pixel_for_nn", "tf_crop_and_resize"),
                       also=("half_pixel_symmetric",)),
            13: Listed((*_COORDINATES, "tf_crop_and_resize"),
                       also=("tf_half_pixel_for_nn", "half_pixel_symmetric")),
            19: Listed((*_COORDINATES, "half_pixel_symmetric", "tf_crop_and_resize"),
                       also=("tf_half_pixel_for_nn",)),
        },
        "nearest_mode": _of("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"),
        "keep_aspect_ratio_policy": _of("stretch", "not_larger", "not_smaller"),
    },
    "Upsample": {"mode": {7: Listed(("nearest", "linear"), also=("cubic",))}},
    "GridSample": {
        "mode": {16: Listed(("bilinear", "nearest", "bicubic")),
                 20: Listed(("linear", "nearest", "cubic"))},
        "padding_mode": _of("zeros", "border", "reflection"),
    },
    "Pad": {"mode": {1: Listed(("constant", "reflect", "edge"), also=("wrap",)),
                     19: Listed(("constant", "reflect", "edge", "wrap"))}},
    "DepthToSpace": {"mode": _BLOCKS},
    "SpaceToDepth": {"mode": _BLOCKS},
    **{op: {"reduction": {
        16: Listed(("none", "add", "mul"), also=("max", "min"), otherwise="none"),
        18: Listed(("none", "add", "mul", "max", "min"), otherwise="none"),
    }} for op in ("ScatterElements", "ScatterND")},
    "RoiAlign": {
        "mode": {1: Listed(("avg", "max"), any_case=True)},
        "coordinate_transformation_mode": {
            16: Listed(("half_pixel", "output_half_pixel"), otherwise="output_half_pixel")},
    },
    "SoftmaxCrossEntropyLoss": {"reduction": _LOSS},
    "NegativeLogLikelihoodLoss": {"reduction": _LOSS},
    "Gelu": {"approximate": _of("none", "tanh")},
    "BitShift": {"direction": _of("LEFT", "RIGHT")},
    "TfIdfVectorizer": {"mode": _of("TF", "IDF", "TFIDF")},
    "StringNormalizer": {"case_change_action": _of("LOWER", "UPPER", "NONE")},
    "ImageDecoder": {"pixel_format": _of("RGB", "BGR", "Grayscale")},
    "TensorScatter": {"mode": _of("linear", "circular")},
    "LinearAttention": {"update_rule": _of("linear", "gated", "delta", "gated_delta")},
    "CausalConvWithState": {"activation": _of("none", "silu", "swish")},
    "ai.onnx.preview.training::Momentum": {"mode": _of("standard", "nesterov")},
    "ai.onnx.ml::TreeEnsembleClassifier": _TREES,
    "ai.onnx.ml::TreeEnsembleRegressor": {
        **_TREES, "aggregate_function": _of("AVERAGE", "SUM", "MIN", "MAX")},
    "ai.onnx.ml::LinearClassifier": {"post_transform": _POST_TRANSFORM},
    "ai.onnx.ml::LinearRegressor": {"post_transform": _POST_TRANSFORM},
    "ai.onnx.ml::SVMClassifier": {"post_transform": _POST_TRANSFORM, "kernel_type": _KERNEL},
    "ai.onnx.ml::SVMRegressor": {"post_transform": _POST_TRANSFORM, "kernel_type": _KERNEL},
    "ai.onnx.ml::Normalizer": {"norm": _of("MAX", "L1", "L2")},
    "ai.onnx.ml::CastMap": {
        "cast_to": _of("TO_FLOAT", "TO_STRING", "TO_INT64"), "map_form": _of("DENSE", "SPARSE")},
}  # fmt: skip
"""Attributes of which the specification lists every value, and what else onnxruntime takes.

The lists are those of the operators' descriptions in onnx 1.23; what onnxruntime takes was tried
with 1.32, a node for each attribute: with other capitals, and with a word that means nothing."""

ATTRIBUTE_LIMITS: Mapping[str, Mapping[str, tuple[int, int | None]]] = {
    "LpNormalization": {"p": (1, 2)},
    "ReverseSequence": {"batch_axis": (0, 1), "time_axis": (0, 1)},
    "DepthToSpace": {"blocksize": (1, None)},
    "SpaceToDepth": {"blocksize": (1, None)},
    "Conv": {"group": (1, None)},
    "ConvTranspose": {"group": (1, None)},
    "LRN": {"size": (1, None)},
    "ai.onnx.ml::TreeEnsemble": {"aggregate_function": (0, 3), "post_transform": (0, 4)},
}
"""The least and the largest number that an attribute may be."""

DTYPE_ATTRIBUTE: Mapping[str, str] = {
    "Cast": "to", "ConstantOfShape": "value", "EyeLike": "dtype", "RandomNormal": "dtype",
    "RandomNormalLike": "dtype", "RandomUniform": "dtype", "RandomUniformLike": "dtype",
}  # fmt: skip
"""The output has the type that this attribute names."""

DTYPE_OPERAND: Mapping[str, str] = {
    "CastLike": "i1", "EyeLike": "i0", "RandomNormalLike": "i0", "RandomUniformLike": "i0",
}  # fmt: skip
"""Those among them, and others, whose output has the type of an input where none is named."""

WEIGHT_ATTRIBUTES: Mapping[str, tuple[str, ...]] = {
    "ai.onnx.ml::Scaler": ("scale",), "ai.onnx.ml::LinearRegressor": ("coefficients",),
    "ai.onnx.ml::LinearClassifier": ("coefficients",),
    "ai.onnx.ml::SVMClassifier": ("coefficients",), "ai.onnx.ml::SVMRegressor": ("coefficients",),
}  # fmt: skip
"""Attributes that are the weights of an operator."""

COLUMN_ATTRIBUTES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "Scaler": (("offset", ""), ("scale", "")),
    "Imputer": (("imputed_value_floats", ""), ("imputed_value_int64s", "")),
    "LinearClassifier": (("coefficients", "intercepts"),),
    "LinearRegressor": (("coefficients", "intercepts"),),
    "FeatureVectorizer": (),
}
"""Attributes of operators of classical models, by their names there, with an entry for each column,
and those that tell how often."""

SEPARATOR_ATTRIBUTE: Mapping[str, str] = {
    "StringSplit": "delimiter", "com.microsoft::Tokenizer": "separators",
}  # fmt: skip
"""The attribute by which an operator cuts a text into words."""

TYPE_NAMED_BY: Mapping[str, tuple[str, int | None]] = {
    "Cast": ("to", None), "ConstantOfShape": ("value", 1), "EyeLike": ("dtype", None),
    "RandomNormal": ("dtype", 1), "RandomUniform": ("dtype", 1),
}  # fmt: skip
"""The attribute that names the element type of the output, and which it is without that one."""
