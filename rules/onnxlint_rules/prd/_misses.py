"""Classes that are hardly ever predicted, and what is predicted instead."""

from collections.abc import Iterable

from msgspec import Struct

from onnxlint import Scores, listed

SHOWN = 2
"""Classes that a message names as the wrong answers; the evidence has more."""

KEPT = 10
"""Wrong answers that the evidence has."""


class Miss(Struct, frozen=True):
    """A class with few right predictions; `taken_for` are the others, the most frequent first."""

    name: str
    recall: float
    labels: int
    taken_for: tuple[tuple[str, int], ...]

    @property
    def told(self) -> str:
        """What it is mistaken for, as "19 as 1, 2 as 4"."""
        return listed([f"{times:,} as {name}" for name, times in self.taken_for], SHOWN)


def misses(scores: Scores, judged: Iterable[int], min_recall: float) -> list[Miss]:
    """Those of the classes at these positions, the lowest recall first.

    Classes that stand for others, or that the output does not have, are left out.
    """
    confusion = scores.confusion
    assert confusion is not None
    renamed, found = confusion.permuted(), []
    for at in judged:
        label, recall = confusion.classes[at], confusion.recall(at)
        if recall is None or recall >= min_recall or label in renamed or _is_beyond(scores, label):
            continue
        found.append((label, at, recall))
    wanted = {label for label, _, _ in found}
    taken: dict[object, list[tuple[str, int]]] = {label: [] for label in wanted}
    for each in confusion.mistakes:
        if each.truth in wanted and len(taken[each.truth]) < KEPT:
            taken[each.truth].append((scores.name_of(each.guess), each.times))
    told = [Miss(scores.name_of(label), recall, int(confusion.labels[at]), tuple(taken[label]))
            for label, at, recall in found]  # fmt: skip
    return sorted(told, key=lambda each: (each.recall, -each.labels))


def _is_beyond(scores: Scores, label: object) -> bool:
    return scores.classes is not None and not 0 <= int(str(label)) < scores.classes
