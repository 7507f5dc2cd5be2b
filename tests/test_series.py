"""onnxlint series: real trainings that went well or wrong, and files that are no series."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from msgspec.structs import replace
from onnx import numpy_helper

from onnxlint.checkpoints import SeriesError, checkpoint_files, natural
from onnxlint.cli.main import cli
from onnxlint.pipeline import lint_model
from onnxlint.planner import Planner
from onnxlint.series_report import sparkline
from onnxlint.settings import LabelSource
from onnxlint.testing import shared_workers

RUNS = Path(__file__).parents[1] / "fixtures" / "series"

WRONG = {
    "forgotten": {"CKP001"},
    "detached": {"CKP001"},
    "slow": {"CKP002", "CKP007", "CKP009"},
    "fast": {"CKP002", "CKP004", "CKP009", "CKP010"},
    "growing": {"CKP003"},
    "dying": {"CKP005"},
    "saturating": {"CKP006"},
    "stuck": {"CKP007", "CKP009"},
    "fading": {"CKP008", "CKP009"},
    "diverging": {"CKP005", "CKP010"},
    "bouncing": {"CKP009", "CKP011"},
    "over_trained": {"CKP012", "CKP013"},
}
"""Runs that went wrong, and the rules that warn of it."""

SOUND = ["sound", "convolved", "fine_tuned", "cosine", "averaged", "plateau", "guessing"]
"""Runs that may look so."""


def checkpoints(run: str) -> list[str]:
    return sorted(map(str, (RUNS / run).glob("*.onnx")), key=natural)


OF_WEIGHTS = {"forgotten", "detached", "growing", "cosine", "averaged", "convolved"}
"""Runs that weights tell all of; the others are run, too."""


@cache
def report(run: str, *, most: int | None = None, jobs: int = 1):
    files = checkpoint_files(checkpoints(run)[:most], jobs=jobs)
    data = RUNS / run if (RUNS / run / "test.npz").exists() else RUNS
    test, train = data / "test.npz", data / "train.npz"
    overrides = {
        "series": files, "data": test, "labels": LabelSource(test, "y"), "train_data": train,
        "train_labels": LabelSource(train, "y"),
    }  # fmt: skip
    job = Planner(select=("CKP",), overrides=overrides).job(str(files.files[-1]))
    is_static = run in OF_WEIGHTS
    return lint_model(replace(job, static_only=is_static), workers=shared_workers())


def warnings(found) -> set[str]:
    return {each.code for each in found.findings if each.severity.value == "warning"}


@pytest.mark.parametrize("run", WRONG)
def test_a_run_that_went_wrong(run):
    found = report(run)
    assert found.error is None
    assert warnings(found) == WRONG[run]


@pytest.mark.parametrize("run", SOUND)
def test_a_run_that_only_looks_so(run):
    found = report(run)
    assert found.error is None
    assert warnings(found) == set()


def test_frozen_layers_are_told_with_the_reason():
    messages = [each.message for each in report("fine_tuned").findings if each.code == "CKP001"]
    assert len(messages) == 2
    assert all("taken for frozen: so is every layer before it" in each for each in messages)


def test_a_plateau_and_its_drop_are_told():
    told = [each.message for each in report("plateau").findings if each.code == "CKP014"]
    assert any("a plateau, and no fault" in each for each in told)


def test_over_training_names_the_checkpoint_to_ship():
    (found,) = (each for each in report("over_trained").findings if each.code == "CKP012")
    assert found.evidence["best"] == str(RUNS / "over_trained" / "step_30.onnx")
    assert repr(found.evidence["best"]) in (found.hint or "")


def test_folded_and_renamed_exports_are_one_series():
    series = report("convolved").series
    weights = [each for each in series.tensors if each.is_matrix]
    assert len(weights) == 3
    assert all(None not in each.update and max(each.update) < 2 for each in weights)


def test_parts_in_parallel_give_the_same():
    one, many = (report("sound", most=5, jobs=jobs) for jobs in (1, 2))
    assert one.series == many.series
    assert one.findings == many.findings


def permuted(path: str, to: Path) -> str:
    """The same network under other names, its weights transposed."""
    model = onnx.load(path)
    for node in model.graph.node:
        node.name = ""
        if node.op_type == "Gemm":
            node.ClearField("attribute")
            node.attribute.append(onnx.helper.make_attribute("transB", 0))
    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor)
        old, new = tensor.name, f"q{len(tensor.name)}{tensor.name}"
        tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(array.T), new))
        for node in model.graph.node:
            node.input[:] = [new if name == old else name for name in node.input]
    onnx.save(model, to)
    return str(to)


def test_transposed_weights_are_the_same(tmp_path):
    first = checkpoints("sound")[3]
    files = checkpoint_files([first, permuted(first, tmp_path / "step_160.onnx")])
    job = Planner(select=("CKP001",), overrides={"series": files}).job(str(files.files[-1]))
    series = lint_model(replace(job, static_only=True)).series
    assert [each.changed for each in series.tensors if each.is_matrix] == [(0.0,)] * 3


@pytest.mark.parametrize(
    ("names", "steps", "unit"),
    [
        (["epoch_10.onnx", "epoch_2.onnx"], (2, 10), "epoch"),
        (["e=1-step=300.onnx", "e=0-step=200.onnx"], (200, 300), "step"),
        (["net2_iter5.onnx", "net2_iter40.onnx"], (5, 40), "step"),
        (["a/checkpoint-9/m.onnx", "a/checkpoint-10/m.onnx"], (9, 10), "checkpoint"),
        (["first.onnx", "last.onnx"], (0, 1), "checkpoint"),
    ],
)
def test_steps_by_name(names, steps, unit, tmp_path):
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(Path(checkpoints("sound")[0]).read_bytes())
    found = checkpoint_files([str(tmp_path / name) for name in names])
    assert (found.steps, found.unit) == (steps, unit)


def test_steps_in_metadata_come_before_names(tmp_path):
    for name, step in (("step_1.onnx", "20"), ("step_2.onnx", "10")):
        model = onnx.load(checkpoints("sound")[0])
        onnx.helper.set_model_props(model, {"global_step": step})
        onnx.save(model, tmp_path / name)
    found = checkpoint_files([str(tmp_path / "step_1.onnx"), str(tmp_path / "step_2.onnx")])
    assert [file.name for file in found.files] == ["step_2.onnx", "step_1.onnx"]
    assert found.steps_from == "metadata"


def test_given_steps_keep_the_order_of_names_without_numbers():
    found = checkpoint_files(["init.onnx", "mid.onnx", "end.onnx"], (0, 50, 100))
    assert [str(file) for file in found.files] == ["init.onnx", "mid.onnx", "end.onnx"]
    listed = checkpoint_files(["e1.onnx", "e10.onnx", "e2.onnx"], (1, 2, 10))
    assert [str(file) for file in listed.files] == ["e1.onnx", "e2.onnx", "e10.onnx"]


def test_a_missing_step():
    with pytest.raises(SeriesError, match=r"3 numbers for 2 checkpoints"):
        checkpoint_files(["a1.onnx", "a2.onnx"], (1, 2, 3))


def run(*arguments: str):
    return CliRunner().invoke(cli, ["series", *arguments])


def test_a_single_checkpoint():
    done = run(checkpoints("sound")[0])
    assert done.exit_code == 2
    assert "at least two checkpoints" in done.output


def test_a_file_without_a_step(tmp_path):
    final = tmp_path / "final.onnx"
    final.write_bytes(Path(checkpoints("sound")[0]).read_bytes())
    done = run(*checkpoints("sound")[:2], str(final))
    assert done.exit_code == 2
    assert "final.onnx' has no step in its name" in done.output


def test_an_unreadable_file(tmp_path):
    broken = tmp_path / "step_40.onnx"
    broken.write_bytes(Path(checkpoints("sound")[1]).read_bytes()[:3000])
    done = run(checkpoints("sound")[0], str(broken))
    assert done.exit_code == 2
    assert "is not an ONNX model" in done.output


def test_two_architectures():
    done = run(checkpoints("sound")[0], checkpoints("fading")[1], "--static-only")
    assert done.exit_code == 2
    assert "are not of one architecture: Gemm" in done.output


def test_labels_of_another_length(tmp_path):
    np.save(tmp_path / "y.npy", np.load(RUNS / "test.npz")["y"][:50])
    np.savez(tmp_path / "x.npz", x=np.load(RUNS / "test.npz")["x"])
    labels = ("--data", str(tmp_path / "x.npz"), "--labels", str(tmp_path / "y.npy"))
    done = run(*checkpoints("sound")[:2], *labels)
    assert done.exit_code == 2
    assert "50 labels for 300 samples" in done.output


def test_no_rule_for_a_series():
    done = run(*checkpoints("sound")[:2], "--select", "ONX")
    assert done.exit_code == 2
    assert "no selected rule judges a series" in done.output


def test_text_and_json(tmp_path):
    file = tmp_path / "series.json"
    done = run(*checkpoints("forgotten"), "--static-only", "-f", "full", "-f", f"json={file}")
    assert done.exit_code == 0
    assert "11 checkpoints, step 0 to step 400 (by names)" in done.output
    assert "CKP001" in done.output
    (model,) = json.loads(file.read_text())["models"]
    assert model["series"]["steps"] == [*range(0, 401, 40)]
    assert {each["parameter"] for each in model["series"]["tensors"]} == {"weight", "bias"}


def test_rules_without_a_series_do_not_apply():
    job = Planner(select=("CKP001", "CKP009")).job(checkpoints("sound")[0])
    found = lint_model(replace(job, static_only=False), workers=shared_workers())
    assert set(found.not_applicable) == {"CKP001", "CKP009"}
    assert "onnxlint series" in found.not_applicable["CKP001"]


def test_sparklines():
    assert sparkline((0.0, None, 1.0)) == "▁·█"
    assert sparkline((5.0, 5.0)) == "▄▄"
    assert sparkline((1e-3, 1e-1, 10.0), logarithmic=True) == "▁▅█"
    assert sparkline((None, 0.0), logarithmic=True) == "··"
