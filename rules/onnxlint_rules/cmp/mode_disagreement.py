"""CMP004 mode-disagreement."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Finding, NotApplicable, Option, Severity, Similarity, Stage, rule

HINT = (
    "look at the running mean and variance of the batch normalisations: a momentum of 0 or 1, "
    "batches of a few samples, or statistics that were never updated; estimate them anew on the "
    "training data"
)


@rule("CMP004", "mode-disagreement", severity=Severity.WARNING, stages=(Stage.TRAINED,))
def mode_disagreement(
    similarity: Similarity, *,
    min_cka: Annotated[
        float, Option("linear CKA of a layer in both modes", unit="CKA")
    ] = 0.75,
    max_changed: Annotated[
        float, Option("share of decisions that may change from mode to mode", unit="fraction")
    ] = 0.1,
) -> Iterator[Finding]:  # fmt: skip
    """A net that computes something else for inference than it did in training.

    Why: batch normalisation takes the statistics of the batch in training, and running ones for
    inference. With a momentum of 0 or 1, batches of a few samples, or statistics that were never
    updated, the two have little in common: the loss falls, and the exported net guesses. Give the
    export for training as `--reference`, or the other way round (same weights; Dropout or
    BatchNormalization in training mode in one of the two), and samples (`--data`). Layers are
    compared by linear CKA (arXiv 1905.00414) on up to 256 samples, run in one batch where the model
    takes any number; 0.75 is TheDeepChecker's limit. CKA does not see offsets and a common scale,
    so decisions (the class with the highest score) are compared, too: more than a tenth that
    change, by the lower confidence bound, is ours. Of nets trained on scikit-learn's digits, sound
    ones changed at most 3.5% and had a CKA of at least 0.88 (dropout of 0.5), one whose statistics
    were never updated 17% at a CKA of 0.96. Dropout is averaged over 8 runs, so that what it drops
    cancels out. From 32 samples on.
    Fix: train with larger batches or the usual momentum of 0.1, or estimate the running statistics
    anew: some hundred batches in training mode, without updating weights.

    Bad:
    # the running statistics are those of the initialisation
    # config: data = "data.npz"
    # config: reference = "train.onnx"
    net (float[N, 4] x) => (float[N, 2] y)
    <float[4, 4] w = {1, 0, 0, 1, 0, 1, 1, 0, 0, 1, -1, 0, 1, 0, 0, -1}, float[4] s = {1, 1, 1, 1},
     float[4] b = {0, 0, 0, 0}, float[4] mean = {0, 0, 0, 0}, float[4] var = {1, 1, 1, 1},
     float[4, 2] v = {1, -1, -1, 1, 1, 0, 0, -1}>
    {
        h = MatMul(x, w)
        n = BatchNormalization(h, s, b, mean, var)
        r = Relu(n)
        z = MatMul(r, v)
        y = Softmax(z)
    }
    >>> import numpy, onnx
    >>> train = onnx.ModelProto(); train.CopyFrom(model)
    >>> train.graph.node[1].attribute.append(onnx.helper.make_attribute("training_mode", 1))
    >>> train.graph.node[1].output.extend(["new_mean", "new_var"])
    >>> onnx.save(train, folder / "train.onnx")
    >>> x = numpy.random.default_rng(0).normal([9, -5, 3, 0], [3, 1, 9, 1], (64, 4))
    >>> numpy.savez(folder / "data.npz", x=x.astype("float32"))

    Good:
    # they are those of the data
    # config: data = "data.npz"
    # config: reference = "train.onnx"
    net (float[N, 4] x) => (float[N, 2] y)
    <float[4, 4] w = {1, 0, 0, 1, 0, 1, 1, 0, 0, 1, -1, 0, 1, 0, 0, -1}, float[4] s = {1, 1, 1, 1},
     float[4] b = {0, 0, 0, 0}, float[4] mean = {9, -2, -8, 9}, float[4] var = {10, 82, 82, 10},
     float[4, 2] v = {1, -1, -1, 1, 1, 0, 0, -1}>
    {
        h = MatMul(x, w)
        n = BatchNormalization(h, s, b, mean, var)
        r = Relu(n)
        z = MatMul(r, v)
        y = Softmax(z)
    }
    >>> import numpy, onnx
    >>> train = onnx.ModelProto(); train.CopyFrom(model)
    >>> train.graph.node[1].attribute.append(onnx.helper.make_attribute("training_mode", 1))
    >>> train.graph.node[1].output.extend(["new_mean", "new_var"])
    >>> onnx.save(train, folder / "train.onnx")
    >>> x = numpy.random.default_rng(0).normal([9, -5, 3, 0], [3, 1, 9, 1], (64, 4))
    >>> numpy.savez(folder / "data.npz", x=x.astype("float32"))

    Good:
    # other weights: two nets, and no modes of one
    # config: data = "data.npz"
    # config: reference = "train.onnx"
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] w = {1, -1, 0, 1}, float[2] s = {1, 1}, float[2] b = {0, 0},
     float[2] mean = {0, 0}, float[2] var = {1, 1}>
    {
        h = MatMul(x, w)
        n = BatchNormalization(h, s, b, mean, var)
        y = Softmax(n)
    }
    >>> import numpy, onnx
    >>> train = onnx.ModelProto(); train.CopyFrom(model)
    >>> train.graph.node[1].attribute.append(onnx.helper.make_attribute("training_mode", 1))
    >>> train.graph.node[1].output.extend(["new_mean", "new_var"])
    >>> train.graph.initializer[0].float_data[0] = -3
    >>> onnx.save(train, folder / "train.onnx")
    >>> x = numpy.random.default_rng(0).normal(9, 3, (64, 2)).astype("float32")
    >>> numpy.savez(folder / "data.npz", x=x)
    """
    if similarity.mode is None:
        raise NotApplicable("the reference is not the same net in another mode")
    if similarity.synthetic:
        raise NotApplicable("needs data (--data): statistics of noise are not those of training")
    worst, changes = similarity.lowest, similarity.changes
    if worst.cka > min_cka and changes <= max_changed:
        return
    far = [each for each in similarity.layers if each.cka <= min_cka]
    first = far[0] if far else worst
    decided = f", {similarity.changed:,} of {similarity.decisions:,} decisions change"
    is_cka = bool(far)
    yield Finding(
        first,
        f"training and inference mode disagree: linear CKA {first.cka:.2f} (limit {min_cka:g})"
        f"{f', {worst.cka:.2f} in {worst.value.name!r}' if worst is not first else ''}"
        f"{decided if similarity.decisions else ''} (limit {max_changed:.0%}), on "
        f"{similarity.samples:,} samples",
        measured=first.cka if is_cka else changes,
        limit=min_cka if is_cka else max_changed,
        unit="linear CKA" if is_cka else "fraction of decisions",
        evidence={"layers": {each.value.name: each.cka for each in similarity.layers}},
        hint=HINT,
    )
