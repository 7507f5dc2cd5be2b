"""Fixes: what the command writes, what it refuses, and that a mended model computes the same."""

from __future__ import annotations

import json
import math
import os
import shutil
import stat
import tomllib
from contextlib import closing
from io import FileIO
from pathlib import Path

import hypothesis
import numpy as np
import onnx
import onnxruntime
import pytest
from attacks import layouts
from conftest import FLAWED, SOUND, tries
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from onnxlint import Draft, Finding, Fix, FixError, Graph, Severity, rule
from onnxlint.analyses.execution.worker import Worker, Workers
from onnxlint.config import load
from onnxlint.findings import Diagnostic
from onnxlint.fixing import MOST_GUILTY, FixRequest, _Repair, _Task, fix_model
from onnxlint.job import Job, plan
from onnxlint.model.edit.draft import FixConflictError, sort_nodes
from onnxlint.model.edit.save import _copy
from onnxlint.model.file.load import open_model
from onnxlint.model.graph.place import Place
from onnxlint.pipeline import lint_model
from onnxlint.report import exit_code
from onnxlint.rules.packs import discover
from onnxlint.rules.rule import Rule
from onnxlint.runtime.protocol import Ran, Run
from onnxlint.testing import Example, model_from_text, problems, run_rule, saved
from onnxlint_rules.gra.duplicate_initializer import duplicate_initializer
from onnxlint_rules.gra.duplicate_node_name import duplicate_node_name
from onnxlint_rules.gra.identity_of_constant import identity_of_constant
from onnxlint_rules.gra.initializer_as_input import initializer_as_input
from onnxlint_rules.gra.passthrough_output import passthrough_output
from onnxlint_rules.gra.unused_function import unused_function
from onnxlint_rules.gra.unused_initializer import unused_initializer
from onnxlint_rules.gra.unused_node import unused_node
from onnxlint_rules.gra.unused_opset_import import unused_opset_import
from onnxlint_rules.onx.declared_shape_mismatch import declared_shape_mismatch
from onnxlint_rules.onx.duplicate_initializer_name import duplicate_initializer_name
from onnxlint_rules.onx.unsorted_nodes import unsorted_nodes
from onnxlint_rules.sec.local_path_leak import local_path_leak
from onnxlint_rules.wgt.denormal_weight import denormal_weight

FIXTURES = Path(__file__).parent.parent / "fixtures"

BALLAST = """net (float[N, 2] x) => (float[N, 2] y)
<float[2] w = {1, 2}, float[2] forgotten = {5, 7}> {
    y = Mul(x, w)
}"""
"""One finding with a fix, and nothing else."""

UNLOADABLE = BALLAST.replace("Mul(x, w)", "Mul(x, nowhere)")


@pytest.fixture(scope="module")
def workers():
    with closing(Workers()) as workers:
        yield workers


def fixed(path: Path, *rules: Rule, workers: Workers, target: Path | None = None, **request):
    job = Job(str(path), rules or discover().rules)
    return fix_model(job, FixRequest(target, **request), workers=workers)


def outputs(path: Path, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
    """By onnxruntime itself, and without node names, over which it refuses models."""
    model = onnx.load(str(path), load_external_data=False)
    for node in model.graph.node:
        node.name = ""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    options.add_session_config_entry(
        "session.model_external_initializers_file_folder_path", str(path.parent)
    )
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    return session.run(None, feeds)


def noise(path: Path) -> dict[str, np.ndarray]:
    model = onnx.load(str(path), load_external_data=False)
    stored = {tensor.name for tensor in model.graph.initializer}
    rng = np.random.default_rng(1)
    feeds = {}
    for info in model.graph.input:
        if info.name not in stored:
            shape = [dim.dim_value or 3 for dim in info.type.tensor_type.shape.dim]
            dtype = helper.tensor_dtype_to_np_dtype(info.type.tensor_type.elem_type)
            feeds[info.name] = np.asarray(rng.standard_normal(shape) * 3).astype(dtype)
    return feeds


# The command


@pytest.mark.fresh
def test_in_place(onnxlint, write_model):
    path = write_model(BALLAST)
    path.chmod(0o640)
    assert "[fixable]" in onnxlint(path, "--static-only", "--verbose").stdout
    done = onnxlint(path, "--fix")
    assert (done.returncode, done.stderr) == (0, "")
    assert "fixed GRA002 unused-initializer\n    'forgotten': remove the initializer" in done.stdout
    assert done.stdout.endswith("1 fixed\n")
    assert [tensor.name for tensor in onnx.load(path).graph.initializer] == ["w"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_into_another_file(onnxlint, write_model, tmp_path):
    path = write_model(BALLAST)
    before = path.read_bytes()
    done = onnxlint(
        path, "--fix", "--fix-output", "mended.onnx", "--format", "json", "-o", "r.json"
    )
    assert (done.returncode, done.stdout) == (0, "")
    assert path.read_bytes() == before
    assert [tensor.name for tensor in onnx.load(tmp_path / "mended.onnx").graph.initializer] == [
        "w"
    ]
    (model,) = json.loads((tmp_path / "r.json").read_text())["models"]
    assert model["mending"]["written"] == "mended.onnx"
    assert [finding["fix"] for finding in model["mending"]["fixed"]] == ["remove the initializer"]
    assert model["sha256"] != ""
    assert all(finding["fix"] is None for finding in model["findings"])


def test_without_a_finding_another_file_is_a_copy_and_the_own_file_is_left(
    onnxlint, write_model, tmp_path
):
    path = write_model()
    modified = path.stat().st_mtime_ns
    assert onnxlint(path, "--fix").returncode == 0
    assert path.stat().st_mtime_ns == modified
    assert onnxlint(path, "--fix", "--fixed-to", "copy.onnx").returncode == 0
    assert (tmp_path / "copy.onnx").read_bytes() == path.read_bytes()


@pytest.mark.fresh
def test_diff_writes_nothing(onnxlint, write_model):
    path = write_model(BALLAST)
    before = path.read_bytes()
    done = onnxlint(path, "--diff")
    assert done.returncode == 1
    changed = [line for line in done.stdout.splitlines() if line[:1] in "+-"]
    assert changed[2:] == ["-  initializer 'forgotten' float[2] [5.0, 7.0]"]
    assert done.stderr == "would fix 1 finding in 1 of 1 model\n"
    assert path.read_bytes() == before
    sound = onnxlint(write_model(SOUND), "--diff", "--fix")
    assert (sound.returncode, sound.stdout) == (0, "")


def test_what_remains_decides_the_exit_code(onnxlint, write_model):
    path = write_model(FLAWED.replace("> {", ", float[2] forgotten = {5, 7}> {"))
    done = onnxlint(path, "--fix")
    assert done.returncode == 1
    assert "fixed GRA002" in done.stdout
    assert "error ARC001" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["a.onnx", "b.onnx", "--fix", "--fix-output", "c.onnx"], "must be a folder for 2 models"),
        (["-", "--fix"], "requires --fix-output FILE"),
        (["a.onnx", "--diff", "--fix-output", "c.onnx"], "--diff does not write a model"),
        (["a.onnx", "--diff", "--format", "json"], "remove --format"),
        (["a.onnx", "--fix", "--fix-output", "nowhere/c.onnx"], "folder 'nowhere' does not exist"),
        (["a.onnx", "--unverified-fixes"], "requires --fix or --diff"),
        (["a.onnx", "--fix-output", "c.onnx"], "--fix-output requires --fix"),
    ],
)
def test_mistakes_are_one_sentence(onnxlint, write_model, tmp_path, arguments, told):
    for name in ("a.onnx", "b.onnx"):
        write_model(BALLAST, name)
    done = onnxlint(*arguments, stdin=b"")
    assert done.returncode == 2
    assert told in done.stderr
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.onnx", "b.onnx"]


