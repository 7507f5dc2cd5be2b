"""What each operator makes of ranges: a module for each kind of operators."""

from onnxlint.analyses.ranges.registry import POINTWISE, TRANSFERS
from onnxlint.analyses.ranges.transfers import (  # noqa: F401 - they fill the registry
    activations,
    affine,
    arithmetic,
    attention,
    casting,
    choosing,
    comparing,
    convolution,
    drawing,
    einsum,
    filling,
    gates,
    integers,
    joining,
    lookups,
    moving,
    normalising,
    picking,
    pooling,
    powers,
    quantised,
    quantised_layers,
    reductions,
    running,
    sampling,
    sequences,
    signals,
    sizes,
    softmax,
    statistics,
    unary,
)

__all__ = ["POINTWISE", "TRANSFERS"]
