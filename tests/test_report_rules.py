"""Rules that public reports taught: further inputs of each kind, and near misses."""

import pytest
from conftest import severities

from onnxlint_rules.arc.loss_in_model import loss_in_model
from onnxlint_rules.arc.lost_scatter_updates import lost_scatter_updates
from onnxlint_rules.arc.meaningless_arithmetic import meaningless_arithmetic
from onnxlint_rules.arc.same_operand import same_operand
from onnxlint_rules.arc.void_by_default import void_by_default
from onnxlint_rules.int._tokens import UnknownExpressionError, can_be
from onnxlint_rules.int.rejects_unknown_category import rejects_unknown_category
from onnxlint_rules.int.unreachable_vocabulary import unreachable_vocabulary
from onnxlint_rules.onx.invalid_attribute_value import invalid_attribute_value
from onnxlint_rules.wgt.unfilled_statistics import unfilled_statistics

ML = '<ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]>'


def opset(version: int) -> str:
    return f'<ir_version: 8, opset_import: ["" : {version}]>'


@pytest.mark.parametrize(
    ("version", "node", "expected"),
    [
        (17, 'GridSample <mode = "linear"> (x, g)', ["error"]),
        (17, 'GridSample <mode = "bilinear"> (x, g)', []),
        (20, 'GridSample <mode = "bilinear"> (x, g)', ["error"]),
        (20, 'GridSample <mode = "linear"> (x, g)', []),
        (17, 'GridSample <padding_mode = "Zeros"> (x, g)', ["error"]),
        (17, 'MaxPool <auto_pad = "SAME", kernel_shape = [2, 2]> (x)', ["error"]),
        (17, 'MaxPool <auto_pad = "SAME_LOWER", kernel_shape = [2, 2]> (x)', []),
        (17, 'MaxPool <auto_pad = "", kernel_shape = [2, 2]> (x)', ["warning"]),
        (13, 'Pad <mode = "wrap"> (x, p)', ["warning"]),
        (19, 'Pad <mode = "wrap"> (x, p)', []),
        (13, 'Pad <mode = "symmetric"> (x, p)', ["error"]),
        (13, 'Resize <coordinate_transformation_mode = "tf_half_pixel_for_nn"> (x, "", s)',
         ["warning"]),
        (11, 'Resize <coordinate_transformation_mode = "tf_half_pixel_for_nn"> (x, "", s)', []),
        (13, 'Resize <nearest_mode = "round"> (x, "", s)', ["error"]),
        (17, 'RoiAlign <mode = "AVG"> (x, b, i)', ["warning"]),
        (17, 'RoiAlign <coordinate_transformation_mode = "HALF_PIXEL"> (x, b, i)', ["error"]),
        (17, "LpNormalization <p = 3> (x)", ["error"]),
        (17, "LpNormalization <axis = 4> (x)", ["error"]),
        (17, "LpNormalization <axis = -4> (x)", []),
        (20, 'Gelu <approximate = "erf"> (x)', ["error"]),
    ],
)  # fmt: skip
def test_listed_values(version, node, expected):
    text = f"""{opset(version)}
    net (float[1, 1, 4, 4] x, float[1, 2, 2, 2] g, int64[8] p, float[1, 4] b, int64[1] i)
        => (float[A, B, C, D] y) <float[4] s = {{1, 1, 2, 2}}> {{ y = {node} }}"""
    assert severities(invalid_attribute_value, text) == expected


@pytest.mark.parametrize(
    ("op", "gates", "settings", "expected"),
    [
        ("RNN", 1, 'activations = ["tanh"]', ["error"]),
        ("LSTM", 4, 'activations = ["SIGMOID", "Tanh", "tanh"]', ["warning", "warning"]),
        ("GRU", 3, 'activations = ["Sigmoid", "Swish"]', ["error"]),
        ("GRU", 3, 'activations = ["Sigmoid", "Tanh", "Tanh"]', ["error"]),
        ("GRU", 3, 'direction = "backward"', ["error"]),
        ("LSTM", 4, 'direction = "reverse"', []),
    ],
)
def test_recurrent_operators(op, gates, settings, expected):
    text = f"""net (float[S, 1, 2] x, float[1, {2 * gates}, 2] w, float[1, {2 * gates}, 2] r)
        => (float[S, 1, 1, 2] y) {{ y = {op} <hidden_size = 2, {settings}> (x, w, r) }}"""
    assert severities(invalid_attribute_value, text) == expected