def test_without_onnx_ir(onnxlint, write_model, tmp_path):
    hidden = "import sys; sys.modules['onnx_ir'] = None"
    (tmp_path / "sitecustomize.py").write_text(hidden)
    path = write_model(BALLAST)
    done = onnxlint(path, "--fix", PYTHONPATH=str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.endswith("--fix requires onnx-ir: pip install 'onnxlint[fix]'\n")
    assert onnxlint(path, "--static-only", PYTHONPATH=str(tmp_path)).returncode == 0


def test_standard_input(onnxlint, write_model, tmp_path):
    data = write_model(BALLAST).read_bytes()
    assert onnxlint("-", "--fix", "--fix-output", "out.onnx", stdin=data).returncode == 0
    assert len(onnx.load(tmp_path / "out.onnx").graph.initializer) == 1
    assert stat.S_IMODE((tmp_path / "out.onnx").stat().st_mode) & 0o044
    assert onnxlint("-", "--diff", stdin=data).returncode == 1


@pytest.mark.parametrize("jobs", [1, 2])
def test_many_models(onnxlint, write_model, tmp_path, jobs):
    for name in ("a.onnx", "b.onnx"):
        write_model(BALLAST, f"models/{name}")
    (tmp_path / "out").mkdir()
    done = onnxlint("models", "--fix", "--fix-output", "out", "--jobs", jobs)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("2 fixed\n")
    for name in ("a.onnx", "b.onnx"):
        assert len(onnx.load(tmp_path / "models" / name).graph.initializer) == 2
        assert len(onnx.load(tmp_path / "out" / name).graph.initializer) == 1


# Without proof


def test_a_model_that_does_not_load_is_left_alone(onnxlint, write_model):
    path = write_model(UNLOADABLE)
    before = path.read_bytes()
    done = onnxlint(path, "--fix")
    assert done.returncode == 1
    assert "not fixed: cannot be verified: the model does not run: nothing defines" in done.stdout
    assert path.read_bytes() == before
    done = onnxlint(path, "--fix", "--unverified-fixes")
    assert "not verified: the model does not run" in done.stdout
    assert "fixed GRA002" in done.stdout
    assert path.read_bytes() != before


def test_a_model_that_gives_another_result_each_time_is_left_alone(write_model, monkeypatch):
    numbers = iter(range(100))

    def another(self, request: Run) -> Ran:
        return Ran({}, {name: np.array([next(numbers)]) for name in request.kept})

    monkeypatch.setattr(Worker, "run", another)
    with closing(Workers()) as workers:
        report = fixed(write_model(BALLAST), unused_initializer, workers=workers)
    ((_, reason),) = report.mending.refused
    assert reason == "cannot be verified: two runs of the model on the same inputs differ"
    assert report.mending.written is None


def test_what_must_not_run_is_not_fixed(onnxlint, write_model):
    done = onnxlint(write_model(BALLAST), "--fix", "--static-only")
    assert "not fixed: cannot be verified: the model is not run (--static-only)" in done.stdout


@rule("ACME001", "no-weight", severity=Severity.WARNING)
def wrong_fix(graph: Graph):
    """A multiplication.

    Why: it is a fix that breaks the model.
    Fix: none.

    Bad: net (float[2] x) => (float[2] y) <float[2] w = {1, 2}> {y = Mul(x, w)}
    Good: net (float[2] x) => (float[2] y) {y = Relu(x)}
    """
    for node in graph.nodes("Mul"):
        yield Finding(node, "multiplies", fix=Fix("double it", _double, node))


def _double(draft: Draft, node) -> None:
    draft.node(node).input[1] = node.inputs[0].name


@rule("ACME002", "crashing-fix", severity=Severity.WARNING)
def crashing_fix(graph: Graph):
    """A multiplication.

    Why: it is a fix that crashes.
    Fix: none.

    Bad: net (float[2] x) => (float[2] y) <float[2] w = {1, 2}> {y = Mul(x, w)}
    Good: net (float[2] x) => (float[2] y) {y = Relu(x)}
    """
    for node in graph.nodes("Mul"):
        yield Finding(node, "multiplies", fix=Fix("crash", _crash, node))


def _crash(draft: Draft, node) -> None:
    draft.node(node).input[1] = "lost"
    raise KeyError("oh")


def test_a_fix_that_changes_the_outputs_is_dropped_and_the_others_stay(write_model, workers):
    path = write_model(BALLAST)
    feeds = noise(path)
    expected = outputs(path, feeds)
    report = fixed(path, wrong_fix, crashing_fix, unused_initializer, workers=workers)
    assert [finding.code for finding in report.mending.fixed] == ["GRA002"]
    assert {finding.code: reason for finding, reason in report.mending.refused} == {
        "ACME001": "verification failed: output 'y' differs",
        "ACME002": "the fix crashed: KeyError: 'oh'",
    }
    assert [finding.code for finding in report.findings] == ["ACME001", "ACME002"]
    assert len(onnx.load(path).graph.initializer) == 1
    np.testing.assert_array_equal(outputs(path, feeds), expected)


@pytest.mark.parametrize(
    ("text", "output"),
    [
        pytest.param(
            "net (float[2] x) => (seq(float[2]) y) <float[2] w = {1, 2}>"
            "{h = Mul(x, w) y = SequenceConstruct(x, h)}",
            "y[1]",
            id="a sequence",
        ),
        pytest.param(
            '<ir_version: 10, opset_import: ["" : 21, "ai.onnx.ml" : 3]>'
            "net (float[N, 2] x) => (seq(map(int64, float)) y) <float[2] w = {1, 2}>"
            "{h = Mul(x, w) y = ai.onnx.ml.ZipMap<classlabels_int64s = [3, 4]>(h)}",
            "y[0] values[0]",
            id="a list of maps",
        ),
    ],
)
def test_outputs_that_are_no_tensors_are_compared(write_model, workers, text, output):
    report = fixed(write_model(text), wrong_fix, workers=workers)
    ((_, reason),) = report.mending.refused
    assert reason == f"verification failed: output {output!r} differs"


def test_data_that_does_not_fit_is_told(onnxlint, write_model, tmp_path):
    np.savez(tmp_path / "data.npz", x=np.zeros((1, 5), np.float32))
    path = write_model(BALLAST)
    done = onnxlint(path, "--fix", "--select", "GRA", "--data", "data.npz")
    assert done.returncode == 2
    assert "cannot lint: " in done.stdout
    assert len(onnx.load(path).graph.initializer) == 2


def test_a_bad_example_must_be_mended_by_its_fix():
    (problem,) = problems(wrong_fix)
    assert (
        problem
        == "the fix of the Bad example was not kept: verification failed: output 'y' differs"
    )


# What is written


def test_a_failing_disk_leaves_everything_as_it_was(write_model, workers, monkeypatch):
    path = write_model(BALLAST)
    before = path.read_bytes()

    def full(_handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    report = fixed(path, unused_initializer, workers=workers)
    assert "No space left on device" in report.mending.problem
    assert exit_code([report]) == 2
    assert report.mending.fixed == ()
    assert [finding.code for finding in report.findings] == ["GRA002"]
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.fixture
def external(tmp_path):
    """A model with its weights in another file."""
    folder = tmp_path / "model"
    folder.mkdir()
    model = model_from_text(BALLAST)
    for tensor in model.graph.initializer:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor), tensor.name))
    path = folder / "model.onnx"
    onnx.save(model, path, save_as_external_data=True, location="w.bin", size_threshold=0)
    return path


