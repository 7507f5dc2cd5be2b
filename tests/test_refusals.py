"""What onnxruntime refuses is placed at the node that it is about."""

from __future__ import annotations

import pytest

from onnxlint.analyses.execution.runtime_errors import read_refusal

NESTED = """net (float[3, 4] x, bool ask) => (float[] y) {
    [choose] y = If (ask) <
        then_branch = one () => (float[] a) { [inner] a = Relu(x) },
        else_branch = two () => (float[] b) { [other] b = Tanh(x) }
    >
}"""
CHAIN = """net (float[N, 3] x) => (float[N, 3] y) {
    [attend] h = Relu(x)
    [product] y = Tanh(h)
}"""


@pytest.mark.parametrize(
    ("text", "message", "node"),
    [
        (
            NESTED,
            "Node (choose) Op (If) [TypeInferenceError] Graph attribute inferencing failed: "
            "Node (inner) Op (Relu) [ShapeInferenceError] it does not fit",
            "inner",
        ),
        (NESTED, "Node (choose) Op (If) [TypeInferenceError] no reason", "choose"),
        (NESTED, "Node (choose) Op (If) failed: Node (made_by_it) Op (Cast) bad", "choose"),
        (CHAIN, "running FusedMatMul node. Name:'attend/MatmulTransposeFusion/' Status", "attend"),
        (CHAIN, "running Gemm node. Name:'fused attend' Status", "attend"),
        (CHAIN, "running Gemm node. Name:'product/MatMulAddFusion' Status", "product"),
        (CHAIN, "running Relu node. Name:'attend' Status", "attend"),
        (CHAIN, "running Relu node. Name:'attend_2' Status", None),
    ],
)
def test_node_that_a_message_is_about(graph_of, text, message, node):
    with graph_of(text) as graph:
        assert read_refusal(graph, message).place.node == node
