"""A safe repair of a finding, as a rule offers it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onnxlint.model.edit.draft import Draft


class Fix:
    """A safe repair of one finding; `onnxlint --fix` applies it, and keeps it if it held.

    `edit` gets a draft of the model and the `operands`, which are the rule's own vertices:
    `Fix("remove the initializer", Draft.remove, value)`. Several findings may share one fix.

    Args:
        description: what it does, as an order.
        edit: changes the draft; called only when the fix is applied.
        operands: what `edit` gets after the draft.
        exact: whether all outputs stay equal bit by bit; if not, within rounding of their dtype.
    """

    __slots__ = ("description", "edit", "exact", "operands")

    def __init__(
        self,
        description: str,
        edit: Callable[..., None],
        *operands: Any,
        exact: bool = True,
    ) -> None:
        self.description = description
        self.edit = edit
        self.operands = operands
        self.exact = exact

    def apply(self, draft: Draft) -> None:
        """Makes the repair in a draft of the model."""
        self.edit(draft, *self.operands)


def all_of(fixes: list[Fix]) -> Fix | None:
    """One fix that makes several; those that findings share are made once."""
    different = list({id(fix): fix for fix in fixes}.values())
    if len(different) < 2:
        return different[0] if different else None
    exact = all(fix.exact for fix in different)
    return Fix(different[0].description, _make_all, *different, exact=exact)


def _make_all(draft: Draft, *fixes: Fix) -> None:
    for fix in fixes:
        fix.apply(draft)
