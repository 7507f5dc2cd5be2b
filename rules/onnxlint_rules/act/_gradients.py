"""What the rules about vanishing and exploding gradients share."""

from collections.abc import Iterator

from msgspec import Struct

from onnxlint import Finding, LayerGradient, Propagation, Severity, counted


class Direction(Struct, frozen=True):
    """Whether gradients grow or shrink too much, and what to do about each case.

    `hint` names the layer with the most extreme gain as `{}`; `beside_hint` is for a gradient that
    is only small or large beside that of the last layer.
    """

    grows: bool
    hint: str
    beside_hint: str

    def findings(
        self, propagation: Propagation, limit: float, beside_limit: float
    ) -> Iterator[Finding]:
        """The layer nearest to the output that is beyond the limit, else one beside the last."""
        layer = propagation.first(lambda gradient: self._is_beyond(gradient, limit))
        if layer is not None:
            yield self._beyond(propagation, layer, limit)
            return
        layer = propagation.beyond(lambda ratio: self._is_beyond(ratio, beside_limit))
        if layer is not None:
            yield self._beside_the_last(layer, propagation.to_last(layer), beside_limit)

    def _is_beyond(self, number: float, limit: float) -> bool:
        return number > limit if self.grows else number < limit

    def _beyond(self, propagation: Propagation, layer: LayerGradient, limit: float) -> Finding:
        behind, output = propagation.behind(layer), repr(propagation.output.name)
        extreme = (max if self.grows else min)(behind, key=lambda later: later.gain)
        changed = f"{'grows' if self.grows else 'shrinks'} to {layer.gradient:.1e} here"
        told = f"a unit gradient at {output} {changed}"
        if not layer.gradient:
            told = f"changes of this layer's output never reach {output}: gradient 0"
        return Finding(
            layer,
            f"{told} (limit {limit:g}) across {counted(len(behind), 'layer')}; "
            f"{'largest' if self.grows else 'smallest'} single-layer gain {extreme.gain:.1e} at "
            f"{extreme.place}",
            measured=layer.gradient,
            limit=limit,
            unit="length of the gradient",
            evidence={"layers": propagation.evidence()},
            hint=self.hint.format(extreme.place),
        )

    def _beside_the_last(self, layer: LayerGradient, ratio: float, limit: float) -> Finding:
        return Finding(
            layer,
            f"gradient is {ratio:.3g} times the last layer's (limit {limit:g})",
            measured=ratio,
            limit=limit,
            unit="gradient by that of the last layer",
            severity=Severity.INFO,
            hint=self.beside_hint,
        )
