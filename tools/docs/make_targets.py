"""Reads off releases of onnxruntime what its CPU provider runs: `make targets`.

    python tools/docs/make_targets.py [RELEASE …]

Writes `onnxlint/targets/onnxruntime.json`: of the installed onnxruntime, or of every RELEASE, which
pip unpacks into a throw-away folder. What the file says of other releases stays. The table of
kernels is in the wheels from 1.16 on; the limits are found by loading models one version above the
other, and are in every wheel.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any

from onnx import TensorProto, helper

FILE = Path(__file__).parents[2] / "onnxlint" / "targets" / "onnxruntime.json"

DOMAINS = {"ai.onnx": "Relu", "ai.onnx.ml": "Scaler", "com.microsoft": "QuickGelu"}
"""Domains with an operator that the first release read here has at every version."""

NEWEST = 40
"""Versions of the IR and of operator sets that are tried: beyond all that exist."""

INTERNAL = ("com.microsoft.nchwc", "com.ms.internal.nhwc")
"""Domains that the optimiser alone writes, and no model is to use."""

READ = """
import json, sys
from pathlib import Path
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as state

def loads(file):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except Exception:
        return False
    return True

def formal(parameters):
    return [[parameter.name, parameter.typeStr] for parameter in parameters]

kernels = [
    [kernel.domain, kernel.op_name, list(kernel.version_range), kernel.type_constraints]
    for kernel in getattr(state, "get_all_opkernel_def", list)()
    if kernel.provider == "CPUExecutionProvider"
]
schemas = [
    [each.domain, each.name, each.since_version, formal(each.inputs), formal(each.outputs)]
    for each in (state.get_all_operator_schema() if kernels else [])
]
loaded = [file.name for file in sorted(Path(sys.argv[1]).iterdir()) if loads(file)]
print(json.dumps([onnxruntime.__version__, loaded, kernels, schemas]))
"""

Row = tuple[int | None, int | None, str]
"""First version of an operator (None: any), last (None: that alone), types by slots as JSON."""


def main() -> None:
    known = read_table(FILE)
    types: list[str] = known.get("types", [])
    limits = {entry["version"]: entry for entry in known.get("releases", [])}
    rows = rows_by_release(known)
    with tempfile.TemporaryDirectory() as name:
        probes = Path(name) / "probes"
        _write_probes(probes)
        for folder in _releases(Path(name), sys.argv[1:]):
            release, loaded, kernels, schemas = _read(folder, probes)
            limits[release] = {"version": release, **_limits(loaded)}
            rows[release] = _rows(kernels, schemas, types)
            print(release, limits[release], f"{sum(map(len, rows[release].values()))} kernels")
    document = "the CPU kernels that the wheels of onnxruntime register, and models that they load"
    write_table(FILE, document, limits, types, rows)


def _releases(folder: Path, releases: list[str]) -> Iterator[Path | None]:
    """Where each release lies; None: it is the installed one."""
    if not releases:
        yield None
    for release in releases:
        numpy = ["numpy<2"] if release_key(release) < (1, 19) else []
        yield install(folder / release, f"onnxruntime=={release}", *numpy)


def install(folder: Path, *requirements: str) -> Path:
    """Has pip unpack wheels into a folder, without what they depend on."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
    subprocess.run([*pip, str(folder), *requirements], check=True)
    return folder


def _read(folder: Path | None, probes: Path) -> tuple[str, set[str], list[Any], list[Any]]:
    path = f"import sys; sys.path.insert(0, {str(folder)!r})\n" if folder else ""
    done = subprocess.run([sys.executable, "-c", path + READ, str(probes)],
                          check=True, capture_output=True, text=True)  # fmt: skip
    full, loaded, kernels, schemas = json.loads(done.stdout.splitlines()[-1])
    return ".".join(full.split(".")[:2]), set(loaded), kernels, schemas


def _write_probes(folder: Path) -> None:
    """Models that differ in the IR version, or in the operator set of one domain."""
    folder.mkdir()
    for number in range(3, NEWEST):
        (folder / f"ir {number}").write_bytes(_probe("ai.onnx", 13, number))
        for domain in DOMAINS:
            (folder / f"{domain} {number - 2}").write_bytes(_probe(domain, number - 2, 7))


def _probe(domain: str, opset: int, ir_version: int) -> bytes:
    attributes = {"scale": [1.0], "offset": [0.0]} if domain == "ai.onnx.ml" else {}
    node = helper.make_node(
        DOMAINS[domain], ["x"], ["y"], domain="" if domain == "ai.onnx" else domain, **attributes
    )
    shape = helper.make_tensor_type_proto(TensorProto.FLOAT, [1, 1])
    graph = helper.make_graph(
        [node], "probe", [helper.make_value_info("x", shape)], [helper.make_value_info("y", shape)]
    )
    opsets = {"ai.onnx": 13, domain: opset}
    imports = [
        helper.make_opsetid("" if name == "ai.onnx" else name, number)
        for name, number in opsets.items()
    ]
    model = helper.make_model(graph, opset_imports=imports, ir_version=ir_version)
    return bytes(model.SerializeToString())


REFUSED_AT_RUN = dict.fromkeys(("GRU", "LSTM", "com.microsoft::AttnLSTM"), frozenset({"double"}))
"""Types that a kernel is registered for, and refuses in its first run: "LSTM operator does not
support double yet" (onnxruntime 1.16 to 1.32)."""


