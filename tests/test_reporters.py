"""Output formats against golden files; with UPDATE_GOLDEN=1 this test writes them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from onnxlint.findings import Diagnostic, Finding, together
from onnxlint.model.graph.place import Place
from onnxlint.report import FixReport, Metrics, ModelReport, exit_code
from onnxlint.reporters.json import Json
from onnxlint.reporters.protocol import Outcome, Run, View, rendered
from onnxlint.reporters.text import Text
from onnxlint.severity import Severity

GOLDEN = Path(__file__).parent / "golden"

CONV = Place(node="/layer2/conv/Conv", node_index=17, op_type="Conv", module="layer2.conv",
             source="net.py:41")  # fmt: skip
INNER = Place(scope="If_3/then_branch", node="", node_index=0, op_type="Relu", value="h")

RAN = tuple(f"GRA{number:03d}" for number in range(97))
FINDINGS = (
    Diagnostic("ARC001", "repeated-softmax", Severity.ERROR, "softmax over a softmax", INNER,
               hint="remove Softmax #0"),
    *(
        Diagnostic("WGT002", "all-zero-weight", Severity.WARNING, f"all 72 weights of {node} are 0",
                   replace(CONV, node=node), measured=0, limit=0, unit="nonzero weights",
                   hint="export the trained weights")
        for node in ("conv1", "conv2", "conv3", "conv4", "conv5")
    ),
    Diagnostic("ACT001", "nan-origin", Severity.WARNING, "NaN is born", Place(value="x"),
               measured=float("nan"), limit=float("-inf"), evidence={"runs": [1, 2.5]},
               synthetic=True),
    Diagnostic("GRA009", "unnamed-node", Severity.INFO, "a node has no name", Place()),
)  # fmt: skip

UNREAD = tuple(
    Diagnostic("GRA002", "unused-initializer", Severity.WARNING, "nobody reads it",
               Place(value=name), fix="remove the initializer")
    for name in ("a", "b", "c", "d", "e")
)  # fmt: skip

MENDED = (
    ModelReport("a/mended.onnx", "2" * 64, findings=UNREAD[4:], ran=RAN, seconds=0.5,
                mending=FixReport(UNREAD[:4], ((UNREAD[4], "verification failed"),), "out.onnx")),
    ModelReport("b/full.onnx", "3" * 64, findings=UNREAD[:1], ran=RAN,
                mending=FixReport(problem="disk is full")),
    ModelReport("c/unrun.onnx", "4" * 64, ran=RAN,
                mending=FixReport(UNREAD[:1], (), "c/unrun.onnx", "it does not run")),
)  # fmt: skip

REPORTS = (
    ModelReport("a/flawed.onnx", "0" * 64, None, FINDINGS, RAN[:96], {"ACT003": "no Relu"}, (), 8,
                "synthetic inputs (seed 0)", 1.25),
    ModelReport("b/sound.onnx", "1" * 64, ran=RAN, seconds=0.5,
                metrics=Metrics("y", "classification", 400, accuracy=0.9725, log_loss=0.25,
                                recall={"cat": 1.0, "dog\x1b": 0.5}, calibration_error=0.02,
                                baselines={"majority class": 0.1})),
    ModelReport("c/broken.onnx", error="file is empty; export or download it again"),
)  # fmt: skip


USUAL = View()


def check(name: str, text: str) -> None:
    path = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def written(make, reports, view: View = USUAL) -> str:
    run = Run("1.2.3", {"onnxlint_rules": "1.2.3"}, Path("/work"), len(reports), view)
    return rendered(make(run), reports, Outcome(exit_code(reports)))


def full(reports, view: View = USUAL) -> str:
    return written(Text, reports, view)


def test_text():
    import click

    check("report.txt", click.unstyle(full(REPORTS)))


def test_text_in_full():
    import click

    check(
        "report-verbose.txt",
        click.unstyle(full(REPORTS, View(Severity.INFO, repeats=True, not_applicable=True))),
    )


def test_text_of_fixes():
    import click

    fixable = [replace(report, mending=None) for report in MENDED[:1]]
    rendered = full(MENDED) + "\n" + full(fixable)
    check("report-fixes.txt", click.unstyle(rendered))


def test_json_of_fixes():
    document = json.loads(written(Json, MENDED))
    first, second, third = (model["mending"] for model in document["models"])
    assert [finding["fix"] for finding in first["fixed"]] == ["remove the initializer"] * 4
    assert first["refused"][0]["reason"] == "verification failed"
    assert (first["written"], second["written"]) == ("out.onnx", None)
    assert (third["unverified"], second["problem"]) == ("it does not run", "disk is full")


def test_text_of_errors_alone():
    import click

    check("report-quiet.txt", click.unstyle(full(REPORTS, View(Severity.ERROR))))


def test_json():
    document = written(Json, REPORTS)
    json.loads(document, parse_constant=pytest.fail)
    check("report.json", document)


def test_findings_told_as_one_keep_the_first_hint():
    found = [Finding(CONV, "it", hint=hint) for hint in ("first", "second", None)]
    (told,) = together(found, "places")
    assert (told.hint, told.message) == ("first", "it (3 places)")


def test_documentation_names_every_key():
    page = (Path(__file__).parent.parent / "docs" / "json_report.md").read_text(encoding="utf-8")
    document = json.loads(written(Json, (*REPORTS, *MENDED)))

    def keys(part):
        if isinstance(part, dict):
            yield from part
        for inner in part.values() if isinstance(part, dict) else part:
            if isinstance(inner, dict | list):
                yield from keys(inner)

    named = {"cat", "dog\x1b", "majority class", "runs", "onnxlint_rules"}  # of classes, packs …
    assert [key for key in {*keys(document)} - named if f"`{key}`" not in page] == []


@pytest.mark.parametrize(
    ("report", "code"),
    [
        (ModelReport("m", findings=FINDINGS[-1:]), 0),
        (MENDED[0], 0),
        (MENDED[1], 2),
        (ModelReport("m", findings=FINDINGS[1:]), 0),
        (ModelReport("m", findings=FINDINGS), 1),
        (ModelReport("m", findings=FINDINGS[1:], fail_on=Severity.WARNING), 1),
        (ModelReport("m", findings=FINDINGS, crashed=("ACT003",)), 2),
        (ModelReport("m", error="m: file is empty"), 2),
    ],
)
def test_exit_codes(report, code):
    assert exit_code([report, ModelReport("sound")]) == code


def test_fingerprint_holds_no_measured_number():
    one, other = FINDINGS[1], replace(FINDINGS[1], message="else", measured=0.25)
    assert one.fingerprint == other.fingerprint
    assert len({finding.fingerprint for finding in FINDINGS}) == len(FINDINGS)
