"""Names of types that many modules hand on; for annotations only, so that numpy stays unloaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]
    """An array of any dtype and shape."""

    Feed = dict[str, Array]
    """What one run gets: an array for each input, by name."""

    Outputs = dict[str, Array]
    """What one run gave: an array for each output, by name."""
