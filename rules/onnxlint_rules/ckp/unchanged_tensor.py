"""CKP001 unchanged-tensor."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Finding, Option, Series, Severity, TensorCurve, rule


@rule("CKP001", "unchanged-tensor", severity=Severity.WARNING)
def unchanged_tensor(
    series: Series, *,
    min_frozen: Annotated[
        float, Option("share of all weights beyond which unchanged ones are taken for frozen",
                      unit="fraction of weights")
    ] = 0.9,
) -> Iterator[Finding]:  # fmt: skip
    """A layer whose weights are the same in every checkpoint, while others learn.

    Why: the optimiser never got the layer, or no gradient reaches it (DeepLocalize,
    TheDeepChecker): it stays as it was initialised, and the others work around it. Layers that
    were frozen on purpose are an info: those with nothing but frozen layers before them, as in
    fine-tuning, or, as with adapters, nine tenths of the network. What was frozen on purpose was
    trained before; weights that still look as an initialisation draws them (a uniform distribution
    that ends where PyTorch's or Keras' does) are a warning in any place. A warning, too, where no
    weight at all changed between two checkpoints: one file twice, or a training that stands still.
    Biases and scales that stay while their layer's weight changes are an info, as are tables of
    embeddings, unless they look freshly drawn.
    Fix: give the optimiser the layer's parameters, and look for `detach`, `no_grad` and
    `requires_grad = False` on the way to it; load the pretrained weights before freezing.

    Bad:
    # series: [0, 10, 20, 30]
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] v = {1, 2, 3, 4}, float[2, 2] w = {1, 2, 3, 4}>
    {
        h = MatMul(x, v)
        a = Relu(h)
        y = MatMul(a, w)
    }
    >>> weights["v"] = weights["v"] + 0.01 * k

    Bad:
    # the same file twice
    # series: [0, 10, 20]
    net (float[N, 2] x) => (float[N, 2] y) <float[2, 2] w = {1, 2, 3, 4}> { y = MatMul(x, w) }
    >>> weights["w"] = weights["w"] + 0.1 * min(k, 1)

    Good:
    # series: [0, 10, 20, 30]
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] v = {1, 2, 3, 4}, float[2, 2] w = {1, 2, 3, 4}>
    {
        h = MatMul(x, v)
        a = Relu(h)
        y = MatMul(a, w)
    }
    >>> weights["v"] = weights["v"] + 0.01 * k
    >>> weights["w"] = weights["w"] - 0.01 * k
    """
    idle = [at for at in range(len(series.report.steps) - 1) if _is_idle(series, at)]
    yield from (_standing(series, at) for at in idle)
    matrices = series.matrices
    unchanged = [tensor for tensor in matrices if is_unchanged(tensor)]
    if len(unchanged) == len(matrices):
        return
    share = sum(each.elements for each in unchanged) / sum(each.elements for each in matrices)
    for tensor in unchanged:
        yield _stuck(series, tensor, share, min_frozen)
    yield from map(_table, filter(_is_unchanged_table, series.report.tensors))
    moving = {each.depth for each in matrices if not is_unchanged(each)}
    for tensor in series.report.tensors:
        vector = not tensor.is_matrix and tensor.parameter in ("bias", "scale")
        if vector and tensor.depth in moving and is_unchanged(tensor) and any(tensor.mean):
            yield Finding(tensor, f"{tensor.parameter} is the same in all checkpoints, while the "
                          "weight of its layer changes", severity=Severity.INFO)  # fmt: skip


def _is_unchanged_table(tensor: TensorCurve) -> bool:
    return tensor.is_table and is_unchanged(tensor)


def _table(tensor: TensorCurve) -> Finding:
    """A table may be computed, as of positions, or loaded; one that was drawn is to be learnt."""
    looks = ", and looks as it was initialised" if tensor.like_initial else ""
    return Finding(
        tensor,
        f"the table is the same in all {len(tensor.mean)} checkpoints, while other layers "
        f"change{looks}",
        severity=None if tensor.like_initial else Severity.INFO,
        hint="give the optimiser the embedding's parameters" if tensor.like_initial else None,
    )


def is_unchanged(tensor: TensorCurve) -> bool:
    """Whether no element ever changed; a folded normalisation is the same up to rounding."""
    if tensor.folded:
        return all(ratio is not None and ratio < 1e-6 for ratio in tensor.update)
    return all(share == 0 for share in tensor.changed)


def _is_idle(series: Series, interval: int) -> bool:
    changed = [tensor.changed[interval] for tensor in series.report.tensors]
    return bool(changed) and all(share == 0 for share in changed)


def _standing(series: Series, at: int) -> Finding:
    report = series.report
    return Finding(
        series.place,
        f"no weight changed from {report.named(at)} to {report.named(at + 1)}",
        evidence={"files": [*report.files[at : at + 2]]},
        hint="check that both files are checkpoints of their own, and that training went on",
    )


def _stuck(series: Series, tensor: TensorCurve, share: float, min_frozen: float) -> Finding:
    count = len(series.report.steps)
    what = f"{tensor.parameter} is the same in all {count} checkpoints, while other layers change"
    reason = None if tensor.like_initial else _why_frozen(series, tensor, share, min_frozen)
    if reason is not None:
        return Finding(tensor, f"{what}; taken for frozen: {reason}", severity=Severity.INFO)
    looks = ", and looks as it was initialised" if tensor.like_initial else ""
    return Finding(
        tensor, what + looks, measured=0, limit=0, unit="changed elements",
        hint="give the optimiser this layer's parameters, or look for a detach behind it; "
        "if it is frozen, load its pretrained weights",
    )  # fmt: skip


def _why_frozen(series: Series, tensor: TensorCurve, share: float, min_frozen: float) -> str | None:
    if all(map(is_unchanged, series.above(tensor))):
        return "so is every layer before it, as in fine-tuning"
    if share >= min_frozen:
        return f"so are {share:.0%} of all weights, as with adapters"
    return None
