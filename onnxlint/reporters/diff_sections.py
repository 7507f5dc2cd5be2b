"""What changed between two releases in words, section by section, for every format for people.

Nothing is escaped here: names are as the models have them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from onnxlint.findings import Diagnostic
from onnxlint.release_diff import (
    NO_CHANGE,
    OTHER_SHAPE,
    FactChange,
    Observation,
    OutputChange,
    PortChange,
    RangeChange,
    ReleaseDiff,
    ScoreChange,
    WeightChange,
)
from onnxlint.reporters.diff_layers import layer_rows
from onnxlint.reporters.diff_rows import ADDED, CHANGED, REMOVED, Row, Section
from onnxlint.reporters.summary import counted

FLIPPED = 20
"""Samples that are named whose prediction flipped; the others are counted."""


NAMES = ("findings", "predictions", "labels", "interface", "layers", "operators", "weights",
         "ranges", "size")  # fmt: skip


def sections(diff: ReleaseDiff) -> list[Section]:
    """Those in which something changed, what matters most first."""
    made = (_findings, _predictions, _labels, _interface, _layers, _operators, _weights, _ranges,
            _alignments, _sizes)  # fmt: skip
    return [section for make in made if (section := make(diff)) is not None]


def unchanged(diff: ReleaseDiff) -> list[str]:
    """The topics that were looked at, and in which nothing changed."""
    left_out = {section.title for section in sections(diff)}
    if diff.samples is None:
        left_out |= {"predictions", "ranges"}
    if diff.score is None:
        left_out.add("labels")
    return [name for name in NAMES if name not in left_out]


def headline(diff: ReleaseDiff) -> str:
    """Which topics changed, in one line."""
    titles = [section.title for section in sections(diff)
              if diff.differs and section.title in NAMES]  # fmt: skip
    if not titles:
        return "no change"
    *most, last = titles
    return f"changes in {', '.join(most)} and {last}" if most else f"changes in {last}"


def run_on(diff: ReleaseDiff) -> str | None:
    """What both models were run on."""
    if diff.samples is None:
        return None
    return f"run on {counted(diff.samples, 'sample')}: {diff.data}"


def _findings(diff: ReleaseDiff) -> Section | None:
    new, gone = diff.findings_new, diff.findings_gone
    if not new and not gone:
        return None
    rows = [_finding(ADDED, each) for each in new] + [_finding(REMOVED, each) for each in gone]
    return Section("findings", f"{len(new):,} new, {len(gone):,} gone", rows)


def _finding(sign: str, found: Diagnostic) -> Row:
    where = str(found.place)
    module = f" in {found.place.module}" if found.place.module else ""
    told = f"{where}{module}: {found.message}"
    return Row(sign, f"{found.severity.value} {found.code} {found.name}", told, found.severity)


def _predictions(diff: ReleaseDiff) -> Section | None:
    if not diff.predictions:
        return None
    rows = [Row(CHANGED, _renamed(each.old, each.new), _output(each)) for each in diff.predictions]
    told = f"{len(rows):,} of {counted(max(diff.outputs_compared, len(rows)), 'output')} changed"
    return Section("predictions", told, rows)


def _output(change: OutputChange) -> str:
    parts = []
    if change.same is not None:
        parts.append(f"{_share(change.same)} of {counted(change.rows, 'prediction')} are equal")
    numbers = {
        "largest difference": change.largest,
        "relative distance": change.distance,
        "largest difference of a probability": change.largest_probability,
        "KL divergence": change.divergence,
    }
    parts += [f"{name} {number:.4g}" for name, number in numbers.items() if number is not None]
    return ", ".join([*parts, *([change.note] if change.note else [])])


def _share(share: float) -> str:
    """A percentage that says 100% of all only."""
    shown = f"{share:.2%}"
    return "100%" if share == 1 else "99.99%" if shown == "100.00%" else shown


def _alignments(diff: ReleaseDiff) -> Section | None:
    """How alike layers are, where any is not wholly so; the least alike first."""
    rows = [
        Row(CHANGED, f"{each.layer.op} {each.layer.label}", f"CKA {each.cka:.3f}")
        for each in sorted(diff.alignments, key=lambda each: each.cka)
    ]
    if not diff.differs or all(round(each.cka, 3) == 1 for each in diff.alignments):
        return None
    samples = counted(diff.samples_aligned or 0, "sample")
    return Section("similarity", f"linear CKA of {counted(len(rows), 'layer')}, {samples}", rows)


def _labels(diff: ReleaseDiff) -> Section | None:
    score = diff.score
    if score is None or not diff.score_differs:
        return None
    told = f"{score.old:.4g} → {score.new:.4g} on {counted(score.samples, 'label')}"
    rows = [Row(CHANGED, f"{score.measure} of {score.output!r}", told)]
    rows += _flips("right → wrong", REMOVED, score.to_wrong, score.files)
    rows += _flips("wrong → right", ADDED, score.to_right, score.files)
    return Section("labels", _score_summary(score), rows)


def _flips(
    what: str, sign: str, flipped: Sequence[int] | None, files: Mapping[str, str]
) -> Iterator[Row]:
    if flipped:
        shown = ", ".join(f"{at} ({files[str(at)]})" if str(at) in files else str(at)
                          for at in flipped[:FLIPPED])  # fmt: skip
        rest = f" … and {len(flipped) - FLIPPED:,} more" if len(flipped) > FLIPPED else ""
        yield Row(sign, what, f"{counted(len(flipped), 'prediction')}: {shown}{rest}")


def _score_summary(score: ScoreChange) -> str:
    return f"{score.measure} {score.old:.4g} → {score.new:.4g}"


def _interface(diff: ReleaseDiff) -> Section | None:
    rows = [_port(each) for each in diff.ports] + [_fact(each) for each in diff.facts]
    return Section("interface", counted(len(rows), "change"), rows) if rows else None


def _port(change: PortChange) -> Row:
    if change.change == "added":
        return Row(ADDED, f"{change.kind} {change.new!r}", change.new_type or "")
    if change.change == "removed":
        return Row(REMOVED, f"{change.kind} {change.old!r}", change.old_type or "")
    if change.change == "reordered":
        return Row(CHANGED, f"order of {change.kind}s", f"{change.old} → {change.new}")
    types = f"{change.old_type} → {change.new_type}"
    if change.old_type == change.new_type:
        types = change.new_type or ""
    return Row(CHANGED, f"{change.kind} {_renamed(change.old, change.new)}", types)


def _renamed(old: str | None, new: str | None) -> str:
    return repr(new) if old == new else f"{old!r} → {new!r}"


def _fact(change: FactChange) -> Row:
    if change.old is None:
        return Row(ADDED, change.what, change.new or "")
    if change.new is None:
        return Row(REMOVED, change.what, change.old)
    return Row(CHANGED, change.what, f"{change.old} → {change.new}")


def _layers(diff: ReleaseDiff) -> Section | None:
    if not diff.layers:
        return None
    counts = Counter(each.change for each in diff.layers)
    told = ", ".join(f"{number:,} {change}" for change, number in counts.items())
    return Section("layers", f"{told}; {diff.layers_matched:,} matched", [*layer_rows(diff.layers)])


def _operators(diff: ReleaseDiff) -> Section | None:
    if not diff.operators:
        return None
    rows = [Row(CHANGED, each.op, f"{each.old:,} → {each.new:,}") for each in diff.operators]
    return Section("operators", f"{counted(len(rows), 'count')} changed", rows)


def _weights(diff: ReleaseDiff) -> Section | None:
    if not diff.weights:
        return None
    told = f"{len(diff.weights):,} of {counted(diff.weights_compared, 'constant')} changed"
    rest = diff.weights_unchanged
    return Section("weights", f"{told}, {rest:,} unchanged", [*map(_weight, diff.weights)])


def _weight(change: WeightChange) -> Row:
    parts = []
    if change.old_dtype != change.new_dtype:
        parts.append(f"{change.old_dtype} → {change.new_dtype}")
    if change.note is not None:
        parts.append(change.note)
        if change.note == OTHER_SHAPE:
            parts[-1] = f"{[*change.old_shape]} → {[*change.new_shape]}"
    if change.distance is not None:
        parts.append(f"relative distance {change.distance:.4g}")
    if change.largest is not None:
        parts.append(f"largest change {change.largest:.4g}")
    return Row(CHANGED, f"{change.layer.op} {change.layer.label} {change.name}", ", ".join(parts))


def _ranges(diff: ReleaseDiff) -> Section | None:
    if not diff.ranges:
        return None
    told = f"{len(diff.ranges):,} of {counted(diff.values_compared, 'value')} changed"
    return Section("ranges", told, [*map(_range, diff.ranges)])


def _range(change: RangeChange) -> Row:
    subject = f"{change.layer.op} {change.layer.label}"
    return Row(CHANGED, subject, f"{_observed(change.old)} → {_observed(change.new)}")


def _observed(seen: Observation) -> str:
    odd = [f"{number:,} {what}" for what, number in (("NaN", seen.nan), ("infinite", seen.infinite))
           if number]  # fmt: skip
    if seen.minimum is None:
        return ", ".join(["no finite element", *odd])
    told = f"{seen.minimum:.4g} … {seen.maximum:.4g} (mean {seen.mean:.4g})"
    return ", ".join([told, *odd])


def _sizes(diff: ReleaseDiff) -> Section | None:
    """Bytes alone are no change, as names take some; other weights may take more or fewer."""
    sizes = diff.sizes
    if not sizes or (not diff.weights and all(each.what in NO_CHANGE for each in sizes)):
        return None
    rows = [
        Row(
            CHANGED,
            "MACs" if each.what == "macs" else each.what,
            f"{int(each.old or 0):,} → {int(each.new or 0):,}",
        )
        for each in sizes
    ]
    return Section("size", f"{diff.old.bytes:,} → {diff.new.bytes:,} bytes", rows)
