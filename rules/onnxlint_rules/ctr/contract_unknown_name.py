"""CTR015 contract-unknown-name."""

from collections.abc import Iterator

from onnxlint import DeclaredContract, Finding, NotApplicable, Severity, rule

_WHAT = {
    "inputs": "input", "outputs": "output", "values": "value, node or module",
    "budgets.sizes": "dynamic dimension",
}  # fmt: skip


@rule("CTR015", "contract-unknown-name", severity=Severity.ERROR)
def contract_unknown_name(contract: DeclaredContract) -> Iterator[Finding]:
    """A promise about an input, output or inner value that the model does not have.

    Why: a promise about nothing is kept by every model. A misspelt name, an input that the exporter
    renamed or a layer that is gone would silently switch the promise off. Globs in `[values]` that
    match nothing count, too.
    Fix: correct the name in the configuration; `onnxlint inspect` lists those of the model. Where
    several models share a configuration, put the table under `[[per-model]]`.

    Bad:
    # config: outputs.socres.range = [0, 1]
    net (float[N, 2] x) => (float[N, 2] scores)
    {
        scores = Sigmoid(x)
    }

    Bad:
    # config: values."layer3.*".range = [0, 1]
    net (float[N, 2] x) => (float[N, 2] scores)
    {
        scores = Sigmoid(x)
    }

    Good:
    # config: values."sco*".range = [0, 1]
    # config: inputs.x.range = [0, 1]
    net (float[N, 2] x) => (float[N, 2] scores)
    {
        scores = Sigmoid(x)
    }
    """
    if contract.is_empty:
        raise NotApplicable("the contract names no inputs, outputs or values")
    for each in contract.unknown:
        near = "" if each.near is None else f"; did you mean {each.near!r}?"
        yield Finding(
            each,
            f"the model has no {_WHAT[each.table]} {each.name!r} (promised in "
            f"[{each.table}]){near}",
            hint="correct the name in the configuration, or take the promise out",
        )