def test_a_function_of_the_model_may_have_values_of_its_own():
    text = """<ir_version: 9, opset_import: ["" : 20, "own" : 1]>
    net (float[N] x) => (float[N] y) { y = own.Pad <mode = "mirror"> (x) }
    <domain: "own", opset_import: ["" : 20]>
    Pad <mode> (x) => (y) { y = Identity(x) }"""
    assert severities(invalid_attribute_value, text) == []


NMS = "net (float[1, B, 4] b, float[1, C, B] s, int64 n) => (int64[F, 3] y)"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{NMS} {{ y = NonMaxSuppression(b, s) }}", ["error"]),
        (f"{NMS} <int64 m = {{0}}> {{ y = NonMaxSuppression(b, s, m) }}", ["error"]),
        (f"{NMS} <int64 m = {{100}}> {{ y = NonMaxSuppression(b, s, m) }}", []),
        (f"{opset(9)} net (float[N, 4] x) => (float[N, 0] y) {{ y, i = TopK <k = 0> (x) }}",
         ["error"]),
        (f"{opset(6)} net (float[N] x) => (float[N] y) {{ y = Clip <min = 1.0, max = 0.0> (x) }}",
         ["error"]),
        (f"{opset(6)} net (float[N] x) => (float[N] y) {{ y = Clip <min = 0.0, max = 6.0> (x) }}",
         []),
        ("net (int64[N] x) => (float[N, D] y) <int64 d = {0}, float[2] v = {0, 1}>"
         "{ y = OneHot(x, d, v) }", ["error"]),
        ("net (int64[N] x, int64 d) => (float[N, D] y) <float[2] v = {0, 1}>"
         "{ y = OneHot(x, d, v) }", []),
        ("net (float[N, 2] x, float[2, 2] w) => (float[N, 2] y) { y = Gemm <alpha = 0.0> (x, w) }",
         ["warning"]),
    ],
)  # fmt: skip
def test_void_operators(text, expected):
    assert severities(void_by_default, text) == expected


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ("y = ScatterElements <axis = 1> (x, i, u)", ["warning"]),
        ("y = ScatterElements <axis = 0> (x, i, u)", []),
        ('y = ScatterElements <axis = 1, reduction = "max"> (x, i, u)', []),
        ('y = ScatterElements <axis = -1, reduction = "sum"> (x, i, u)', ["warning"]),
        ("j = Cast <to = 7> (i) y = ScatterElements <axis = 1> (x, j, u)", ["warning"]),
        ("y = ScatterElements <axis = 1> (x, i, same)", []),
        ("y = ScatterND(x, rows, v)", ["warning"]),
        ("y = ScatterND(x, cells, w)", []),
    ],
)
def test_scatters(node, expected):
    text = f"""{opset(18)} net (float[2, 3] x, float[2, 3] u, float[2, 3] v, float[2] w)
        => (float[2, 3] y) <int64[2, 3] i = {{0, 0, 1, 1, 1, 0}}, int64[2, 1] rows = {{1, -1}},
        int64[2, 2] cells = {{1, 0, 1, 1}}, float[2, 3] same = {{1, 1, 1, 1, 1, 1}}> {{ {node} }}"""
    assert severities(lost_scatter_updates, text) == expected


