"""Portraits of small models, and the pages that show them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from msgspec.structs import replace

from onnxlint.pipeline import lint_model
from onnxlint.planner import Planner
from onnxlint.portrait.parts import PARTS, part
from onnxlint.report import ModelReport
from onnxlint.settings import LabelSource, Settings
from onnxlint.testing import model_from_text


def reported(folder: Path, text: str, settings: Settings) -> ModelReport:
    """The report of a model in ONNX text, with its portrait; few rules are asked."""
    path = folder / "model.onnx"
    path.write_bytes(model_from_text(text).SerializeToString())
    report = lint_model(
        Planner(select=("GRA001",), settings=settings, portrays=True).job(str(path))
    )
    assert report.error is None
    assert not report.findings
    return report


def fed(
    folder: Path, x: Any = None, labels: np.ndarray | None = None, **given: Any
) -> Settings:  # fmt: skip
    """Settings with these arrays as data, `x` or one by name, and labels."""
    settings = Settings(samples=10_000, **given)
    if x is None:
        return replace(settings, samples=Settings().samples)
    np.savez(folder / "data.npz", **(x if isinstance(x, dict) else {"x": x}))
    settings = replace(settings, data=folder / "data.npz")
    if labels is None:
        return settings
    np.save(folder / "labels.npy", labels)
    return replace(settings, labels=LabelSource(folder / "labels.npy"))


def portrait(
    folder: Path, text: str, x: Any = None, labels: np.ndarray | None = None, **given: Any
) -> dict[str, Any]:
    """The parts of a model's portrait."""
    seen = reported(folder, text, fed(folder, x, labels, **given)).portrait or {}
    return {name: part(seen, name) for name in PARTS}
