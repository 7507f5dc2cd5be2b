"""Starts the file of a new built-in rule: `make new-rule CODE=ACT099 NAME=my-rule`."""

from __future__ import annotations

import sys
from pathlib import Path

TEMPLATE = '''"""{code} {name}."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, rule


@rule("{code}", "{name}", severity=Severity.WARNING)
def {function}(graph: Graph) -> Iterator[Finding]:
    """What is wrong, in one line.

    Why: what goes wrong, for whom.
    Fix: what to do about it.

    Bad:
    net (float[N] x) => (float[N] y) {{
        y = Relu(x)
    }}

    Good:
    net (float[N] x) => (float[N] y) {{
        y = Neg(x)
    }}
    """
    for node in graph.nodes("Relu"):
        yield Finding(node, "say what was seen, and what it was compared with")
'''


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit("usage: make new-rule CODE=ACT099 NAME=my-rule")
    code, name = sys.argv[1:]
    family = Path(__file__).parents[2] / "rules" / "onnxlint_rules" / code[:3].lower()
    function = name.replace("-", "_")
    path = family / f"{function}.py"
    if not family.is_dir() or path.exists():
        sys.exit(f"{path} exists already" if path.exists() else f"there is no family {code[:3]}")
    path.write_text(TEMPLATE.format(code=code, name=name, function=function), encoding="utf-8")
    print(f"{path}: now make its examples true, then run 'onnxlint test-rules --select {code}'")


if __name__ == "__main__":
    main()