@pytest.mark.parametrize(
    ("dtype", "nodes", "expected"),
    [
        ("int64", "a = Mul(x, minus) q = Div(a, three) y = Neg(q)", ["warning"]),
        ("int64", "a = Sub(none, x) q = Div(a, three) y = Neg(q)", ["warning"]),
        ("int64", "a = Neg(x) q = Div(a, minus) y = Neg(q)", []),
        ("int64", "q = Div(x, three) y = Neg(q)", []),
        ("int64", "y = Sub(x, x)", []),
        ("float", "y = Div(x, x)", ["warning"]),
        ("float", "d = Sub(x, x) e = Equal(d, d) y = Cast <to = 1> (e)", []),
        ("float", "b = Less(x, x) y = Cast <to = 1> (b)", ["warning"]),
        ("float", "y = Pow(x, none)", ["warning"]),
        ("float", "y = Mul(x, three)", []),
        ("float", "r = Relu(x) b = Less(r, none) y = Cast <to = 1> (b)", ["warning"]),
        ("float", "r = Relu(x) b = Greater(r, none) y = Cast <to = 1> (b)", []),
        ("float", "r = Sigmoid(x) b = Less(three, r) y = Cast <to = 1> (b)", ["warning"]),
        ("float", "r = Sigmoid(x) b = Greater(r, minus) y = Cast <to = 1> (b)", ["info"]),
        ("float", "r = Sigmoid(x) m = ReduceMax(r) b = Greater(m, three) y = Cast <to = 1> (b)",
         ["warning"]),
    ],
)  # fmt: skip
def test_arithmetic(dtype, nodes, expected):
    text = f"""net ({dtype}[N, 4] x) => ({dtype}[N, 4] y) <{dtype} minus = {{-1}},
        {dtype} three = {{3}}, {dtype} none = {{0}}> {{ {nodes} }}"""
    assert severities(meaningless_arithmetic, text) == expected


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ("h = Relu(x) y = Sum(h, x, h)", ["warning"]),
        ("h = Relu(x) y = Max(h, h)", ["warning"]),
        ("h = Relu(x) y = Mul(h, h)", []),
        ("h = Relu(x) y = Concat <axis = 1> (h, x, h)", ["warning"]),
        ("h = Relu(x) y = Concat <axis = 0> (h, h)", []),
        ("h = Relu(x) y = Concat <axis = -2> (h, h)", []),
        ("h = Sin(x) y = Concat <axis = 1> (h, h)", []),
        ("b = Concat <axis = 1> (x, x) s = Mul(b, two) y = Cos(s)", []),
        ("t = Add(two, two) y = Mul(x, t)", []),
        ("b = Greater(x, two) y = Where(b, x, x)", ["warning"]),
    ],
)
def test_same_operands(nodes, expected):
    text = f"net (float[N, 4] x) => (float[A, B] y) <float two = {{2}}> {{ {nodes} }}"
    assert severities(same_operand, text) == expected


def test_plain_scaling_beside_normalisations_with_statistics_is_an_info():
    text = """net (float[N, 2] x) => (float[N, 2] y)
    <float[2] s = {1.5, 2}, float[2] b = {0, 1}, float[2] none = {0, 0}, float[2] one = {1, 1},
     float[2] mean = {0.3, -1}, float[2] var = {0.5, 2}>
    { h = BatchNormalization(x, s, b, mean, var) y = BatchNormalization(h, s, b, none, one) }"""
    assert severities(unfilled_statistics, text) == ["info"]


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ("l = ai.onnx.ml.LabelEncoder <keys_strings = [\"a\"], values_int64s = [0], "
         "default_int64 = 1> (c) y = ai.onnx.ml.OneHotEncoder <cats_int64s = [0, 1], zeros = 0>(l)",
         []),
        ("l = ai.onnx.ml.LabelEncoder <keys_strings = [\"a\"], values_int64s = [0]> (c) "
         "y = ai.onnx.ml.OneHotEncoder <cats_int64s = [0, 1], zeros = 0> (l)", ["warning"]),
        ("l = ai.onnx.ml.LabelEncoder <keys_strings = [\"a\"], values_int64s = [0]> (c) "
         "y = Cast <to = 1> (l)", []),
        ("l = ai.onnx.ml.LabelEncoder <keys_strings = [\"a\"], values_int64s = [0]> (c) "
         "k = Squeeze(l) y = OneHot(k, depth, values)", []),  # a column of its own
    ],
)  # fmt: skip
def test_encoders(nodes, expected):
    text = f"""{ML} net (string[N] c) => (float[A, B] y)
        <int64 depth = {{2}}, float[2] values = {{0, 1}}> {{ {nodes} }}"""
    assert severities(rejects_unknown_category, text) == expected


TWO = "values_int64s = [0, 1]"


