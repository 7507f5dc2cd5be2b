"""Models and data at web addresses, with the real command and a server on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from conftest import SOUND
from onnx import helper, numpy_helper
from remote_server import ask, served, traffic

from onnxlint.testing import model_from_text

SIDE, LAYERS = 1024, 5
"""Weights of 20 MiB, in tensors of 4 MiB."""


def layered(layers: int = LAYERS, side: int = SIDE) -> onnx.ModelProto:
    """Dense layers with weights of a seed."""
    rng = np.random.default_rng(0)
    nodes, weights, value = [], [], "x"
    for number in range(layers):
        matrix = rng.standard_normal((side, side), dtype=np.float32) / np.float32(side**0.5)
        weights.append(numpy_helper.from_array(matrix, f"w{number}"))
        nodes += [
            helper.make_node("MatMul", [value, f"w{number}"], [f"h{number}"], name=f"fc{number}"),
            helper.make_node("Relu", [f"h{number}"], [f"r{number}"], name=f"relu{number}"),
        ]
        value = f"r{number}"
    nodes[-1].output[0] = "y"
    row = [helper.make_tensor_value_info(name, 1, ["N", side]) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "net", row[:1], row[1:], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the server has."""
    pytest.importorskip("aiohttp")
    home = tmp_path_factory.mktemp("web")
    (home / "sound.onnx").write_bytes(model_from_text(SOUND).SerializeToString())
    onnx.save(layered(), home / "embedded.onnx")
    external = {"save_as_external_data": True, "location": "weights.bin", "size_threshold": 1024}
    onnx.save(layered(), home / "beside.onnx", **external)
    onnx.save(layered(2, 64), home / "narrow.onnx", **external | {"location": "narrow.bin"})
    (home / "sub").mkdir()
    (home / "sub" / "other.onnx").write_bytes(model_from_text(SOUND).SerializeToString())
    (home / "sub" / "notes.txt").write_text("no model")
    np.savez(home / "only.npz", x=np.ones((4, 3), np.float32))
    np.savez(home / "data.npz", x=np.ones((4, 3), np.float32), y=np.array([0, 1, 0, 1]))
    return home


@pytest.fixture(scope="module")
def web(folder: Path) -> Iterator[str]:
    """The server's address."""
    with served("web", folder) as address:
        yield address


