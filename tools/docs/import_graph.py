"""Draws the rooms of the house and who imports whom: the figure in ARCHITECTURE.md.

Run it to bring the figure up to date. What an arrow can be reached by over others is left out.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import grimp
import networkx as nx

PAGE = Path(__file__).parents[2] / "ARCHITECTURE.md"
FIGURE = re.compile(r"(?<=```mermaid\n).*?(?=```\n)", re.DOTALL)
PARTS = {"onnxlint.analyses", "onnxlint.model", "onnxlint.runtime"}
"""Packages that are shown with what lies in them."""
RULES = "onnxlint_rules"


def room(module: str) -> str:
    """The part of the house that a module belongs to: two names deep, in large packages three."""
    names = module.split(".")
    if names[0] == RULES:
        return RULES
    inside = ".".join(names[:2])
    return ".".join(names[:3]) if inside in PARTS else inside


def rooms() -> nx.DiGraph[str]:
    """Which part imports which, directly; also under TYPE_CHECKING and inside functions."""
    found = grimp.build_graph(
        "onnxlint", RULES, exclude_type_checking_imports=False, cache_dir=None
    )
    graph: nx.DiGraph[str] = nx.DiGraph()
    for module in found.modules - {"onnxlint"}:  # its imports are the table of public names
        for other in found.find_modules_directly_imported_by(module) - {"onnxlint.version"}:
            if room(module) != room(other):
                graph.add_edge(room(module), room(other))
    return graph


def figure() -> str:
    """The figure as text in the language of Mermaid."""
    graph = nx.transitive_reduction(rooms())
    lines = ["flowchart TD"]
    for package in sorted(PARTS):
        lines += [f"  subgraph room_{_label(package)}[{_label(package)}]"]
        lines += [f"    {_node(name)}" for name in sorted(graph) if _within(name, package)]
        lines += ["  end"]
    outside = [name for name in sorted(graph) if not any(_within(name, each) for each in PARTS)]
    lines += [f"  {_node(name)}" for name in outside]
    lines += [f"  {_id(a)} --> {_id(b)}" for a, b in sorted(graph.edges)]
    return "\n".join(lines) + "\n"


def _within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def _id(name: str) -> str:
    return name.removeprefix("onnxlint.").replace(".", "_") + ("_base" if name in PARTS else "")


def _label(name: str) -> str:
    return name.removeprefix("onnxlint.").rpartition(".")[2]


def _node(name: str) -> str:
    label = {"onnxlint": "onnxlint: public names"}.get(name, _label(name))
    label = f"{label}: itself" if name in PARTS else label
    return f'{_id(name)}["{label}"]'


def main() -> None:
    text = PAGE.read_text(encoding="utf-8")
    drawn = FIGURE.sub(lambda _: figure(), text)
    if drawn != text:
        PAGE.write_text(drawn, encoding="utf-8")
        sys.exit(f"{PAGE.name} is brought up to date; look at the new arrows, and commit it")


if __name__ == "__main__":
    main()
