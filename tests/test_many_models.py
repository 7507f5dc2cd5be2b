"""What many models leave behind in the processes that judge and report them."""

from __future__ import annotations

import gc
import sys

import pytest

from onnxlint import judge_process
from onnxlint.pipeline import lint_many
from onnxlint.report import ModelReport, Sharing


def test_reports_share_what_they_say_alike():
    sharing, codes = Sharing(), ["ARC001", "ARC002"]
    first, second, third = (
        sharing.of(ModelReport(name, ran=tuple(codes), not_applicable=reasons))
        for name, reasons in (("a", {"TRE001": "no trees"}), ("b", {"TRE001": "no trees"}),
                              ("c", {"TRE001": "".join(["no ", "trees"]), "CTR001": "none"}))
    )  # fmt: skip
    assert first.ran is second.ran is third.ran
    assert first.not_applicable is second.not_applicable
    assert third.not_applicable == {"TRE001": "no trees", "CTR001": "none"}
    assert third.not_applicable["TRE001"] is first.not_applicable["TRE001"]
    assert [each.path for each in (first, second, third)] == ["a", "b", "c"]


@pytest.mark.parametrize("kind", ["bytes", "blocks"])
def test_a_judge_collects_what_models_leave_lying(kind, write_model, monkeypatch, tmp_path):
    """Also where the process does not grow, since what Python frees it keeps."""
    collected = tmp_path / "collected"

    def noted():
        with collected.open("a") as file:
            file.write("once\n")

    sizes = iter([100, 100, 200, 200, 250, 250])
    measured = {"bytes": lambda: 0, "blocks": lambda: 0} | {kind: lambda: next(sizes)}
    monkeypatch.setattr(judge_process, "LEFT_LYING", 60)
    monkeypatch.setattr(judge_process, "LEFT_BLOCKS", 60)
    monkeypatch.setattr(judge_process, "data_size", measured["bytes"])
    monkeypatch.setattr(sys, "getallocatedblocks", measured["blocks"])
    monkeypatch.setattr(gc, "collect", noted)
    paths = [write_model(name=f"{number}.onnx") for number in range(4)]
    reports = [*lint_many(paths, select="ARC")]
    assert [report.error for report in reports] == [None] * 4
    assert collected.read_text() == "once\n"


@pytest.mark.parametrize("jobs", [1, 2])
def test_reports_come_in_the_order_of_the_models(write_model, jobs):
    paths = [write_model(name=f"{number}.onnx") for number in range(5)]
    assert [report.path for report in lint_many(paths, jobs=jobs)] == [*map(str, paths)]
