"""numpy as a judge needs it: without the docstrings of what is written in C.

Two of its modules do nothing but write them, function by function: a tenth of what loads numpy.
So does `python -OO`, which numpy allows for.
"""

from __future__ import annotations

import sys
from types import ModuleType

_DOCSTRINGS = ("numpy._core._add_newdocs", "numpy._core._add_newdocs_scalars")
"""Other releases may name them otherwise: they are then loaded as they are."""


def use_light_numpy() -> None:
    """Leaves them out, where nothing has imported numpy yet, in this whole process."""
    if "numpy" not in sys.modules:
        sys.modules.update({name: ModuleType(name) for name in _DOCSTRINGS})
