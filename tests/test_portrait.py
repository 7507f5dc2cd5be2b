"""Portraits: what a page shows of a model beyond findings, made with its report."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from click.testing import CliRunner

from onnxlint.cli.main import cli
from onnxlint.portrait.interface import Interface, Port
from onnxlint.portrait.parts import PARTS, NotMade, part, plain
from onnxlint.portraying import portray
from onnxlint.report import ModelReport, decode, encode
from onnxlint.reporters.html import reporter
from onnxlint.reporters.html.sections import section
from onnxlint.testing import model_from_text

MODEL = """
<ir_version: 8, opset_import: ["" : 17], producer_name: "maker <b>", doc_string: "two & two">
g (float[N, 3] x) => (float[N, 3] y) { y = Relu(x) }
"""
INTERFACE = Interface("maker", 8, {"": 17}, 1, (Port("x", "float32[N, 3]"),), (Port("y"),))


def reported(folder: Path, *options: str) -> str:
    path = folder / "model.onnx"
    path.write_bytes(model_from_text(MODEL).SerializeToString())
    done = CliRunner().invoke(cli, [str(path), "-f", "html", *options])
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.parametrize("options", [(), ("--static-only",)])
def test_the_page_tells_what_a_model_is_from_outside(tmp_path, options):
    text = reported(tmp_path, *options)
    assert 'id="interface-1"' in text
    assert "float[N, 3]" in text
    assert "maker &lt;b&gt;" in text
    assert "two &amp; two" in text


@pytest.mark.parametrize("made", [INTERFACE, NotMade("no <reason>")])
def test_a_portrait_travels_with_its_report(made):
    report = ModelReport("a.onnx", portrait={"interface": plain(made)})
    again = decode(encode(report), ModelReport)
    assert part(again.portrait or {}, "interface") == made
    assert part({}, "interface") is None


def test_a_part_that_fails_costs_no_finding(tmp_path, monkeypatch):
    monkeypatch.setitem(portray.MAKERS, "interface", "interface:missing_maker")
    module = importlib.import_module("onnxlint.portraying.interface")

    def fails(_subject):
        raise KeyError("<lost>")

    monkeypatch.setattr(module, "missing_maker", fails, raising=False)
    text = reported(tmp_path)
    assert "Not shown: KeyError: " in text
    assert "&lt;lost&gt;" in text


def test_every_part_has_a_type_a_maker_a_section_and_a_template():
    assert set(PARTS) == set(portray.MAKERS) == set(section.VIEWS)
    views = {name: view for name, (_, view) in section.VIEWS.items()}
    rooms = {"portrait": PARTS, "portraying": portray.MAKERS, "reporters.html.sections": views}
    for room, names in rooms.items():
        for module, _, name in (each.partition(":") for each in names.values()):
            assert callable(getattr(importlib.import_module(f"onnxlint.{room}.{module}"), name))
    for each in PARTS:
        assert (reporter.TEMPLATES / section.Section(each, "", 1).template).is_file()
