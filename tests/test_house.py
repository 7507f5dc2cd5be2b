"""How the code hangs together, beyond what import-linter's contracts say."""

from __future__ import annotations

import importlib

import networkx as nx
import pytest

import onnxlint

grimp = pytest.importorskip("grimp")  # import-linter's, of the extra `dev`


def _imports(package: str) -> nx.DiGraph[str]:
    """Every import, also under TYPE_CHECKING and inside functions; but the public table's."""
    found = grimp.build_graph(package, exclude_type_checking_imports=False, cache_dir=None)
    graph: nx.DiGraph[str] = nx.DiGraph()
    for module in found.modules - {package}:
        imported = found.find_modules_directly_imported_by(module)
        graph.add_edges_from((module, other) for other in imported - {package})
    return graph


@pytest.mark.parametrize("package", ["onnxlint", "onnxlint_rules"])
def test_no_modules_import_each_other(package):
    circles = [sorted(part) for part in nx.strongly_connected_components(_imports(package))
               if len(part) > 1]  # fmt: skip
    assert circles == []


def test_public_names_are_what_type_checkers_see():
    homes = onnxlint._HOMES
    assert sorted(onnxlint.__all__) == sorted(homes)
    for name, home in homes.items():
        assert getattr(onnxlint, name) is getattr(importlib.import_module(home), name)
