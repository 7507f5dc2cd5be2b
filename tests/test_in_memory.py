"""Models that are linted in memory, and many at a time."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from msgspec.structs import replace
from onnx import numpy_helper

from onnxlint import Settings, lint, lint_many
from onnxlint.model.file import source as source_module
from onnxlint.model.file.load import open_model
from onnxlint.model.file.memory_files import MemoryFiles
from onnxlint.model.file.source import Source, in_memory
from onnxlint.report import ModelReport
from onnxlint.testing import model_from_text

SELECT = ["GRA002", "WGT", "RUN", "SEC"]


def large_model() -> onnx.ModelProto:
    """Its weight of 128 KiB is of those that are not copied out of a file."""
    model = model_from_text("net (float[N, 128] x) => (float[N, 256] y) { y = MatMul(x, w) }")
    weight = np.linspace(-1, 1, 128 * 256, dtype=np.float32).reshape(128, 256)
    weight[0, 0] = np.nan
    model.graph.initializer.append(numpy_helper.from_array(weight, "w"))
    model.graph.initializer.append(numpy_helper.from_array(weight[0], "unused"))
    return model


@dataclass
class Program:
    """As torch's ONNXProgram has its model."""

    model_proto: onnx.ModelProto
    model: Any = None


def ir_model(proto: onnx.ModelProto) -> Any:
    return pytest.importorskip("onnx_ir", reason="onnx-ir is not installed").from_proto(proto)


FORMS = {
    "bytes": (lambda proto: proto.SerializeToString(), "<bytes>"),
    "bytearray": (lambda proto: bytearray(proto.SerializeToString()), "<bytearray>"),
    "onnx": (lambda proto: proto, "<ModelProto>"),
    "onnx_ir": (ir_model, "<onnx_ir.Model>"),
    "program": (Program, "<Program>"),
    "program of onnx_ir": (lambda proto: Program(None, ir_model(proto)), "<Program>"),  # type: ignore[arg-type]
}


def told(report: ModelReport) -> list[tuple[str, str]]:
    return [(finding.code, finding.message) for finding in report.findings]


@pytest.fixture(scope="module")
def from_file(tmp_path_factory: pytest.TempPathFactory) -> ModelReport:
    path = tmp_path_factory.mktemp("model") / "model.onnx"
    onnx.save(large_model(), path)
    return lint(path, select=SELECT)


@pytest.mark.parametrize("form", FORMS)
def test_a_model_in_memory_is_judged_as_its_file_is(form: str, from_file: ModelReport) -> None:
    make, name = FORMS[form]
    model = make(large_model())
    report = lint(model, select=SELECT)
    assert report.path == name
    assert report.complete
    assert {"GRA002", "WGT001"} <= {code for code, _ in told(from_file)}
    assert told(report) == told(from_file)
    assert report.samples == from_file.samples is not None


def test_no_file_is_written_where_nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.NamedTemporaryFile", None)
    assert {"GRA002", "WGT001"} <= {c for c, _ in told(lint(large_model(), select=SELECT[:2]))}


def test_the_temporary_file_is_gone_afterwards() -> None:
    data = large_model().SerializeToString()
    with open_model(Source("<bytes>", Path.cwd(), data=data)) as model:
        assert isinstance(model.files, MemoryFiles)
        folder, names = model.files.gathered(["\0inline"])
        (name,) = names.values()
        assert (folder / name).read_bytes() == data
    assert not (folder / name).exists()


@pytest.mark.parametrize(
    ("model", "problem"),
    [
        (b"", "is empty"),
        (b"no model at all", "is not an ONNX model"),
        (b"version https://git-lfs.github.com/spec/v1", "is a Git LFS pointer"),
        (b"PK\x03\x04\x14\x00", "is a zip archive, like PyTorch's .pt and numpy's .npz"),
        (b"\x1f\x8b\x08\x00", "is compressed with gzip; unpack it first"),
        (b"\x89HDF\r\n\x1a\n", "is an HDF5 file, as Keras writes it"),
        (b"\x80\x02}q\x00", "is a Python pickle"),
        (b"\x1c\x00\x00\x00TFL3", "is a TensorFlow Lite model"),
        (b"\n <!DOCTYPE html><html>", "is a web page, not the model"),
        (onnx.ModelProto(ir_version=10), "contains no graph"),
    ],
)
def test_what_is_no_model_is_told_in_the_report(model: Any, problem: str) -> None:
    report = lint(model)
    assert report.error is not None
    assert problem in report.error
    assert "\n" not in report.error


