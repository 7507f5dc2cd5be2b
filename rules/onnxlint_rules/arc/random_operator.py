"""ARC011 random-operator."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, rule
from onnxlint.model.graph.operators import DRAWING


@rule("ARC011", "random-operator", severity=Severity.WARNING, ops=DRAWING)
def random_operator(graph: Graph) -> Iterator[Finding]:
    """An output that depends on random numbers drawn inside the model.

    Why: the same input gives a different prediction in every run, so golden tests are flaky and a
    bug report cannot be reproduced. Typical causes are stochastic depth and noise layers of a model
    that was exported in training mode, and an encoder that samples instead of returning the mean. A
    seed does not help: onnxruntime continues the sequence from run to run (issue 20054), and
    TensorRT ignores it (issue 4497). Dropout has a rule of its own.
    Fix: call `model.eval()` before the export, or make the noise an input of the model. If random
    results are wanted, as in generators of images, speech and text, ignore this rule for
    the model (`[[ignore]] rule = "random-operator"` with the reason).

    Bad:
    net (float[N, 4] mean) => (float[N, 4] z)
    {
        noise = RandomNormalLike(mean)
        z = Add(mean, noise)
    }

    Instead:
    # the caller draws
    net (float[N, 4] mean, float[N, 4] noise) => (float[N, 4] z)
    {
        z = Add(mean, noise)
    }

    Good:
    # only the shape of the noise is used
    net (float[N, 4] mean) => (float[N, 4] z)
    {
        noise = RandomNormalLike(mean)
        size = Shape(noise)
        z = Expand(mean, size)
    }
    """
    outputs = [value for scope in (graph.main, *graph.functions) for value in scope.outputs]
    decisive = graph.ancestors(outputs, by_numbers=True)
    for node in graph.nodes(*sorted(DRAWING)):
        if node in decisive:
            seed = node.attribute("seed")
            seeded = isinstance(seed, float)
            told = f"seed {seed:g} only fixes the first run of a session" if seeded else "no seed"
            yield Finding(
                node,
                f"outputs depend on random numbers drawn here in every run ({told})",
                hint=f"call model.eval() before the export, or replace this {node.op} by a model "
                "input",
            )