def test_external_data_is_kept(external, workers):
    weights = external.with_name("w.bin")
    before, modified = weights.read_bytes(), weights.stat().st_mtime_ns
    kept = onnx.load(external, load_external_data=False).graph.initializer[0]
    report = fixed(external, unused_initializer, workers=workers)
    assert len(report.mending.fixed) == 1
    (tensor,) = onnx.load(external, load_external_data=False).graph.initializer
    assert tensor == kept
    assert (weights.read_bytes(), weights.stat().st_mtime_ns) == (before, modified)


def test_external_data_goes_along_into_another_folder(external, workers, tmp_path):
    target = tmp_path / "other" / "mended.onnx"
    target.parent.mkdir()
    report = fixed(external, unused_initializer, workers=workers, target=target)
    assert report.mending.written == str(target)
    assert target.with_name("w.bin").read_bytes() == external.with_name("w.bin").read_bytes()
    feeds = noise(external)
    np.testing.assert_array_equal(outputs(target, feeds), outputs(external, feeds))


def test_external_data_takes_no_other_files_place(external, workers, tmp_path):
    other = tmp_path / "other" / "w.bin"
    other.parent.mkdir()
    other.write_bytes(b"something else")
    report = fixed(external, unused_initializer, workers=workers, target=other.with_name("m.onnx"))
    assert "needs 'w.bin'" in report.mending.problem
    assert other.read_bytes() == b"something else"
    assert [file.name for file in other.parent.iterdir()] == ["w.bin"]


def files_in(folder: Path) -> dict[Path, tuple[int, bytes]]:
    """Everything below a folder: its kind, and what it holds or leads to."""
    found = {}
    for path in folder.rglob("*"):
        mode = path.lstat().st_mode
        content = os.fsencode(path.readlink()) if path.is_symlink() else b""
        found[path] = mode, path.read_bytes() if stat.S_ISREG(mode) else content
    return found


@pytest.mark.parametrize("layout", layouts.REFUSED)
def test_what_the_preflight_refuses_is_not_copied(layout, workers, tmp_path):
    path = layout(tmp_path)
    (tmp_path / "out").mkdir()
    before = files_in(tmp_path)
    for target in (tmp_path / "out" / "model.onnx", path.with_name("fixed.onnx")):
        report = fixed(path, unused_initializer, workers=workers, target=target)
        assert report.mending.written is None
        assert "is not safe to copy" in report.mending.problem
        assert exit_code([report]) == 2
        assert files_in(tmp_path) == before


@pytest.mark.parametrize("layout", layouts.PLANTED)
def test_nothing_planted_is_written_through(layout, workers, tmp_path):
    path = layouts.external(tmp_path / "model")
    place = layout(tmp_path)
    before = files_in(tmp_path)
    report = fixed(path, unused_initializer, workers=workers, target=place / "model.onnx")
    assert report.mending.written is None
    assert report.mending.problem
    assert files_in(tmp_path) == before


