"""What onnxruntime refuses is placed at the node that it is about."""

from __future__ import annotations

import pytest

from onnxlint.analyses.execution.runtime_errors import read_refusal
from onnxlint.runtime.native_text import readable
from onnxlint.runtime.worker.client import RunFailure

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


RUNNING = "Non-zero status code returned while running {} node. Name:'' Status Message: "
CPU = "/onnxruntime_src/onnxruntime/core/providers/cpu/"
NATIVE = {
    "a condition that did not hold": (
        "[ONNXRuntimeError] : 1 : FAIL : " + RUNNING.format("Reshape") + CPU
        + "tensor/reshape_helper.h:91 onnxruntime::ReshapeHelper::ReshapeHelper("
        "const onnxruntime::TensorShape&, onnxruntime::TensorShapeVector&, bool) input_shape_size "
        "== requested_shape_size was false. The input tensor cannot be reshaped to the requested "
        "shape. Input shape:{2,3}, requested shape:{4,2}\n",
        RUNNING.format("Reshape") + "The input tensor cannot be reshaped to the requested shape. "
        "Input shape:{2,3}, requested shape:{4,2}",
    ),
    "a file without its folder": (
        "[ONNXRuntimeError] : 1 : FAIL : " + RUNNING.format("Concat") + "concatbase.h:135 "
        "PrepareForComputeImpl Non concat axis dimensions must match: Axis 1 has mismatched "
        "dimensions of 4 and 3",
        RUNNING.format("Concat") + "Non concat axis dimensions must match: Axis 1 has mismatched "
        "dimensions of 4 and 3",
    ),
    "a template, and a point in the condition": (
        RUNNING.format("Pad") + CPU + "tensor/padbase.h:122 static void "
        "onnxruntime::PadBase::ComputePadsImpl(KernelContextType&, size_t, gsl::span<const long "
        "int>, PadsVector&) [with KernelContextType = onnxruntime::OpKernelContext; size_t = long "
        "unsigned int; PadsVector = absl::lts_20250814::InlinedVector<long int, 10, "
        "std::allocator<long int> >] pads_data.size() == 2 * data_rank was false. Pads tensor size "
        "should be equal to twice the input dimension count \n",
        RUNNING.format("Pad")
        + "Pads tensor size should be equal to twice the input dimension count",
    ),
    "one in another": (
        "[ONNXRuntimeError] : 1 : FAIL : Exception during initialization: /onnxruntime_src/"
        "onnxruntime/core/optimizer/initializer.cc:51 onnxruntime::Initializer::Initializer(const "
        "onnx::TensorProto&, const std::filesystem::__cxx11::path&) [ONNXRuntimeError] : 1 : FAIL "
        ": tensorprotoutils.cc:1730 ValidateEmbeddedTensorProtoDataSizeAndShape Initializer 'w': "
        "raw_data size (3 bytes) does not match expected size from shape and data type (8 bytes)",
        "Exception during initialization: Initializer 'w': raw_data size (3 bytes) does not match "
        "expected size from shape and data type (8 bytes)",
    ),
    "a method that changes nothing": (
        CPU + "nn/pool_attributes.h:236 int64_t onnxruntime::PoolAttributes::ComputeOutputSize("
        "int64_t, int64_t) const out_size >= 0 was false. Calculated output dimension is negative.",
        "Calculated output dimension is negative.",
    ),
    "a closure": (
        "/Users/runner/work/onnxruntime/core/framework/execution_frame.cc:12 auto onnxruntime::F::"
        "<lambda(int, std::vector<int>)>::operator()(int (*)(int)) const p was false. No value",
        "No value",
    ),
    "Windows": (
        "D:\\a\\_work\\1\\s\\onnxruntime\\core\\providers\\cpu\\math\\element_wise_ops.h:563 "
        "onnxruntime::BroadcastIterator::Init axis == 1 || axis == largest was false. Attempting "
        "to broadcast an axis by a dimension other than 1. 2 by 3",
        "Attempting to broadcast an axis by a dimension other than 1. 2 by 3",
    ),
    "an assertion of onnx": (
        "/github/workspace/onnx/defs/schema.h:30: adapt: Assertion `a == 1' failed: only one",
        "only one",
    ),
    "nothing but a condition": (
        CPU + "x.cc:7 virtual onnxruntime::common::Status onnxruntime::X::Compute("
        "onnxruntime::OpKernelContext*) const index < size() was false.\n",
        "index < size() was false.",
    ),
    "names of the model": (
        "input 'lstm.c:1 cell' of node 'layer.h:0' and weights/net.c:0 are not there",
        "input 'lstm.c:1 cell' of node 'layer.h:0' and weights/net.c:0 are not there",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", NATIVE)
def test_places_in_sources_of_onnxruntime_are_not_printed(case, graph_of):
    native, printed = NATIVE[case]
    assert readable(native) == printed
    assert readable(printed) == printed
    failure = RunFailure(native)
    assert (str(failure), failure.native) == (printed, native)
    with graph_of(CHAIN) as graph:
        assert read_refusal(graph, native).message == printed


@pytest.mark.parametrize("part", ["a.c:1 ", "a.c:1 x::", "(", "()", "x::", "[]", "/a", ": "])
def test_a_text_without_end_takes_no_time(part):
    text = "a.c:1 x::f(" + part * 20_000
    assert len(readable(text)) <= len(text)
