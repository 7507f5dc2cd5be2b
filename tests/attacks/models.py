"""Small models that many attacks start from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx import ModelProto

HEADER = '<ir_version: 10, opset_import: ["" : 21]>\n'

SOUND = """net (float[N, 3] x) => (float[N, 2] y) <float[3, 2] w = {1, 2, 3, 4, 5, 6}> {
    y = MatMul(x, w)
}"""

FLAWED = """net (float[N, 3] x) => (float[N, 2] y) <float[3, 2] w = {1, 2, 3, 4, 5, 6}> {
    h = MatMul(x, w)
    s = Softmax(h)
    y = Softmax(s)
}"""
"""Has one error, ARC001."""

ENDLESS = """net (int64[1] x) => (int64[1] y) {
    c = Constant <value = bool {1}> ()
    n = Constant <value = int64 {2147483647}> ()
    y = Loop (n, c, x) <body = b (int64 i, bool going, int64[1] a) => (bool again, int64[1] d) {
        again = Identity(going)
        d = Add(a, a)
    }>
}"""
"""Runs for an hour. Without a count, made-up input would end it."""


def parsed(text: str) -> ModelProto:
    """A model in ONNX's text syntax, with a header if it has none."""
    from onnx import parser

    return parser.parse_model(text if text.lstrip().startswith("<") else HEADER + text)


def write(path: Path, text: str | ModelProto = FLAWED) -> Path:
    """Writes a model, given in text or parsed, and the folders it stands in."""
    proto = parsed(text) if isinstance(text, str) else text
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(proto.SerializeToString())
    return path


def write_escaping(path: Path, location: str = "../secret.bin") -> Path:
    """A model whose weights are said to lie outside of its folder: SEC001, an error."""
    from onnx import TensorProto

    model = parsed(SOUND)
    weight = model.graph.initializer[0]
    weight.ClearField("float_data")
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", "24")):
        weight.external_data.add(key=key, value=value)
    return write(path, model)