def test_no_folder_is_made_through_a_link(workers, tmp_path):
    path = layouts.external(tmp_path / "model", "a/b/w.bin")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a").symlink_to(tmp_path / "elsewhere")
    before = files_in(tmp_path)
    target = tmp_path / "out" / "model.onnx"
    report = fixed(path, unused_initializer, workers=workers, target=target)
    assert "leads through a link" in report.mending.problem
    assert files_in(tmp_path) == before
    (tmp_path / "out" / "a").unlink()
    report = fixed(path, unused_initializer, workers=workers, target=target)
    assert report.mending.written == str(target)
    data = tmp_path / "out" / "a" / "b" / "w.bin"
    assert data.read_bytes() == (path.parent / "a" / "b" / "w.bin").read_bytes()


@pytest.mark.parametrize(
    "layout", [layouts.hub_cache, layouts.hub_cache_with_a_subfolder, layouts.hub_cache_of_one_file,
               layouts.hub_cache_of_both_kinds, layouts.linked_data, layouts.linked_version]
)  # fmt: skip
def test_a_model_behind_links_is_fixed_into_plain_files(layout, workers, tmp_path):
    path = layout(tmp_path)
    before = files_in(tmp_path)
    target = tmp_path / "out" / "fixed.onnx"
    target.parent.mkdir()
    report = fixed(path, unused_initializer, workers=workers, target=target)
    assert report.mending.written == str(target)
    assert [finding.code for finding in report.mending.fixed] == ["GRA002"]
    after = files_in(tmp_path)
    assert {file: after[file] for file in before} == before
    made = {file: kind for file, kind in after.items() if file not in before}
    kinds = {stat.S_IFMT(mode) for file, (mode, _) in made.items() if not file.is_dir()}
    assert kinds == {stat.S_IFREG}
    feeds = noise(target)
    again = fixed(path, unused_initializer, workers=workers, target=target)
    assert again.mending.written == str(target)
    assert files_in(tmp_path) == after
    shutil.copytree(path.parent, tmp_path / "plain")  # follows links
    np.testing.assert_array_equal(
        outputs(target, feeds), outputs(tmp_path / "plain" / path.name, feeds)
    )


def test_data_behind_a_link_out_is_not_within_reach_of_a_file_beside(workers, tmp_path):
    path = layouts.hub_cache(tmp_path)
    before = files_in(tmp_path)
    target = path.with_name("fixed.onnx")
    report = fixed(path, unused_initializer, workers=workers, target=target)
    assert (
        "has data 'w.bin', which from there is outside the model's folder" in report.mending.problem
    )
    assert files_in(tmp_path) == before


def test_a_copy_is_a_plain_file(workers, tmp_path):
    """Neither what may be executed nor the owner's other rights go along."""
    path = layouts.external(tmp_path / "model")
    path.with_name("w.bin").chmod(0o4751)
    target = tmp_path / "out" / "model.onnx"
    target.parent.mkdir()
    fixed(path, unused_initializer, workers=workers, target=target)
    assert stat.S_IMODE(target.with_name("w.bin").stat().st_mode) == 0o640


@pytest.mark.parametrize("failing", [1, 2, 3])
def test_a_disk_that_fills_leaves_no_copy(workers, tmp_path, monkeypatch, failing):
    """At the first file of external data, at the second, and at the model."""
    path = layouts.external(tmp_path / "model", "a/w.bin")
    model = onnx.load(path, load_external_data=False)
    bias = numpy_helper.from_array(np.ones(4, np.float32), "b")
    (path.parent / "b.bin").write_bytes(bias.raw_data)
    bias.ClearField("raw_data")
    bias.data_location = TensorProto.EXTERNAL
    bias.external_data.add(key="location", value="b.bin")
    model.graph.initializer.append(bias)
    model.graph.node.append(helper.make_node("Add", ["y", "b"], ["z"], name="add"))
    model.graph.output[0].name = "z"
    path.write_bytes(model.SerializeToString())
    (tmp_path / "out").mkdir()
    before = files_in(tmp_path)
    calls = iter(range(1, 10))
    real = os.fsync

    def full(handle):
        if next(calls) == failing:
            raise OSError(28, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", full)
    target = tmp_path / "out" / "model.onnx"
    report = fixed(path, unused_initializer, workers=workers, target=target)
    assert "No space left on device" in report.mending.problem
    assert files_in(tmp_path) == before
    report = fixed(path, unused_initializer, workers=workers, target=target)
    assert report.mending.written == str(target)
    assert len(files_in(tmp_path)) == len(before) + 4


def test_what_was_there_stays_where_copying_fails(external, workers, tmp_path, monkeypatch):
    other = tmp_path / "other"
    other.mkdir()
    (other / "w.bin").write_bytes(external.with_name("w.bin").read_bytes())
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "full")))
    report = fixed(external, unused_initializer, workers=workers, target=other / "m.onnx")
    assert report.mending.problem
    assert [file.name for file in other.iterdir()] == ["w.bin"]


def test_a_file_that_grows_is_copied_as_it_was(external, tmp_path, monkeypatch):
    data = external.with_name("w.bin")
    before = data.read_bytes()

    class Growing(FileIO):
        def read(self, size=-1):
            with data.open("ab") as more:
                more.write(bytes(1000))
            return super().read(size)

    monkeypatch.setattr("onnxlint.model.edit.save.opened", Growing)
    with (tmp_path / "copy").open("wb") as copy:
        _copy(data, copy)
    assert (tmp_path / "copy").read_bytes() == before


def test_a_file_that_shrinks_is_told(external, tmp_path, monkeypatch):
    size = os.stat_result((0o100644, 0, 0, 1, 0, 0, 10_000, 0, 0, 0))
    monkeypatch.setattr(os, "fstat", lambda _: size)
    with (tmp_path / "copy").open("wb") as copy, pytest.raises(OSError, match="changed meanwhile"):
        _copy(external.with_name("w.bin"), copy)