@pytest.fixture(autouse=True)
def _apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has its own cache, and waits for no server to come back."""
    from onnxlint.remote import remote_file

    monkeypatch.setenv("ONNXLINT_REMOTE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(remote_file, "PAUSES", (0.0, 0.0, 0.0))


def reported(text: str) -> list[dict]:
    """The models of a JSON report, without what no two runs share."""
    models = json.loads(text)["models"]
    for each in models:
        each.pop("seconds", None)
        each.get("summary", {}).pop("seconds", None)
    return models


def test_a_remote_model_is_reported_as_its_copy_is(onnxlint, web, folder):
    local = onnxlint("check", folder / "narrow.onnx", "-f", "json")
    remote = onnxlint("check", f"{web}/ranged/narrow.onnx", "-f", "json")
    assert local.returncode == remote.returncode == 0
    (here,), (there,) = reported(local.stdout), reported(remote.stdout)
    assert there.pop("path") == f"{web}/ranged/narrow.onnx"
    here.pop("path")
    assert there == here
    assert traffic(web)["/ranged/narrow.bin"] >= (folder / "narrow.bin").stat().st_size
    again = onnxlint("check", f"{web}/ranged/narrow.onnx", "-f", "json")
    assert reported(again.stdout) == reported(remote.stdout)
    assert sum(traffic(web).values()) <= 2  # what is there, and of which version


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("beside.onnx", ["check", "--select", "SEC,GRA"]),
        ("embedded.onnx", ["check", "--select", "SEC,GRA"]),
        ("embedded.onnx", ["inspect", "--static-only"]),
    ],
)
def test_of_large_weights_only_a_part_is_read(onnxlint, web, folder, name, arguments):
    traffic(web)
    done = onnxlint(arguments[0], f"{web}/ranged/{name}", *arguments[1:])
    assert done.returncode == 0, done.stderr
    whole = sum(file.stat().st_size for file in (folder / name, folder / "weights.bin"))
    whole = (folder / name).stat().st_size if name == "embedded.onnx" else whole
    assert whole > SIDE * SIDE * 4 * LAYERS
    assert sum(traffic(web).values()) < 0.05 * whole


def test_hash_of_a_model_that_was_read_in_part(onnxlint, web, folder):
    static, whole = (
        onnxlint("check", f"{web}/ranged/embedded.onnx", "-f", "json", "--select", select)
        for select in ("SEC", "SEC,RUN")
    )
    assert reported(static.stdout)[0]["sha256"] is None
    local = onnxlint("check", folder / "embedded.onnx", "-f", "json", "--select", "SEC")
    assert reported(whole.stdout)[0]["sha256"] == reported(local.stdout)[0]["sha256"]


def test_what_goes_wrong_is_one_sentence_each(onnxlint, web):
    told = {
        f"{web}/ranged/none.onnx": "does not exist; check the address",
        f"{web}/refused/sound.onnx": "access is refused; give credentials by environment variables",
        f"{web}/busy/sound.onnx": "the server answers 503; try again",
        f"{web}/vast/model.onnx": "has 1,152,921,504,606,846,976 bytes, says its server (limit",
        f"{web}/changing/sound.onnx": "changed while it was read; run again",
        "http://127.0.0.1:9/model.onnx": "no server answers there; check the address",
        "https" + web[4:] + "/model.onnx": "the server does not speak TLS",
        "nosuch://bucket/model.onnx": "the scheme 'nosuch' is unknown to fsspec",
        "simplecache::http://h/model.onnx": "no model matches",
        "gs://bucket/model.onnx": "gs:// is read by a library that is missing; pip install gcsfs",
    }
    done = onnxlint("check", *told, "-j", "2", "-f", "json", "--select", "SEC")
    assert done.returncode == 2
    errors = {each["path"]: each["error"] for each in reported(done.stdout)}
    for address, sentence in told.items():
        if address.startswith("gs") and "missing" not in errors[address]:
            continue  # somebody has installed it
        assert errors[address].startswith(sentence), address
        assert "\n" not in errors[address]


def test_a_lost_connection_costs_nothing_that_was_read(onnxlint, web, folder):
    weights, size = "/dying/weights.bin", (folder / "weights.bin").stat().st_size
    assert onnxlint("check", f"{web}/flaky/beside.onnx", "--select", "WGT001").returncode == 0
    traffic(web)
    lost = onnxlint("check", f"{web}/dying/beside.onnx", "--select", "WGT001")
    assert lost.returncode == 2
    assert "the connection was lost; run again: what was read is kept" in lost.stdout
    before = traffic(web)[weights]
    assert before > SIDE * SIDE
    ask(f"{web}/_heal")
    assert onnxlint("check", f"{web}/dying/beside.onnx", "--select", "WGT001").returncode == 0
    assert before + traffic(web)[weights] < size + 1024


def test_servers_that_give_no_parts(onnxlint, web):
    kinds = ("plain", "unsized", "moved", "greedy")
    done = onnxlint("check", *(f"{web}/{kind}/sound.onnx" for kind in kinds), "-f", "json",
                    "--select", "SEC,RUN001")  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert len({each["sha256"] for each in reported(done.stdout)}) == 1


def test_a_file_that_changes_is_read_again(onnxlint, web, folder):
    copy = folder / "changes.onnx"
    hashes: list[str] = []
    for text in (SOUND, SOUND.replace("{1, 2", "{7, 2")):
        copy.write_bytes(model_from_text(text).SerializeToString())
        done = onnxlint("check", f"{web}/ranged/changes.onnx", "-f", "json", "--select", "SEC")
        hashes.append(reported(done.stdout)[0]["sha256"])
    assert hashes[0] != hashes[1]


def test_folders_and_globs(onnxlint, web):
    done = onnxlint("check", f"{web}/ranged/sub/", f"{web}/ranged/s*.onnx", "-f", "json",
                    "--select", "SEC")  # fmt: skip
    assert [each["path"] for each in reported(done.stdout)] == [
        f"{web}/ranged/sub/other.onnx", f"{web}/ranged/sound.onnx",
    ]  # fmt: skip
    nothing = onnxlint("check", f"{web}/ranged/*.pb")
    assert nothing.returncode == 2
    assert f"no model matches '{web}/ranged/*.pb'" in nothing.stderr


SECRETS = ("hunter2", "s3cr3t")


def test_secrets_of_an_address_are_in_no_report(onnxlint, web, tmp_path):
    pytest.importorskip("jinja2")
    names = ("json", "sarif", "html", "junit", "gitlab", "markdown")
    signed = f"http://me:hunter2@{web[7:]}/ranged/sound.onnx?X-Amz-Signature=s3cr3t"
    wanted = (word for name in names for word in ("-f", f"{name}={tmp_path / name}"))
    done = onnxlint("check", signed, *wanted, "-f", "full", "--select", "INT,RUN001",
                    "--show", "info")  # fmt: skip
    assert done.returncode == 0, done.stderr
    for text in (done.stdout, *((tmp_path / name).read_text() for name in names)):
        assert "/ranged/sound.onnx" in text
        assert not any(secret in text for secret in SECRETS)


def test_secrets_of_an_address_that_fails_are_in_no_error(onnxlint, web, tmp_path):
    signed = f"http://me:hunter2@{web[7:]}/KIND/sound.onnx?sig=s3cr3t&x=1"
    kinds = ("refused", "busy", "none", "changing")
    for done in (
        onnxlint("check", *(signed.replace("KIND", kind) for kind in kinds), "--select", "SEC"),
        onnxlint("inspect", signed.replace("KIND", "none")),
        onnxlint("diff", signed.replace("KIND", "none"), signed),
        onnxlint("check", signed, "--fix"),
        onnxlint("check", signed.replace("KIND/sound.onnx", "ranged/*.pb")),
        onnxlint("check", signed.replace("KIND", "ranged"), "--data", signed),
    ):
        assert done.returncode == 2
        for secret in SECRETS:
            assert secret not in done.stdout + done.stderr
    kept = [file for file in (tmp_path / "cache").rglob("*") if file.is_file()]
    assert not any(secret.encode() in file.read_bytes() or secret in str(file)
                   for file in kept for secret in SECRETS)  # fmt: skip


@pytest.mark.parametrize("location", ["../plain/weights.bin", "/etc/passwd", "http://h/w.bin"])
def test_external_data_stays_below_the_address_of_the_model(onnxlint, web, folder, location):
    model = onnx.load(folder / "beside.onnx", load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = location
    (folder / "sub" / "escapes.onnx").write_bytes(model.SerializeToString())
    traffic(web)
    done = onnxlint("check", f"{web}/ranged/sub/escapes.onnx", "--select", "SEC")
    (folder / "sub" / "escapes.onnx").unlink()
    assert done.returncode == 1
    assert "SEC001" in done.stdout
    assert {*traffic(web)} == {"/ranged/sub/escapes.onnx"}


def test_missing_weights_are_a_finding(onnxlint, web, folder):
    (folder / "sub" / "lost.onnx").write_bytes((folder / "beside.onnx").read_bytes())
    done = onnxlint("check", f"{web}/ranged/sub/lost.onnx", "--select", "SEC")
    (folder / "sub" / "lost.onnx").unlink()
    assert done.returncode == 1
    assert "'weights.bin'" in done.stdout
    assert "does not exist" in done.stdout


def test_data_and_labels_from_an_address(onnxlint, web):
    data = f"{web}/ranged/data.npz"
    done = onnxlint("check", f"{web}/ranged/sound.onnx", "--data", data, "--labels", f"{data}:y",
                    "-f", "json")  # fmt: skip
    (model,) = reported(done.stdout)
    assert f'"data": "data {data}"' in done.stdout
    assert model["metrics"]["samples"] == 4
    assert "cache" not in done.stdout
    missing = onnxlint("check", f"{web}/ranged/sound.onnx", "--data", f"{web}/ranged/none.npz")
    assert missing.returncode == 2
    assert (
        missing.stderr == f"Error: data {web}/ranged/none.npz: does not exist; check the address\n"
    )


def test_a_configuration_beside_a_model_reaches_no_address(onnxlint, web, tmp_path):
    (tmp_path / "theirs").mkdir()
    model = tmp_path / "theirs" / "model.onnx"
    model.write_bytes(model_from_text(SOUND).SerializeToString())
    (tmp_path / "theirs" / "onnxlint.toml").write_text(
        f'data = "{web}/ranged/data.npz"\nreference = "{web}/ranged/sound.onnx"\n'
        f'extend = "{web}/ranged/more.toml"\naccepted = "{web}/ranged/accepted.json"\n'
    )
    traffic(web)
    done = onnxlint("check", model, "--select", "SEC,RUN", "-f", "json")
    assert done.returncode == 0, done.stdout
    assert traffic(web) == {}
    trusted = onnxlint("check", model, "--select", "RUN", "-f", "json", "--config",
                       _configured(tmp_path, web))  # fmt: skip
    assert f'"data": "data {web}/ranged/only.npz"' in trusted.stdout


def _configured(folder: Path, web: str) -> Path:
    file = folder / "own.toml"
    file.write_text(f'data = "{web}/ranged/only.npz"\n')
    return file


def test_nothing_is_read_beyond_the_limit(onnxlint, web):
    traffic(web)
    address = f"{web}/ranged/beside.onnx"
    done = onnxlint("check", address, "--max-download", "1MiB")
    assert done.returncode == 2
    assert "needs a download of 20,97" in done.stdout
    assert "(limit 1,048,576); raise --max-download" in done.stdout
    assert sum(traffic(web).values()) < 10_000
    assert onnxlint("check", address, "--select", "SEC", "--max-download", "1MiB").returncode == 0
    wrong = onnxlint("check", address, "--max-download", "much")
    assert "'much' is not a valid size" in wrong.stderr


def test_commands_beside_check(onnxlint, web, folder):
    sound = f"{web}/ranged/sound.onnx"
    seen = onnxlint("inspect", sound, "-f", "json", "--data", f"{web}/ranged/only.npz")
    assert json.loads(seen.stdout)["path"] == sound
    same = onnxlint("diff", sound, folder / "sound.onnx", "--exit-code")
    assert same.returncode == 0, same.stdout
    compared = onnxlint("check", sound, "--reference", f"{web}/ranged/sub/other.onnx", "--select",
                        "CMP002", "-f", "json")  # fmt: skip
    assert reported(compared.stdout)[0]["summary"]["rules_run"] == 1
    fixed = onnxlint("check", sound, "--fix")
    assert fixed.returncode == 2
    assert "download it, then fix the copy" in fixed.stderr


@pytest.mark.slow
def test_two_at_once_share_what_they_read(onnxlint, web, folder):
    (folder / "twin.onnx").write_bytes((folder / "beside.onnx").read_bytes())
    names = [f"{web}/ranged/{name}.onnx" for name in ("beside", "twin")]
    done = onnxlint("check", *names, "-j", "2", "-f", "json", "--select", "WGT,SEC")
    assert done.returncode == 0
    one, other = reported(done.stdout)
    assert one["findings"] == other["findings"]


def test_the_cache_is_the_users_own(onnxlint, web, tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    done = onnxlint("check", f"{web}/ranged/sound.onnx", ONNXLINT_REMOTE_CACHE=str(shared))
    assert done.returncode == 2
    assert (
        "can be written by everybody; name another folder by ONNXLINT_REMOTE_CACHE" in done.stdout
    )
    assert not [*shared.iterdir()]
