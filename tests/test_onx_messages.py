"""What the rules of the specification say, beyond their own examples: messages and hints."""

from __future__ import annotations

import importlib

import pytest
from conftest import findings

CASES = [
    (
        'invalid_ir_version', 'error',
        """net (float[N] x) => (float[N] y) { y = Relu(x) }
>>> model.ir_version = -1
>>> del model.opset_import[:]""",
        'IR version is -1 (valid versions start at 1)',
        'set model.ir_version to 3 or higher, which opset imports require',
    ),
    (
        'missing_opset_import', 'error',
        """<ir_version: 8, opset_import: ["" : 17]>
net (float[N] x)
    => (float[N] y) {
    h = com.microsoft.Gelu(x) y = com.microsoft.Gelu(h) }""",
        "domain 'com.microsoft' has no opset import (2 nodes)",
        "add 'com.microsoft' to the model's opset_import with the intended version",
    ),
    (
        'missing_opset_import', 'error',
        """<ir_version: 10, opset_import: ["" : 21, "own" : 1]>
net (float[2, 3] x) => (float[2, 3] y) { y = own.shift(x) }
<domain: "own", opset_import: ["" : 21]>
shift (a) => (b) { b = com.microsoft.Gelu(a) }""",
        "domain 'com.microsoft' has no opset import",
        "add 'com.microsoft' to the function's opset_import with the intended version",
    ),
    (
        'missing_opset_import', 'error',
        """net (float[N] x) => (float[N] x) { }
>>> del model.opset_import[:]""",
        'no opset import (required since IR version 3; this is 10)',
        "import 'ai.onnx' with the version the model was written for",
    ),
    (
        'duplicate_opset_import', 'info',
        """net (float[N] x) => (float[N] y) { y = Relu(x) }
>>> model.opset_import.add(domain="", version=21)""",
        "'ai.onnx' is imported 2 times: 21, 21",
        "keep one import of 'ai.onnx', with the intended version",
    ),
    (
        'unknown_operator', 'error',
        """net (float[N] x) => (float[N] y) { h = Rellu(x) y = Rellu(h) }""",
        'Rellu does not exist in opset 21: not in any opset (2 nodes)',
        'check the spelling of Rellu, or move it to a domain of its own',
    ),
    (
        'unknown_operator', 'error',
        """net (float[N] x) => (float[N] y) { y = Relu(x) }
>>> model.graph.node[0].op_type = ''""",
        'node has no op_type',
        'set op_type, or remove the node',
    ),
    (
        'unknown_operator', 'error',
        """<ir_version: 8, opset_import: ["" : 16]>
net (float[N, 4] x, float[4] s)
    => (float[N, 4] y) {
    y = LayerNormalization(x, s) }""",
        'LayerNormalization does not exist in opset 16: added in opset 17; '
        'only onnxruntime runs it',
        'export with opset 17 or later',
    ),
    (
        'deprecated_operator', 'warning',
        """<ir_version: 8, opset_import: ["" : 18]>
net (float[N, 4, 2] x, float[2] s)
    => (float[N, 4, 2] y) {
    h = GroupNormalization <num_groups = 2> (x, s, s)
    y = GroupNormalization <num_groups = 2> (h, s, s) }""",
        'GroupNormalization is deprecated since opset 18; the model imports 18 (2 nodes)',
        'export with opset 21 or later',
    ),
    (
        'deprecated_operator', 'error',
        """<ir_version: 8, opset_import: ["" : 13]>
net (float[4] x, int64[1] i, float[1] u)
    => (float[4] y) {
    y = Scatter(x, i, u) }""",
        'Scatter is deprecated since opset 11; the model imports 13',
        'replace Scatter with ScatterElements',
    ),
    (
        'unsorted_nodes', 'error',
        """net (float[N] x)
    => (float[N] y) {
    a = Add(x, b) b = Relu(a) y = Relu(b) }""",
        "'b' is used by node 0 before Relu #1 produces it",
        'remove the cycle, then sort the nodes',
    ),
    (
        'undefined_value', 'error',
        """net (float[N] x) => (float[N] y) { h = Add(x, lost) y = Add(h, lost) }""",
        "'lost' is not defined in this scope (used 2 times)",
        "define 'lost', or connect an existing value in its place",
    ),
    (
        'undefined_output', 'error',
        """net (float[N] x)
    => (float[N] y, float[N] lost) {
    h = Relu(x) y = Relu(h) }""",
        "not defined by any of the graph's 2 nodes",
        "output an existing value instead of 'lost', or remove the output",
    ),
    (
        'conflicting_attribute_values', 'error',
        """net (float[N] x) => (float[N] y) { y = LeakyRelu <alpha = 0.5> (x) }
>>> model.graph.node[0].attribute[0].ClearField('f')
>>> model.graph.node[0].attribute[0].ints[:] = [1]""",
        "attribute 'alpha' stores its value in ints instead of f",
        'move the value to f, or correct the type',
    ),
    (
        'invalid_attribute', 'error',
        """net (float[N] x) => (float[N] y) { y = LeakyRelu <alpa = 0.5> (x) }""",
        "LeakyRelu: unknown attribute 'alpa' at opset 21",
        "rename 'alpa' to 'alpha', or import the opset that has it",
    ),
    (
        'invalid_attribute', 'error',
        """net (float[N] x) => (float[N] y) { y = LeakyRelu <alpha = 0.5> (x) }
>>> model.graph.node[0].attribute[0].name = ''""",
        'LeakyRelu: an attribute has no name',
        'name the attribute, or remove it',
    ),
    (
        'invalid_attribute', 'error',
        """<ir_version: 8, opset_import: ["" : 13, "ai.onnx.ml" : 1]>
net (float[N, 2] x)
    => (seq(map(int64, float)) y) {
    y = ai.onnx.ml.ZipMap(x) }""",
        "ai.onnx.ml::ZipMap: required attribute 'classlabels_int64s' or "
        "'classlabels_strings' is missing",
        "set 'classlabels_int64s' or 'classlabels_strings'",
    ),
    (
        'wrong_arity', 'error',
        """net (float[N] x) => (float[N] y) { y = Relu(x, x, x) }""",
        'Relu has 3 inputs, expected at most 1',
        'remove 2 inputs, or import the opset the node was written for',
    ),
    (
        'wrong_arity', 'error',
        """net (float[N] x) => (float[N] y) { y = Where(x) }""",
        'Where has 1 input, expected at least 3',
        'connect 2 more inputs, or import the opset the node was written for',
    ),
    (
        'wrong_arity', 'error',
        """net (float[N, 2, 3] x, float[2] s)
    => (float[N, 2, 3] y, float[2] a) {
    y, a = BatchNormalization(x, s, s, s, s) }""",
        'BatchNormalization has 2 outputs, expected 1 or 3',
        'list 1 or 3 outputs',
    ),
    (
        'wrong_arity', 'error',
        """<ir_version: 10, opset_import: ["" : 21, "own" : 1]>
net (float[2, 3] x) => (float[2, 3] y) { y = own.shift(x, x) }
<domain: "own", opset_import: ["" : 21]>
shift (a) => (b) { b = Neg(a) }""",
        'own::shift has 2 inputs, expected at most 1',
        'remove 1 input, or extend the function',
    ),
    (
        'type_constraint_violation', 'warning',
        """<ir_version: 10, opset_import: ["" : 12]>
net ()
    => (bfloat16[1] y) {
    y = Constant <value = bfloat16[1] {1}> () }""",
        'Constant does not return tensor(bfloat16) as output 0 (output)',
        'choose tensor(float) or tensor(int64), or import an opset that adds tensor(bfloat16)',
    ),
    (
        'type_constraint_violation', 'error',
        """net (float[N] x, float[N] i) => (float[N] y) { y = Gather(x, i) }""",
        'Gather does not accept tensor(float) for input 1 (indices)',
        'cast input 1 to tensor(int64)',
    ),
    (
        'shape_conflict', 'error',
        """<ir_version: 10, opset_import: ["" : 21]>
net (float[N, 4, 2] x, float[4] s)
    => (float[N, 4, 2] y) {
    y = GroupNormalization <num_groups = 3> (x, s, s) }""",
        'num_groups is 3, which does not divide the 4 channels',
        'set num_groups to a divisor of 4',
    ),
    (
        'shape_conflict', 'error',
        """net (float[N, 2, 5, 4] x)
    => (float[N, A, B, C] y) {
    y = SpaceToDepth <blocksize = 2> (x) }""",
        'height x width 5 x 4 cannot be divided into blocks of 2 x 2',
        'pad height and width to multiples of 2',
    ),
    (
        'shape_conflict', 'error',
        """<ir_version: 11, opset_import: ["": 23]>
net (float[N, 2, S, 4] x, float[N, S, 3] c, float[N, S, 3] s)
    => (float[N, 2, S, 4] y) {
    y = RotaryEmbedding <rotary_embedding_dim = 6> (x, c, s) }""",
        'rotary_embedding_dim is 6 (limit 4, the size of a head)',
        'set rotary_embedding_dim to 4 or less',
    ),
    (
        'shape_conflict', 'error',
        """net (float[2] x, float[3] z) => (float[A] y) { y = Add(x, z) }""",
        'Incompatible dimensions (inputs: float[2], float[3])',
        'make the sizes equal, or 1 where an input should be broadcast',
    ),
    (
        'shape_conflict', 'error',
        """net (bool f, float[N, 3] x, float[4, 2] w, float[N, 2] z)
    => (float[N, 2] y) {
    y = If(f) <then_branch = a () => (float[N, 2] p) { p = MatMul(x, w) },
               else_branch = b () => (float[N, 2] q) { q = Neg(z) }> }""",
        'Incompatible dimensions for matrix multiplication (inputs: float[N, 3], float[4, 2])',
        'make the inner dimensions equal, e.g. transpose the second input',
    ),
    (
        'declared_shape_mismatch', 'error',
        """net (float[N, 3] x, float[3] w = {1, 2, 3})
    => (float[N, 3] y) {
    y = Mul(x, w) }
>>> model.graph.input[1].type.tensor_type.elem_type = 11""",
        'declared double[3], but its initializer is float[3]',
        "declare 'w' as float[3], or replace the initializer",
    ),
    (
        'tensor_size_mismatch', 'error',
        """net (string[2] x)
    => (string[2] y) <string[2] w = {"a", "b"}> {
    y = StringConcat(x, w) }
>>> del model.graph.initializer[0].string_data[1]""",
        "tensor 'w' contains 1 string, string[2] requires 2",
        'export again, or set dims and data_type to those of the stored data',
    ),
    (
        'invalid_sparse_tensor', 'error',
        """net () => (float[4] y) { y = Constant() }
>>> from onnx import SparseTensorProto, numpy_helper
>>> import numpy
>>> values = numpy_helper.from_array(numpy.float32([[1, 2]]), "w")
>>> indices = numpy_helper.from_array(numpy.int64([1, 2]))
>>> sparse = SparseTensorProto(values=values, indices=indices, dims=[4])
>>> attribute = model.graph.node[0].attribute.add(name="sparse_value", type=11)
>>> attribute.sparse_tensor.CopyFrom(sparse)""",
        "sparse tensor 'w' has values of rank 2 (expected 1)",
        'store the values as a vector',
    ),
    (
        'invalid_sparse_tensor', 'error',
        """net () => (float[4] y) { y = Constant() }
>>> from onnx import SparseTensorProto, numpy_helper
>>> import numpy
>>> values = numpy_helper.from_array(numpy.float32([1, 2]), "w")
>>> indices = numpy_helper.from_array(numpy.int32([1, 2]))
>>> sparse = SparseTensorProto(values=values, indices=indices, dims=[4])
>>> attribute = model.graph.node[0].attribute.add(name="sparse_value", type=11)
>>> attribute.sparse_tensor.CopyFrom(sparse)""",
        "sparse tensor 'w' has indices int32[2], expected int64[2] or int64[2, 1]",
        'write one int64 index, or one row of them, per value',
    ),
    (
        'invalid_sparse_tensor', 'error',
        """net () => (float[4] y) { y = Constant() }
>>> from onnx import SparseTensorProto, numpy_helper
>>> import numpy
>>> values = numpy_helper.from_array(numpy.float32([1, 2]), "w")
>>> indices = numpy_helper.from_array(numpy.int64([2, 1]))
>>> sparse = SparseTensorProto(values=values, indices=indices, dims=[4])
>>> attribute = model.graph.node[0].attribute.add(name="sparse_value", type=11)
>>> attribute.sparse_tensor.CopyFrom(sparse)""",
        "sparse tensor 'w' has 1 index out of ascending order",
        'sort the entries by index, and merge duplicates',
    ),
    (
        'duplicate_initializer_name', 'error',
        """net (float[2] x)
    => (float[2] y) <float[2] w = {1, 2}> {
    y = Mul(x, w) }
>>> model.graph.initializer.append(model.graph.initializer[0])
>>> model.graph.initializer[1].float_data[0] = 3""",
        'name shared by 2 initializers',
        'remove all but one, or rename the others',
    ),
    (
        'initializer_not_input', 'error',
        """net (float[2] x)
    => (float[2] y) <float[2] w = {1, 2}, float[2] v = {1, 2}> {
    y = Mul(x, w) }
>>> model.ir_version = 3""",
        'IR version 3 requires initializers to be graph inputs (2 are not, 1 of them unused)',
        'raise ir_version to 4 or higher',
    ),
    (
        'unnamed_value', 'error',
        """net (float[N] x) => (float[N] y) { y = Relu(x) }
>>> model.graph.output.add().CopyFrom(model.graph.output[0])
>>> model.graph.output.add().CopyFrom(model.graph.output[0])
>>> model.graph.output[1].name = ''
>>> model.graph.output[2].name = ''""",
        "2 of the graph's outputs have no name",
        'name the outputs, or remove them',
    ),
    (
        'unnamed_value', 'warning',
        """net (float[N] x) => (float[N] y) { y = Relu(x) }
>>> model.graph.value_info.add().CopyFrom(model.graph.output[0])
>>> model.graph.value_info[0].name = ''""",
        '1 value_info entry has no name, like omitted inputs',
        'name them, or remove them',
    ),
    (
        'unnamed_initializer', 'error',
        """net (float[2] x)
    => (float[2] y) <float[2] w = {1, 2}, float[2] v = {1, 2}> {
    y = Relu(x) }
>>> model.graph.initializer[0].name = model.graph.initializer[1].name = ''""",
        '2 initializers have no name',
        'give each the name that its consumer uses, or remove it',
    ),
    (
        'invalid_attribute_value', 'error',
        """net (float[N, 4] x)
    => (float[N, 4] y) {
    y = LpNormalization <p = 3> (x) }""",
        'p is 3 (limits 1 and 2)',
        'set p to a value from 1 to 2',
    ),
    (
        'invalid_attribute_value', 'error',
        """net (float[N, 4, 2, 2] x)
    => (float[A, B, C, D] y) {
    y = DepthToSpace <blocksize = 0> (x) }""",
        'blocksize is 0 (minimum 1)',
        'set blocksize to 1 or more',
    ),
    (
        'invalid_attribute_value', 'error',
        """net (float[S, 1, 2] x, float[1, 6, 2] w, float[1, 6, 2] r)
    => (float[S, 1, 1, 2] y) {
    y = GRU <hidden_size = 2, activations = ["Tanh"]> (x, w, r) }""",
        "1 activation (GRU with direction 'forward' expects 2)",
        'list 2 activations, or none for the defaults',
    ),
    (
        'invalid_function', 'error',
        """<ir_version: 10, opset_import: ["" : 21, "own" : 1]>
net (float[2, 3] x) => (float[2, 3] y) { y = own.shift(x) }
<domain: "own", opset_import: ["" : 21]>
shift (a) => (b) { b = Neg(a) }
>>> model.functions[0].domain = ''""",
        'function has no domain',
        "set the function's domain, also in the nodes that call it",
    ),
    (
        'invalid_function', 'error',
        """<ir_version: 10, opset_import: ["" : 21, "own" : 1]>
net (float[N] x) => (float[N] y) { y = own.f(x) }
<domain: "own", opset_import: ["" : 21, "own" : 1]>
f (a) => (b) { b = own.g(a) }
<domain: "own", opset_import: ["" : 21, "own" : 1]>
g (a) => (b) { b = own.h(a) }
<domain: "own", opset_import: ["" : 21, "own" : 1]>
h (a) => (b) { b = own.f(a) }""",
        'calls itself through 2 other functions',
        'write the recursion as a Loop',
    ),
    (
        'function_opset_conflict', 'warning',
        """<ir_version: 10, opset_import: ["" : 21, "own" : 1]>
net (float[2, 3] x) => (float[2, 3] y) { y = own.shift(x) }
<domain: "own", opset_import: ["" : 21]>
shift (a) => (b) { b = Neg(a) }
>>> model.functions[0].opset_import[0].version = 99""",
        'the function imports opset 99, which the installed onnx does not know; '
        'the model imports 21',
        'update onnx, or import the same opset in the function and the model',
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "severity", "text", "message", "hint"), CASES)
def test_what_a_rule_says(name: str, severity: str, text: str, message: str, hint: str) -> None:
    rule = getattr(importlib.import_module(f"onnxlint_rules.onx.{name}"), name)
    (found,) = findings(rule, text)
    assert (found.severity.value, found.message, found.hint) == (severity, message, hint)
