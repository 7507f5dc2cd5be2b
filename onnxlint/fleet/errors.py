"""Why a fleet cannot be judged, or not to its end."""

from __future__ import annotations


class FleetError(Exception):
    """Workers that cannot be reached or used, a folder that cannot: what, and what to do."""
