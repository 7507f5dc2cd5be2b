"""CTR014 contract-provenance."""

import re
from collections.abc import Iterator

from onnxlint import DeclaredContract, Finding, Graph, NotApplicable, Severity, Signature, rule
from onnxlint_rules.ctr import _origin


@rule("CTR014", "contract-provenance", severity=Severity.ERROR)
def contract_provenance(
    contract: DeclaredContract, graph: Graph, signature: Signature
) -> Iterator[Finding]:
    """A file that does not say of its origin what the contract requires.

    Why: a release that nobody can trace to a commit, data, seed and licence cannot be repeated,
    compared or withdrawn. `[provenance] require` names facts of a known form, such as `git-commit`,
    `seed` and `data-sha256`, which the metadata (`metadata_props` of the model) tell under one of
    their usual keys; `required` names keys, or is a table from key to a regular expression that the
    whole value matches;
    `producer` and `producer-version` are such expressions for the exporter, and `licences` lists
    what the metadata key `license` (or `model_license`, `licence`) may say. With `signature` in
    `require`, or a key in `[provenance.signature]`, a signature must lie beside the model that the
    key verifies; one that does not fit the files is reported by `signature-mismatch`.
    Fix: write the metadata when the model is exported, with `onnxlint.stamp` or
    `onnx.helper.set_model_props`, and sign the model afterwards, with `model_signing sign`.

    Bad:
    # config: provenance.required = ["commit", "seed"]
    net (float[N, 2] x) => (float[N, 2] y)
    {
        y = Relu(x)
    }

    Bad:
    # config: provenance.require = ["git-commit", "git-clean", "data-sha256"]
    >>> import onnx
    >>> onnx.helper.set_model_props(model, {"git_commit": "1f3a9c0", "git_dirty": "true"})
    net (float[N, 2] x) => (float[N, 2] y)
    {
        y = Relu(x)
    }

    Bad:
    # config: provenance = {required = {commit = "[0-9a-f]{40}"}, licences = ["MIT"]}
    >>> import onnx
    >>> onnx.helper.set_model_props(model, {"commit": "latest", "license": "GPL-3.0"})
    net (float[N, 2] x) => (float[N, 2] y)
    {
        y = Relu(x)
    }

    Bad:
    # config: provenance = {producer = "pytorch", producer-version = "2\\\\..*"}
    >>> model.producer_name, model.producer_version = "pytorch", "1.13"
    net (float[N, 2] x) => (float[N, 2] y)
    {
        y = Relu(x)
    }

    Bad:
    # config: provenance.require = ["signature"]
    net (float[N, 2] x) => (float[N, 2] y)
    {
        y = Relu(x)
    }

    Good:
    # config: provenance.require = ["git-commit", "seed"]
    >>> import onnxlint
    >>> _ = onnxlint.stamp(model, git_commit="5bc7d2f08a1e4f0b9a5d3c2e1f6a7b8c9d0e1f2a", seed=7)
    net (float[N, 2] x) => (float[N, 2] y)
    {
        y = Relu(x)
    }

    Good:
    # config: provenance = {required = ["seed"], licences = ["MIT"], producer = "py.*"}
    >>> import onnx
    >>> onnx.helper.set_model_props(model, {"seed": "0", "model_license": "MIT"})
    >>> model.producer_name = "pytorch"
    net (float[N, 2] x) => (float[N, 2] y)
    {
        y = Relu(x)
    }
    """
    promised, proto = contract.provenance, graph.model.proto
    if not (
        promised.require or promised.patterns or promised.producer or promised.producer_version
        or promised.licences or promised.requires_signature
    ):  # fmt: skip
        raise NotApplicable("the contract requires nothing of the file's origin")
    metadata = {entry.key: entry.value for entry in proto.metadata_props}
    yield from _origin.untold(contract, metadata)
    yield from _origin.missing(contract, metadata)
    yield from _origin.licence(contract, metadata)
    yield from _origin.unsigned(contract, signature)
    for key, seen, pattern in (
        ("producer", proto.producer_name, promised.producer),
        ("producer-version", proto.producer_version, promised.producer_version),
    ):
        if pattern is not None and re.fullmatch(pattern, seen[: _origin.LONGEST_VALUE]) is None:
            yield Finding(
                contract.line("provenance", key),
                f"{key.replace('-', ' ')} is {seen!r} (promised {pattern!r})",
                hint=f"export with the promised version, or change provenance.{key}",
            )
