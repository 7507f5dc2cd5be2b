"""CTR010 contract-value."""

from collections.abc import Iterator

from onnxlint import (
    DeclaredContract,
    Finding,
    NotApplicable,
    PromisedValues,
    Severity,
    rule,
    together,
)
from onnxlint_rules.ctr import _statistics


@rule("CTR010", "contract-value", severity=Severity.ERROR)
def contract_value(contract: DeclaredContract, seen: PromisedValues) -> Iterator[Finding]:
    """An inner value outside its promised range, mean, standard deviation or share of zeros.

    Why: a fault inside shows there first: activations that grow, units that died, a normalisation
    that was folded wrongly, while the predictions still look plausible. `[values.NAME]` takes the
    name of a value, node or module, or a glob: `[values."layer3.relu"]`, `[values."block*.norm"]`.
    Of a module it is the last value. `range`, `mean`, `std` and `sparsity` (the share of elements
    that are 0) are `[lowest, highest]` over all samples; `finite = true` allows neither NaN nor
    infinity. A value that no run shows, such as text, is a warning.
    Fix: look what changed before the value (`onnxlint inspect` shows the observed ranges), or
    correct the promise.

    Bad:
    # config: values.h.range = [0, 0.5]
    # data: x = [[1.0, 2.0], [3.0, -1.0]]
    net (float[N, 2] x) => (float[N, 2] y)
    {
        h = Relu(x)
        y = Tanh(h)
    }

    Bad:
    # config: values."h*".sparsity = [0, 0.4]
    # data: x = [[1.0, -2.0], [-3.0, -1.0]]
    net (float[N, 2] x) => (float[N, 2] y)
    {
        h1 = Relu(x)
        y = Tanh(h1)
    }

    Bad:
    # config: values.h.finite = true
    # data: x = [[1.0, -2.0], [-3.0, -1.0]]
    net (float[N, 2] x) => (float[N, 2] y)
    {
        h = Log(x)
        y = Tanh(h)
    }

    Good:
    # config: values.h = {range = [0, 4], mean = [0, 2], std = [0.5, 2], sparsity = [0.2, 0.3]}
    # data: x = [[1.0, 2.0], [3.0, -1.0]]
    net (float[N, 2] x) => (float[N, 2] y)
    {
        h = Relu(x)
        y = Tanh(h)
    }
    """
    if not any(each.values for each in contract.values):
        raise NotApplicable("the contract promises nothing of inner values")
    for each in contract.values:
        found: dict[str, list[Finding]] = {}
        for value in each.values:
            for key, finding in _statistics.broken(seen.of(value), value, each).items():
                found.setdefault(key, []).append(finding)
        for findings in found.values():
            yield from together(findings, "values")
