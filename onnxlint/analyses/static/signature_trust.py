"""Whether a signature was made by whom the user trusts: asked of model-signing, without network."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterable
from contextlib import redirect_stdout
from importlib.util import find_spec
from io import StringIO
from pathlib import Path, PurePosixPath
from typing import Any

from onnxlint.model.file.signature_bundle import SignatureBundle, SignedFile, SignedWith
from onnxlint.promises import Signers

MISSING = "needs model-signing: pip install 'onnxlint[signing]'"


class TrustError(Exception):
    """A key or certificate of the user's that cannot be used: which, and why."""


def is_installed() -> bool:
    """Whether signatures can be verified."""
    return find_spec("model_signing") is not None


def check(signers: Signers) -> None:
    """Whether the key or certificates that the user names can be used.

    Raises:
        TrustError: they cannot.
    """
    if not is_installed():
        raise TrustError(MISSING)
    _config(signers)


def problem(bundle: SignatureBundle, signers: Signers) -> str | None:
    """Why a signature is not by whom the user trusts; None where it is.

    Raises:
        TrustError: the key or certificates cannot be used.
    """
    config = _config(signers).set_hashing_config(_as_signed(bundle.files))
    with tempfile.TemporaryDirectory(prefix="onnxlint-signature-") as folder:
        file = Path(folder) / "model.sig"
        file.write_bytes(bundle.canonical)
        try:
            with redirect_stdout(StringIO()):  # where it warns of signatures of earlier versions
                config.verify(folder, file)
        except Exception as error:  # of cryptography, OpenSSL, pydantic, and its own
            return _told(bundle, signers, error)
    return None


def _config(signers: Signers) -> Any:
    from model_signing.verifying import Config

    logging.getLogger("model_signing").addHandler(logging.NullHandler())
    files = [*filter(None, [signers.public_key]), *signers.certificates]
    try:
        if signers.public_key is not None:
            return Config().use_elliptic_key_verifier(public_key=signers.public_key)
        return Config().use_certificate_verifier(certificate_chain=[*signers.certificates])
    except OSError as error:
        raise TrustError(f"{error.filename!r} cannot be read ({error.strerror})") from error
    except Exception as error:
        kind = "public key" if signers.public_key is not None else "certificate"
        names = ", ".join(repr(str(file)) for file in files)
        told = str(error).strip().partition("\n")[0][:200]
        raise TrustError(f"{names} is not a {kind} in PEM that can be used ({told})") from error


def _as_signed(files: Iterable[SignedFile]) -> Any:
    """What model-signing is to compare the signed hashes with: themselves.

    Whether the model has these hashes is asked elsewhere, of its own files alone: those that lie
    beside them are nobody's concern here.
    """
    from model_signing import hashing, manifest

    def item(signed: SignedFile) -> Any:
        digest = manifest.hashing.Digest(signed.algorithm, bytes.fromhex(signed.digest))
        path = PurePosixPath(signed.path)
        if signed.extent is None:
            return manifest.FileManifestItem(path=path, digest=digest)
        begin, end = signed.extent
        return manifest.ShardedFileManifestItem(path=path, start=begin, end=end, digest=digest)

    method = {"method": "files", "hash_type": "sha256", "allow_symlinks": False}
    held = manifest.Manifest("", map(item, files), manifest.SerializationType.from_args(method))

    class AsSigned(hashing.Config):  # type: ignore[misc]
        def add_ignored_paths(self, **_: Any) -> None:
            """No file is looked for."""

        def hash(self, _path: Any, **_: Any) -> Any:
            return held

    return AsSigned()


def _told(bundle: SignatureBundle, signers: Signers, error: Exception) -> str:
    """A sentence on why: the library's own are for those who call it."""
    if bundle.signed_with is SignedWith.KEY:
        return f"was not made with the key {signers.shown}"
    told = str(error).strip().partition("\n")[0].rstrip(". ")[:200]
    named = f"does not lead to {signers.shown}"
    return f"{named} ({told})" if told else f"{named}: it was not made with its certificate"
