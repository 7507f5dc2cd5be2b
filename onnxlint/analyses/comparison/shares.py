"""What a count says of the share behind it."""

from __future__ import annotations

import math


def least_share(count: int, of: int) -> float:
    """The least share that is likely (95%) where `count` of so many were seen: Wilson's bound."""
    if not count:
        return 0.0  # also what rounding makes 1e-18 of
    z, share = 1.645, count / of
    centre = share + z * z / (2 * of)
    spread = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return max(0.0, (centre - spread) / (1 + z * z / of))
