"""A series of checkpoints on the HTML page, and in the event files that TensorBoard reads."""

from __future__ import annotations

import math
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import ROOT
from msgspec.structs import replace
from test_formats import ODD, written
from test_html_report import Page

from onnxlint.cli import viewers
from onnxlint.cli.main import cli
from onnxlint.model.graph.place import Place
from onnxlint.report import ModelReport
from onnxlint.reporters.html.items import command
from onnxlint.reporters.html.sections import checkpoints as section
from onnxlint.series_report import EntropyCurve, ScoreCurve, SeriesReport, TensorCurve
from onnxlint.viewers.tensorboard import write_series

HOSTILE = "<img src=x onerror=alert(1)>\u202e"
PLACE = Place(node=HOSTILE, node_index=0, op_type="Gemm")
THREE = (1.0, 2.0, 4.0)
SERIES = SeriesReport(
    files=("a.onnx", "b.onnx", "c.onnx"), steps=(0, 10, 20), unit="step", steps_from="names",
    tensors=(
        TensorCurve(PLACE, "weight", (4, 3), 0, THREE, THREE, (0.0,) * 3, (0.5, math.inf),
                    (1.0, 1.0), (0.25,)),
    ),
    entropies=(EntropyCurve(PLACE, math.log(2), 2, (0.69, None, 0.25)),),
    scores=(ScoreCurve("data", "classification", "accuracy", 50, (0.5, 0.75, 0.875), THREE,
                       (0.0,) * 3, (0.0,) * 3),),
    not_measured={"b.onnx": HOSTILE},
)  # fmt: skip


def test_the_page_draws_the_curves_and_names_are_text():
    page = Page(written("html", [ModelReport("c.onnx", series=SERIES)]))
    assert len([tag for tag, _ in page.elements if tag == "polyline"]) == 3
    assert not [tag for tag, _ in page.elements if tag == "img"]
    for told in (
        "3 checkpoints, step 0 to step 20 (by names).", "data/loss: 1 at first, 4 at last",
        "0.69 at first, 0.25 at last", "Not measured in 1 of 3 checkpoints: <img",
    ):  # fmt: skip
        assert told in page.text, told


def test_the_command_of_a_finding_judges_the_series_again():
    report = ModelReport("c.onnx", series=SERIES, asked=("--seed", "3"))
    again = [
        "onnxlint",
        "series",
        "a.onnx",
        "b.onnx",
        "c.onnx",
        "--select",
        "TST001",
        "--seed",
        "3",
    ]
    assert shlex.split(command(report, ODD)) == again
    given = replace(report, series=replace(SERIES, steps_from="--steps"))
    assert "c.onnx --steps 0,10,20 --select TST001" in command(given, ODD)


def test_weights_beyond_what_a_page_holds_are_counted(monkeypatch):
    monkeypatch.setattr(section, "MOST_ROWS", 1)
    many = SeriesReport(SERIES.files, SERIES.steps, tensors=SERIES.tensors * 5)
    page = Page(written("html", [ModelReport("c.onnx", series=many)]))
    assert "4 more are in the JSON report." in page.text


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """What TensorBoard's own reader finds."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(folder)).Reload()
    return {tag: [(each.step, each.value) for each in read.Scalars(tag)]
            for tag in read.Tags()["scalars"]}  # fmt: skip


def test_a_checkpoint_is_a_step(tmp_path):
    write_series(tmp_path, SERIES)
    first = [file.read_bytes() for file in sorted(tmp_path.iterdir())]
    found = scalars(tmp_path)
    assert found["data/loss"] == [(0, 1.0), (10, 2.0), (20, 4.0)]
    name = f"{PLACE} weight"
    assert found[f"update/{name}"] == [(10, 0.5), (20, math.inf)]  # of the interval before it
    assert [step for step, _ in found["entropy/"]] == [0, 20]
    write_series(tmp_path, SERIES)
    assert [file.read_bytes() for file in sorted(tmp_path.iterdir())] == first


def test_the_command_writes_both(tmp_path):
    checkpoints = sorted(map(str, (ROOT / "fixtures/series/sound").glob("*.onnx")))
    page, events = tmp_path / "p.html", tmp_path / "events"
    done = CliRunner().invoke(cli, ["series", *checkpoints, "--static-only", "-f", f"html={page}",
                                    "--tensorboard", str(events)])  # fmt: skip
    assert done.exit_code == 0, done.output
    assert f"checkpoints in {events} (tensorboard --logdir {events})" in done.stderr
    assert "Over the checkpoints" in page.read_text(encoding="utf-8")
    updates = [steps for tag, steps in scalars(events).items() if tag.startswith("update/")]
    assert updates
    assert {len(steps) for steps in updates} == {len(checkpoints) - 1}


@pytest.mark.parametrize("missing", [True, False])
def test_what_keeps_it_from_being_written_is_one_sentence(tmp_path, monkeypatch, missing):
    folder = tmp_path / "events"
    if missing:
        monkeypatch.setattr(viewers, "find_spec", lambda name: None)
    else:
        folder.write_text("a file")
    done = CliRunner().invoke(cli, ["series", "a.onnx", "--tensorboard", str(folder)])
    assert done.exit_code == 2
    told = "requires tensorboardX" if missing else "is not a folder; choose another name"
    assert told in done.stderr
