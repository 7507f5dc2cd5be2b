"""Which modules of transfers a model loads: those of its operators, by a table of them."""

from __future__ import annotations

import importlib
import json
import pkgutil
import subprocess
import sys

from onnxlint.analyses.ranges import transfers
from onnxlint.analyses.ranges.registry import RELATIONS, TRANSFERS

PACKAGE = transfers.__name__


def test_the_table_has_every_operator_of_every_module():
    for each in pkgutil.iter_modules(transfers.__path__):
        importlib.import_module(f"{PACKAGE}.{each.name}")
    registered: dict[str, set[str]] = {}
    functions = [(op, each.function) for op, each in TRANSFERS.items()]
    functions += [(op, each) for op, several in RELATIONS.items() for each in several]
    for op, function in functions:
        registered.setdefault(function.__module__.removeprefix(f"{PACKAGE}."), set()).add(op)
    assert {name: set(ops.split()) for name, ops in transfers.MODULES.items()} == registered


def test_an_operator_loads_its_own_modules():
    code = (
        f"import json, sys\nimport {PACKAGE} as own\n"
        "assert own.transfer_of('Relu') and not own.relations_of('Relu')\n"
        "assert own.is_pointwise('Relu') and not own.is_pointwise('NoSuch')\n"
        "assert own.transfer_of('com.team::Relu') is None\n"
        "print(json.dumps([each for each in sys.modules if each.startswith(own.__name__ + '.')]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names = {name.removeprefix(f"{PACKAGE}.") for name in json.loads(done.stdout)}
    assert "activations" in names
    assert not names & {"trees", "convolution", "unary", "bounds"}
