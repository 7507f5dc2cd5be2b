"""SEC013 unverified-signature."""

from collections.abc import Iterator

from onnxlint import (
    Finding,
    NotApplicable,
    Place,
    Settings,
    Severity,
    Signature,
    SignatureState,
    rule,
)


@rule("SEC013", "unverified-signature", severity=Severity.INFO)
def unverified_signature(signature: Signature, settings: Settings) -> Iterator[Finding]:
    """A signature whose maker nobody has verified.

    Why: a signature whose hashes fit shows that the file was not damaged, and nothing about who
    made it: whoever replaces a model can replace the signature beside it. Reported where no key is
    given, the signature cannot be read, does not list the model or its external data, or was made
    with a Sigstore identity, which only the network can verify.
    Fix: give the key or certificates that you trust, with `--public-key`, `--certificate-chain` or
    `[provenance.signature]` of your own configuration; the key must not come with the model.

    Bad:
    >>> _ = (folder / "model.onnx.sig").write_text('{"mediaType": "application/vnd')
    net (float[N, 2] x) => (float[N, 2] y)
    {
        y = Relu(x)
    }

    Good:
    # a signature of GnuPG
    >>> _ = (folder / "model.onnx.sig").write_bytes(b"\\x89\\x02\\x33\\x04")
    net (float[N, 2] x) => (float[N, 2] y)
    {
        y = Relu(x)
    }
    """
    verdict = signature.verdict
    if verdict.state is SignatureState.ABSENT:
        raise NotApplicable("no signature lies beside the model")
    if settings.provenance.requires_signature:
        raise NotApplicable("contract-provenance judges the signature, which is required")
    if verdict.state is SignatureState.UNVERIFIED:
        yield Finding(
            Place(),
            f"signature {verdict.file!r} is not verified: it {verdict.reason}",
            hint="give the key that you trust: --public-key, or [provenance] signature",
        )
