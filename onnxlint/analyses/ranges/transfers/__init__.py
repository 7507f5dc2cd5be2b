"""What each operator makes of ranges: a module for each kind of operators."""

from onnxlint.analyses.ranges.transfers import (  # noqa: F401 - they fill the registry
    arithmetic,
    bounds,
    choosing,
    differences,
    normalising,
    reductions,
    softmax,
    statistics,
)
from onnxlint.analyses.ranges.transfers.registry import POINTWISE, RELATIONS, TRANSFERS

__all__ = ["POINTWISE", "RELATIONS", "TRANSFERS"]
