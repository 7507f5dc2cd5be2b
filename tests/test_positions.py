"""Parts of an input that no output depends on, and what only looks like it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from onnxlint.analyses.execution.worker import Worker
from onnxlint.findings import Diagnostic
from onnxlint.settings import Settings
from onnxlint.severity import Severity
from onnxlint.testing import run_rule
from onnxlint_rules.prd.unread_positions import unread_positions

HEADER = '<ir_version: 8, opset_import: ["" : 17]> '


def reported(tmp_path: Path, text: str, **settings: object) -> tuple[Diagnostic, ...]:
    """What is said of a model; `{w: 2 3}` in its text is a random initializer of that shape."""
    rng = np.random.default_rng(0)
    arrays = {}
    while "{{" in text:
        start, end = text.index("{{"), text.index("}}")
        name, _, dims = text[start + 2 : end].partition(":")
        shape = [int(dim) for dim in dims.split()]
        arrays[name] = (rng.standard_normal(shape) / np.sqrt(shape[-1])).astype(np.float32)
        text = text[:start] + name + text[end + 2 :]
    model = onnx.parser.parse_model(HEADER + text)
    for name, array in arrays.items():
        model.graph.initializer.append(numpy_helper.from_array(array, name))
    path = tmp_path / "model.onnx"
    onnx.save(model, path)
    report = run_rule(unread_positions, path, settings=Settings(**settings))
    assert report.complete, report
    assert not report.not_executed
    return report.findings


def recurrent(op: str, head: str, steps: int = 20, direction: str = "forward") -> str:
    both = 2 if direction == "bidirectional" else 1
    gates = {"GRU": 3, "LSTM": 4, "RNN": 1}[op] * 4
    last = f", h = {op}" if op != "LSTM" else ", h, c = LSTM"
    return f"""net (float[N, {steps}, 3] x) => (float[A, B] y)
    <int64 first = {{0}}, int64[1] one = {{1}}, int64[2] flat = {{0, -1}}, int64 last = {{-1}}>
    {{ t = Transpose<perm = [1, 0, 2]>(x)
    s{last}<hidden_size = 4, direction = "{direction}">(
        t, {{{{w: {both} {gates} 3}}}}, {{{{r: {both} {gates} 4}}}})
    b = Transpose<perm = [2, 0, 1, 3]>(s) {head} q = Reshape(o, flat)
    y = MatMul(q, {{{{v: {4 * both} 2}}}}) }}"""


FIRST = "o = Gather<axis = 1>(b, first)"
LAST = "o = Gather<axis = 1>(b, last)"


@pytest.mark.parametrize("op", ["GRU", "LSTM", "RNN"])
def test_a_head_that_reads_the_first_step(op, tmp_path):
    (found,) = reported(tmp_path, recurrent(op, FIRST))
    assert (found.severity, found.place.value) == (Severity.WARNING, "x")
    assert "19 of 20 positions along axis 1 (1 to 19)" in found.message


@pytest.mark.parametrize(
    "text",
    [
        recurrent("GRU", LAST),
        recurrent("LSTM", LAST),
        recurrent("RNN", LAST, steps=100),
        recurrent("LSTM", LAST, steps=400),
        recurrent("GRU", FIRST, direction="bidirectional"),
    ],
    ids=["last", "last of LSTM", "long", "very long", "bidirectional"],
)
def test_a_step_that_has_seen_all_of_them(text, tmp_path):
    assert not reported(tmp_path, text)


def attention(before: str, head: str) -> str:
    """One layer of self-attention over 10 tokens."""
    return f"""net (int64[N, 10] ids) => (float[A, B] y)
    <int64 first = {{0}}, int64[1] axis = {{1}}>
    {{ e = Gather({{{{table: 30 8}}}}, ids) {before}
    q = MatMul(h, {{{{wq: 8 8}}}}) k = MatMul(h, {{{{wk: 8 8}}}}) v = MatMul(h, {{{{wv: 8 8}}}})
    kt = Transpose<perm = [0, 2, 1]>(k) s = MatMul(q, kt) a = Softmax<axis = -1>(s)
    m = MatMul(a, v) z = Add(m, h) {head} y = MatMul(o, {{{{u: 8 2}}}}) }}"""


PLACED = "h = Add(e, {{places: 10 8}})"
UNPLACED = "h = Identity(e)"
CLASSIFIED = "o = Gather<axis = 1>(z, first)"
POOLED = "o = ReduceMean<axes = [1], keepdims = 0>(z)"


@pytest.mark.parametrize("head", [CLASSIFIED, POOLED])
def test_attention_reads_every_position(head, tmp_path):
    assert not reported(tmp_path, attention(PLACED, head))


def test_attention_without_positions_is_told(tmp_path):
    (found,) = reported(tmp_path, attention(UNPLACED, POOLED))
    assert found.severity is Severity.INFO
    assert "axis 1 is shuffled" in found.message


def test_tokens_without_attention_are_mixed_on_purpose(tmp_path):
    text = """net (int64[N, 10] ids) => (float[N, 8] y)
    { e = Gather({{table: 30 8}}, ids) y = ReduceMean<axes = [1], keepdims = 0>(e) }"""
    assert not reported(tmp_path, text)


PICTURE = "net (float[N, 3, 16, 16] x) => (float[A, B, C, D] y) <int64[1] one = {1}"


@pytest.mark.parametrize(
    ("text", "severity", "told"),
    [
        (
            PICTURE + ", int64[1] half = {8}, int64[1] none = {0}, int64[1] rows = {2}> "
            "{ c = Conv<pads = [1, 1, 1, 1]>(x, {{w: 4 3 3 3}}) "
            "s = Slice(c, none, one, rows) y = Relu(s) }",
            Severity.WARNING,
            "positions along axis 2",
        ),
        (
            PICTURE + ", int64[1] none = {0}, int64[1] channels = {1}> "
            "{ s = Slice(x, none, one, channels) y = Conv(s, {{w: 4 1 3 3}}) }",
            Severity.INFO,
            "2 of 3 positions along axis 1 (1 to 2)",
        ),
        (
            PICTURE + ", float[1, 3, 1, 1] w = {1, 0, 2}> { y = Conv(x, w) }",
            Severity.WARNING,
            "1 of 3 positions along axis 1 (1) in Conv",
        ),
        (
            "net (float[N, 3] x) => (float[N, 2] y) <float[3, 2] w = {1, 2, 0, 0, 3, 4}> "
            "{ y = MatMul(x, w) }",
            Severity.INFO,
            "1 of 3 positions along axis 1 (1)",
        ),
        (
            "net (float[N, 16] x) => (float[N, 2] y) <int64[1] a = {0}, int64[1] b = {4}, "
            "int64[1] axis = {1}> { h = Tanh(x) s = Slice(h, a, b, axis) "
            "y = MatMul(s, {{w: 4 2}}) }",
            Severity.WARNING,
            "12 of 16 positions along axis 1 (4 to 15)",
        ),
    ],
    ids=["rows", "picked channel", "zero channel", "lasso", "features"],
)
def test_parts_that_are_left_out(text, severity, told, tmp_path):
    (found,) = reported(tmp_path, text)
    assert (found.severity, found.place.value) == (severity, "x")
    assert told in found.message


@pytest.mark.parametrize(
    "text",
    [
        "net (float[N, 1, 9, 9] x) => (float[A, B, C, D] y) "
        "{ p = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(x) y = Conv(p, {{w: 2 1 1 1}}) }",
        "net (float[N, 1, 17, 17] x) => (float[A, B, C, D] y) <int64[2] a = {0, 0}, "
        "int64[2] b = {16, 16}, int64[2] axes = {2, 3}> "
        "{ c = Slice(x, a, b, axes) y = Conv<strides = [4, 4]>(c, {{w: 2 1 4 4}}) }",
        "net (int64[N, 12] ids, int64[N, 12] attention_mask) => (float[N, 4] y) "
        "<int64[1] last = {2}, int64[1] steps = {1}> "
        "{ e = Gather({{table: 30 4}}, ids) m = Cast<to = 1>(attention_mask) "
        "k = Unsqueeze(m, last) h = Mul(e, k) y = ReduceSum<keepdims = 0>(h, steps) }",
        "net (float[N, 6, 30] onehot) => (float[N, 6, 4] y) { y = MatMul(onehot, {{w: 30 4}}) }",
        "net (float[N, 4] x) => (float[N, 4] y, float[N, 2] z) <int64[1] a = {0}, "
        "int64[1] b = {2}, int64[1] axis = {1}> { y = Tanh(x) z = Slice(y, a, b, axis) }",
        "net (float[N, 8] x) => (int64[N] y) <int64[1] a = {0}, int64[1] b = {4}, "
        "int64[1] axis = {1}> { h = Tanh(x) s = Slice(h, a, b, axis) "
        "y = ArgMax<axis = 1, keepdims = 0>(s) }",
        "net (float[N, 8] x) => (float[N, 4] y) <int64[1] a = {0}, int64[1] b = {4}, float no = "
        "{-1e9}, int64[1] axis = {1}> { h = Add(x, no) s = Slice(h, a, b, axis) y = Sigmoid(s) }",
    ],
    ids=["stride", "crop", "mask", "one-hot", "other output", "labels alone", "saturated"],
)
def test_what_is_read_after_all(text, tmp_path):
    assert not reported(tmp_path, text)


def test_users_samples_are_exchanged(tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(1).random((8, 20, 3), np.float32))
    (found,) = reported(tmp_path, recurrent("GRU", FIRST), data=tmp_path / "x.npy")
    assert "19 of 20" in found.message


def test_parts_are_changed_in_as_few_messages_as_there_are_halvings(tmp_path, monkeypatch):
    """Two halves, four quarters, eight eighths; then what tells whether each sample answers."""
    together: list[int] = []
    run = Worker.run_together

    def counted(self, requests, **more):
        together.append(len(requests))
        return run(self, requests, **more)

    monkeypatch.setattr(Worker, "run_together", counted)
    reported(tmp_path, recurrent("GRU", LAST, 8))
    assert [2, 4, 8] in [together[at : at + 3] for at in range(len(together))]
