"""What each operator makes of ranges: a module for each kind of operators."""

from onnxlint.analyses.ranges.registry import POINTWISE, TRANSFERS
from onnxlint.analyses.ranges.transfers import (  # noqa: F401 - they fill the registry
    affine,
    arithmetic,
    attention,
    choosing,
    convolution,
    pooling,
    quantised,
    signals,
    activations,
    arithmetic,
    casting,
    choosing,
    comparing,
    gates,
    integers,
    powers,
    running,
    unary,
)

__all__ = ["POINTWISE", "TRANSFERS"]
