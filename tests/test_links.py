"""Models behind links: they run where a runtime would load them, and nothing else is opened."""

from __future__ import annotations

import json
import os
from contextlib import closing
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from attacks import layouts

from onnxlint.analyses.execution.probed_session import runnable
from onnxlint.analyses.execution.worker import RunFailure, Workers
from onnxlint.config import load, plan
from onnxlint.model.file.load import open_model
from onnxlint.model.file.mapped_files import TensorError, opened
from onnxlint.model.file.protobuf_wire import INLINE
from onnxlint.pipeline import lint_model
from onnxlint.report import ModelReport
from onnxlint.rules.packs import discover
from onnxlint.settings import Settings
from onnxlint.severity import Severity


def session(path: Path) -> onnxruntime.InferenceSession:
    """As the worker makes it."""
    with open_model(str(path)) as model:
        data, folder = runnable(model, [])
    options = onnxruntime.SessionOptions()
    key = "session.model_external_initializers_file_folder_path"
    options.add_session_config_entry(key, str(folder))
    return onnxruntime.InferenceSession(data, options)


@pytest.fixture(scope="module")
def workers():
    with closing(Workers()) as workers:
        yield workers


def judged(path: Path, workers: Workers) -> ModelReport:
    chosen = plan(load(None), discover(), str(path), ignore=["GRA002"])
    return lint_model(str(path), chosen, Settings(), workers=workers)


@pytest.mark.parametrize("layout", layouts.LINKED)
def test_a_usual_layout_of_links_is_clean(tmp_path, layout, workers):
    report = judged(layout(tmp_path), workers)
    assert report.complete
    assert report.samples == 8
    assert [found for found in report.findings if found.severity is not Severity.INFO] == []


def test_a_relative_path_through_links(onnxlint, tmp_path):
    path = layouts.hub_cache(tmp_path).relative_to(tmp_path)
    done = onnxlint(path, "--ignore", "GRA002")
    assert (done.returncode, done.stderr) == (0, "")
    assert "on 8 synthetic samples" in done.stdout


@pytest.mark.parametrize("layout", layouts.LINKED)
def test_what_runs_computes_the_same(tmp_path, layout):
    path = layout(tmp_path)
    made = session(path)
    rows = made.get_inputs()[0].shape[1]
    x = np.random.default_rng(1).standard_normal((3, rows)).astype(np.float32)
    weight = np.random.default_rng(0).standard_normal((rows, made.get_outputs()[0].shape[1]))
    expected = x @ weight.astype(np.float32)
    if layout is layouts.hub_cache_of_both_kinds:
        expected += np.arange(100, dtype=np.float32)
    np.testing.assert_allclose(made.run(None, {"x": x})[0], expected, rtol=1e-3, atol=1e-4)


def test_a_reference_behind_links_runs(onnxlint, tmp_path):
    path = layouts.hub_cache(tmp_path / "a")
    other = layouts.hub_cache_with_a_subfolder(tmp_path / "b")
    done = onnxlint(path, "--reference", other, "--select", "CMP", "--format", "json")
    assert done.returncode == 0, done.stderr
    (report,) = json.loads(done.stdout)["models"]
    assert (report["error"], report["findings"]) == (None, [])
    assert report["summary"]["samples"] == 8


def test_standard_input_finds_its_data_in_the_working_folder(onnxlint, tmp_path):
    path = layouts.external(tmp_path)
    done = onnxlint("-", "--select", "RUN", "--format", "json", stdin=path.read_bytes())
    (report,) = json.loads(done.stdout)["models"]
    assert (report["findings"], report["summary"]["samples"]) == ([], 8)


def test_large_weights_of_standard_input_are_not_copied(onnxlint, tmp_path):
    data = layouts.net(200, 100).SerializeToString()
    done = onnxlint("-", "--select", "RUN", "--format", "json", stdin=data)
    (report,) = json.loads(done.stdout)["models"]
    assert (report["findings"], report["summary"]["samples"]) == ([], 8)


