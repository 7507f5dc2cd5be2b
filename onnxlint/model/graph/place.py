"""Where in a model something is, named as Netron shows it."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct


class NotApplicable(Exception):  # noqa: N818 - it says what a rule says, and is not a failure
    """Raised by a rule or an analysis that finds nothing in the model that it could judge."""


LONGEST_NAME = 500
"""Characters of a name that a place tells. A choice: exporters' have 200, and one of a hostile file
a million, which would be told anew with each of thousands of findings."""

LONGEST_PATH = 4 * LONGEST_NAME
"""Characters of the path to a scope: it names some nodes, one within the other."""


def shortened(text: str, longest: int = LONGEST_NAME) -> str:
    """A text; of one that is longer than anybody reads, the beginning and the end."""
    if len(text) <= longest:
        return text
    head, tail = text[: longest // 2], text[-longest // 4 :]
    return f"{head}… {len(text) - len(head) - len(tail):,} characters …{tail}"


class Place(Struct, frozen=True):
    """Where in a model a finding is, named as Netron shows it; an absent fact is `None`.

    `scope` is empty for the main graph, else the path to a subgraph (`If_3/then_branch`) or a
    function (`function:domain::Name`). `node_index` counts the nodes of that scope from 0.
    `source` is the line of the user's code that made the node, `net.py:41`, and `source_path` the
    path of that file on the machine of the export.
    """

    scope: str = ""
    node: str | None = None
    node_index: int | None = None
    op_type: str | None = None
    value: str | None = None
    module: str | None = None
    source: str | None = None
    source_path: str | None = None

    @property
    def place(self) -> Place:
        """Itself, so that a place can stand wherever a located thing can."""
        return self

    def __str__(self) -> str:
        return " ".join(part for part in (self.scope, self._what()) if part) or "model"

    def _what(self) -> str:
        if self.node_index is None:
            return repr(self.value) if self.value is not None else ""
        name = repr(self.node) if self.node else f"#{self.node_index}"
        return f"{self.op_type} {name}"


class Located(Protocol):
    """Anything that a finding can point at: a node, a value, a scope, a place."""

    @property
    def place(self) -> Place:
        """Where it stands in the model."""
        ...
