"""The signature beside a model: whether it fits the files, and who made it."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from onnxlint.model.file.load import Model
from onnxlint.model.file.mapped_files import TensorError
from onnxlint.model.file.signature_files import USUAL, SignatureFileError, beside, content
from onnxlint.model.preflight import Preflight
from onnxlint.promises import Signers
from onnxlint.remote.address import is_remote
from onnxlint.settings import Settings

if TYPE_CHECKING:
    from onnxlint.model.file.signature_bundle import SignatureBundle, SignedWith


class SignatureState(StrEnum):
    """What is known of a model's signature."""

    ABSENT = "absent"
    FOREIGN = "foreign"
    UNVERIFIED = "unverified"
    BROKEN = "broken"
    VERIFIED = "verified"


class SignatureVerdict(Struct, frozen=True):
    """A signature file by its name, and what is known of it, with the reason.

    `FOREIGN` is a file of another kind, such as GnuPG's under the same name.
    """

    state: SignatureState
    file: str = ""
    reason: str = ""


_WEIGHT = (
    SignatureState.VERIFIED, SignatureState.BROKEN, SignatureState.UNVERIFIED,
    SignatureState.FOREIGN,
)  # fmt: skip
"""Which of several files says what is known: a good one, else one that does not fit."""


class Signature:
    """The signature of a model, as model-signing writes it; looked for when somebody asks.

    A file that was signed by itself, or in its folder: only the model and its external data count.
    """

    def __init__(self, model: Model, preflight: Preflight, settings: Settings) -> None:
        self._model, self._preflight = model, preflight
        self._settings, self._signers = settings, settings.provenance.signature

    @classmethod
    def build(cls, model: Model, preflight: Preflight, settings: Settings) -> Signature:
        """Reads nothing yet."""
        return cls(model, preflight, settings)

    @cached_property
    def verdict(self) -> SignatureVerdict:
        """What is known of the signature."""
        verdicts = [*self._verdicts()]
        for state in _WEIGHT:
            for each in verdicts:
                if each.state is state:
                    return each
        return SignatureVerdict(SignatureState.ABSENT)

    def _verdicts(self) -> Iterator[SignatureVerdict]:
        files = dict(self._files())
        if not files:  # hardly any model has one: what reads and verifies them is not loaded
            return
        from onnxlint.model.file.signature_bundle import BundleError, SignatureBundle

        for name, data in files.items():
            if isinstance(data, SignatureFileError):
                yield SignatureVerdict(SignatureState.UNVERIFIED, name, str(data))
                continue
            try:
                bundle = SignatureBundle.read(data)
                if not self._is_of_another(name, bundle):
                    yield self._judged(name, bundle)
            except BundleError as error:
                state = SignatureState.FOREIGN if error.is_foreign else SignatureState.UNVERIFIED
                yield SignatureVerdict(state, name, str(error))

    def _files(self) -> Iterator[tuple[str, bytes | SignatureFileError]]:
        named = None if self._signers is None else self._signers.file
        if named is None:
            if self._is_worth_asking:
                yield from beside(self._model.files).items()
            return
        try:
            yield named, content(Path(named))
        except SignatureFileError as error:
            yield named, error

    @property
    def _is_worth_asking(self) -> bool:
        """Whether files of the usual names are looked for: behind an address, if one is wanted.

        There every name is a question to a server, for a file that hardly any model has.
        """
        wanted = self._signers is not None or "signature" in self._settings.provenance.require
        return wanted or not is_remote(self._model.path)

    def _is_of_another(self, name: str, bundle: SignatureBundle) -> bool:
        """Whether a file of the usual name signs one other model of the same folder."""
        own = self._model.files.model_file.name
        signed = bundle.files[0] if len(bundle.files) == 1 else None
        return (
            name == USUAL and signed is not None and not signed.path.parts
            and bundle.subject not in ("", own) and signed.digest != self._model.sha256
        )  # fmt: skip

    def _judged(self, name: str, bundle: SignatureBundle) -> SignatureVerdict:
        from onnxlint.analyses.static.signed_files import UnsignedError, difference

        locations = [each.location for each in self._preflight.externals]
        try:
            differs = difference(self._model, locations, bundle.files)
        except UnsignedError as error:
            return SignatureVerdict(SignatureState.UNVERIFIED, name, str(error))
        except TensorError as error:
            told = f"is of a file that cannot be read ({error})"
            return SignatureVerdict(SignatureState.UNVERIFIED, name, told)
        if differs is not None:
            return SignatureVerdict(SignatureState.BROKEN, name, differs)
        return self._verified(name, bundle)

    def _verified(self, name: str, bundle: SignatureBundle) -> SignatureVerdict:
        from onnxlint.analyses.static import signature_trust as trust

        reason = _unverifiable(bundle.signed_with, self._signers)
        if reason is not None or self._signers is None:
            return SignatureVerdict(SignatureState.UNVERIFIED, name, reason or "")
        try:
            problem = trust.problem(bundle, self._signers)
        except trust.TrustError as error:
            told = f"cannot be verified: {error}"
            return SignatureVerdict(SignatureState.UNVERIFIED, name, told)
        if problem is not None:
            return SignatureVerdict(SignatureState.BROKEN, name, f"it {problem}")
        return SignatureVerdict(SignatureState.VERIFIED, name, f"by {self._signers.shown}")


def _unverifiable(signed_with: SignedWith, signers: Signers | None) -> str | None:
    """Why a signature cannot be verified with what the user gave."""
    from onnxlint.analyses.static import signature_trust as trust
    from onnxlint.model.file.signature_bundle import SignedWith

    if signed_with is SignedWith.SIGSTORE:
        return (
            "was made with a Sigstore identity, which only the network can verify: "
            "model_signing verify sigstore"
        )
    if signers is None or signers.is_empty:
        return f"was made with {signed_with}, and none to verify it with is given"
    if (signed_with is SignedWith.KEY) != (signers.public_key is not None):
        given = "a public key" if signers.public_key is not None else "a certificate"
        return f"was made with {signed_with}, and {given} is given to verify it with"
    if not trust.is_installed():
        return trust.MISSING
    return None
