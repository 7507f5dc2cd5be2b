"""What is read of a remote model, and what that takes: bytes, requests and seconds of a core.

    python benchmarks/remote_reads.py [MIB…]

Serves models of so many MiB (32, 128, 512), with layers of 4 MiB, from this machine, and lints each
with three sets of rules. Seconds are those of all processes, so a busy machine changes little.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

SIDE = 1024
PROFILES = {
    "structure": ("--select", "SEC,GRA,ONX,ARC,PRT"),
    "static": ("--static-only",),
    "run": (),
}
"""Rules that look at the graph and at a few bytes of weights, those that read all weights, all."""


class _Parts(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    root: Path
    sent: list[int]

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""

    def do_GET(self) -> None:
        file = self.root / self.path.strip("/")
        size = file.stat().st_size
        first, last = map(int, re.findall(r"\d+", self.headers["Range"]))
        last = min(last, size - 1)
        with file.open("rb") as opened:
            opened.seek(first)
            data = opened.read(last + 1 - first)
        self.send_response(206)
        self.send_header("ETag", f'"{size}"')
        self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        self.sent.append(len(data))


def write_model(file: Path, mib: int) -> None:
    """Dense layers, and ReLUs between them."""
    rng = np.random.default_rng(0)
    nodes, weights, value = [], [], "x"
    for number in range(mib // 4):
        matrix = rng.standard_normal((SIDE, SIDE), dtype=np.float32) / 23
        weights.append(numpy_helper.from_array(matrix, f"w{number}"))
        nodes += [helper.make_node("MatMul", [value, f"w{number}"], [f"h{number}"]),
                  helper.make_node("Relu", [f"h{number}"], [f"r{number}"])]  # fmt: skip
        value = f"r{number}"
    ends = [helper.make_tensor_value_info(name, 1, ["N", SIDE]) for name in ("x", value)]
    graph = helper.make_graph(nodes, "net", ends[:1], ends[1:], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8),
              file)  # fmt: skip


def measured(address: str, arguments: tuple[str, ...], cache: Path) -> float:
    """Seconds of a core for one lint with an empty cache."""
    before = os.times()
    command = [sys.executable, "-m", "onnxlint", "check", address, *arguments, "-f", "json"]
    own = {"ONNXLINT_REMOTE_CACHE": str(cache), "ONNXLINT_NO_CACHE": "1"}
    done = subprocess.run(command, env=os.environ | own, capture_output=True, check=False)
    assert done.returncode in (0, 1), done.stderr.decode() + done.stdout.decode()[-2000:]
    after = os.times()
    used = (after.children_user, after.children_system)
    return sum(used) - before.children_user - before.children_system


def main() -> None:
    sizes = [int(word) for word in sys.argv[1:]] or [32, 128, 512]
    with tempfile.TemporaryDirectory() as home:
        own = {"root": Path(home), "sent": []}
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Parts,), own))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(
            f"{'MiB':>6} {'rules':<10} {'read MiB':>9} {'share':>7} {'requests':>9} {'core s':>7}"
        )
        for mib in sizes:
            file = Path(home, f"net{mib}.onnx")
            write_model(file, mib)
            for name, arguments in PROFILES.items():
                own["sent"].clear()
                address = f"http://127.0.0.1:{server.server_address[1]}/{file.name}"
                seconds = measured(address, arguments, Path(home, f"cache-{mib}-{name}"))
                read, size = sum(own["sent"]), file.stat().st_size
                print(f"{mib:>6} {name:<10} {read / 2**20:>9.1f} {read / size:>7.1%} "
                      f"{len(own['sent']):>9} {seconds:>7.1f}", flush=True)  # fmt: skip
            file.unlink()


if __name__ == "__main__":
    main()