def _limits(loaded: set[str]) -> dict[str, Any]:
    newest: dict[str, int] = {}
    for probe in loaded:
        what, number = probe.split()
        newest[what] = max(newest.get(what, 0), int(number))
    return {"ir-version": newest.pop("ir"), "opsets": dict(sorted(newest.items()))}


def _rows(kernels: list[Any], schemas: list[Any], types: list[str]) -> dict[str, list[Row]]:
    """The kernels of one release: those that differ in one type alone are one row."""
    formal = {(domain, op, since): slots for domain, op, since, *slots in schemas}
    found: dict[str, dict[tuple[int, int], list[dict[str, set[str]]]]] = defaultdict(dict)
    for domain, op, (since, until), constraints in kernels:
        if domain not in INTERNAL:
            slots = formal[domain, op, since]
            name = f"{domain}::{op}" if domain else op
            refused = REFUSED_AT_RUN.get(name, frozenset())
            row = {
                _slots(constraint, *slots): set(map(_short, taken)) - refused
                for constraint, taken in constraints.items()
            }
            found[name].setdefault((since, until), []).append(row)
    return {
        op: [
            (since, None if until >= 2**31 - 1 else until, _packed(row, types))
            for (since, until), rows in sorted(versions.items())
            for row in _merged(rows)
        ]
        for op, versions in sorted(found.items())
    }


def _slots(name: str, inputs: list[Any], outputs: list[Any]) -> str:
    """The inputs and outputs that a type constraint is about: `i0 i1 o0`."""
    places = [f"i{slot}" for slot, formal in enumerate(inputs) if name in formal]
    return " ".join(places + [f"o{slot}" for slot, formal in enumerate(outputs) if name in formal])


def _merged(rows: list[dict[str, set[str]]]) -> list[dict[str, set[str]]]:
    """Joins rows that take the same types everywhere but in one place."""
    merged: list[dict[str, set[str]]] = []
    for row in rows:
        for other in merged:
            different = [slots for slots in row if row[slots] != other.get(slots)]
            if row.keys() == other.keys() and len(different) <= 1:
                for slots in different:
                    other[slots] |= row[slots]
                break
        else:
            merged.append(row)
    return merged if len(merged) == len(rows) else _merged(merged)


def _short(type_: str) -> str:
    """`tensor(float)` as `float`; sequences and the like stay as they are."""
    return type_.removeprefix("tensor(").removesuffix(")") if type_[:7] == "tensor(" else type_


def _packed(row: dict[str, set[str]], types: list[str]) -> str:
    packed = {}
    for slots, taken in sorted(row.items()):
        entry = " ".join(sorted(taken))
        if entry not in types:
            types.append(entry)
        packed[slots] = types.index(entry)
    return json.dumps(packed)


def read_table(file: Path) -> dict[str, Any]:
    """What a table holds so far."""
    return json.loads(file.read_text()) if file.exists() else {}


def rows_by_release(known: dict[str, Any]) -> dict[str, dict[str, list[Row]]]:
    """The file's rows, which hold for spans of releases, by release again."""
    releases = known.get("kernels_of", [])
    rows: dict[str, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for op, entries in known.get("kernels", {}).items():
        for first, last, since, until, types in entries:
            span = releases[releases.index(first) : last and releases.index(last) + 1]
            for release in span:
                rows[release][op].append((since, until, json.dumps(types)))
    return rows


def write_table(
    file: Path, document: str, limits: dict[str, dict[str, Any]], types: list[str],
    rows: dict[str, dict[str, list[Row]]],
) -> None:  # fmt: skip
    """Writes limits by release, and rows that hold for spans of releases."""
    releases = sorted(filter(rows.get, rows), key=release_key)
    spans: dict[str, dict[Row, list[int]]] = defaultdict(lambda: defaultdict(list))
    for number, release in enumerate(releases):
        for op, entries in rows[release].items():
            for row in entries:
                spans[op][row].append(number)
    kernels = {
        op: [
            [
                releases[first],
                None if last == len(releases) - 1 else releases[last],
                since,
                until,
                json.loads(packed),
            ]
            for (since, until, packed), numbers in sorted(entries.items(), key=_by_version)
            for first, last in _spans(numbers)
        ]
        for op, entries in sorted(spans.items())
    }
    head = {
        "source": {"document": document, "date": datetime.now(UTC).date().isoformat()},
        "made_with": f"onnx {version('onnx')}",
        "releases": [limits[release] for release in sorted(limits, key=release_key)],
        "kernels_of": releases,
    }
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in head.items()]
    lines.append('"types": [\n' + ",\n".join(map(json.dumps, types)) + "\n]")
    table = ",\n".join(f"{json.dumps(op)}: {_compact(entries)}" for op, entries in kernels.items())
    lines.append('"kernels": {\n' + table + "\n}")
    file.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"{file.name}: {file.stat().st_size:,} bytes")


def _spans(numbers: list[int]) -> Iterator[tuple[int, int]]:
    for _, group in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        run = [number for _, number in group]
        yield run[0], run[-1]


def _by_version(item: tuple[Row, list[int]]) -> tuple[int, int, str]:
    (since, until, packed), _ = item
    return since or 0, 2**31 if until is None else until, packed


def _compact(entries: list[Any]) -> str:
    return json.dumps(entries, separators=(",", ":"))


def release_key(release: str) -> tuple[int, ...]:
    """By which releases are sorted."""
    return tuple(map(int, release.split(".")[:2]))


if __name__ == "__main__":
    main()
