"""`onnxlint report`: a page on one model, or one that lists many beside a page on each."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from click.testing import CliRunner
from conftest import ROOT

from onnxlint.cli import planning
from onnxlint.cli.main import cli
from onnxlint.reporters import registry
from onnxlint.testing import model_from_text

RELU = """
<ir_version: 8, opset_import: ["" : 17]>
g (float[N, 3] x) => (float[N, 3] y) { y = Relu(x) }
"""


def model(path: Path) -> str:
    path.write_bytes(model_from_text(RELU).SerializeToString())
    return str(path)


def run(*args: str, code: int = 0) -> str:
    done = CliRunner().invoke(cli, ["report", *args])
    assert done.exit_code == code, done.output
    return done.stderr


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_one_model_has_one_page(folder):
    told = run(model(folder / "a.onnx"))
    text = (folder / "onnxlint-report.html").read_text()
    assert told == "wrote onnxlint-report.html\n"
    assert "onnxlint passed: " in text
    assert 'id="interface-1"' in text
    assert not (folder / "onnxlint-report-models").exists()


def test_findings_do_not_fail_it_and_the_page_says_that_the_model_failed(folder):
    run(str(ROOT / "fixtures/demo/flawed.onnx"), "--stage", "init", "-o", "r.html")
    text = (folder / "r.html").read_text()
    assert "onnxlint failed" in text
    assert "--exit-zero" not in text


def test_many_models_have_a_page_each_that_the_list_links(folder):
    names = ["a.onnx", "b [x]&.onnx", "é.onnx"]
    paths = [model(folder / name) for name in names]
    run(*paths, "-o", "all of: them.html")
    text = (folder / "all of: them.html").read_text()
    links = dict.fromkeys(re.findall(r'href="([^"#]+-models/[^"]+)"', text))
    targets = [folder / unquote(link) for link in links]
    assert [each.name for each in targets] == ["0001-a.html", "0002-b-x.html", "0003-model.html"]
    assert 'id="interface-1"' not in text  # that is on the pages
    for name, target in zip(names, targets, strict=True):
        page = target.read_text()
        assert 'id="interface-1"' in page
        assert name.replace("&", "&amp;") in page
        assert page.count('class="model"') == 1
    assert all(":" not in link for link in links)  # a scheme, to a browser


def test_a_model_that_cannot_be_read_costs_the_others_nothing(folder):
    (folder / "bad.onnx").write_bytes(b"\x08\x08no")
    told = run(str(folder / "bad.onnx"), model(folder / "good.onnx"), "-o", "r.html", code=2)
    assert told.endswith("wrote r.html; not everything could be checked, as it says\n")
    assert "Passed" in (folder / "r-models" / "0002-good.html").read_text()


def test_the_folder_for_pages_cannot_be_made(folder):
    (folder / "r-models").write_text("a file")
    paths = [model(folder / "a.onnx"), model(folder / "b.onnx")]
    told = run(*paths, "-o", "r.html", code=2)
    assert "folder 'r-models' for the pages of models: File exists" in told
    assert not (folder / "r.html").exists()


def test_what_is_no_earlier_page_is_not_replaced(folder):
    (folder / "r-models").mkdir()
    (folder / "r-models" / "0001-a.html").write_bytes(b"\0weights")
    paths = [model(folder / "a.onnx"), model(folder / "b.onnx")]
    told = run(*paths, "-o", "r.html", code=2)
    assert "is not a text file" in told
    assert (folder / "r-models" / "0001-a.html").read_bytes() == b"\0weights"


def test_without_the_library_one_sentence_says_what_to_install(folder, monkeypatch):
    monkeypatch.setattr(registry, "find_spec", lambda name: None)
    told = run(model(folder / "a.onnx"), code=2)
    assert "requires jinja2: pip install 'onnxlint[report]'" in told


@pytest.mark.skipif(os.name == "nt", reason="names of files are Unicode there")
def test_a_folder_whose_name_is_no_text_is_linked(folder):
    paths = [model(folder / "a.onnx"), model(folder / "b.onnx")]
    run(*paths, "-o", "\udcff.html")
    assert b"%FF-models/0001-a.html" in (folder / "\udcff.html").read_bytes()


DIGITS = ROOT / "fixtures/digits"
LABELLED = [str(DIGITS / "hurried.onnx"), "--data", str(DIGITS / "held_out.npz"),
            "--labels", f"{DIGITS / 'held_out.npz'}:classes"]  # fmt: skip


def test_the_layer_of_the_points_is_chosen_and_neighbours_are_added(folder):
    run(*LABELLED, "--layer", "hidden", "--tsne", "-o", "r.html")
    text = (folder / "r.html").read_text()
    assert "<code>/hidden/Gemm_output_0</code>" in text
    assert "<h4>t-SNE" in text
    run(*LABELLED, "--layer", "<b>", "-o", "r.html")
    told = "the main graph has no node, value or module &#39;&lt;b&gt;&#39;"
    assert told in (folder / "r.html").read_text()


@pytest.mark.parametrize("option", ["--time", "--layer=hidden", "--tsne"])
def test_what_needs_a_run_and_forbids_it_is_refused(folder, option):
    told = run(*LABELLED, option, "--static-only", code=2)
    assert f"{option.partition('=')[0]} runs the model; leave out --static-only" in told


def test_neighbours_need_a_library(folder, monkeypatch):
    monkeypatch.setattr(planning, "find_spec", lambda name: None)
    told = run(*LABELLED, "--tsne", code=2)
    assert "--tsne requires scikit-learn: pip install 'onnxlint[baseline]'" in told
