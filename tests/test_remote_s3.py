"""Models and data in a bucket, with the real command and a real S3 server on this machine."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from conftest import SOUND
from remote_server import ask, served

from onnxlint.testing import model_from_text

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "hunter2",
    "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
}  # fmt: skip
ROWS = 1 << 17


def saved(model: onnx.ModelProto) -> bytes:
    """As a file has it."""
    return model.SerializeToString()


def with_weights_beside() -> tuple[bytes, bytes]:
    """A model, and its external data of 8 MiB."""
    types = f"(float[N, {ROWS}] x) => (float[N, 16] y)"
    model = model_from_text(f"net {types} <float[1] w = {{0}}> {{y = MatMul(x, w)}}")
    (weights,) = model.graph.initializer
    weights.ClearField("float_data")
    weights.ClearField("raw_data")
    weights.dims[:] = [ROWS, 16]
    weights.data_location = onnx.TensorProto.EXTERNAL
    for key, value in {"location": "w.bin", "offset": "0", "length": str(ROWS * 64)}.items():
        weights.external_data.add(key=key, value=value)
    numbers = np.random.default_rng(0).standard_normal((ROWS, 16), dtype=np.float32)
    return saved(model), numpy_bytes(numbers)


def numpy_bytes(numbers: np.ndarray) -> bytes:
    """Its elements."""
    return numbers.tobytes()


def archive(**arrays: np.ndarray) -> bytes:
    """An .npz."""
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Its address; what it has is put there by plain requests."""
    for package in ("s3fs", "moto", "flask_cors"):
        pytest.importorskip(package)  # so that each command forks with what it needs
    with served("s3") as address:
        model, weights = with_weights_beside()
        sound = saved(model_from_text(SOUND))
        later = saved(model_from_text(SOUND.replace("{1, 2", "{5, 2")))
        ask(f"{address}/hub", "PUT")
        for key, data in {
            "models/beside.onnx": model, "models/w.bin": weights, "models/sound.onnx": sound,
            "run/epoch_2.onnx": later, "run/epoch_10.onnx": sound, "run/readme.md": b"-",
            "data/x.npz": archive(x=np.ones((4, 3), np.float32)),
            "rows/x.npy": _row(),
        }.items():  # fmt: skip
            ask(f"{address}/hub/{key}", "PUT", data)
        yield address


def _row() -> bytes:
    file = io.BytesIO()
    np.save(file, np.ones((4, 3), np.float32))
    return file.getvalue()


@pytest.fixture
def hub(onnxlint, server, tmp_path):
    """The command with the bucket's server and credentials."""
    own = {"AWS_ENDPOINT_URL": server, "ONNXLINT_REMOTE_CACHE": str(tmp_path / "cache")}

    def run(*arguments: object, **more: str):
        return onnxlint(*arguments, **ENVIRONMENT | own | more)

    return run


def read_share(cache: Path, name: str) -> float:
    """The share of a file's chunks that the cache has."""
    (file,) = cache.glob(f"files/*/{name}")
    marks = (cache / "marks" / file.parent.name).read_bytes()
    return marks.count(1) / len(marks)


def test_of_weights_beside_the_model_a_part_is_read(hub, tmp_path):
    done = hub("check", "s3://hub/models/beside.onnx", "--select", "SEC,GRA", "-f", "sarif")
    assert done.returncode == 0, done.stderr
    assert read_share(tmp_path / "cache", "w.bin") < 0.05
    (run,) = json.loads(done.stdout)["runs"]
    assert "s3://hub/models/beside.onnx" in done.stdout
    assert str(tmp_path) + "/cache" not in json.dumps(run["results"])


def test_folders_globs_data_and_a_reference(hub):
    done = hub("check", "s3://hub/run", "s3://hub/models/s*.onnx", "--data", "s3://hub/data/x.npz",
               "--reference", "s3://hub/run/epoch_2.onnx", "--select", "CMP002,RUN001",
               "-f", "json")  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    models = json.loads(done.stdout)["models"]
    names = ("run/epoch_10", "run/epoch_2", "models/sound")
    assert [each["path"] for each in models] == [f"s3://hub/{name}.onnx" for name in names]
    assert '"data": "data s3://hub/data/x.npz"' in done.stdout
    found = [[finding["code"] for finding in each["findings"]] for each in models]
    assert found == [["CMP002"], [], ["CMP002"]]


def test_a_series_and_a_diff_on_a_folder_of_data(hub):
    series = hub("series", "s3://hub/run/*.onnx", "-f", "json", "--static-only")
    assert series.returncode in (0, 1), series.stderr
    (model,) = json.loads(series.stdout)["models"]
    files = [f"s3://hub/run/epoch_{epoch}.onnx" for epoch in (2, 10)]
    assert model["path"] == files[1]
    assert model["series"]["files"] == files
    differ = hub("diff", *files, "-f", "json", "--data", "s3://hub/rows", "--select", "RUN001")
    assert differ.returncode == 0, differ.stderr
    assert '"data": "data s3://hub/rows"' in differ.stdout
    assert [json.loads(differ.stdout)[side]["path"] for side in ("old", "new")] == files


def test_what_a_bucket_refuses_is_one_sentence(hub, server):
    done = hub("check", "s3://hub/none.onnx", "s3://nohub/model.onnx", "s3://hub/nothing/",
               "--select", "SEC", "-f", "json")  # fmt: skip
    assert done.returncode == 2
    errors = [each["error"] for each in json.loads(done.stdout)["models"]]
    assert errors[:2] == ["does not exist; check the address"] * 2
    assert errors[2].startswith("no model matches 's3://hub/nothing/'")
    gone = hub("check", "s3://hub/models/sound.onnx", AWS_ENDPOINT_URL="http://127.0.0.1:9")
    assert gone.returncode == 2
    assert "no server answers there; check the address" in gone.stdout
    assert "hunter2" not in done.stdout + gone.stdout + gone.stderr
