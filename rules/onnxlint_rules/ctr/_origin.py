"""The metadata of a file beside what is required of it."""

import re
from collections.abc import Iterator, Mapping

from onnxlint import Contract, Finding, Signature, SignatureState
from onnxlint.model.graph.place import shortened

LONGEST_VALUE = 1_000
"""Characters of a value that are compared with an expression: a choice, longer than any hash."""

LICENCE_KEYS = ("license", "model_license", "licence", "model_licence", "licenses", "licences")


HASHES_OF = {"data-sha256": "data", "labels-sha256": "labels", "config-sha256": "config"}


def untold(contract: Contract, metadata: Mapping[str, str]) -> Iterator[Finding]:
    """Known facts that the metadata do not tell, or in another form."""
    for name, fact in contract.required_facts.items():
        told = fact.told(metadata)
        if told is None:
            others = f", or {' or '.join(map(repr, fact.keys[1:]))}" if fact.keys[1:] else ""
            yield Finding(
                contract.line("provenance", "require", name),
                f"metadata key {fact.keys[0]!r} is missing (required)",
                hint=f"write {fact.keys[0]!r}{others} at export: onnxlint.stamp(model, "
                f"{_argument(name)})",
            )
        elif not fact.accepts(told[1]):
            yield Finding(
                contract.line("provenance", "require", name),
                f"metadata key {told[0]!r} is {shortened(told[1])!r} (required: {fact.form})",
                hint=_remedy(name),
            )


def _argument(name: str) -> str:
    if name in ("git-commit", "git-clean"):
        return "git_commit=True"
    argument = {"framework": "frameworks"}.get(name, HASHES_OF.get(name, name))
    return f"{argument}=…"


def _remedy(name: str) -> str:
    if name == "git-clean":
        return (
            "commit what was changed, and export again with onnxlint.stamp(model, git_commit=True)"
        )
    return f"write it in that form: onnxlint.stamp(model, {_argument(name)})"


def missing(contract: Contract, metadata: Mapping[str, str]) -> Iterator[Finding]:
    """Required keys that are not there, or empty, or of another form."""
    for key, pattern in contract.provenance.patterns.items():
        seen = metadata.get(key, "").strip()
        if not seen:
            yield Finding(
                contract.line("provenance", key),
                f"metadata key {key!r} is missing (required)",
                hint=f"write {key!r} into the metadata when the model is exported",
            )
        elif re.fullmatch(pattern, seen[:LONGEST_VALUE], re.DOTALL) is None:
            yield Finding(
                contract.line("provenance", key),
                f"metadata key {key!r} is {seen!r} (promised {pattern!r})",
                hint=f"write {key!r} in the promised form, or change provenance.required.{key}",
            )


UNSIGNED = (SignatureState.ABSENT, SignatureState.FOREIGN, SignatureState.UNVERIFIED)


def unsigned(contract: Contract, signature: Signature) -> Iterator[Finding]:
    """A required signature that is not there, or that nobody can verify."""
    if not contract.provenance.requires_signature:
        return
    verdict, signers = signature.verdict, contract.provenance.signature
    is_keyed = signers is not None and not signers.is_empty
    if verdict.state not in UNSIGNED:
        return
    yield Finding(
        contract.line("provenance", "signature" if is_keyed else "require", "signature"),
        "no signature lies beside the model (required)"
        if verdict.state is SignatureState.ABSENT
        else f"signature {verdict.file!r} is not verified (required): it {verdict.reason}",
        hint="sign the model as it is now, with model_signing sign"
        if is_keyed
        else "sign the model, and name the key: --public-key, or [provenance] signature",
    )


def licence(contract: Contract, metadata: Mapping[str, str]) -> Iterator[Finding]:
    """A licence that is not among the allowed ones."""
    allowed = contract.provenance.licences
    if not allowed:
        return
    named = {key.lower(): value.strip() for key, value in metadata.items()}
    seen = next((named[key] for key in LICENCE_KEYS if named.get(key)), None)
    if seen is None or seen.lower() not in {each.lower() for each in allowed}:
        told = "no licence in the metadata" if seen is None else f"licence is {seen!r}"
        yield Finding(
            contract.line("provenance", "licences"),
            f"{told} (promised {' or '.join(allowed)})",
            hint="write the metadata key 'license', or add the licence to provenance.licences",
        )
