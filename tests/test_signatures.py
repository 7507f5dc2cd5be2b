"""Signatures as model-signing writes them: whether they fit the model, and who made them."""

from __future__ import annotations

import base64
import datetime
import json
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import onnx
import pytest
from click.testing import CliRunner
from conftest import SOUND

from onnxlint import lint
from onnxlint.cli.main import cli
from onnxlint.model.file.signature_bundle import BundleError, SignatureBundle
from onnxlint.promises import Provenance, Signers
from onnxlint.settings import Settings
from onnxlint.testing import model_from_text

# Imported by what uses them, for each fork of whoever imported them copies 50 MB more.
pytestmark = pytest.mark.skipif(find_spec("model_signing") is None, reason="no model-signing")

SELECT = ["SEC012", "SEC013", "CTR014"]


@pytest.fixture(scope="module")
def keys(tmp_path_factory) -> Path:
    """Keys `own` and `other`, and a certificate of `own` by the authority `root`."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    pem = serialization.Encoding.PEM
    folder = tmp_path_factory.mktemp("keys")
    for name in ("own", "other", "root"):
        key = ec.generate_private_key(ec.SECP256R1())
        private = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        (folder / f"{name}.key").write_bytes(key.private_bytes(pem, *private))
        public = serialization.PublicFormat.SubjectPublicKeyInfo
        (folder / f"{name}.pub").write_bytes(key.public_key().public_bytes(pem, public))
    certify(folder, "root", "root", authority=True)
    certify(folder, "own", "root", authority=False)
    certify(folder, "other", "other", authority=True)
    return folder


def certify(folder: Path, name: str, issuer: str, *, authority: bool) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization

    key, by = (serialization.load_pem_private_key((folder / f"{each}.key").read_bytes(), None)
               for each in (name, issuer))  # fmt: skip
    named = {each: x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, each)])
             for each in (name, issuer)}  # fmt: skip
    usage = dict.fromkeys(("content_commitment", "key_encipherment", "data_encipherment",
                           "key_agreement", "encipher_only", "decipher_only"), False)  # fmt: skip
    made = (
        x509.CertificateBuilder().subject_name(named[name]).issuer_name(named[issuer])
        .public_key(key.public_key()).serial_number(7 if authority else 8)
        .not_valid_before(datetime.datetime(2026, 1, 1))
        .not_valid_after(datetime.datetime(2026, 6, 1))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(digital_signature=True, key_cert_sign=authority,
                                     crl_sign=authority, **usage), critical=True)
        .sign(by, hashes.SHA256())
    )  # fmt: skip
    (folder / f"{name}.crt").write_bytes(made.public_bytes(serialization.Encoding.PEM))


def sign(keys: Path, what: Path, file: Path, key: str = "own", config=None) -> None:
    from model_signing import signing

    made = signing.Config().use_elliptic_key_signer(private_key=keys / f"{key}.key")
    if config is not None:
        made.set_hashing_config(config())
    made.sign(what, file)


def certificate_sign(keys: Path, what: Path, file: Path) -> None:
    from model_signing import signing

    signing.Config().use_certificate_signer(
        private_key=keys / "own.key", signing_certificate=keys / "own.crt",
        certificate_chain=[keys / "root.crt"],
    ).sign(what, file)  # fmt: skip


def told(model: Path, require: tuple[str, ...] = (), **signers) -> list[tuple[str, str]]:
    given = Signers(**signers) if signers else None
    provenance = Provenance(require=[*require], signature=given)
    report = lint(model, select=SELECT, settings=Settings(provenance=provenance))
    assert report.complete, report.error
    return [(each.code, each.message) for each in report.findings]


def by(keys: Path, name: str) -> dict[str, str]:
    return {"public_key": str(keys / f"{name}.pub")}


@pytest.mark.parametrize("name", ["model.onnx.sig", "model.sig"])
def test_a_signed_model_is_verified_with_its_key(write_model, keys, name):
    model = write_model()
    sign(keys, model, model.with_name(name))
    assert told(model, **by(keys, "own")) == []
    assert told(model, ("signature",), **by(keys, "own")) == []


def test_another_key_is_an_error_and_no_key_an_info(write_model, keys):
    model = write_model()
    sign(keys, model, model.with_name("model.sig"))
    ((code, message),) = told(model, **by(keys, "other"))
    assert code == "SEC012" and message.endswith("it was not made with the key 'other.pub'")
    ((code, message),) = told(model)
    assert code == "SEC013" and "none to verify it with is given" in message
    ((code, message),) = told(model, ("signature",))
    assert code == "CTR014" and "is not verified (required)" in message


def test_a_changed_model_does_not_fit_whoever_looks(write_model, keys):
    model = write_model()
    sign(keys, model, model.with_name("model.sig"))
    model.write_bytes(model.read_bytes() + b"\x22\x01x")
    for given in ({}, by(keys, "own")):
        ((code, message),) = told(model, **given)
        assert code == "SEC012" and message.endswith("is not the one that was signed")


def test_a_missing_signature_is_told_where_it_is_required(write_model, keys):
    model = write_model()
    assert told(model) == []
    for given in ({"require": ("signature",)}, by(keys, "own")):
        assert told(model, **given) == [("CTR014", "no signature lies beside the model (required)")]


def external(folder: Path) -> Path:
    proto = model_from_text(SOUND)
    raw = onnx.numpy_helper.to_array(proto.graph.initializer[0])
    proto.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(raw, "w"))
    folder.mkdir()
    onnx.save(proto, folder / "model.onnx", save_as_external_data=True, location="w.bin",
              size_threshold=0)  # fmt: skip
    return folder / "model.onnx"


def shards():
    from model_signing import hashing

    return hashing.Config().use_shard_serialization(shard_size=100)


def whole_files(algorithm: str):
    from model_signing import hashing

    return hashing.Config().use_file_serialization(hashing_algorithm=algorithm)


@pytest.mark.parametrize(
    "config", [None, shards, partial(whole_files, "blake2"), partial(whole_files, "blake3")]
)
def test_of_a_signed_folder_the_model_and_its_external_data_count(tmp_path, keys, config):
    model = external(tmp_path / "m")
    (model.parent / "readme.txt").write_text("of the model")
    sign(keys, model.parent, model.with_name("model.sig"), config=config)
    (model.parent / "readme.txt").unlink()
    (model.parent / "report.html").write_text("made later")
    assert told(model, **by(keys, "own")) == []
    weights = model.with_name("w.bin")
    data = weights.read_bytes()
    weights.write_bytes(b"\1" + data[1:])
    ((code, message),) = told(model, **by(keys, "own"))
    assert code == "SEC012" and message.endswith("external data 'w.bin' are not those that were "
                                                 "signed")  # fmt: skip
    weights.write_bytes(data + b"\0")
    assert told(model)[0][0] == "SEC012"


def test_external_data_that_nobody_signed_are_told(tmp_path, keys):
    model = external(tmp_path / "m")
    sign(keys, model, model.with_name("model.onnx.sig"))
    ((code, message),) = told(model, **by(keys, "own"))
    assert code == "CTR014" and message.endswith("does not list the external data 'w.bin'")


def test_a_signature_of_a_parent_folder_is_named(tmp_path, keys):
    model = external(tmp_path / "m")
    signature = tmp_path / "release.sig"
    sign(keys, tmp_path, signature)
    assert told(model, file=str(signature), **by(keys, "own")) == []
    ((code, message),) = told(model, file=str(tmp_path / "none.sig"), **by(keys, "own"))
    assert code == "CTR014" and "cannot be read (No such file or directory)" in message


def test_models_of_one_folder_that_were_signed_apart(write_model, keys):
    first, second = write_model(SOUND, "a.onnx"), write_model(SOUND.replace("net", "x"), "b.onnx")
    sign(keys, first, first.with_name("model.sig"))
    assert told(first, **by(keys, "own")) == []
    assert told(second) == []
    assert told(second, **by(keys, "own"))[0][0] == "CTR014"


def test_certificates_lead_to_the_signer(write_model, keys):
    model = write_model()
    certificate_sign(keys, model, model.with_name("model.sig"))
    assert told(model, certificates=[str(keys / "root.crt")]) == []
    ((code, message),) = told(model, certificates=[str(keys / "other.crt")])
    assert code == "SEC012" and "does not lead to 'other.crt'" in message
    ((code, message),) = told(model, **by(keys, "own"))
    assert code == "CTR014" and "was made with a certificate, and a public key" in message


def test_a_bundle_with_two_payloads_is_verified_as_it_was_read(write_model, keys, tmp_path):
    """JSON with a key twice: what one reader verifies, another must not be shown."""
    model = write_model()
    signature = model.with_name("model.sig")
    sign(keys, model, signature)
    good = json.loads(signature.read_text())["dsseEnvelope"]["payload"]
    model.write_bytes(model.read_bytes() + b"\x22\x01x")
    sign(keys, model, tmp_path / "evil.sig", key="other")
    evil = json.loads((tmp_path / "evil.sig").read_text())["dsseEnvelope"]["payload"]
    for pair in ((good, evil), (evil, good)):
        twice = f'"payload":"{pair[0]}","payload":"{pair[1]}"'
        signature.write_text(signature.read_text().replace(f'"payload":"{good}"', twice, 1))
        assert [code for code, _ in told(model, **by(keys, "own"))] == ["SEC012"]


def bundle(statement: object, **changes: object) -> bytes:
    payload = base64.b64encode(json.dumps(statement).encode()).decode()
    envelope = {"payload": payload, "payloadType": "application/vnd.in-toto+json",
                "signatures": [{"sig": "AA=="}]}  # fmt: skip
    return json.dumps({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {}}, "dsseEnvelope": envelope, **changes,
    }).encode()  # fmt: skip


STATEMENT = {"_type": "https://in-toto.io/Statement/v1", "subject": [{"name": "m"}],
             "predicateType": "https://model_signing/signature/v1.0"}  # fmt: skip


def of(**predicate: object) -> object:
    return {**STATEMENT, "predicate": {"serialization": {"method": "files"}, **predicate}}


@pytest.mark.parametrize(
    "data",
    [
        b"{", b'{"a":' * 100_000, b"{}", b'{"mediaType": 7}', bundle([]), bundle(7), bundle({}),
        bundle(STATEMENT), bundle(of(resources=7)), bundle(of(resources=[7])), bundle(of()),
        bundle(of(resources=[{"name": 7, "algorithm": "sha256", "digest": "ab" * 32}])),
        bundle(of(resources=[{"name": ".", "algorithm": "sha256", "digest": "xy"}])),
        bundle(of(resources=[{"name": "a:1", "algorithm": "sha256", "digest": "ab" * 32}],
                  serialization={"method": "shards"})),
        bundle(of(resources=[]), verificationMaterial=7),
        bundle(of(resources=[]), dsseEnvelope={"payload": "*"}),
        b'{"mediaType": "\xff"}', lambda: b"{" + b" " * (16 << 20) + b"}",
    ],
)  # fmt: skip
def test_hostile_bundles_are_one_sentence(write_model, keys, data):
    model = write_model()
    content = data() if callable(data) else data  # of what is large, nothing is kept
    model.with_name("model.sig").write_bytes(content)
    ((code, message),) = told(model)
    assert code == "SEC013" and len(message) < 400 and "\n" not in message, message
    assert [each for each, _ in told(model, **by(keys, "own"))] == ["CTR014"]


def test_what_another_program_wrote_is_nobodys_concern(write_model, keys):
    model = write_model()
    model.with_name("model.onnx.sig").write_bytes(b"-----BEGIN PGP SIGNATURE-----\n")
    assert told(model) == []
    ((_, message),) = told(model, **by(keys, "own"))
    assert message.endswith("is not a signature of model-signing")
    with pytest.raises(BundleError):
        SignatureBundle.read(b"")


def test_a_link_out_of_the_folder_is_not_read(write_model, keys, tmp_path):
    (tmp_path / "inner").mkdir()
    model = write_model()
    moved = model.rename(tmp_path / "inner" / "model.onnx")
    sign(keys, moved, tmp_path / "outside.sig")
    moved.with_name("model.sig").symlink_to(tmp_path / "outside.sig")
    assert told(moved) == []


def check(*arguments: str):
    return CliRunner().invoke(cli, ["check", "--static-only", "--select", ",".join(SELECT),
                                    *arguments])  # fmt: skip


def test_keys_of_the_command_line_and_of_the_configuration(
    write_model, keys, tmp_path, monkeypatch
):
    model = write_model()
    sign(keys, model, model.with_name("model.sig"))
    monkeypatch.chdir(tmp_path)
    own, other = str(keys / "own.pub"), str(keys / "other.pub")
    assert check(str(model), "--public-key", own).exit_code == 0
    done = check(str(model), "--public-key", other)
    assert done.exit_code == 1 and "SEC012" in done.output
    (tmp_path / "own.pub").write_bytes((keys / "own.pub").read_bytes())
    (tmp_path / "onnxlint.toml").write_text('[provenance.signature]\npublic-key = "own.pub"\n')
    assert check(str(model)).exit_code == 0
    assert check(str(model), "--public-key", other).exit_code == 1
    done = check(str(model), "--certificate-chain", str(keys / "root.crt"))
    assert done.exit_code == 1 and "CTR014" in done.output
    model.with_name("model.sig").unlink()
    assert check(str(model)).exit_code == 1  # the answer for the signed model is not given again


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (["--public-key", "none.pub"], "'{0}/none.pub' cannot be read (No such file or directory)"),
        (["--public-key", "text.pub"], "'{0}/text.pub' is not a public key in PEM that can be"),
        (["--certificate-chain", "text.pub"], "'{0}/text.pub' is not a certificate in PEM"),
        (["--certificate-chain", "text.pub", "--public-key", "a"], "give one"),
    ],
)
def test_a_key_that_is_none_is_one_sentence(write_model, tmp_path, monkeypatch, given, problem):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.pub").write_text("no key")
    done = check(str(write_model()), *given)
    assert done.exit_code == 2 and problem.format(tmp_path) in done.stderr, done.output


def test_a_key_beside_the_model_proves_nothing(write_model, keys, tmp_path, monkeypatch):
    (tmp_path / "theirs").mkdir()
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path / "mine")
    model = write_model().rename(tmp_path / "theirs" / "model.onnx")
    sign(keys, model, model.with_name("model.sig"), key="other")
    (model.parent / "other.pub").write_bytes((keys / "other.pub").read_bytes())
    config = model.with_name("onnxlint.toml")
    config.write_text(
        '[provenance]\nrequire = ["signature"]\nsignature = {public-key = "other.pub"}\n'
    )
    done = check(str(model))
    assert done.exit_code == 1 and "is not verified (required)" in done.output
    assert "provenance.signature" in done.output
    assert check(str(model), "--public-key", str(keys / "own.pub")).exit_code == 1
    assert check(str(model), "--trust-config").exit_code == 0


def test_without_model_signing_it_says_what_to_install(write_model, keys, monkeypatch):
    from onnxlint.analyses.static import signature_trust

    model = write_model()
    sign(keys, model, model.with_name("model.sig"))
    monkeypatch.setattr(signature_trust, "find_spec", lambda name: None)
    done = check(str(model), "--public-key", str(keys / "own.pub"))
    assert done.exit_code == 2 and "pip install 'onnxlint[signing]'" in done.stderr
    assert told(model, **by(keys, "own"))[0][0] == "CTR014"
