"""SEC012 signature-mismatch."""

from collections.abc import Iterator

from onnxlint import Finding, NotApplicable, Place, Severity, Signature, SignatureState, rule


@rule("SEC012", "signature-mismatch", severity=Severity.ERROR)
def signature_mismatch(signature: Signature) -> Iterator[Finding]:
    """A signature that does not fit the model, or was made with another key.

    Why: the file was changed after it was signed, or replaced, or somebody else signed it; what was
    reviewed and tested is not what lies here. The signature is one of model-signing, beside the
    model (`model.onnx.sig`, `model.sig`), of its file or folder. That the hashes fit is checked
    always, for the model and its external data; who signed it where a public key or certificates
    are given (`--public-key`, `[provenance.signature]`).
    Fix: fetch the model again from its source; if the change was meant, review and sign it anew.

    Bad:
    # the signature is of another file
    >>> import base64, json
    >>> subject = {"name": "model.onnx", "digest": {"sha256": "0" * 64}}
    >>> signed = {"name": ".", "algorithm": "sha256", "digest": "ab" * 32}
    >>> statement = {"_type": "https://in-toto.io/Statement/v1", "subject": [subject]}
    >>> statement["predicateType"] = "https://model_signing/signature/v1.0"
    >>> statement["predicate"] = {"serialization": {"method": "files"}, "resources": [signed]}
    >>> payload = base64.b64encode(json.dumps(statement).encode()).decode()
    >>> envelope = {"payload": payload, "payloadType": "application/vnd.in-toto+json"}
    >>> bundle = {"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json"}
    >>> bundle["verificationMaterial"] = {"publicKey": {"hint": "ab"}}
    >>> bundle["dsseEnvelope"] = envelope | {"signatures": [{"sig": "AA=="}]}
    >>> _ = (folder / "model.sig").write_text(json.dumps(bundle))
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
    if verdict.state is SignatureState.BROKEN:
        yield Finding(
            Place(),
            f"signature {verdict.file!r} does not fit: {verdict.reason}",
            hint="fetch the model again from its source; if the change was meant, sign it anew",
        )