@pytest.mark.parametrize("target", ["model/w.bin", "model/a/w.bin", "out/w.bin"])
def test_a_model_does_not_take_the_place_of_its_own_data(workers, tmp_path, target):
    name = target.partition("/")[2]
    path = layouts.external(tmp_path / "model", name)
    (tmp_path / "out").mkdir()
    before = files_in(tmp_path)
    report = fixed(path, unused_initializer, workers=workers, target=tmp_path / target)
    assert f"overwrite its own data {name!r}" in report.mending.problem
    assert files_in(tmp_path) == before


def test_in_place_a_link_to_what_is_not_its_alone_is_refused(write_model, workers, tmp_path):
    for path in (layouts.hub_cache(tmp_path / "hub"), tmp_path / "link.onnx"):
        if path.name == "link.onnx":
            path.symlink_to(write_model(BALLAST))
            (tmp_path / "again.onnx").hardlink_to(path.resolve())
        before = files_in(tmp_path)
        report = fixed(path, unused_initializer, workers=workers)
        assert "is a link to" in report.mending.problem
        assert files_in(tmp_path) == before


def test_in_place_one_of_several_names_is_replaced(write_model, workers, tmp_path):
    path = write_model(BALLAST)
    before = path.read_bytes()
    (tmp_path / "again.onnx").hardlink_to(path)
    fixed(path, unused_initializer, workers=workers)
    assert path.read_bytes() != before
    assert (tmp_path / "again.onnx").read_bytes() == before


@pytest.mark.parametrize("name", ["link.onnx", "pipe"])
def test_a_bad_place_for_the_fixed_model_is_told_before_anything_is_read(
    onnxlint, write_model, tmp_path, name
):
    write_model(BALLAST)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "link.onnx").symlink_to("../b.onnx")
    os.mkfifo(tmp_path / "a" / "pipe")
    done = onnxlint("model.onnx", "--fix", "--fix-output", f"a/{name}")
    assert done.returncode == 2
    assert "a link that leaves" in done.stderr or "not a regular file" in done.stderr
    assert not (tmp_path / "b.onnx").exists()


def test_large_tensors_are_put_back(tmp_path, workers):
    model = model_from_text("net (float[N, 200] x) => (float[N, 200] y) {y = MatMul(x, w)}")
    weight = np.random.default_rng(0).standard_normal((200, 200)).astype(np.float32)
    model.graph.initializer.append(numpy_helper.from_array(weight, "w"))
    model.graph.initializer.append(numpy_helper.from_array(weight + 1, "forgotten"))
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    report = fixed(path, unused_initializer, workers=workers)
    assert len(report.mending.fixed) == 1
    del model.graph.initializer[1]
    assert onnx.load(path) == model
    assert path.stat().st_size == model.ByteSize()


def test_a_link_stays_a_link(write_model, workers, tmp_path):
    path = write_model(BALLAST)
    link = tmp_path / "link.onnx"
    link.symlink_to(path)
    fixed(link, unused_initializer, workers=workers)
    assert link.is_symlink()
    assert len(onnx.load(path).graph.initializer) == 1


@pytest.mark.filterwarnings("ignore:The onnxtxt format")
@pytest.mark.parametrize("suffix", [".onnxtxt", ".json", ".textproto"])
def test_text_stays_in_its_format(tmp_path, workers, suffix):
    path = tmp_path / f"model{suffix}"
    onnx.save(model_from_text(BALLAST), path)
    report = fixed(path, unused_initializer, workers=workers)
    assert report.mending.problem is None
    expected = model_from_text(BALLAST)
    del expected.graph.initializer[1]
    assert onnx.load(path).graph == expected.graph


def test_text_that_would_lose_a_part_is_refused(write_model, workers, tmp_path):
    path = write_model(BALLAST)
    model = onnx.load(path)
    model.graph.node[0].doc_string = "kept"
    onnx.save(model, path)
    report = fixed(path, unused_initializer, workers=workers, target=tmp_path / "m.onnxtxt")
    assert "cannot be written as onnxtxt, which would lose a part" in report.mending.problem
    assert not (tmp_path / "m.onnxtxt").exists()


# The rules


