"""ARC011 random-operator."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, rule

RANDOM = ("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike",
          "Bernoulli", "Multinomial")  # fmt: skip


@rule("ARC011", "random-operator", severity=Severity.WARNING, ops=RANDOM)
def random_operator(graph: Graph) -> Iterator[Finding]:
    """An output that depends on random numbers drawn inside the model.

    Why: the same input gives another prediction at every run, so golden tests flicker and a bug
    report cannot be reproduced. Stochastic depth and noise layers end up here when the model was
    exported in training mode, and so does an encoder that samples where its mean was meant. A seed
    does not help: onnxruntime goes on drawing from run to run (issue 20054), and TensorRT ignores
    it (issue 4497). Dropout has a rule of its own.
    Fix: call `model.eval()` before the export, or make the noise an input of the model. Where
    random results are wanted, as in generators of images, speech and text, ignore this rule for
    the model (`[[ignore]] rule = "random-operator"` with the reason).

    Bad:
    net (float[N, 4] mean) => (float[N, 4] z)
    {
        noise = RandomNormalLike(mean)
        z = Add(mean, noise)
    }

    Good:
    # the caller draws
    net (float[N, 4] mean, float[N, 4] noise) => (float[N, 4] z)
    {
        z = Add(mean, noise)
    }

    Good:
    # of the noise only the size is used
    net (float[N, 4] mean) => (float[N, 4] z)
    {
        noise = RandomNormalLike(mean)
        size = Shape(noise)
        z = Expand(mean, size)
    }
    """
    outputs = [value for scope in (graph.main, *graph.functions) for value in scope.outputs]
    decisive = graph.ancestors(outputs, by_numbers=True)
    for node in graph.nodes(*RANDOM):
        if node in decisive:
            seed = node.attribute("seed")
            seeded = isinstance(seed, float)
            told = f"its seed {seed:g} fixes the first alone" if seeded else "it has no seed"
            yield Finding(node, f"outputs depend on the numbers it draws at every run; {told}")
