"""All parts of a portrait; one that fails leaves its reason, and the others are made."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from onnxlint.model.file.errors import DataError, ModelError
from onnxlint.model.graph.place import NotApplicable
from onnxlint.portrait.parts import PARTS, NotMade, Portrait, plain
from onnxlint.portraying.subject import Subject
from onnxlint.safety.limits import Budget

if TYPE_CHECKING:
    from onnxlint.analyses import Analyses

MAKERS: Mapping[str, str] = {
    "drawing": "drawing.drawing:drawing",
    "interface": "interface:interface",
    "comparison": "comparison:comparison",
    "layers": "layers:layers",
    "pictures": "pictures:pictures",
    "predictions": "predictions:predictions",
    "samples": "samples:samples",
    "representations": "representations:representations",
}
"""Module of this folder and function that makes each part from a `Subject`; None is no part."""


def portrait(analyses: Analyses, *, runs: bool) -> Portrait:
    """The portrait of a model; `runs` is whether it may be run."""
    subject = Subject(analyses, runs)
    if analyses.get(Budget).is_overdrawn:
        return {}  # and the findings say so
    made = {name: _made(subject, name) for name in PARTS}
    return {name: plain(part) for name, part in made.items() if part is not None}


def _made(subject: Subject, name: str) -> Any:
    module, _, function = MAKERS[name].partition(":")
    make = getattr(importlib.import_module(f"onnxlint.portraying.{module}"), function)
    try:
        return make(subject)
    except NotApplicable as reason:
        return NotMade(str(reason))
    except (DataError, ModelError) as error:
        return NotMade(str(error))
    except Exception as error:  # a mistake of ours costs a picture, and no finding
        return NotMade(f"{type(error).__name__}: {error}")