@pytest.mark.parametrize("model", [["m.onnx"], None, 3, np.zeros(3)])
def test_another_object_is_refused(model: Any) -> None:
    with pytest.raises(TypeError, match="is not a model; give a path, bytes"):
        lint(model)


def test_what_cannot_be_serialised_is_told_in_the_report() -> None:
    class Endless:
        DESCRIPTOR = onnx.ModelProto.DESCRIPTOR

        def SerializeToString(self) -> bytes:  # noqa: N802 - as protobuf has it
            raise ValueError("Message onnx.ModelProto exceeds maximum protobuf size of 2GB")

    report = lint(Endless())  # type: ignore[arg-type]
    assert report.path == "<Endless>"
    assert report.error is not None
    assert "exceeds maximum protobuf size of 2GB); save it with external data" in report.error


def external(location: str) -> onnx.ModelProto:
    model = model_from_text("net (float[N, 4] x) => (float[N, 4] y) { y = Mul(x, w) }")
    tensor = onnx.TensorProto(name="w", data_type=1, dims=[4], data_location=1)
    tensor.external_data.add(key="location", value=location)
    model.graph.initializer.append(tensor)
    return model


def test_external_data_lies_in_the_folder_given_and_nowhere_else(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    for folder in (tmp_path, inside):
        (folder / "w.bin").write_bytes(np.full(4, np.nan, np.float32).tobytes())
    codes = {location: {code for code, _ in told(lint(
                 external(location), folder=inside, select=["SEC", "WGT001"]))}
             for location in ("w.bin", "../w.bin", "gone.bin")}  # fmt: skip
    assert "WGT001" in codes["w.bin"]
    assert not {"SEC001", "SEC002"} & codes["w.bin"]
    assert "SEC001" in codes["../w.bin"]
    assert "WGT001" not in codes["../w.bin"] | codes["gone.bin"]


def test_external_data_of_onnx_ir_lies_where_it_was_loaded_from(tmp_path: Path) -> None:
    onnx_ir = pytest.importorskip("onnx_ir", reason="onnx-ir is not installed")
    (tmp_path / "w.bin").write_bytes(np.full(4, np.nan, np.float32).tobytes())
    onnx.save(external("w.bin"), tmp_path / "model.onnx")
    report = lint(onnx_ir.load(tmp_path / "model.onnx"), select=["SEC", "WGT001"])
    assert [code for code, _ in told(report)] == ["WGT001"]


def test_a_large_onnx_ir_model_goes_to_a_temporary_folder(monkeypatch: Any) -> None:
    model = ir_model(large_model())
    monkeypatch.setattr(source_module, "SERIALISED_BYTES", 1000)
    with in_memory(model) as source:
        assert source.file is not None
        assert sorted(os.listdir(source.folder)) == ["model.onnx", "weights"]  # noqa: PTH208
    assert not source.folder.exists()
    assert {"GRA002", "WGT001"} <= {code for code, _ in told(lint(model, select=SELECT))}
    assert model.graph.initializers["w"].const_value.nbytes == 128 * 256 * 4


def test_many_are_linted_in_their_order(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.onnx" for number in range(5)]
    for number, path in enumerate(paths):
        onnx.save(large_model() if number % 2 else external("w.bin"), path)
    paths.insert(2, tmp_path / "gone.onnx")
    single = [lint(path, select=SELECT[:2]) for path in paths]
    for jobs in (1, 2):
        reports = [*lint_many(paths, jobs=jobs, select=SELECT[:2], settings=Settings())]
        assert [replace(report, seconds=0) for report in reports] == [
            replace(report, seconds=0) for report in single
        ]


def test_mistakes_of_the_caller_are_told_at_once() -> None:
    with pytest.raises(TypeError, match="takes several paths"):
        lint_many("model.onnx")
    with pytest.raises(ValueError, match="at least 1"):
        lint_many([], jobs=0)
    assert list(lint_many([])) == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks Linux for its children")
def test_whoever_leaves_early_leaves_no_process(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.onnx" for number in range(4)]
    for path in paths:
        onnx.save(large_model(), path)

    def children() -> set[str]:
        return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())

    before = children()
    reports = lint_many(paths, jobs=2, select=["RUN"])
    assert next(iter(reports)).complete
    assert children() > before
    reports.close()
    assert children() == before
