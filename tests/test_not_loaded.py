"""What a run leaves unloaded: rules and analyses that a model, or a command, has no use for."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from onnxlint.analyses import Analyses, Unavailable, in_order, name_of
from onnxlint.model.graph.place import NotApplicable
from onnxlint.testing import model_from_text

NET = """net (float[N, 3] x) => (float[N, 2] y) <float[3, 2] w = {1, 2, 3, 4, 5, 6}>
{ h = MatMul(x, w) y = Relu(h) }"""


NOTHING_MEANWHILE = (
    "from onnxlint.runtime.worker import client\nclient._is_ready = lambda *_: True\n"
)
"""Else rules are loaded before it is known that they do not apply, if there is time for that."""


def loaded(path, *options: str) -> set[str]:
    """The modules that a command loads, as lists of its processes have them."""
    code = ("" if "static" in options else NOTHING_MEANWHILE) + (
        "import json, sys\nfrom onnxlint.job import plan\nfrom onnxlint.config import load\n"
        "from onnxlint.rules.packs import discover\nfrom onnxlint.settings import Settings\n"
        "from onnxlint.light_onnx import use_light_onnx\nuse_light_onnx()\n"
        "from onnxlint.pipeline import lint_model\n"
        f"job = plan(load(None), discover(), {str(path)!r}, settings=Settings(),\n"
        f"           static_only={'static' in options})\n"
        "report = lint_model(job)\nassert report.ran and not report.crashed, report\n"
        "print(json.dumps([*sys.modules]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=path.parent
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    path = tmp_path_factory.mktemp("net") / "net.onnx"
    path.write_bytes(model_from_text(NET).SerializeToString())
    return path


UNUSED = [
    "onnxlint.analyses.comparison.reference",
    "onnxlint.analyses.predictions.scores", "onnxlint.analyses.predictions.shift",
    "onnxlint.analyses.static.signature_trust", "onnxlint.rules.documentation",
    "onnxlint.runtime.data.parquet", "onnxlint_rules.dat.distribution_shift",
    "onnxlint_rules.prd.miscalibrated", "concurrent.futures.thread", "difflib",
    "google.protobuf.text_format", "zipfile", "onnx.helper", "onnx.numpy_helper", "ml_dtypes",
]  # fmt: skip


@pytest.mark.parametrize("options", [(), ("static",)])
def test_what_nobody_asked_for_is_not_loaded(net, options):
    modules = loaded(net, *options)
    assert [name for name in UNUSED if name in modules] == []


def test_a_static_run_runs_nothing(net):
    modules = loaded(net, "static")
    assert not modules & {"onnxruntime", "onnxlint.runtime.worker.client"}


BEFORE_INFERENCE = """
import sys
from onnxlint.light_onnx import use_light_onnx
use_light_onnx()
from onnxlint.analyses import Analyses
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.model.file.load import open_model
from onnxlint.safety.limits import Budget
from onnxlint.settings import Settings
settings = Settings()
budget = Budget.build(settings)
with open_model(sys.argv[1], budget) as model:
    analyses = Analyses(settings, model, budget)
    analyses.get(Shapes)
    assert "numpy" not in sys.modules, "it loads for longer than shapes are inferred"
    analyses.close()
"""


def test_inference_begins_before_numpy_is_loaded(net):
    subprocess.run([sys.executable, "-c", BEFORE_INFERENCE, net], check=True)


class Base:
    @classmethod
    def build(cls) -> Base:
        raise Unavailable("no base")


class Other:
    @classmethod
    def build(cls) -> Other:
        return cls()


class Upper:
    @classmethod
    def build(cls, other: Other, base: Base) -> Upper:
        raise AssertionError("is never built")


NAMES = [name_of(kind) for kind in (Other, Base, Upper)]


def test_analyses_are_named_in_the_order_in_which_they_are_built():
    assert [name_of(kind) for kind in in_order(Upper)] == NAMES


def test_what_cannot_be_had_is_told_once_that_is_known():
    analyses = Analyses()
    analyses.check_not_missing(NAMES)  # nothing is known yet
    with pytest.raises(NotApplicable, match="no base"):
        analyses.get(Base)
    analyses.check_not_missing(NAMES)  # the other one comes first, and may say something else
    analyses.get(Other)
    with pytest.raises(NotApplicable, match="no base"):
        analyses.check_not_missing(NAMES)


class Broken:
    @classmethod
    def build(cls) -> Broken:
        raise ValueError("our mistake")


def test_a_mistake_is_left_to_whoever_asks():
    analyses = Analyses()
    with pytest.raises(ValueError, match="our mistake"):
        analyses.get(Broken)
    analyses.check_not_missing([name_of(Broken)])
