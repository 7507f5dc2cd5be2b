"""The parts of a portrait by name: each is of a type of its own, that is loaded when it is shown.

A report holds a portrait as plain data, `{name: part}`; so reports are read and written without
the modules of parts, and a part that could not be made leaves its reason.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

Portrait = Mapping[str, Any]
"""Parts by name, each as `plain` made it."""

PARTS: Mapping[str, str] = {
    "drawing": "drawing:Drawing",
    "interface": "interface:Interface",
    "comparison": "comparison:Comparison",
    "layers": "layers:Layers",
    "pictures": "pictures:Pictures",
    "predictions": "predictions:Predictions",
    "samples": "samples:Samples",
    "representations": "representations:Representations",
}
"""Module of this folder and class of each part, in the order in which they are shown."""

_REASON = "not made"


class NotMade(Struct, frozen=True):
    """A part that there is not, and why."""

    reason: str


def plain(part: object) -> Any:
    """A part as a report holds it."""
    if isinstance(part, NotMade):
        return {_REASON: part.reason}
    return msgspec.to_builtins(part, builtin_types=(bytes,))


def part(portrait: Portrait, name: str) -> Any:
    """The part of this name, an object of its type or `NotMade`; None where nothing is told."""
    held = portrait.get(name)
    if held is None:
        return None
    if held.keys() == {_REASON}:
        return NotMade(held[_REASON])
    module, _, kind = PARTS[name].partition(":")
    loaded = importlib.import_module(f"onnxlint.portrait.{module}")
    return msgspec.convert(held, getattr(loaded, kind))