@pytest.mark.parametrize(
    ("keys", "encoder", "nodes", "expected"),
    [
        ("a b", TWO, "y = OneHot(l, depth, values)", ["warning"]),
        ("a b", TWO, "y = Gather(two, l)", ["warning"]),
        ("a b", TWO, "y = Gather(three, l)", []),
        ("a b", TWO, "m = Max(l, none) y = Gather(three, m)", ["warning"]),
        ("a b", TWO, "m = Clip(l, none, depth) y = Gather(three, m)", ["warning"]),
        ("a b", TWO, "m = Abs(l) y = Gather(three, m)", ["warning"]),
        ("a b", TWO, "m = Relu(l) y = Gather(three, m)", ["warning"]),
        ("a b", TWO, "m = Add(l, one) y = Gather(three, m)", []),
        ("other b", TWO, "m = Max(l, none) y = Gather(two, m)", []),
        ("<unk> b", TWO, "m = Relu(l) y = Gather(two, m)", []),
        ("a b", f"{TWO}, default_int64 = 0", "y = Gather(three, l)", ["warning"]),
        ("a b", f"{TWO}, default_int64 = 2", "y = Gather(three, l)", []),
        ("a b", f"{TWO}, default_int64 = 2", "y = Gather(two, l)", ["warning"]),
        ("a b", f"{TWO}, default_int64 = 2", "y = OneHot(l, depth, values)", []),
        ("a b", f"{TWO}, default_int64 = 0", "y = Cast<to = 1>(l)", []),
    ],
)
def test_the_row_of_an_unknown_category(keys, encoder, nodes, expected):
    listed = ", ".join(f'"{key}"' for key in keys.split())
    text = f"""{ML} net (string[N] c) => (float[A, B] y)
        <int64 depth = {{2}}, float[2] values = {{0, 1}}, int64 none = {{0}}, int64 one = {{1}},
        float[2, 1] two = {{1, 2}}, float[3, 1] three = {{1, 2, 3}}>
        {{ l = ai.onnx.ml.LabelEncoder <keys_strings = [{listed}], {encoder}> (c) {nodes} }}"""
    assert severities(rejects_unknown_category, text) == expected


def test_a_class_that_is_looked_up_is_listed():
    text = f"""{ML} net (float[N, 2] x) => (float[N, 1] y) <float[2, 1] two = {{1, 2}}>
        {{ best = ArgMax<axis = 1, keepdims = 0>(x)
        l = ai.onnx.ml.LabelEncoder <keys_int64s = [0, 1], values_int64s = [1, 0],
        default_int64 = 0> (best) y = Gather(two, l) }}"""
    assert severities(rejects_unknown_category, text) == []


@pytest.mark.parametrize(
    ("expression", "word", "expected"),
    [
        ("[a-zA-Z0-9_]+", "word", True),
        ("[a-zA-Z0-9_]+", "wörd", False),
        (r"\w\w+", "a", False),
        (r"(?u)\b\w\w+\b", "ab", True),
        (r"\w+", "wörd", False),  # RE2 knows ASCII only by \w
        (r"[\p{L}\p{N}_]+", "wörd", True),
        (r"\pL+", "wörd", True),
        (r"[^\s,]+", "wörd-7", True),
        (r"[^\s,]+", "a,b", False),
        (r"[[:alpha:]-]{2,3}", "a-b", True),
        (r"[[:alpha:]-]{2,3}", "a-bc", False),
        (".", "ab", False),
        (r"[A-Za-z]+\d?", "ab1", True),
    ],
)
def test_expressions(expression, word, expected):
    assert can_be(expression, word) is expected


@pytest.mark.parametrize("expression", ["(a|b)+", r"a\B", r"[\x{10}]", r"\p{Greek}", "^a", "("])
def test_expressions_that_are_not_understood(expression):
    with pytest.raises(UnknownExpressionError):
        can_be(expression, "a")


@pytest.mark.parametrize(
    ("before", "pool", "expected"),
    [
        ('StringNormalizer <case_change_action = "LOWER"> (x)', '"a", "b"', []),
        ('StringNormalizer <case_change_action = "UPPER"> (x)', '"A", "b"', ["warning"]),
        ('StringNormalizer <stopwords = ["the"]> (x)', '"a", "The"', ["warning"]),
        ('StringNormalizer <is_case_sensitive = 1, stopwords = ["the"]> (x)', '"a", "The"', []),
        ("Identity(x)", '"a", "Any thing"', []),
    ],
)
def test_vocabularies(before, pool, expected):
    text = f"""net (string[N] x) => (float[2] y) {{ words = {before} y = TfIdfVectorizer <
        mode = "TF", min_gram_length = 1, max_gram_length = 1, max_skip_count = 0,
        ngram_counts = [0], ngram_indexes = [0, 1], pool_strings = [{pool}]> (words) }}"""
    assert severities(unreachable_vocabulary, text) == expected


def test_a_loss_that_is_misfed_and_summed_is_told_of_both():
    text = """net (float[N, 4] x, int64[N] k) => (float loss) { p = Softmax(x)
        loss = SoftmaxCrossEntropyLoss <reduction = "sum"> (p, k) }"""
    assert severities(loss_in_model, text) == ["warning", "warning"]