MENDABLE = [
    pytest.param(
        unsorted_nodes,
        "net (float[2] x) => (float[2] y) {y = Relu(g) g = Exp(h) h = Neg(x) a = Abs(x)}",
        id="reversed nodes",
    ),
    pytest.param(
        unsorted_nodes,
        "net (bool flag, float[2] x) => (float[2] y) {y = If(flag) <"
        "then_branch = a () => (float[2] p) {p = Relu(q) q = Exp(h)},"
        "else_branch = b () => (float[2] q) {q = Relu(x)}> h = Exp(x)}",
        id="a subgraph that reads ahead, and is unsorted itself",
    ),
    pytest.param(unused_initializer, BALLAST, id="unused"),
    pytest.param(
        unused_initializer,
        "net (bool flag, float[2] x) => (float[2] y) {y = If(flag) <"
        "then_branch = a () => (float[2] p) <float[2] lost = {1, 2}> {p = Relu(x)},"
        "else_branch = b () => (float[2] q) {q = Neg(x)}>}",
        id="unused in a subgraph",
    ),
    pytest.param(
        unused_initializer,
        '<ir_version: 3, opset_import: ["" : 8]>'
        "net (float[2] x, float[2] w = {1, 2}) => (float[2] y) {y = Relu(x)}",
        id="unused and listed among the inputs, as IR 3 demands",
    ),
    pytest.param(
        duplicate_initializer,
        "# option: min-bytes = 8\nnet (float[N, 2] x) => (float[N, 2] y)"
        "<float[2] v = {1, 2}, float[2] w = {1, 2}>"
        "{c = Constant<value: tensor = float[2] {1, 2}>()"
        "h = Mul(x, v) g = Mul(h, w) y = Add(g, c)}",
        id="copies in an initializer and a Constant",
    ),
    pytest.param(
        duplicate_initializer_name,
        "net (float[2] x) => (float[2] y) <float[2] w = {1, 2}> {y = Mul(x, w)}\n"
        ">>> model.graph.initializer.append(model.graph.initializer[0])",
        id="the same initializer twice",
    ),
    pytest.param(
        duplicate_node_name,
        "net (float[2] x) => (float[2] y) {[a] h = Relu(x) [a_1] g = Exp(h) [a] y = Neg(g)}",
        id="a name that is taken once more when it is numbered",
    ),
    pytest.param(
        identity_of_constant,
        "net (float[N, 2] x) => (float[N, 2] y) <float[2, 2] w = {1, 2, 3, 4}>"
        "{v = Identity(w) u = Identity(w) h = Gemm(x, v) y = MatMul(h, u)}",
        id="two Identities of one weight",
    ),
    pytest.param(
        initializer_as_input,
        "net (float[N, 2] x, float[2] w = {2, 3}, float[2] v = {1, 1}) => (float[N, 2] y)"
        "{h = Mul(x, w) y = Add(h, v)}",
        id="two",
    ),
    pytest.param(
        passthrough_output,
        "net (float[2] x) => (float[2] x, float[2] y) {y = Relu(x)}",
        id="beside another output",
    ),
    pytest.param(
        declared_shape_mismatch,
        "net (float[N, 3] x) => (float[N, 3] y) <float[N, 4] h> {h = Exp(x) y = Relu(h)}",
        id="stale shape",
    ),
    pytest.param(
        declared_shape_mismatch,
        "net (float[N, 3] x) => (float[N, 3] y) <int64[N, 3] h> {h = Exp(x) y = Relu(h)}",
        id="stale dtype, over which onnxruntime refuses the model",
    ),
    pytest.param(
        unused_node,
        "net (float[2] x) => (float[2] y) {y = Relu(x) s = Shape(x) t = Cast<to = 1>(s)}",
        id="dead shape computation",
    ),
    pytest.param(
        unused_opset_import,
        "net (float[2] x) => (float[2] y) {y = Relu(x)}\n"
        '>>> model.opset_import.add(domain="com.microsoft", version=1)',
        id="unused domain",
    ),
    pytest.param(
        unused_function,
        '<ir_version: 10, opset_import: ["" : 21, "own" : 1]>'
        "net (float[2] x) => (float[2] y) {y = Relu(x)}"
        '<domain: "own", opset_import: ["" : 21]> twice (a) => (b) {b = Add(a, a)}',
        id="never called",
    ),
    pytest.param(
        denormal_weight,
        "# option: min-subnormal = 1\nnet (float[N, 2] x) => (float[N, 2] y)"
        "<float[2, 2] w = {1e-40, 1, 2, -1e-39}>"
        "{c = Constant<value = float[2, 2] {1, 1e-40, 1, 1}>()"
        "h = MatMul(x, w) y = MatMul(h, c)}",
        id="in an initializer and a Constant",
    ),
    pytest.param(
        local_path_leak,
        "net (float[2] x) => (float[2] y) {y = Relu(x)}\n"
        ">>> model.doc_string = 'made by C:\\\\Users\\\\bob\\\\net.py'\n"
        ">>> model.graph.node[0].doc_string = 'File \"/tmp/job/net.py\", line 4'\n"
        ">>> model.metadata_props.add(key='k', value='see https://10.0.0.1/runs')\n"
        ">>> model.metadata_props.add(key='t', value='https://bob:pw@example.com')",
        id="every kind",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("made", "text"), MENDABLE)
def test_the_finding_is_gone_and_the_outputs_are_equal(made, text, workers):
    example = Example.parse(text)
    with saved(example) as path:
        before = run_rule(made, path, **example.options)
        assert before.fixable == len(before.findings) > 0
        job = Job(str(path), (made,), options={made.code: dict(example.options)})
        report = fix_model(job, FixRequest(path.with_name("fixed.onnx")), workers=workers)
        assert report.mending.refused == ()
        assert report.fixable == 0
        grave = {finding.severity for finding in before.findings}
        assert not [finding for finding in report.findings if finding.severity in grave]
        known = {(f.code, f.severity) for f in everything_said(path)}
        known.add(("GRA007", Severity.WARNING))  # an input given out through an Identity
        after = everything_said(path.with_name("fixed.onnx"))
        new = [f for f in after if (f.code, f.severity) not in known]
        assert [finding for finding in new if finding.severity is not Severity.INFO] == []
        feeds = noise(path)
        mended = outputs(path.with_name("fixed.onnx"), feeds)
        reference = runnable_twin(path)
        for expected, output in zip(outputs(reference, feeds), mended, strict=True):
            np.testing.assert_allclose(output, expected, rtol=0, atol=1e-37)


def everything_said(path):
    return lint_model(Job(str(path), discover().rules, static_only=True)).findings


def runnable_twin(path: Path) -> Path:
    """The model as onnxruntime takes it: sorted, no initializer twice, no types inside."""
    model = onnx.load(path)
    del model.graph.value_info[:]
    sort_nodes(model.graph)
    first = {tensor.name: tensor for tensor in reversed(model.graph.initializer)}
    del model.graph.initializer[:]
    model.graph.initializer.extend(reversed(first.values()))
    twin = path.with_name("twin.onnx")
    onnx.save(model, twin)
    return twin


def test_paths_are_shortened_and_secrets_go(write_model, workers):
    path = write_model()
    model = onnx.load(path)
    trace = '  File "/home/alice/project/net.py", line 41, in forward\n    y = self.relu(x)\n'
    model.graph.node[0].metadata_props.add(key="pkg.torch.onnx.stack_trace", value=trace)
    model.graph.doc_string = "token hf_" + "a" * 40
    model.doc_string = "from //server and https://build.corp/job"
    onnx.save(model, path)
    fixed(path, local_path_leak, workers=workers)
    mended = onnx.load(path)
    assert mended.graph.node[0].metadata_props[0].value == trace.replace("/home/alice/project/", "")
    assert mended.graph.doc_string == ""
    assert mended.doc_string == "from //server and https…/job"


def test_subnormal_weights_in_another_file_stay(external, workers):
    model = onnx.load(external)
    weight = np.full((2, 2), 1e-40, np.float32)
    model.graph.node[0].op_type = "MatMul"
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(weight, "w"))
    onnx.save(model, external, save_as_external_data=True, location="w.bin", size_threshold=0)
    report = run_rule(denormal_weight, external, min_subnormal=1)
    assert len(report.findings) == 1
    assert report.fixable == 0


