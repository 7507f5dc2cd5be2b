"""RUN006 dynamic-axis-broken."""

from collections.abc import Iterator

from onnxlint import Behaviour, Finding, NotApplicable, ResizedAxis, Severity, rule


@rule("RUN006", "dynamic-axis-broken", severity=Severity.ERROR)
def dynamic_axis_broken(behaviour: Behaviour) -> Iterator[Finding]:
    """A dynamic axis that only works at one size.

    Why: the model declares that any size is accepted and was only ever run at the one of its
    export; the first other batch fails in production (onnxruntime issue 10463, PyTorch issue
    99613). The batch is tried at 1, 2 and 3, and each must run: a failure is an error, and so is an
    output that loses an axis or does not grow with its input. Every other dynamic axis, among them
    a first one whose name does not say that it is a batch (frames, points, `input_dim_0`), is
    halved, doubled and lengthened by one, alone and together with those of the same size; one of
    these succeeding is enough: strides, kernels, position tables and skip connections reject some
    sizes. Where none succeeds, the size may be fixed by design, so this is a warning.
    Fix: export with the dynamic axes that the code supports, and with code that reads sizes from
    its input instead of Python constants; declare the size where it is fixed.

    Bad:
    net (float[batch, 4, 8] x) => (float[batch, 32] y)
    <int64[2] shape = {2, 32}>
    {
        h = Relu(x)
        y = Reshape(h, shape)
    }

    Bad:
    # a batch of one loses its axis
    net (float[batch, 1, 8] x) => (float[batch, 8] y)
    {
        y = Squeeze(x)
    }

    Bad:
    net (float[1, length, 8] x) => (float[1, length, 8] y)
    <float[4, 8] positions = {0,0,0,0,0,0,0,0, 1,1,1,1,1,1,1,1, 2,2,2,2,2,2,2,2, 3,3,3,3,3,3,3,3}>
    {
        y = Add(x, positions)
    }

    Good:
    net (float[batch, 4, 8] x) => (float[batch, 32] y)
    <int64[2] shape = {-1, 32}>
    {
        h = Relu(x)
        y = Reshape(h, shape)
    }

    Good:
    # two symbols, one size
    net (float[1, left, 8] x, float[1, right, 8] z) => (float[1, length, 8] y)
    {
        y = Add(x, z)
    }
    """
    batch, others = behaviour.batch, behaviour.axes
    if batch is None and not others:
        raise NotApplicable("no input has a dynamic axis")
    if batch is not None:
        yield from _batch(batch, behaviour)
    for axis in others:
        if axis.trials and len(axis.refused) == len(axis.trials):
            yield _fails(axis, Severity.WARNING)


def _batch(axis: ResizedAxis, behaviour: Behaviour) -> Iterator[Finding]:
    if axis.refused:
        yield _fails(axis)
        return
    for change in behaviour.misshapen:
        yield Finding(
            change.value,
            f"shape {list(change.usual)} for {change.usual_size} samples, {list(change.shape)} for "
            f"{change.size}",
            measured=change.size,
            limit=change.usual_size,
            unit=f"size of {axis.symbol}",
            hint=f"give Squeeze and reductions before {change.value.name!r} explicit axes, and "
            f"compute shapes from the size of {axis.symbol!r}",
        )


def _fails(axis: ResizedAxis, severity: Severity | None = None) -> Finding:
    trial = axis.refused[0]
    sizes = ", ".join(str(size) for size in dict.fromkeys(t.size for t in axis.refused))
    return Finding(
        trial.refusal or trial.place,
        f"{axis.symbol!r} is declared dynamic, works at {axis.base} but fails at {sizes}: "
        f"{trial.refusal}",
        measured=trial.size,
        limit=axis.base,
        unit=f"size of {axis.symbol}",
        severity=severity,
        hint=f"export with {axis.symbol!r} dynamic and compute sizes from the input, or declare "
        f"the fixed size {axis.base}",
    )
