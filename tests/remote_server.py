"""Servers on this machine for tests of remote addresses, each in a process of its own.

As a program: `remote_server.py s3` and `remote_server.py web FOLDER` print their address, and serve
until their standard input is closed. The web server does to a file what the first part of its path
says: `/ranged/model.onnx` gives parts, `/plain/model.onnx` only the whole.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import Request, urlopen

PIECES_OF_THE_DYING = 3
"""Requests that are answered before every further connection is cut."""


@contextmanager
def served(kind: str, *arguments: object) -> Iterator[str]:
    """The address of a server, which ends afterwards."""
    command = [sys.executable, "-W", "ignore", __file__, kind, *map(str, arguments)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()
            process.wait()


def ask(address: str, method: str = "GET", data: bytes | None = None) -> bytes:
    """What a server answers."""
    headers = {"Content-Type": "application/octet-stream"}  # what is a form would be parsed
    with urlopen(Request(address, data, headers, method=method), timeout=60) as answer:
        return answer.read()


def traffic(web: str) -> dict[str, int]:
    """The bytes that a web server gave of each path since this was last asked."""
    return json.loads(ask(f"{web}/_traffic"))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    root: Path
    counts: dict[str, int]
    asked: dict[str, int]
    healed: set[str]
    lock = threading.Lock()

    def log_message(self, *_: object) -> None:
        """Tests ask for what they want to know."""

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if path == "/_traffic":
            with self.lock:
                told = json.dumps(self.counts).encode()
                self.counts.clear()
            return self._give(told)
        if path == "/_heal":
            self.healed.add("")
            return self._give(b"")
        with self.lock:
            self.counts.setdefault(path, 0)
        _, kind, name = path.split("/", 2)
        return getattr(self, f"_{kind}", self._nothing)(name)

    def _ranged(self, name: str, mark: str = "") -> None:
        file = self.root / name
        if file.is_dir():
            return self._page(file)
        if not file.is_file():
            return self._nothing(name)
        data = file.read_bytes()
        etag = f'"{mark or hashlib.md5(data).hexdigest()}"'
        if self.headers.get("If-Match", etag) != etag:
            return self._give(b"", 412)
        span = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if span is None:
            return self._give(data, headers={"ETag": etag})
        first, last = int(span[1]), min(int(span[2]), len(data) - 1)
        told = {"Content-Range": f"bytes {first}-{last}/{len(data)}", "ETag": etag}
        return self._give(data[first : last + 1], 206, told)

    def _plain(self, name: str) -> None:
        self._give((self.root / name).read_bytes())

    def _unsized(self, name: str) -> None:
        self.protocol_version = "HTTP/1.0"
        self.send_response(200)
        self.end_headers()
        self.wfile.write((self.root / name).read_bytes())
        self.close_connection = True

    def _flaky(self, name: str) -> None:
        """Cuts every second connection in the middle of a part."""
        if self._count(name) % 2:
            return self._cut(name)
        return self._ranged(name)

    def _dying(self, name: str) -> None:
        """Cuts every connection after the first ones, until it is healed."""
        if self._count(name) >= PIECES_OF_THE_DYING and not self.healed:
            return self._cut(name)
        return self._ranged(name)

    def _changing(self, name: str) -> None:
        """Is another file each time that it is asked what it is."""
        if self.headers.get("Range") == "bytes=0-0":
            self._count(name)
        self._ranged(name, mark=str(self.asked.get(f"changing{name}", 0)))

    def _greedy(self, name: str) -> None:
        """Gives more than was asked for."""
        data = (self.root / name).read_bytes()
        told = {"Content-Range": f"bytes 0-{len(data) - 1}/{len(data)}", "ETag": '"1"'}
        self._give(data + b"more" * 1000, 206, told)

    def _vast(self, _: str) -> None:
        """Says that it has more than any disk."""
        self._give(b"\0", 206, {"Content-Range": f"bytes 0-0/{2**60}"})

    def _moved(self, name: str) -> None:
        self._give(b"", 302, {"Location": f"/ranged/{name}"})

    def _refused(self, _: str) -> None:
        self._give(b"", 403)

    def _busy(self, _: str) -> None:
        self._give(b"", 503)

    def _nothing(self, _: str) -> None:
        self._give(b"", 404)

    def _page(self, folder: Path) -> None:
        links = (f'<a href="{each.name}{"/" * each.is_dir()}">x</a>' for each in folder.iterdir())
        foreign = '<a href="http://127.0.0.2/away.onnx">x</a>'
        self._give(
            foreign.encode() + "".join(links).encode(), headers={"Content-Type": "text/html"}
        )

    def _count(self, name: str) -> int:
        key = self.path.partition("/")[2].partition("/")[0] + name
        with self.lock:
            self.asked[key] = self.asked.get(key, -1) + 1
            return self.asked[key]

    def _cut(self, name: str) -> None:
        data = (self.root / name).read_bytes()
        size = len(data)
        self.send_response(206)
        self.send_header("ETag", f'"{hashlib.md5(data).hexdigest()}"')
        self.send_header("Content-Range", f"bytes 0-{size - 1}/{size}")
        self.send_header("Content-Length", str(size))
        self.end_headers()
        self.wfile.write(b"\0" * 100)
        self.close_connection = True

    def _give(self, data: bytes, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in ({"Content-Length": str(len(data))} | (headers or {})).items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(data)
        with self.lock:
            path = unquote(urlsplit(self.path).path)
            if not path.startswith("/_"):
                self.counts[path] = self.counts.get(path, 0) + len(data)


def _serve(kind: str, folder: str = "") -> None:
    if kind == "s3":
        from moto.server import ThreadedMotoServer

        moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        moto.start()
        host, port = moto.get_host_and_port()
    else:
        own = {"root": Path(folder), "counts": {}, "asked": {}, "healed": set()}
        handler = type("Handler", (_Handler,), own)
        web = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=web.serve_forever, daemon=True).start()
        host, port = web.server_address[:2]
    print(f"http://{host}:{port}", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    _serve(*sys.argv[1:])
