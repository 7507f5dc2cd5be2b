"""ARC015 decomposed-normalisation."""

from collections.abc import Iterator

from onnxlint import Decompositions, Finding, Severity, rule


@rule(
    "ARC015", "decomposed-normalisation", severity=Severity.INFO,
    ops=("Sqrt", "Erf", "Tanh", "Softmax"),
)  # fmt: skip
def decomposed_normalisation(decompositions: Decompositions) -> Iterator[Finding]:
    """A decomposed LayerNormalization, RMSNormalization, Gelu or Attention.

    Why: a runtime must recognise the parts to run them in one kernel, and misses unusual
    decompositions; in float16 the squares of a normalisation overflow between its parts, which the
    operator computes in float32 (TensorRT issues 2781, 3657). One finding for each operator, at the
    first occurrence. Not reported if the model's opset does not have the operator.
    Fix: call the framework's own layer (`nn.LayerNorm`, `nn.RMSNorm`, `F.gelu`,
    `F.scaled_dot_product_attention`) and export with an opset that has the operator.

    Bad:
    <ir_version: 8, opset_import: ["" : 17]>
    net (float[N, 8] x) => (float[N, 8] y)
    <float two = {2}, float eps = {1e-5}>
    {
        mean = ReduceMean <axes = [-1]> (x)
        centred = Sub(x, mean)
        squares = Pow(centred, two)
        variance = ReduceMean <axes = [-1]> (squares)
        above = Add(variance, eps)
        deviation = Sqrt(above)
        y = Div(centred, deviation)
    }

    Good:
    <ir_version: 8, opset_import: ["" : 16]>
    # opset 16 does not have it
    net (float[N, 8] x) => (float[N, 8] y)
    <float two = {2}, float eps = {1e-5}>
    {
        mean = ReduceMean <axes = [-1]> (x)
        centred = Sub(x, mean)
        squares = Pow(centred, two)
        variance = ReduceMean <axes = [-1]> (squares)
        above = Add(variance, eps)
        deviation = Sqrt(above)
        y = Div(centred, deviation)
    }

    Good:
    <ir_version: 8, opset_import: ["" : 17]>
    # a normalisation over the channels of an image is none of these
    net (float[N, 8, H, W] x) => (float[N, 8, H, W] y)
    <float two = {2}, float eps = {1e-5}>
    {
        mean = ReduceMean <axes = [1]> (x)
        centred = Sub(x, mean)
        squares = Pow(centred, two)
        variance = ReduceMean <axes = [1]> (squares)
        above = Add(variance, eps)
        deviation = Sqrt(above)
        y = Div(centred, deviation)
    }
    """
    for found, places in decompositions:
        more = f" ({len(places):,} occurrences)" if len(places) > 1 else ""
        yield Finding(
            places[0],
            f"{found.operator} (one operator since opset {found.since}) is decomposed into "
            f"{len(places[0].nodes)} nodes{more}",
            hint=f"call {found.layer} and export with opset {found.since} or later",
            measured=len(places),
            limit=0,
            unit="places",
        )
