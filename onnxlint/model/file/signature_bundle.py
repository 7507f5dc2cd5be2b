"""What a signature of model-signing says: which files it is of, with which hashes.

It is a bundle of Sigstore: an envelope around a statement of in-toto. Nothing of it is proven by
reading it; what is verified is written anew from what was read here, so that no reader of another
kind sees something else in the same bytes.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any

from msgspec import Struct

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://model_signing/signature/v1.0"
EARLIER_PREDICATE = "https://model_signing/Digests/v0.1"


class BundleError(ValueError):
    """Bytes that are no signature of model-signing; `is_foreign` where nothing says they are."""

    def __init__(self, problem: str, *, is_foreign: bool = False) -> None:
        super().__init__(problem)
        self.is_foreign = is_foreign


class SignedWith(StrEnum):
    """What a signature is verified with."""

    KEY = "a key"
    CERTIFICATE = "a certificate"
    SIGSTORE = "a Sigstore identity"


class SignedFile(Struct, frozen=True):
    """A signed file, or a part of one: its path, its hash, and of a part where that lies."""

    path: PurePosixPath
    algorithm: str
    digest: str
    extent: tuple[int, int] | None = None


class SignatureBundle(Struct, frozen=True):
    """A signature as it was read: `subject` is the name of the file or folder that was signed."""

    signed_with: SignedWith
    subject: str
    files: tuple[SignedFile, ...]
    canonical: bytes

    @classmethod
    def read(cls, data: bytes) -> SignatureBundle:
        """Reads a bundle.

        Raises:
            BundleError: it is none.
        """
        if not data.lstrip().startswith(b"{"):
            raise BundleError("is not a signature of model-signing", is_foreign=True)
        try:
            return _bundle(_json(data))
        except BundleError:
            raise
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as why:
            told = f"{type(why).__name__}: {why}" if isinstance(why, KeyError) else str(why)
            raise BundleError(f"is not a signature of model-signing ({told[:200]})") from why


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    except ValueError as error:
        raise ValueError(f"invalid JSON: {error}") from error


def _bundle(told: Mapping[str, Any]) -> SignatureBundle:
    if told.get("mediaType") != MEDIA_TYPE:
        raise ValueError(f"mediaType {str(told.get('mediaType'))[:80]!r}")
    envelope, material = told["dsseEnvelope"], told["verificationMaterial"]
    payload = base64.b64decode(envelope["payload"], validate=True)
    if envelope["payloadType"] != PAYLOAD_TYPE:
        raise ValueError(f"payloadType {str(envelope['payloadType'])[:80]!r}")
    statement = _json(payload)
    subject, files = _signed(statement)
    canonical = {
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": material,
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"sig": str(envelope["signatures"][0]["sig"]), "keyid": ""}],
        },
    }
    return SignatureBundle(_kind(material), subject, tuple(files), json.dumps(canonical).encode())


def _kind(material: Mapping[str, Any]) -> SignedWith:
    if material.get("publicKey") is not None:
        return SignedWith.KEY
    if material.get("x509CertificateChain") is not None and not material.get("tlogEntries"):
        return SignedWith.CERTIFICATE
    return SignedWith.SIGSTORE


def _signed(statement: Mapping[str, Any]) -> tuple[str, Iterator[SignedFile]]:
    """The name of what was signed, and its files."""
    if statement["_type"] != STATEMENT:
        raise ValueError(f"statement {str(statement['_type'])[:80]!r}")
    kind, subjects = statement["predicateType"], statement["subject"]
    if kind == EARLIER_PREDICATE:
        named = ((each["name"], "sha256", each["digest"]["sha256"]) for each in subjects)
        return "", (_file(*each, is_part=False) for each in named)
    if kind != PREDICATE:
        raise ValueError(f"predicateType {str(kind)[:80]!r}")
    predicate = statement["predicate"]
    is_part = predicate["serialization"]["method"] == "shards"
    held = ((each["name"], each["algorithm"], each["digest"]) for each in predicate["resources"])
    return str(subjects[0]["name"]), (_file(*each, is_part=is_part) for each in held)


def _file(name: str, algorithm: str, digest: str, *, is_part: bool) -> SignedFile:
    if not re.fullmatch(r"([0-9a-f]{2}){16,64}", digest):
        raise ValueError(f"digest {digest[:80]!r}")
    if not is_part:
        return SignedFile(PurePosixPath(name), algorithm, digest)
    path, begin, end = name.split(":")
    extent = int(begin), int(end)
    if not 0 <= extent[0] <= extent[1] < 2**63:
        raise ValueError(f"part {name[:80]!r}")
    return SignedFile(PurePosixPath(path), algorithm, digest, extent)
