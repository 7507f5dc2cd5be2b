"""What each operator makes of ranges: a module for each kind of operators."""

from onnxlint.analyses.ranges.transfers import (  # noqa: F401 - they fill the registry
    affine,
    arithmetic,
    attention,
    choosing,
    convolution,
    einsum,
    pooling,
    quantised,
    quantised_layers,
    signals,
)
from onnxlint.analyses.ranges.transfers.registry import POINTWISE, TRANSFERS

__all__ = ["POINTWISE", "TRANSFERS"]
