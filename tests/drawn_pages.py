"""Models as drawings, and reports that hold one."""

from __future__ import annotations

import tempfile
from contextlib import closing
from pathlib import Path

from onnx import ModelProto

from onnxlint.analyses import Analyses
from onnxlint.findings import Diagnostic
from onnxlint.model.file.load import open_model
from onnxlint.portrait.drawing import Drawing
from onnxlint.portrait.parts import plain
from onnxlint.portraying.drawing.drawing import drawing
from onnxlint.portraying.subject import Subject
from onnxlint.report import ModelReport
from onnxlint.safety.limits import Budget
from onnxlint.settings import Settings


def drawn(model: ModelProto) -> Drawing:
    """The drawing of a model that is not run."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "model.onnx")
        file.write_bytes(model.SerializeToString())
        with (
            open_model(str(file)) as opened,
            closing(Analyses(Settings(), Budget(60, None), opened)) as analyses,
        ):
            return drawing(Subject(analyses, runs=False))


def reported(made: Drawing, *findings: Diagnostic, path: str = "model.onnx") -> ModelReport:
    """A report with this drawing."""
    return ModelReport(path, findings=findings, portrait={"drawing": plain(made)})
