"""CTR006 contract-input-data."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import (
    Data,
    DeclaredContract,
    FedInput,
    Finding,
    NotApplicable,
    Option,
    Severity,
    rule,
)
from onnxlint_rules.ctr import _features


@rule("CTR006", "contract-input-data", severity=Severity.ERROR)
def contract_input_data(
    contract: DeclaredContract, data: Data, *,
    max_mean: Annotated[
        float, Option("distance of a normalised feature's mean from 0", "standard deviations")
    ] = 0.5,
    max_scale: Annotated[
        float, Option("factor between a normalised feature's standard deviation and 1")
    ] = 2.0,
) -> Iterator[Finding]:  # fmt: skip
    """Data whose features leave their promised ranges, or are not normalised as promised.

    Why: a column in another unit, a channel that was never scaled or statistics of another data
    set shift every answer of the model, and no shape changes. `[inputs.NAME] features` gives ranges
    by the feature's or channel's number, or
    by the name of its column in a table; `data-mean` and `data-std` bound mean and standard
    deviation of every feature, and `normalised = true` wants them near 0 and 1: the options
    `max-mean` and `max-scale` say how near. A feature that is constant has no scale, and is not
    judged by its standard deviation. The range of an input as a whole is judged by DAT002.
    Fix: prepare the samples as for training, or correct the contract.

    Bad:
    # data: x = [[0.1, 200.0], [0.9, 90.0]]
    # config: inputs.x.features = {1 = [0, 1]}
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] w = {1, 2, 3, 4}>
    {
        y = MatMul(x, w)
    }

    Bad:
    # data: x = [[5.1, 1.0], [5.9, -1.0], [5.4, 0.3], [5.2, 0.1]]
    # config: inputs.x.normalised = true
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] w = {1, 2, 3, 4}>
    {
        y = MatMul(x, w)
    }

    Bad:
    # data: x = [[1.0, 1.0], [2.0, -1.0], [3.0, 0.3], [4.0, 0.1]]
    # config: inputs.x.data-mean = [-1, 1]
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] w = {1, 2, 3, 4}>
    {
        y = MatMul(x, w)
    }

    Good:
    # data: x = [[-1.0, 0.2], [1.0, -1.2], [0.5, 1.5], [-0.5, -0.5]]
    # config: inputs.x = {features = [[-1, 1], [-2, 2]], normalised = true, data-std = [0.5, 2]}
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] w = {1, 2, 3, 4}>
    {
        y = MatMul(x, w)
    }
    """
    judged = [fed for fed in data if fed.is_numeric and _is_promised(fed)]
    if not judged:
        raise NotApplicable("the contract promises nothing of the features of an input")
    for fed in judged:
        yield from _features.outside(fed, contract)
        yield from _features.moments(fed)
        if fed.contract.normalised:
            yield from _features.unnormalised(fed, max_mean, max_scale)


def _is_promised(fed: FedInput) -> bool:
    told = fed.contract
    return bool(told.features or told.normalised or told.data_mean or told.data_std)
