"""Reads off releases of OpenVINO which operators its ONNX frontend converts.

    python tools/docs/make_openvino_targets.py RELEASE …

Writes `onnxlint/targets/openvino.json`, as make_targets.py does for onnxruntime. A model of one
node is made for every operator of ONNX and of onnxruntime's own; OpenVINO says whether it has a
rule for the operator before it looks at anything else. Each model has a process of its own, as some
end it.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from make_targets import FILE as ONNXRUNTIME
from make_targets import install, read_table, rows_by_release, write_table
from onnx import TensorProto, defs, helper
from onnxruntime.capi.onnxruntime_pybind11_state import get_all_operator_schema

FILE = ONNXRUNTIME.with_name("openvino.json")

MISSING = re.compile(
    r"(?:No conversion rule found for operations|does not support the following ONNX operations): "
    r"(?P<ops>[^\n]*)"
)

READ = """
import json, os, sys
from pathlib import Path

sys.path.insert(0, sys.argv[1])
try:
    from openvino import Core
except ImportError:
    from openvino.runtime import Core

answers = {}
for file in sorted(Path(sys.argv[2]).iterdir()):
    reader, writer = os.pipe()
    if not os.fork():
        try:
            Core().read_model(str(file))
            answer = "converted"
        except BaseException as error:
            answer = str(error)
        os.write(writer, answer[-4000:].encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        answers[file.stem] = pipe.read()
    os.wait()
print(json.dumps(answers))
"""


def main() -> None:
    """Adds the releases to the table."""
    known = read_table(FILE)
    limits = {entry["version"]: entry for entry in known.get("releases", [])}
    rows = rows_by_release(known)
    with tempfile.TemporaryDirectory() as name:
        probes = Path(name) / "probes"
        _write_probes(probes)
        for number in sys.argv[1:]:
            numpy = "numpy<2" if number.startswith("2023") else "numpy"
            folder = install(Path(name) / number, f"openvino=={number}", numpy)
            release = ".".join(number.split(".")[:2])
            limits[release] = {"version": release}
            rows[release] = {op: [(None, None, "{}")] for op in _converted(folder, probes)}
            print(release, len(rows[release]), "operators")
    write_table(FILE, "the ONNX frontend of the wheels of openvino, asked for every operator",
                limits, [], rows)  # fmt: skip


def _write_probes(folder: Path) -> None:
    folder.mkdir()
    ops = {(s.domain, s.name): (s.since_version, s.min_input) for s in defs.get_all_schemas()}
    own = (each for each in get_all_operator_schema() if each.domain == "com.microsoft")
    ops |= {(each.domain, each.name): (1, each.min_input) for each in own}
    for (domain, op), (version, inputs) in ops.items():
        name = f"{domain}::{op}" if domain else op
        (folder / f"{name}.onnx").write_bytes(_probe(domain, op, version, max(inputs, 1)))


def _probe(domain: str, op: str, version: int, inputs: int) -> bytes:
    names = [f"x{number}" for number in range(inputs)]
    graph = helper.make_graph(
        [helper.make_node(op, names, ["y"], domain=domain)], "probe",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in names],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )  # fmt: skip
    opsets = {"": 13, domain: version}
    imports = [helper.make_opsetid(name, number) for name, number in opsets.items()]
    model = helper.make_model(graph, opset_imports=imports, ir_version=8)
    return bytes(model.SerializeToString())


def _converted(folder: Path, probes: Path) -> list[str]:
    """The operators that it has a rule for."""
    done = subprocess.run([sys.executable, "-c", READ, str(folder), str(probes)],
                          check=True, capture_output=True, text=True)  # fmt: skip
    answers = json.loads(done.stdout.splitlines()[-1])
    return sorted(op for op, answer in answers.items() if not _is_missing(op, answer))


def _is_missing(op: str, answer: str) -> bool:
    match = MISSING.search(answer)
    missing = re.split(r"[,\s]+", match["ops"]) if match else []
    name = op.replace("::", ".")
    return any(re.fullmatch(rf"{re.escape(name)}(-\d+)?", other) for other in missing)


if __name__ == "__main__":
    main()
