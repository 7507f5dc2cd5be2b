"""Operands that do not fit inside standard operators that are functions: ONX027."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from onnx import helper

from onnxlint import lint
from onnxlint.analyses.static import expansions
from onnxlint.analyses.static.inference_complaints import told_inside

Write = Callable[..., Path]

MISFITS = {
    "keys of another size": ("Attention", [[2, 2, 3, 4], [2, 2, 5, 6], [2, 2, 5, 4]], {}),
    "values of another length": ("Attention", [[2, 3, 8], [2, 5, 8], [2, 6, 8]],
                                 {"q_num_heads": 2, "kv_num_heads": 2}),
    "a mask of another length": ("Attention", [["N", 2, 3, 4], ["N", 2, 5, 4], ["N", 2, 5, 4],
                                               [3, 4]], {}),
    "another batch": ("Attention", [[2, 2, 3, 4], [1, 2, 5, 4], [1, 2, 5, 4]], {}),
    "a past of another size": ("Attention", [[2, 2, 3, 4], [2, 2, 5, 4], [2, 2, 5, 4], None,
                                             [2, 2, 6, 5], [2, 2, 6, 4]], {}),
    "heads that do not divide": ("RotaryEmbedding", [["N", 3, 8], ["N", 3, 2], ["N", 3, 2]],
                                 {"num_heads": 3}),
    "cosines of whole heads": ("RotaryEmbedding", [[2, 2, 3, 8], [2, 3, 8], [2, 3, 8]], {}),
    "more is turned than there is": ("RotaryEmbedding", [[2, 2, 3, 4], [2, 3, 3], [2, 3, 3]],
                                     {"rotary_embedding_dim": 6}),
    "a matrix of another space": ("AffineGrid", [[2, 2, 3], ("int64", [5])], {}),
    "an odd plane": ("SpaceToDepth", [["N", 3, 5, 4]], {"blocksize": 2}),
}  # fmt: skip

FITTING = {
    "a mask that broadcasts": ("Attention", [["N", 2, 3, 4], ["N", 2, 5, 4], ["N", 2, 5, 4],
                                             [1, 1, 3, 5]], {}),
    "a head size that is free": ("Attention", [["N", "S", "D"], ["N", 5, "D"], ["N", 5, "E"]],
                                 {"q_num_heads": 2, "kv_num_heads": 2}),
    "ranks that are free": ("Attention", ["?", [2, 2, 5, 4], [2, 2, 5, 4]], {}),
    "symbols that may be equal": ("Attention", [["N", 2, "A", 4], ["N", 2, "B", 4],
                                                ["N", 2, "C", 4]], {}),
    "a part of an odd head": ("RotaryEmbedding", [[2, 2, 3, 5], [2, 3, 1], [2, 3, 1]],
                              {"rotary_embedding_dim": 2}),
    "a matrix of a volume": ("AffineGrid", [[2, 3, 4], ("int64", [5])], {}),
    "a free plane": ("SpaceToDepth", [["N", 3, "H", "W"]], {"blocksize": 2}),
}  # fmt: skip


def written(folder: Path, op: str, operands: list, attributes: dict) -> Path:
    inputs = []
    for slot, operand in enumerate(operands):
        dtype, shape = operand if isinstance(operand, tuple) else ("float", operand)
        kind = {"float": onnx.TensorProto.FLOAT, "int64": onnx.TensorProto.INT64}[dtype]
        if shape is not None:
            dims = None if shape == "?" else shape
            inputs.append(helper.make_tensor_value_info(f"x{slot}", kind, dims))
    names = ["" if each is None else f"x{slot}" for slot, each in enumerate(operands)]
    node = helper.make_node(op, names, ["y"], **attributes)
    output = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)
    graph = helper.make_graph([node], "net", inputs, [output])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 23)], ir_version=11)
    path = folder / "model.onnx"
    onnx.save(model, path)
    return path


def severities(path: Path) -> set[str]:
    return {finding.severity.value for finding in lint(path, select=["ONX027"]).findings}


@pytest.mark.parametrize("kind", MISFITS)
def test_operands_that_do_not_fit_inside(tmp_path: Path, kind: str) -> None:
    assert severities(written(tmp_path, *MISFITS[kind])) == {"error"}


@pytest.mark.parametrize("kind", FITTING)
def test_operands_that_fit_or_may(tmp_path: Path, kind: str) -> None:
    assert severities(written(tmp_path, *FITTING[kind])) == set()


def test_an_operator_in_a_branch_is_a_warning(write_model: Write) -> None:
    path = write_model("""<ir_version: 11, opset_import: ["": 23]>
        net (bool c, float[2, 2, 3, 4] q, float[2, 2, 5, 6] k, float[2, 2, 5, 4] v)
            => (float[2, 2, 3, 4] y) {
            y = If (c) <then_branch = a () => (float[2, 2, 3, 4] t) { t = Attention(q, k, v) },
                        else_branch = b () => (float[2, 2, 3, 4] e) { e = Identity(q) }>
        }""")
    assert severities(path) == {"warning"}


def test_alike_nodes_are_asked_once(
    write_model: Write, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    asked: list[int] = []

    def answers(questions: list[onnx.ModelProto], _budget: object) -> list[None]:
        asked.append(len(questions))
        return [None] * len(questions)

    monkeypatch.setattr(expansions, "_answers", answers)
    nodes = "".join(f"a{n} = ReduceL2(x, axes) " for n in range(20))
    path = write_model(f"net (float[2, 3] x) => (float[2, 1] y) <int64[1] axes = {{1}}> "
                       f"{{ {nodes} y = Sum(a1, a2) }}")  # fmt: skip
    assert severities(path) == set()
    assert asked == [1]


def test_a_crash_of_native_code_is_not_told_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from onnxlint.runtime.shape_inference import expansions as child

    def crash(_model: onnx.ModelProto) -> str:
        os.kill(os.getpid(), signal.SIGSEGV)
        raise AssertionError

    monkeypatch.setattr(child, "_complaint", crash)
    assert severities(written(tmp_path, *MISFITS["a mask of another length"])) == set()


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("[ShapeInferenceError] Inference error(s): (op_type:Add): [ShapeInferenceError] Odd. "
         "\n(op_type:Mul): [TypeInferenceError] Input 0 expected to have type but instead is null",
         ("Add", "Odd")),
        ("(op_type:Mul): [TypeInferenceError] Input 0 expected to have type but instead is null",
         (None, "")),
        ("no model", (None, "")),
    ],
)  # fmt: skip
def test_the_first_operator_that_lacks_no_input_is_told(
    message: str, told: tuple[str | None, str]
) -> None:
    assert told_inside(message) == told
