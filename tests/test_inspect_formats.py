"""`onnxlint inspect` as CSV, JSON and a page, of one sample, and in notebooks."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

import onnxlint
from onnxlint.cli.main import cli
from onnxlint.findings import Diagnostic
from onnxlint.inspecting import Inspection
from onnxlint.inspection.choosing import Choice
from onnxlint.inspection.csv_rows import csv_text
from onnxlint.inspection.facts import FACTS
from onnxlint.inspection.html_page import html_text
from onnxlint.inspection.inspected import Inspected, Layer, Port
from onnxlint.model.graph.place import Place
from onnxlint.report import ModelReport
from onnxlint.safety import markup
from onnxlint.safety.printable import printable

FIXTURES = Path(__file__).parents[1] / "fixtures"
DIGITS, HELD_OUT = FIXTURES / "digits/mlp.onnx", FIXTURES / "digits/held_out.npz"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["inspect", *map(str, arguments)])


def rows(text: str) -> list[dict[str, str]]:
    return [*csv.DictReader(io.StringIO(text))]


# Formats


def test_csv_has_a_row_for_each_layer_with_all_its_facts():
    done = run(DIGITS, "--data", HELD_OUT, "-f", "csv")
    assert done.exit_code == 0, done.stderr
    found = rows(done.stdout)
    layers = json.loads(run(DIGITS, "--data", HELD_OUT, "-f", "json").stdout)["layers"]
    assert [each["op"] for each in found] == [each["op"] for each in layers]
    assert list(found[0]) == [*FACTS, "inputs", "outputs", "weights"]
    relu = next(each for each in found if each["op"] == "Relu")
    seen = next(each for each in layers if each["op"] == "Relu")["observed"]
    assert float(relu["max"]) == seen["maximum"]
    assert (relu["has_nan"], relu["is_glue"], relu["shape"]) == ("false", "false", "batch 32")
    unseen = next(each for each in found if each["is_glue"] == "true")
    assert unseen["bound_min"] == ""


def test_csv_of_a_choice_has_its_layers_alone():
    found = rows(run(DIGITS, "--static-only", "--where", 'op == "Gemm"', "-f", "csv").stdout)
    assert [each["op"] for each in found] == ["Gemm", "Gemm"]


def test_json_says_how_many_a_choice_left_out():
    every = json.loads(run(DIGITS, "--static-only", "-f", "json").stdout)
    assert (every["left_out"], every["not_known"]) == (0, 0)
    some = json.loads(run(DIGITS, "--static-only", "--where", 'op == "Gemm"', "-f", "json").stdout)
    assert some["left_out"] == len(every["layers"]) - 2


def test_table_is_another_name_of_text():
    assert (
        run(DIGITS, "--static-only", "-f", "table").stdout
        == run(DIGITS, "--static-only", "-f", "text").stdout
    )
    assert run(DIGITS, "--static-only").stdout == run(DIGITS, "--static-only", "-f", "text").stdout


@pytest.mark.parametrize("name", ["csv", "html"])
def test_one_node_has_text_and_json_only(name):
    refused = run(DIGITS, "#1", "--static-only", "-f", name)
    assert refused.exit_code == 2
    assert "one node or value has text and json" in refused.stderr


class Parsed(HTMLParser):
    """The tags of a page, with their attributes, and the texts of its cells."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.cells: list[str] = []
        self._is_in_cell = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "td":
            self._is_in_cell = True
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        self._is_in_cell &= tag != "td"

    def handle_data(self, data: str) -> None:
        if self._is_in_cell:
            self.cells[-1] += data


def test_a_page_has_the_table_and_loads_nothing():
    pytest.importorskip("jinja2")
    done = run(DIGITS, "--data", HELD_OUT, "-f", "html")
    assert done.exit_code == 0, done.stderr
    page = Parsed(done.stdout)
    policies = [given["content"] for tag, given in page.tags if given.get("http-equiv")]
    assert [str(each).partition(";")[0] for each in policies] == ["default-src 'none'"]
    assert "script" not in {tag for tag, _ in page.tags}
    assert {given["href"] for tag, given in page.tags if "href" in given} == {"data:,"}
    assert {"Relu", "2,080", "float[batch, 32]"} <= set(page.cells)
    assert "2,410 parameters" in done.stdout


def test_a_page_of_no_match(write_model):
    pytest.importorskip("jinja2")
    done = run(DIGITS, "--static-only", "--where", 'op == "LSTM"', "-f", "html")
    assert done.exit_code == 0
    assert "No layer to show." in done.stdout
    assert "0 of 8 nodes match" in done.stdout