@pytest.mark.parametrize(
    ("made", "text"),
    [
        pytest.param(
            unsorted_nodes,
            "net (float[2] x) => (float[2] y) {y = Add(x, h) h = Relu(y)}",
            id="a cycle has no order",
        ),
        pytest.param(
            unused_node,
            "net (float[2] x) => (float[2] y) {y = Relu(x) lost = Exp(x)}",
            id="a layer may have been forgotten",
        ),
        pytest.param(
            identity_of_constant,
            "net (float[N, 2] x) => (float[N, 2] y) <double[2, 2] w = {1, 2, 3, 4}>"
            "{v = Cast<to = 1>(w) y = MatMul(x, v)}",
            id="a cast changes numbers",
        ),
        pytest.param(
            identity_of_constant,
            "net (float[N, 2] x) => (float[N, 2] y, float[2, 2] v) <float[2, 2] w = {1, 2, 3, 4}>"
            "{v = Identity(w) y = MatMul(x, v)}",
            id="an output",
        ),
        pytest.param(
            passthrough_output,
            "net (float[2] x) => (float[2] y, float[2] z) {y = Identity(x) z = Relu(x)}",
            id="an Identity stands there already",
        ),
        pytest.param(
            declared_shape_mismatch,
            "net (float[N, 3] x) => (float[N, 4] y) {y = Relu(x)}",
            id="an output's shape is a promise",
        ),
        pytest.param(
            duplicate_initializer_name,
            "net (float[2] x) => (float[2] y) <float[2] w = {1, 2}> {y = Mul(x, w)}\n"
            ">>> model.graph.initializer.append(model.graph.initializer[0])\n"
            ">>> model.graph.initializer[1].float_data[0] = 5",
            id="two tensors of one name",
        ),
        pytest.param(
            duplicate_initializer,
            "# option: min-bytes = 8\nnet (float[N, 2] x) => (float[N, 2] y)"
            "<float[2, 2] v = {1, 2, 3, 4}, float[2, 2] w = {1, 3, 2, 4}>"
            "{h = MatMul(x, v) y = MatMul(h, w)}",
            id="transposed",
        ),
        pytest.param(
            duplicate_initializer,
            "# option: min-bytes = 8\nnet (float[N, 2] x) => (float[N, 2] y, float[2] w)"
            "<float[2] v = {1, 2}, float[2] w = {1, 2}> {h = Mul(x, v) y = Mul(h, w)}",
            id="one is an output",
        ),
    ],
)
def test_what_is_for_a_person_to_decide_carries_no_fix(made, text):
    example = Example.parse(text)
    with saved(example) as path:
        report = run_rule(made, path, **example.options)
    assert len(report.findings) == 1
    assert report.fixable == 0


def test_one_fix_makes_another_possible(write_model, workers):
    path = write_model(
        "net (float[2] x) => (float[2] y) <int64[1] i = {0}>"
        "{y = Relu(x) s = Shape(x) lost = Gather(s, i)}"
    )
    report = fixed(path, workers=workers)
    assert {finding.code for finding in report.mending.fixed} == {"GRA002", "GRA003"}
    assert [node.op_type for node in onnx.load(path).graph.node] == ["Relu"]


def test_fixes_that_get_in_each_others_way_wait_for_each_other(tmp_path, workers):
    """The copy that is never read goes; the one that others were to use instead stays."""
    model = model_from_text("net (float[N, 200] x) => (float[N, 200] y) {y = MatMul(x, w)}")
    weight = np.arange(40_000, dtype=np.float32).reshape(200, 200)
    for name in ("unread", "w"):
        model.graph.initializer.append(numpy_helper.from_array(weight, name))
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    report = fixed(path, workers=workers)
    assert report.mending.refused == ()
    assert report.fixable == 0
    assert len(onnx.load(path).graph.initializer) == 1


def test_what_differs_only_unoptimised_is_fixed(tmp_path, workers):
    """A constant is packed, and summed in another order, than what an Identity gives."""
    rng = np.random.default_rng(0)
    text = """net (float[1, 100] x) => (float[1, 100] y)
    { v = Identity(w) h = MatMul(x, v) a = Tanh(h) u = Identity(w) y = MatMul(a, u) }"""
    model = model_from_text(text)
    weight = rng.standard_normal((100, 100)).astype(np.float32)
    model.graph.initializer.append(numpy_helper.from_array(weight, "w"))
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    before = outputs(path, noise(path))
    report = fixed(path, identity_of_constant, workers=workers)
    assert report.mending.refused == ()
    assert {finding.code for finding in report.mending.fixed} == {"GRA018"}
    after = outputs(path, noise(path))
    assert any((one != other).any() for one, other in zip(before, after, strict=True))


def searched(tasks: list[_Task], guilty: set[int]) -> tuple[_Repair, list[_Task], int]:
    """What is settled, and after how many comparisons, if these tasks change outputs."""
    repair = object.__new__(_Repair)
    repair._refused, comparisons = {}, 0
    wrong = [tasks[number] for number in guilty]

    def difference(_graph, together):
        nonlocal comparisons
        comparisons += 1
        return "output 'y' differs" if any(task in wrong for task in together) else None

    repair._difference = difference
    return repair, repair._settled(None, [], tasks), comparisons


def some_tasks(codes: list[str]) -> list[_Task]:
    return [
        _Task(Fix(str(number), _double), [
            Diagnostic(code, "rule", Severity.WARNING, str(number), Place(node_index=number))
        ])
        for number, code in enumerate(codes)
    ]  # fmt: skip


