"""What each operator makes of ranges: a module for each kind of operators."""

from onnxlint.analyses.ranges.transfers import (  # noqa: F401 - they fill the registry
    arithmetic,
    choosing,
    learned,
    recurrent,
    trees,
)
from onnxlint.analyses.ranges.transfers.registry import POINTWISE, TRANSFERS

__all__ = ["POINTWISE", "TRANSFERS"]
