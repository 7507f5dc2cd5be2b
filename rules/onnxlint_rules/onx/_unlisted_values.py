"""Values of attributes that the specification does not list, and the listed ones that are meant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from onnxlint import Finding, Node, Severity
from onnxlint.model.graph.operators import Listed
from onnxlint.nearest import nearest

MOST_NAMED = 8
"""Values of one attribute that are reported; a choice: all node modes of a forest may be wrong."""


def list_at(by_opset: Mapping[int, Listed], node: Node) -> Listed | None:
    """The list that holds at the opset of a node's scope."""
    opset = node.scope.opsets[node.domain]
    known = [since for since in by_opset if since <= opset]
    return by_opset[max(known)] if known else None


def unlisted_values(node: Node, name: str, listed: Listed) -> Iterator[Finding]:
    """A finding for each value of an attribute that the specification does not list."""
    unlisted = [text for text in _texts(node.attribute(name)) if text not in listed.values]
    for value in unlisted[:MOST_NAMED]:
        taken = listed.knows(value)
        message = f"{name} is {value!r} ({node.op} accepts {', '.join(listed.values)})"
        if taken:
            message += "; onnxruntime accepts it"
        elif listed.otherwise:
            message += f"; onnxruntime silently uses {listed.otherwise!r}"
        severity = Severity.WARNING if taken else None
        yield Finding(node, message, severity=severity, hint=_advice(name, value, listed))


def _advice(name: str, value: str, listed: Listed) -> str:
    """The value that is meant, where one is near; the same in other capitals is the nearest."""
    by_lower = {each.lower(): each for each in listed.values}
    near = nearest(value.lower(), by_lower)
    return f"set {name} to {by_lower[near[0]]!r}" if near else f"set {name} to one of these values"


def _texts(found: Any) -> list[str]:
    """The different texts of an attribute, in their order."""
    each = found if isinstance(found, list) else [found]
    texts = dict.fromkeys(each) if {*map(type, each)} <= {str, bytes} else ()
    plain = (text.decode(errors="replace") if isinstance(text, bytes) else text for text in texts)
    return list(dict.fromkeys(plain))