@hypothesis.given(st.integers(1, 64), st.sets(st.integers(0, 63), max_size=5))
def test_the_fixes_that_change_outputs_are_found_by_halving(count, wrong):
    tasks = some_tasks([f"R{number}" for number in range(count)])
    guilty = {number for number in wrong if number < count}
    repair, made, comparisons = searched(tasks, guilty)
    assert made == [task for number, task in enumerate(tasks) if number not in guilty]
    assert len(repair._refused) == len(guilty)
    assert comparisons <= 1 + len(guilty) * (1 + math.ceil(math.log2(count)))


def test_fixes_of_a_rule_that_are_all_wrong_are_not_all_tried():
    tasks = some_tasks(["BAD"] * 53 + ["GOOD"] * 5)
    repair, made, comparisons = searched(tasks, set(range(53)))
    assert made == tasks[53:]
    assert comparisons <= 1 + MOST_GUILTY * 7
    reasons = [reason for _, reason in repair._refused.values()]
    assert reasons.count("verification failed: output 'y' differs") == MOST_GUILTY
    assert reasons.count(f"not tried: {MOST_GUILTY} fixes of BAD changed outputs") == 50


# The draft


@pytest.fixture
def draft(write_model):
    def draw(text: str) -> Draft:
        with open_model(str(write_model(text))) as model:
            return Draft(Graph(model))

    return draw


def test_a_quantisation_annotation_keeps_an_initializer(write_model):
    path = write_model(BALLAST)
    model = onnx.load(path)
    entry = model.graph.quantization_annotation.add(tensor_name="w")
    entry.quant_parameter_tensor_names.add(key="SCALE_TENSOR", value="forgotten")
    onnx.save(model, path)
    with open_model(str(path)) as opened:
        draft = Draft(Graph(opened))
        with pytest.raises(FixError, match="quantisation annotation"):
            draft.remove(draft.graph.main.values["forgotten"])


def test_an_output_is_not_redirected(draft):
    made = draft("net (float[2] x) => (float[2] y) {h = Exp(x) y = Relu(h)}")
    values = made.graph.main.values
    with pytest.raises(FixError, match="'y' is an output"):
        made.redirect(values["y"], values["h"])


def test_two_fixes_do_not_take_the_same_part(draft):
    made = draft(BALLAST)
    lost = made.graph.main.values["forgotten"]
    with made.step():
        made.remove(lost)
    with pytest.raises(FixConflictError), made.step():
        made.need(lost)


def test_the_model_that_a_draft_is_of_stays_as_it_is(draft):
    made = draft(BALLAST)
    before = made.graph.model.proto.SerializeToString()
    with made.step():
        made.remove(*made.graph.main.values.values())
    made.finish()
    assert made.graph.model.proto.SerializeToString() == before


# Whole models


FIXABLE = [
    entry["path"]
    for entry in tomllib.loads((FIXTURES / "expected.toml").read_text())["models"]
    if {"ONX011", "GRA002", "GRA007", "GRA008", "GRA012", "GRA013"} & set(entry["expect"])
    or entry["path"].startswith("tensorflow/")
]


@pytest.mark.parametrize("name", FIXABLE)
def test_fixtures_are_mended(name, workers, tmp_path):
    path = tmp_path / Path(name).name
    shutil.copy(FIXTURES / name, path)
    job = plan(load(None), discover(), str(path))
    before = lint_model(job, workers=workers)
    report = fix_model(job, FixRequest(), workers=workers)
    refused = {finding.fingerprint for finding, _ in report.mending.refused}
    left = {finding.fingerprint for finding in report.findings if finding.fix is not None}
    assert left <= refused
    assert len(report.mending.fixed) + len(refused) >= before.fixable
    known = {(finding.code, finding.severity) for finding in before.findings}
    new = [f for f in report.findings if (f.code, f.severity) not in known]
    assert [finding for finding in new if finding.severity is not Severity.INFO] == []


@st.composite
def careless_models(draw):
    """Chains with everything that can be mended: copies, leftovers, no order, names used twice."""
    length = draw(st.integers(1, 6))
    nodes, initializers, current = [], [], "x"
    for number in range(length):
        kind = draw(st.sampled_from(["Relu", "Mul", "MatMul", "Identity"]))
        weight = f"w{number}"
        inputs = [current]
        if kind in ("Mul", "MatMul"):
            value = np.full((2, 2)[kind == "Mul" :], draw(st.sampled_from([0.5, 2.0])), np.float32)
            initializers.append(numpy_helper.from_array(value, weight))
            if draw(st.booleans()):
                nodes.append(helper.make_node("Identity", [weight], [f"{weight}_same"]))
                weight = f"{weight}_same"
            inputs.append(weight)
        name = draw(st.sampled_from(["", "layer", "block"]))
        nodes.append(helper.make_node(kind, inputs, [f"h{number}"], name=name))
        current = f"h{number}"
    lost = [f"lost{number}" for number in range(draw(st.integers(0, 2)))]
    initializers += [numpy_helper.from_array(np.ones(2, np.float32), name) for name in lost]
    if draw(st.booleans()):
        nodes.append(helper.make_node("Shape", ["x"], ["dead"]))
    order = draw(st.permutations(nodes))
    shape = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", 2]) for n in ("x", current)]
    graph = helper.make_graph(order, "net", shape[:1], shape[1:], initializers)
    if initializers and draw(st.booleans()):
        listed = initializers[0]
        graph.input.append(
            helper.make_tensor_value_info(listed.name, listed.data_type, list(listed.dims))
        )
    imports = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=imports, ir_version=10)


@hypothesis.settings(
    tries(25), suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture]
)
@hypothesis.given(model=careless_models())
def test_a_careless_model_is_mended_wholly_and_computes_the_same(model, tmp_path, workers):
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    feeds = noise(path)
    expected = outputs(path, feeds)
    report = fixed(path, workers=workers, target=tmp_path / "fixed.onnx")
    assert report.mending.refused == ()
    assert report.fixable == 0
    np.testing.assert_array_equal(outputs(tmp_path / "fixed.onnx", feeds), expected)
