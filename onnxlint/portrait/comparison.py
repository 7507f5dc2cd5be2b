"""A model beside its reference: outputs and layers that both have, and how far they are apart."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace


class Pair(Struct, frozen=True):
    """A value and its like in the reference, each with what makes it.

    `error` is the relative L2 error, infinite where only one holds NaN or infinities; None where
    the two cannot be compared, and `note` says why. `changed` of `decisions` are other ones.
    """

    value: str
    label: str
    like: str
    like_label: str
    error: float | None = None
    note: str = ""
    changed: int = 0
    decisions: int = 0


class Comparison(Struct, frozen=True):
    """How far a model is from its reference on the same `samples`.

    Outputs are compared over all samples, layers on the sample where outputs are farthest. `first`
    is the position among `layers` of the first that differs by more than rounding may, `limit`;
    None where none does.
    """

    reference: str
    samples: int
    outputs: tuple[Pair, ...]
    layers: tuple[Pair, ...]
    first: int | None = None
    limit: float | None = None

    @property
    def errors(self) -> dict[str, float]:
        """The relative error of each value that was compared, by its name in this model."""
        return {pair.value: pair.error for pair in self.layers if pair.error is not None}

    @property
    def first_value(self) -> str | None:
        """The name of the first value that differs by more than rounding may."""
        return None if self.first is None else self.layers[self.first].value

    def mirrored(self) -> Comparison:
        """The same as the reference sees it."""
        return replace(self, outputs=(), layers=tuple(map(_mirrored, self.layers)))


def _mirrored(pair: Pair) -> Pair:
    return replace(pair, value=pair.like, label=pair.like_label, like=pair.value,
                   like_label=pair.label)  # fmt: skip
