"""`onnxlint diff -f html`: what changed as a page, with both models side by side."""

from __future__ import annotations

import json
import re

import pytest
from click.testing import CliRunner
from conftest import ROOT
from test_html_report import Page

from onnxlint.cli.main import cli
from onnxlint.release_diff import FactChange, LayerChange, LayerRef, Release, ReleaseDiff
from onnxlint.report import ModelReport
from onnxlint.reporters import registry
from onnxlint.reporters.html import diff

SOUND, FLAWED = (str(ROOT / "fixtures/demo" / f"{name}.onnx") for name in ("sound", "flawed"))


def shown(*args: str, code: int = 0) -> str:
    done = CliRunner().invoke(cli, ["diff", *args, "-f", "html"])
    assert done.exit_code == code, done.output
    return done.stdout if code == 0 else done.stderr


def test_the_page_has_all_changes_and_both_models():
    text = Page(shown(SOUND, FLAWED)).text
    for told in (
        "onnxlint diff: changed", "Findings (3 new, 0 gone)", "error ARC001 repeated-softmax",
        "Softmax node_softmax_1", "Conv conv1 bias", "Parameters1,4031,403", "Nodes1516",
        "conv2d is the first of 14 layers to diverge", f"Old: {SOUND}", f"New: {FLAWED}",
        "No change in interface.", "Both run on 8 samples",
    ):  # fmt: skip
        assert told in text, told
    assert "CMP002" not in text  # the old model is no reference that somebody asked for


def test_the_first_layer_to_diverge_is_marked_in_both_drawings():
    text = shown(SOUND, FLAWED)
    told = [json.loads(each) for each in re.findall(r'class="data">(.*?)</script>', text)]
    assert len(told) == 2
    for drawing in told:
        title, meanings, steps, _ = drawing["colours"][drawing["meaning"]]
        first = steps.index(str(meanings.index("first to diverge")))
        assert (title, drawing["steps"][first][2]) == ("Difference from the other model", "Conv")
        assert ["Difference", "191234.7% (first to diverge)"] in drawing["steps"][first][5]


def test_two_equal_models_differ_in_nothing():
    text = Page(shown(SOUND, SOUND)).text
    assert "onnxlint diff: no change" in text
    assert "No divergence in 15 layers (limit 0.1%)" in text


def test_nothing_is_compared_layer_by_layer_where_nothing_runs():
    page = Page(shown(SOUND, FLAWED, "--static-only"))
    assert not page.of_class("comparison")
    assert "Not compared" in page.text or "not compared" in page.text


def test_names_of_both_models_are_text():
    name = "<img src=x onerror=alert(1)>\u202e"
    layer = LayerRef("Conv", name, name, name, name)
    changed = ReleaseDiff(
        Release(name, "0", 1, 2, 3), Release(name, "1", 1, 2, 3),
        facts=(FactChange(name, name, None),),
        layers=(LayerChange("added", new=layer), LayerChange("moved", layer, layer)),
        not_compared={name: name}, incomplete=(name,),
    )  # fmt: skip
    page = Page(diff.render(changed, ModelReport(name), ModelReport(name)))
    assert not [tag for tag, _ in page.elements if tag == "img"]
    assert "<img src=x onerror=alert(1)>" in page.text
    assert "\u202e" not in page.text


def test_changes_beyond_what_a_page_holds_are_counted(monkeypatch):
    monkeypatch.setattr(diff, "MOST_ROWS", 1)
    layer = LayerRef("Conv", "m", "n", "o")
    changed = ReleaseDiff(Release("a", "0", 1, 2, 3), Release("b", "1", 1, 2, 3),
                          layers=(LayerChange("added", new=layer),) * 5)  # fmt: skip
    page = Page(diff.render(changed, ModelReport("a"), ModelReport("b")))
    assert "4 more are in the JSON report." in page.text


def test_without_the_library_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setattr(registry, "find_spec", lambda name: None)
    assert "requires jinja2: pip install 'onnxlint[report]'" in shown(SOUND, FLAWED, code=2)


def test_the_format_names_its_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, ["diff", SOUND, SOUND, "--static-only", "-f", "html=d.html"])
    assert (done.exit_code, done.stdout) == (0, "")
    assert "onnxlint diff: no change" in (tmp_path / "d.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(("given", "told"), [
    (["-f", "html="], "'html=' names no file; write html=FILE"),
    (["-f", "htm"], "'htm' is not one of text, json, markdown, html"),
    (["-f", "html=a.html", "-o", "b.html"], "both name a file; leave out one of them"),
    (["-f", "html=no/a.html"], "folder 'no' does not exist"),
])  # fmt: skip
def test_a_format_that_cannot_be_written_is_one_sentence(given, told):
    done = CliRunner().invoke(cli, ["diff", SOUND, SOUND, *given])
    assert done.exit_code == 2
    assert told in done.stderr