@pytest.mark.skipif(os.name == "nt", reason="names there are text")
@pytest.mark.parametrize("where", ["folder", "file"])
def test_a_name_that_no_protobuf_can_hold(onnxlint, tmp_path, where):
    bad = os.fsdecode(b"m\xff")
    folder = tmp_path / (bad if where == "folder" else "model")
    folder.mkdir()
    path = folder / (f"{bad}.onnx" if where == "file" else "model.onnx")
    path.write_bytes(layouts.net(200, 100, left_over=False).SerializeToString())
    done = onnxlint(path, "--format", "json")
    assert done.returncode == 0, done.stdout
    (report,) = json.loads(done.stdout)["models"]
    assert report["summary"]["samples"] == 8


def test_external_data_behind_a_name_that_no_protobuf_can_hold(tmp_path):
    folder = tmp_path / os.fsdecode(b"m\xff")
    path = layouts.external(folder)
    x = np.eye(4, dtype=np.float32)
    weight = onnx.numpy_helper.to_array(layouts.net().graph.initializer[0])
    np.testing.assert_array_equal(session(path).run(None, {"x": x})[0], weight)


@pytest.mark.parametrize(
    "layout", [each for each in layouts.REFUSED if each is not layouts.data_is_short]
)
def test_what_the_preflight_refuses_is_not_handed_to_a_runtime(tmp_path, layout):
    with open_model(str(layout(tmp_path))) as model, pytest.raises(RunFailure):
        runnable(model, [])


@pytest.mark.parametrize("layout", layouts.REFUSED)
def test_what_the_preflight_refuses_is_told_and_not_run(tmp_path, layout, workers):
    report = judged(layout(tmp_path), workers)
    assert report.complete
    assert report.samples is None
    codes = {found.code for found in report.findings if found.severity is Severity.ERROR}
    assert codes <= {"SEC001", "SEC002", "SEC003"}
    assert codes


def test_a_link_that_turns_is_not_followed(tmp_path):
    """What was found is what is opened, whatever the link says by then."""
    path = layouts.linked_data(tmp_path)
    link = path.with_name("w.bin")
    with open_model(str(path)) as model:
        before = bytes(model.files.view("w.bin", 0, 16))
        assert model.files.refusal("w.bin") is None
        link.unlink()
        (tmp_path / "secret.bin").write_bytes(layouts.SECRET)
        link.symlink_to(tmp_path / "secret.bin")
        assert bytes(model.files.view("w.bin", 0, 16)) == before
        assert model.files.resolved("w.bin") == path.with_name("real.bin").resolve()


def test_a_mark_of_data_in_memory_is_a_file_like_any_other(tmp_path):
    """onnxruntime takes this location, given exactly so, for an address in its own memory."""
    path = layouts.external(tmp_path / "model", "*/_ORT_MEM_ADDR_/*")
    with open_model(str(path)) as model:
        data, _ = runnable(model, [])
    assert b"*/_ORT_MEM_ADDR_/*" not in data


def test_a_location_is_mapped_once(tmp_path):
    """Of two links that name each other's files, none is followed twice."""
    path = layouts.external(tmp_path / "model", "a", stored="b")
    path.with_name("a").symlink_to("b")
    model = onnx.load(path, load_external_data=False)
    other = model.graph.initializer[1]
    other.ClearField("raw_data")
    other.data_location = onnx.TensorProto.EXTERNAL
    other.external_data.add(key="location", value="./c")
    path.with_name("c").symlink_to("a")
    path.write_bytes(model.SerializeToString())
    with open_model(str(path)) as opened_model:
        data, folder = runnable(opened_model, [])
    tensors = onnx.ModelProto.FromString(data).graph.initializer
    assert [tensor.external_data[0].value for tensor in tensors] == ["./b", "./b"]
    assert folder == path.parent.resolve()


def test_only_regular_files_are_opened(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"12")
    (tmp_path / "link").symlink_to(file)
    os.mkfifo(tmp_path / "pipe")
    with opened(file) as handle:
        assert handle.read() == b"12"
    for name in ("link", "pipe", "."):
        with pytest.raises(OSError, match=r"."):
            opened(tmp_path / name)
    with pytest.raises(OSError, match="not a regular file"):
        opened(Path("/dev/zero"))


def test_a_location_that_only_the_linter_knows_is_refused(tmp_path):
    with open_model(str(layouts.external(tmp_path, "w.bin"))) as model:
        assert model.files.refusal(INLINE) is not None
        with pytest.raises(TensorError, match="does not exist"):
            model.files.view(INLINE, 0, 4)
