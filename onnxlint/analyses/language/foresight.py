"""Whether later tokens change what a causal model says of earlier ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from onnxlint.analyses import Unavailable
from onnxlint.analyses.language.asking import STEPS, Asked
from onnxlint.analyses.stability.output_difference import Difference
from onnxlint.analyses.static.precision import same_array
from onnxlint.model.graph.place import Place

if TYPE_CHECKING:
    from onnxlint.types import Array, Outputs

MOST_STEPS = 48
"""Tokens of a run that shows how far a model looks ahead: a choice, one for each layer and four."""


class Foreseen(Struct, frozen=True):
    """Positions whose values changed with tokens from `changed` on; `position` is the first.

    `known_by` says how it is known that the model must not look ahead.
    """

    difference: Difference
    position: int
    changed: int
    known_by: str

    @property
    def place(self) -> Place:
        """The output's."""
        return self.difference.place


class Foresight:
    """Asks whether the future is seen; only of models that are known to be causal."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked

    def seen(self) -> list[Foreseen]:
        """The outputs of every token, each with the largest change before what was changed.

        Raises:
            Unavailable: the model need not be causal, or no output tells of every token.
        """
        interface = self._asked.interface
        if interface.whole_mask is not None:
            raise Unavailable("the caller says what every token may see (a mask of three axes)")
        if interface.steps == 1:
            raise Unavailable("every call takes one token: there is no later one")
        if interface.grows:
            return self._changed(STEPS, "it hands a cache on")
        if self._is_declared:
            return self._changed(STEPS, "its attention is declared causal")
        return self._by_reach()

    @property
    def _is_declared(self) -> bool:
        """Whether there are operators of attention, and all see the past alone."""
        names = {node: _ATTENTION[node.op] for node in self._asked.graph.nodes(*_ATTENTION)}
        told = [not name or bool(node.attribute(name, 0)) for node, name in names.items()]
        return bool(told) and all(told)

    def _changed(self, steps: int, known_by: str) -> list[Foreseen]:
        """Changes the second half of the tokens."""
        steps = self._asked.interface.steps or steps
        middle = steps // 2
        return self._compared(self._tokens(steps), middle, known_by)

    def _by_reach(self) -> list[Foreseen]:
        """Of a head of words: what the first token reaches, and what the last one does not.

        Of a model that looks both ways, as BERT does, the last token changes the first score, too;
        of one that looks a little ahead where it should not, it changes those of its neighbours
        alone, while the first token changes all that follow: a window would cut both.
        """
        asked = self._asked
        layers = sum(1 for _ in asked.graph.nodes("Softmax"))
        steps = asked.interface.steps or min(MOST_STEPS, layers + 4)
        tokens = self._tokens(steps)
        (base,) = self._run(tokens)
        heads = [value for value, array in asked.by_step(base, steps) if self._is_of_words(array)]
        if not heads:
            raise Unavailable("nothing says that the model is causal (no cache, no head of words)")
        last, first = self._run(self._other(tokens, steps - 1), self._other(tokens, 0))
        for value in heads:
            back = [not _same_at(base, last, value.name, at) for at in range(steps - 1)]
            ahead = [not _same_at(base, first, value.name, at) for at in range(1, steps)]
            if back[0] or not all(ahead):
                raise Unavailable("nothing says that the model is causal: it looks both ways")
        return self._compared(tokens, steps - 1, "its first scores ignore the last token")

    def _is_of_words(self, array: Array) -> bool:
        return bool(array.shape[-1] == self._asked.interface.vocabulary)

    def _compared(self, tokens: Array, middle: int, known_by: str) -> list[Foreseen]:
        base, other = self._run(tokens, self._other(tokens, middle, whole=True))
        found: list[Foreseen] = []
        for value, array in self._asked.by_step(base, tokens.shape[1]):
            changed = other[value.name]
            differences = [
                self._asked.compared(value, array[:, at : at + 1], changed[:, at : at + 1])
                for at in range(middle)
            ]
            worst = max(range(middle), key=lambda at: differences[at].measured)
            found.append(Foreseen(differences[worst], worst, middle, known_by))
        if not found:
            raise Unavailable("no output has a value for every token")
        return found

    def _tokens(self, steps: int) -> Array:
        return self._asked.feeder.tokens(self._asked.samples, steps)

    def _other(self, tokens: Array, at: int, *, whole: bool = False) -> Array:
        """Other tokens at a place, or from there on."""
        other = self._asked.feeder.tokens(len(tokens), tokens.shape[1], turn=2)
        interface, changed = self._asked.interface, tokens.copy()
        part = slice(at, None if whole else at + 1)
        changed[:, part] = other[:, part]
        if "int" in interface.tokens.dtype:
            slot = interface.tokens
            high = max(slot.lowest, slot.bound - 1)
            same = changed == tokens
            same[:, :at] = False
            if not whole:
                same[:, at + 1 :] = False
            shifted = tokens - slot.lowest + 1
            changed[same] = (slot.lowest + shifted % (high - slot.lowest + 1))[same]
        return changed

    def _run(self, *runs: Array) -> list[Outputs]:
        feed = self._asked.feeder.feed
        return self._asked.run_all(*((feed(each), f"on {each.shape[1]} tokens") for each in runs))


_ATTENTION = {
    "Attention": "is_causal",
    "com.microsoft::Attention": "unidirectional",
    "com.microsoft::MultiHeadAttention": "unidirectional",
    "com.microsoft::GroupQueryAttention": "",
}
"""Operators that attend, and the attribute by which they see the past alone; one always does."""


def _same_at(one: Outputs, other: Outputs, name: str, at: int) -> bool:
    return same_array(one[name][:, at], other[name][:, at])
