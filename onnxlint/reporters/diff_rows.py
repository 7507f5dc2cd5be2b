"""The rows of a diff in words, and the sections that they stand in."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from onnxlint.severity import Severity

ADDED, REMOVED, CHANGED = "+", "-", "~"


class Row(Struct, frozen=True):
    """One change: what it is of, and what changed; of a finding also how grave it is."""

    sign: str
    subject: str
    told: str
    severity: Severity | None = None


class Section(Struct, frozen=True):
    """The changes of one topic; `summary` counts them."""

    title: str
    summary: str
    rows: Sequence[Row]
