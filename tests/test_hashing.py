"""The hash of a model file, however much of it was taken before it is asked for."""

from __future__ import annotations

import hashlib
import mmap
from itertools import islice
from pathlib import Path

import pytest

from onnxlint.model.file import hashing
from onnxlint.model.file.hashing import LITTLE, Hashing, sha256_of_little
from onnxlint.model.file.load import open_model
from onnxlint.pipeline import lint

CONTENT = bytes(range(256)) * 80


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    monkeypatch.setattr(hashing, "AT_ONCE", 4096)


@pytest.mark.parametrize("taken", [0, 1, 4, 5, 6])
def test_it_is_the_hash_of_all_bytes(taken, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        for data in (mapped, memoryview(CONTENT)):
            found = Hashing(data)
            steps = found.steps()
            assert len([*islice(steps, taken)]) == min(taken, 5)
            assert found.result() == hashlib.sha256(CONTENT).hexdigest()
            assert found.result() == hashlib.sha256(CONTENT).hexdigest()


def test_the_report_has_it(write_model):
    path = write_model()
    assert lint(path).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert lint(path.read_bytes()).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_closed_model_keeps_no_file_open(write_model, monkeypatch):
    monkeypatch.setattr(hashing, "AT_ONCE", 16)
    path = str(write_model())
    with open_model(path) as model:
        next(model.files.hashing.steps())
    with pytest.raises(ValueError, match="its hash was not taken"):
        _ = model.sha256
    assert path not in opened_files()


def opened_files():
    places = [*Path("/proc/self/fd").iterdir()]
    return {str(place.readlink()) for place in places if place.is_symlink()}


@pytest.mark.parametrize("size", [0, 1, LITTLE - 1, LITTLE, LITTLE + 1])
def test_little_and_much_have_the_hash_that_everybody_takes(size):
    data = bytes(range(256)) * (size // 256 + 1)
    whole = memoryview(data)[:size]
    assert Hashing(whole).result() == hashlib.sha256(whole).hexdigest()
    assert sha256_of_little(bytes(whole)).hexdigest() == hashlib.sha256(whole).hexdigest()
