"""The files of a decoder that was exported as two: for the first call, and for those after it."""

from __future__ import annotations

from pathlib import Path

_LATER = "_with_past"
"""What optimum adds to the name of the file that takes a cache: `decoder_with_past_model.onnx`."""


def first_beside(model: Path) -> Path | None:
    """The file without a cache in the folder of the one with it; None where there is none."""
    if _LATER not in model.name:
        return None
    beside = model.with_name(model.name.replace(_LATER, "", 1))
    return beside if model.is_file() and beside.is_file() else None
