"""What a classical operator, other than trees, consists of."""

from __future__ import annotations

from collections.abc import Callable

from onnxlint.inspection.inspected import Classic
from onnxlint.model.graph.nodes import Node


def classic_of(node: Node) -> Classic | None:
    """What a linear model, a support vector machine, a scaler or an encoder has; else None."""
    read = _READERS.get(node.op_type) if node.domain == "ai.onnx.ml" else None
    return None if read is None else read(node)


def _count(node: Node, *names: str) -> int:
    """The elements of the first of these lists that has any."""
    sizes = (len(found) for name in names if isinstance(found := node.attribute(name), list))
    return next((size for size in sizes if size), 0)


def _zeros(node: Node) -> int:
    found = node.attribute("coefficients")
    return found.count(0) if isinstance(found, list) else 0


def _each(total: int, of: int) -> int | None:
    """How many there are of each; None where the lists do not fit together."""
    return total // of if of and total and not total % of else None


def _labels(node: Node) -> int:
    return _count(node, "classlabels_int64s", "classlabels_ints", "classlabels_strings")


def _linear(node: Node) -> Classic:
    coefficients, intercepts = _count(node, "coefficients"), _count(node, "intercepts")
    rows = node.attribute("targets", 1) if node.op_type == "LinearRegressor" else intercepts
    outputs = rows if node.op_type == "LinearRegressor" else _labels(node) or rows
    return Classic(_each(coefficients, rows or outputs), outputs or None, coefficients,
                   _zeros(node), intercepts=intercepts)  # fmt: skip


def _svm(node: Node) -> Classic:
    is_classifier = node.op_type == "SVMClassifier"
    per_class = node.integers("vectors_per_class") or []
    vectors = sum(per_class) if is_classifier else node.attribute("n_supports", 0)
    coefficients = _count(node, "coefficients")
    outputs = _labels(node) or None if is_classifier else 1
    features = _each(_count(node, "support_vectors"), vectors)
    if not vectors:
        features = _each(coefficients, outputs or 0)
    return Classic(features, outputs, coefficients, _zeros(node), _count(node, "rho"), vectors,
                   str(node.attribute("kernel_type", "LINEAR")))  # fmt: skip


def _of_columns(*names: str) -> Callable[[Node], Classic]:
    return lambda node: Classic(max(_count(node, name) for name in names) or None)


def _of_categories(*names: str) -> Callable[[Node], Classic]:
    return lambda node: Classic(categories=_count(node, *names))


_READERS: dict[str, Callable[[Node], Classic]] = {
    "LinearClassifier": _linear,
    "LinearRegressor": _linear,
    "SVMClassifier": _svm,
    "SVMRegressor": _svm,
    "Scaler": _of_columns("scale", "offset"),
    "Imputer": _of_columns("imputed_value_floats", "imputed_value_int64s"),
    "OneHotEncoder": _of_categories("cats_int64s", "cats_strings"),
    "LabelEncoder": _of_categories("keys_int64s", "keys_strings", "keys_floats"),
    "CategoryMapper": _of_categories("cats_int64s"),
    "FeatureVectorizer": lambda node: Classic(sum(node.integers("inputdimensions") or []) or None),
    "ZipMap": lambda node: Classic(outputs=_labels(node) or None),
}