def test_a_page_needs_jinja2(monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    refused = run(DIGITS, "--static-only", "-f", "html")
    assert refused.exit_code == 2
    assert "onnxlint[report]" in refused.stderr


# One sample


def test_one_sample_is_run_alone():
    done = run(DIGITS, "pixels", "--data", HELD_OUT, "--sample", 70, "-f", "json", "--slice", "...")
    found = json.loads(done.stdout)
    with np.load(HELD_OUT) as data:
        sample = data["pixels"][70:71]
    numbers = np.array(json.loads(found["numbers"].replace(".", ".0")))
    np.testing.assert_array_equal(numbers, sample)
    assert found["samples"] == 1
    assert found["data"].endswith(", sample 70")
    assert found["outputs"][0]["observed"]["maximum"] == sample.max()


def test_one_sample_of_a_table_and_of_synthetic_inputs():
    every = json.loads(run(DIGITS, "--samples", 2, "-f", "json").stdout)["layers"]
    alone = [json.loads(run(DIGITS, "--samples", 2, "--sample", at, "-f", "json").stdout)["layers"]
             for at in range(2)]  # fmt: skip
    index = next(at for at, each in enumerate(every) if each["op"] == "Relu")
    tops = [each[index]["observed"]["maximum"] for each in alone]
    assert len(set(tops)) > 1
    assert max(tops) == pytest.approx(every[index]["observed"]["maximum"], rel=1e-5)


def test_a_sample_of_a_fixed_batch_fills_it(write_model, tmp_path):
    model = write_model(
        '<ir_version: 9, opset_import: ["": 17]>n (float[2, 3] x) => (float[2, 3] y) { y = Neg(x) }'
    )
    np.savez(tmp_path / "d.npz", x=np.arange(12, dtype="f4").reshape(4, 3))
    done = run(model, "x", "--data", tmp_path / "d.npz", "--sample", 3, "--slice", "...")
    assert done.stdout.rstrip().endswith("[[ 9., 10., 11.],\n [ 9., 10., 11.]]")


def test_a_sample_that_is_not_there_is_refused():
    refused = run(DIGITS, "--data", HELD_OUT, "--sample", 400)
    assert refused.exit_code == 1
    assert "there is no sample 400" in refused.stderr
    assert "has 400, from 0 on" in refused.stderr


# Notebooks


def test_inspect_of_python_is_that_of_the_command():
    found = onnxlint.inspect(DIGITS, where='op == "Gemm"', static_only=True)
    told = run(DIGITS, "--static-only", "--where", 'op == "Gemm"', "-f", "json").stdout
    assert json.loads(json.dumps(found.to_dict())) == json.loads(told)
    assert [layer.op for layer in found.layers] == ["Gemm", "Gemm"]
    assert repr(found) == f"<Inspection of '{DIGITS}': 2 of 8 nodes>"
    shown = Parsed(found._repr_html_())
    assert {"Gemm", "2,080"} <= set(shown.cells)
    assert "2 of 8 nodes match" in str(found)
    assert rows(found.to_csv())[0]["op"] == "Gemm"


def test_inspect_of_a_model_in_memory_and_its_data():
    model = onnx.load(DIGITS)
    found = onnxlint.inspect(model, settings=onnxlint.Settings(data=HELD_OUT, samples=4))
    assert found.model.samples == 4
    assert next(each for each in found.layers if each.op == "Relu").observed is not None


def test_inspect_tells_what_is_wrong(tmp_path):
    from onnxlint.inspection.expressions import ExpressionError
    from onnxlint.inspection.looking import InspectionError

    with pytest.raises(InspectionError, match=r"no\.onnx"):
        onnxlint.inspect(tmp_path / "no.onnx")
    with pytest.raises(InspectionError):
        onnxlint.inspect(b"no model")
    with pytest.raises(ExpressionError):
        onnxlint.inspect(DIGITS, where="op ==")


HOSTILE = st.text(max_size=20) | st.sampled_from(
    ["<script>alert(1)</script>", "</td><img src=x onerror=y>", "&lt;", '"><b>', "{{ 7 * 7 }}",
     "\u202egnp.exe", "a\nb", "=cmd|' /C calc'!A0", "@x", "\x1b[31m"]
)  # fmt: skip
TAGS = {"p", "strong", "table", "thead", "tbody", "tr", "th", "td", "bdi"}


@settings(max_examples=60, deadline=None)
@given(HOSTILE, HOSTILE, HOSTILE)
def test_hostile_names_stay_text(name, op, path):
    layer = Layer(0, 0, name, op, name, name, name, 3, dtype=name)
    model = Inspected(path, 8, {name: 1}, name, 1, (Port(name, name),), (), (layer,))
    shown = Parsed(Inspection(model, [layer], Choice(), 0)._repr_html_())
    assert {tag for tag, _ in shown.tags} <= TAGS
    assert printable(op) in shown.cells or not op
    place = Place(scope="", node=name, op_type=op)
    finding = Diagnostic("ACT001", "nan-origin", onnxlint.Severity.ERROR, place, name, hint=op)
    report = Parsed(ModelReport(path, findings=(finding,))._repr_html_())
    assert {tag for tag, _ in report.tags} <= TAGS
    assert printable(name) in report.cells
    failed = Parsed(ModelReport(path, error=name)._repr_html_())
    assert {tag for tag, _ in failed.tags} <= TAGS
    (row,) = rows(csv_text([layer]))
    assert row["op"].removeprefix("'") == printable(op).removeprefix("'")
    assert not row["op"].startswith(("=", "+", "-", "@"))


@pytest.fixture(scope="module")
def page_tags() -> Counter[str]:
    pytest.importorskip("jinja2")
    return _tags("x")


def _tags(name: str) -> Counter[str]:
    """How often each tag occurs on the page of a model in which everything is called so."""
    layer = Layer(0, 0, name, name, name, name, name, 3, dtype=name)
    model = Inspected(name, 8, {name: 1}, name, 1, (Port(name, name),), (), (layer,))
    page = Parsed(html_text(model, [layer], unfolds=True, told=[name]))
    assert not any(given.get("onerror") or given.get("src") for _, given in page.tags)
    return Counter(tag for tag, _ in page.tags)


@settings(max_examples=15, deadline=None)
@given(HOSTILE.filter(bool))
def test_hostile_names_stay_text_on_the_page(page_tags, name):
    assert _tags(name) == page_tags


def test_reports_and_long_tables_in_notebooks():
    report = onnxlint.lint(
        DIGITS, select=["ACT001"], settings=onnxlint.Settings(data=HELD_OUT, samples=4)
    )
    shown = report._repr_html_()
    assert str(DIGITS) in shown
    assert "Run on 4 samples" in shown
    assert "1,000 rows" not in shown
    long = markup.table(["a"], [[at] for at in range(markup.MOST_ROWS + 5)])
    assert "5 more rows are not shown" in long
