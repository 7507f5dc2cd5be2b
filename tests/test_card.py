"""The section of a model card."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import FLAWED
from test_reporters import REPORTS

from onnxlint.cli.main import cli
from onnxlint.report import ModelReport
from onnxlint.reporters.card import MOST_FINDINGS, Card
from onnxlint.reporters.protocol import Outcome, Run, rendered

MarkdownIt = pytest.importorskip("markdown_it").MarkdownIt


def card(*reports: ModelReport) -> str:
    run = Run("1.2.3", {"acme": "4.5"}, Path("/work"), len(reports), libraries={"onnx": "1.20"})
    return rendered(Card(run), reports, Outcome())


def test_a_card_tells_metrics_and_versions():
    text = card(REPORTS[1])
    assert text.startswith("## Quality (onnxlint)\n\n**Passed**: 0 errors, 0 warnings, 0 info.\n")
    for line in ("| Accuracy | 0.9725 |", "| Recall of cat | 1 |", "| Calibration error | 0.02 |",
                 "| Baseline majority class: accuracy | 0.1 |",
                 "400 labelled samples"):  # fmt: skip
        assert line in text
    assert "\x1b" not in text
    assert text.endswith("<sub>onnxlint 1.2.3, acme 4.5, onnx 1.20</sub>\n")


def test_a_card_says_what_could_not_be_linted_and_has_a_heading_a_model():
    text = card(*REPORTS)
    assert (
        "### `c/broken.onnx`\n\n**cannot lint**: file is empty; export or download it again" in text
    )
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    assert sum(token.type == "heading_open" for token in tokens) == 4
    assert sum(token.type == "table_open" for token in tokens) == 2


def test_a_card_names_so_many_findings_and_no_more():
    many = [finding for finding in REPORTS[0].findings if finding.severity == "warning"] * 30
    text = card(ModelReport("a.onnx", findings=tuple(many)))
    assert text.count("\n- warning ") == MOST_FINDINGS
    assert f"- … and {len(many) - MOST_FINDINGS:,} more" in text


def test_the_command_writes_a_card(write_model, tmp_path):
    done = CliRunner().invoke(
        cli, ["check", str(write_model(FLAWED)), "--static-only", "-f", "card"]
    )
    assert "**Failed**: 1 error" in done.stdout
    assert "- error ARC001 repeated-softmax: " in done.stdout
    assert ", onnx 1." in done.stdout
