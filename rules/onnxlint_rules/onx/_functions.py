"""What is wrong with the name and the lists of a function."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from onnxlint import Scope


def problems(scope: Scope) -> Iterator[tuple[str, str]]:
    """What is missing or listed twice, and what to do about it."""
    proto = scope.function
    assert proto is not None
    for what in ("name", "domain"):
        if not getattr(proto, what):
            yield (
                f"function has no {what}",
                f"set the function's {what}, also in the nodes that call it",
            )
    attributes = [*proto.attribute, *(attribute.name for attribute in proto.attribute_proto)]
    lists = {"input": proto.input, "output": proto.output, "attribute": attributes}
    for what, names in lists.items():
        for name, count in Counter(names).items():
            if count > 1:
                yield (
                    f"{what} {name!r} is listed {count} times",
                    f"rename all but one {what} {name!r}",
                )
