"""What a model says of its inputs is what they are made of: values, bounds, sizes, loops' ends."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onnxlint.analyses import Analyses
from onnxlint.analyses.inputs.hints.refused_sizes import corrected
from onnxlint.analyses.inputs.inputs import Inputs
from onnxlint.analyses.static.endless_loops import MOST_TRIPS
from onnxlint.findings import Diagnostic
from onnxlint.model.file.load import open_model
from onnxlint.rules.rule import Rule
from onnxlint.runtime.feeds.input_slots import Bound, Column, Meaning, Slot, bounded, resolved
from onnxlint.runtime.feeds.synthesis import attempts
from onnxlint.settings import InputContract, Settings
from onnxlint.severity import Severity
from onnxlint.testing import Example, run_rule, saved
from onnxlint_rules.prd.collapsed_prediction import collapsed_prediction
from onnxlint_rules.run.declared_shape_violated import declared_shape_violated
from onnxlint_rules.run.dynamic_axis_broken import dynamic_axis_broken
from onnxlint_rules.run.execution_failure import execution_failure
from onnxlint_rules.run.no_valid_input import no_valid_input
from onnxlint_rules.run.runtime_crash import runtime_crash

ML = '<ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]>\n'
MS = '<ir_version: 8, opset_import: ["" : 17, "com.microsoft" : 1]>\n'
NO_FAULT = (execution_failure, no_valid_input, runtime_crash)


def reported(rule: Rule, text: str, **settings: object) -> tuple[Diagnostic, ...]:
    with saved(Example.parse(text)) as path:
        report = run_rule(rule, path, settings=Settings(**settings))
    assert report.complete, report
    return report.findings


@pytest.fixture
def inputs_of(write_model):
    def read(text: str, **contracts: InputContract) -> Inputs:
        with open_model(str(write_model(text))) as model:
            analyses = Analyses(Settings(inputs=contracts), model)
            try:
                return analyses.get(Inputs)
            finally:
                analyses.close()

    return read


def column(inputs: Inputs, name: str, at: int) -> set[object]:
    """The values that are fed in one column of an input, in many runs."""
    slots = inputs.slots
    feeds = next(attempts(slots, 64, 0, inputs.sizes)).feeds
    return {value for feed in feeds for value in feed[name][..., at].reshape(-1).tolist()}


TREE = """ai.onnx.ml.TreeEnsembleRegressor<n_targets = 1, nodes_falsenodeids = [2, 0, 0],
    nodes_featureids = [1, 0, 0], nodes_modes = ["BRANCH_LEQ", "LEAF", "LEAF"],
    nodes_nodeids = [0, 1, 2], nodes_treeids = [0, 0, 0], nodes_truenodeids = [1, 0, 0],
    nodes_values = [300.0, 0.0, 0.0], target_ids = [0, 0], target_nodeids = [1, 2],
    target_treeids = [0, 0], target_weights = [1.0, 2.0]>"""


def test_trees_are_fed_both_sides_of_each_threshold(inputs_of):
    inputs = inputs_of(f"{ML} g (float[N, 2] x) => (float[N, 1] y) {{ y = {TREE}(x) }}")
    assert column(inputs, "x", 1) == {150.0, 450.0}
    assert len(column(inputs, "x", 0)) > 8


def test_columns_are_followed_through_joins_and_picks(inputs_of):
    text = f"""{ML} g (float[N, 1] a, float[N, 3] b) => (float[N, 1] y)
    <int64[2] which = {{3, 1}}> {{
        all = Concat<axis = 1>(a, b)
        some = ai.onnx.ml.ArrayFeatureExtractor(all, which)
        y = {TREE}(some)
    }}"""
    inputs = inputs_of(text)
    assert column(inputs, "b", 0) == {150.0, 450.0}
    assert len(column(inputs, "b", 2)) > 8
    assert inputs.slots[0].columns == ()


@pytest.mark.parametrize(
    ("node", "columns"),
    [
        ("y = ai.onnx.ml.Scaler<offset = [40.0, 7.0], scale = [0.5, 4.0]>(x)",
         (Column((), 40, 2), Column((), 7, 0.25))),
        ("y = ai.onnx.ml.Scaler<offset = [3.0], scale = [0.0]>(x)", (Column((), 3, 1),)),
        ("c = Sub(x, mean) y = Div(c, by)", (Column((), 40, 10), Column((), 50, 20))),
        ("c = Sub(x, mean) y = Mul(c, by)", (Column((), 40, 0.1), Column((), 50, 0.05))),
        ("y = Div(x, byte)", (Column((), 127.5, 42.5),)),
        ("y = BatchNormalization(x, by, by, mean, by)",
         (Column((), 40, 10**0.5), Column((), 50, 20**0.5))),
        ("y = Mul(x, by)", ()),
        ("c = Sub(x, one) y = Mul(c, byte)", ()),
        ("y = ai.onnx.ml.Binarizer<threshold = 10.0>(x)", (Column((5.0, 15.0)),)),
    ],
)  # fmt: skip
def test_offsets_and_scales(node, columns, inputs_of):
    text = f"""{ML} g (float[N, 2] x) => (float[N, 2] y) <float[2] mean = {{40, 50}},
    float[2] by = {{10, 20}}, float byte = {{255}}, float one = {{1}}> {{ {node} }}"""
    (slot,) = inputs_of(text).slots
    assert slot.columns == columns or (
        np.allclose([(c.centre, c.spread) for c in slot.columns],
                    [(c.centre, c.spread) for c in columns])
    )  # fmt: skip
    declared = inputs_of(text, x=InputContract(range=(0, 1))).slots[0]
    assert (declared.columns, declared.range) == ((), (0, 1))


@pytest.mark.parametrize(
    ("dtype", "node", "values"),
    [
        ("string", 'ai.onnx.ml.OneHotEncoder<cats_strings = ["a", "b"]>(x)', {"a", "b", "unknown"}),
        ("string", 'ai.onnx.ml.OneHotEncoder<cats_strings = ["a", "b"], zeros = 0>(x)', {"a", "b"}),
        ("int64", "ai.onnx.ml.OneHotEncoder<cats_int64s = [3, 9]>(x)", {3, 9, 10}),
        ("float", "ai.onnx.ml.OneHotEncoder<cats_int64s = [3, 9], zeros = 0>(x)", {3, 9}),
        ("string", 'ai.onnx.ml.LabelEncoder<keys_strings = ["u", "v"], values_int64s = [0, 1]>(x)',
         {"u", "v", "unknown"}),
        ("string", 'ai.onnx.ml.CategoryMapper<cats_int64s = [1, 2], cats_strings = ["u", "v"]>(x)',
         {"u", "v", "unknown"}),
        ("int64", 'ai.onnx.ml.CategoryMapper<cats_int64s = [5, 2], cats_strings = ["u", "v"]>(x)',
         {5, 2, 6}),
        ("string", 'TfIdfVectorizer<max_gram_length = 1, min_gram_length = 1, max_skip_count = 0, '
         'mode = "TF", ngram_counts = [0], ngram_indexes = [0, 1], pool_strings = ["p", "q"]>(x)',
         {"p", "q", "unknown"}),
        ("int64", 'TfIdfVectorizer<max_gram_length = 1, min_gram_length = 1, max_skip_count = 0, '
         'mode = "TF", ngram_counts = [0], ngram_indexes = [0, 1], pool_int64s = [70, 80]>(x)',
         {70, 80, 81}),
        ("string", "Cast<to = 7>(x)", {*"0123456789"}),
        ("string", "Cast<to = 1>(x)", {*"0123456789"}),
        ("string", "Identity(x)", {"a"}),
    ],
)  # fmt: skip
def test_categories_and_words(dtype, node, values, inputs_of):
    text = f"{ML} g ({dtype}[N, 4] x) => (float[N, M] y) {{ y = {node} }}"
    assert column(inputs_of(text), "x", 0) == values


def test_texts_are_made_of_known_words(inputs_of):
    text = """<ir_version: 8, opset_import: ["" : 17, "com.microsoft" : 1]>
    g (string[N] x) => (float[N, 4] y) {
        words = com.microsoft.Tokenizer<mark = 0, mincharnum = 1, pad_value = "#",
                                        tokenexp = "[a-z]+">(x)
        y = TfIdfVectorizer<max_gram_length = 1, min_gram_length = 1, max_skip_count = 0,
            mode = "TF", ngram_counts = [0], ngram_indexes = [0, 1, 2, 3],
            pool_strings = ["red", "green", "blue", "grey"]>(words)
    }"""
    inputs = inputs_of(text)
    (feed, *_) = next(attempts(inputs.slots, 8, 0)).feeds
    words = {word for each in feed["x"] for word in each.split(" ")}
    assert words <= {"red", "green", "blue", "grey", "unknown"}
    assert len(words) > 3
    assert not reported(collapsed_prediction, text)


@pytest.mark.parametrize(
    ("declared", "nodes", "highest"),
    [
        ("uint8[N, 20] x", "f = Cast<to = 1>(x) y = Div(f, byte)", 255),
        ("uint8[N, 20] x", "y = DequantizeLinear(x, byte)", 255),
        ("uint8[1, 8, 8, 3] x", "y = Cast<to = 1>(x)", 255),
        ("int64[N, 20] x", "f = Cast<to = 1>(x) y = MatMul(f, w)", 255),
        ("int32[N, 20] x", "f = Cast<to = 1>(x) y = Sub(f, byte)", 255),
        ("int64[N, 20] x", "f = Cast<to = 1>(x) y = Sub(one, f)", 1),
        ("int64[N, 20] attention_mask", "f = Cast<to = 1>(attention_mask) y = MatMul(f, w)", 1),
    ],
)
def test_whole_numbers_that_become_floats(declared, nodes, highest, inputs_of):
    text = f"""g ({declared}) => (float[A, B] y) <float byte = {{255}}, float one = {{1}},
    float[20, 1] w = {{{", ".join("1" * 20)}}}> {{ {nodes} }}"""
    inputs = inputs_of(text)
    fed = np.concatenate([next(iter(feed.values())).reshape(-1)
                          for feed in next(inputs.attempts()).feeds])  # fmt: skip
    assert fed.min() >= 0
    assert highest / 2 < fed.max() <= highest


INDEXED = [
    ("int64[3] i", "float[7, 2] t", "y = Gather(t, i)", (0, 6)),
    ("int64[3] i", "float[7, 2] t", "j = Add(i, two) y = Gather(t, j)", (-2, 4)),
    ("int64[3] i", "float[7, 2] t", "j = Sub(i, two) y = Gather(t, j)", (2, 8)),
    ("int64[3] i", "float[7, 2] t", "j = Sub(two, i) y = Gather(t, j)", (-4, 2)),
    ("int64[3] i", "float[7, 2] t", "j = Mul(i, two) y = Gather(t, j)", (0, 3)),
    ("int32[3] i", "float[7, 2] t", "j = Cast<to = 7>(i) y = Gather<axis = 1>(t, j)", (0, 1)),
    ("int64[2, 2] i", "float[7, 2] t", "y = GatherElements(t, i)", (0, 6)),
    ("int64[2, 2] i", "float[7, 3] t", "y = GatherND(t, i)", (0, 2)),
    ("int64[2, 1] i", "float[7, 2] t", "u = Gather(t, one) y = ScatterND(t, i, u)", (0, 6)),
    ("int64[2, 2] i", "float[7, 2] t", "u = Gather(t, one) y = ScatterElements(t, i, u)", (0, 6)),
    ("int64[7] i", "float[7, 5] t", "y = SoftmaxCrossEntropyLoss(t, i)", (0, 4)),
    ("int64[7] i", "float[7, 5] t", "y = NegativeLogLikelihoodLoss(t, i)", (0, 4)),
    ("int64[3] i", "float[N, 2] t", "y = Gather(t, i)", (0, 7)),
]


@pytest.mark.parametrize(("indices", "table", "nodes", "ends"), INDEXED)
def test_indices_stay_below_lengths(indices, table, nodes, ends, inputs_of):
    text = f"""g ({table}, {indices}) => (float y) <int64 two = {{2}}, int64[2] one = {{0, 1}}>
    {{ {nodes} }}"""
    inputs = inputs_of(text)
    slot = resolved(inputs.slots[1], {"N": 8})
    assert (slot.lowest, slot.bound - 1) == ends
    for rule in NO_FAULT:
        assert not reported(rule, text)


@given(
    st.lists(
        st.builds(Bound, st.integers(1, 50) | st.just("N"), st.integers(-3, 3).filter(bool),
                  st.integers(-20, 20)),
        min_size=1, max_size=3,
    ),
    st.integers(1, 20), st.integers(1, 20), st.integers(0, 5),
)  # fmt: skip
def test_what_the_graph_bounds_lies_within_the_bound(
    bounds: list[Bound], size: int, other: int, seed: int
):
    slot = Slot("i", "int64", ("T", 3), Meaning.INDEX, bounds=tuple(bounds))
    common = [ends for bound in bounds if (ends := bound.ends({"N": size}))]
    if not common or max(low for low, _ in common) > min(high for _, high in common):
        return
    free = Slot("x", "float32", ("N", 2))
    attempt = next(attempts([free, slot], 4, seed, {"N": size, "T": 4}))
    for feed in [*attempt.feeds, *(boundary.feed for boundary in attempt.limits)]:
        rows = len(feed["x"])
        for low, high in filter(None, (bound.ends({"N": rows}) for bound in bounds)):
            if (
                all(now is not None for now in (b.ends({"N": rows}) for b in bounds))
                and rows == size
            ):
                assert low <= feed["i"].min()
                assert feed["i"].max() <= high
    now = resolved(slot, {"N": other})
    moved = bounded(slot, attempt.feeds[0]["i"], {"N": other})
    assert now.lowest <= moved.min()
    assert moved.max() < now.bound


@given(
    st.lists(
        st.builds(Column, st.lists(st.integers(-9, 9), max_size=4).map(tuple),
                  st.floats(-100, 100), st.floats(0.1, 10)),
        min_size=1, max_size=3,
    ),
    st.sampled_from(["float32", "float64", "int64", "uint8"]),
)  # fmt: skip
def test_columns_hold_what_is_said_of_them(columns: list[Column], dtype: str):
    slot = Slot("x", dtype, ("N", len(columns)), columns=tuple(columns))
    attempt = next(attempts([slot], 16, 0))
    for feed in [*attempt.feeds, *(boundary.feed for boundary in attempt.limits)]:
        assert feed["x"].dtype == dtype
        for at, told in enumerate(columns):
            low = 0 if dtype == "uint8" else -np.inf
            allowed = {max(low, option) for option in told.options}
            assert not allowed or {*feed["x"][:, at].tolist()} <= allowed


@pytest.mark.parametrize(
    "text",
    [
        "g (string[N, 4] x) => (string[N, 4] y) { i = Cast<to = 6>(x) y = Cast<to = 8>(i) }",
        "g (float[N, 2] data, int64[2, 2] at) => (float[2] y) { y = GatherND(data, at) }",
        """g (float[1, 3, 8, 8] x, float[2, 4] rois, int64[2] where) => (float[2, 3, 1, 1] y)
        { y = RoiAlign(x, rois, where) }""",
        """g (float[1, 3, 8, 8] x, float[2, 5] rois) => (float[2, 3, 2, 2] y)
        { y = MaxRoiPool<pooled_shape = [2, 2]>(x, rois) }""",
        """g (float[1, 1, 2, 2] x, int64[1, 1, 2, 2] at, int64[4] size) => (float[1, 1, 5, 5] y)
        { y = MaxUnpool<kernel_shape = [2, 2], strides = [2, 2]>(x, at, size) }""",
        "g (float[2, 3, 4] x, float[S] s) => (float[A, B, C] y) { y = Resize(x, , s) }",
        "g (float[2, 3, 4] x, int64[S] s) => (float[A, B, C] y) { y = Resize(x, , , s) }",
        "g (float[2, 1, 4] x, int64[K] axes) => (float[A, B] y) { y = Squeeze(x, axes) }",
        "g (float[2, 3] x, int64[K] axes) => (float[A, B, C] y) { y = Unsqueeze(x, axes) }",
        """g (float[2, 3, 4] x, int64[K] axes) => (float[A] y)
        { y = ReduceSum<keepdims = 0>(x, axes) }""",
        "g (float[2, 3] x, int64[K] target) => (float[A, B] y) { y = Expand(x, target) }",
        "g (float[2, 3] x, int64[0] target) => (float[A, B] y) { y = Expand(x, target) }",
        """g (float[1, 4, 9, 9] x, float[M, C, H, W] w) => (float[1, 6, P, Q] y)
        { y = Conv<group = 2>(x, w) }""",
        f"""{MS} g (float[B, S, 32] q, float[B, 4, P, D] k, float[B, 4, P2, D] v)
        => (float[B, S, 32] y) {{ y, a, b =
            com.microsoft.MultiHeadAttention<num_heads = 4>(q, q, q, , , , k, v) }}""",
        f"""{MS} g (float[B, S, 32] q, float[B, S, 16] k, float[B, 2, P, 8] past,
            float[B, 2, P, 8] past_v, int32[B] lens, int32[1] total) => (float[B, S, 32] y)
        {{ y, a, b = com.microsoft.GroupQueryAttention<num_heads = 4, kv_num_heads = 2>
            (q, k, k, past, past_v, lens, total) }}""",
        """g (float[T, B, W] x, float[D, B, U] state) => (float[T, 1, B, 2] y)
        <float[1, 2, 3] w = {1, 2, 3, 4, 5, 6}, float[1, 2, 2] r = {1, 2, 3, 4}>
        { y, last = RNN<hidden_size = 2>(x, w, r, , , state) }""",
        """g (float[N, F] x) => (float[N, F] y) <float[13] c = {1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3,
        4}> { h = Relu(x) y = Add(h, c) }""",
        """g (float[A, B] x, float[C, D] w) => (float[A, D] y) { h = Relu(x) y = MatMul(h, w) }""",
    ],
)
def test_what_is_made_up_runs(text):
    for rule in NO_FAULT:
        assert not reported(rule, text)


def test_indices_follow_other_sizes():
    text = "g (float[N, 2] data, int64[2, 2] at) => (float[2] y) { y = GatherND(data, at) }"
    assert not reported(dynamic_axis_broken, text)
    fixed = """g (float[N, 2] data, float[3, 2] w) => (float[3, 2] y)
    { y = Add(data, w) }"""
    (found,) = reported(dynamic_axis_broken, fixed)
    assert "'N' is declared dynamic" in found.message


DECODER = """decoder (int64[batch, NEW] input_ids, int64[batch, TOTAL] attention_mask,
    float[batch, 2, PAST, 4] past_key, float[batch, 2, PAST, 4] past_value)
=> (float[batch, NEW, 8] y, float[batch, 2, TOTAL, 4] present_key,
    float[batch, 2, TOTAL, 4] present_value)
<float[4, 8] table = {TABLE}, int64[4] heads = {0, 0, 2, 4}, int64[3] flat = {0, 0, 8},
 int64[2] axes = {1, 2}, float one = {1}, float low = {-10000}> {
    e = Gather(table, input_ids)
    split = Reshape(e, heads)
    q = Transpose<perm = [0, 2, 1, 3]>(split)
    present_key = Concat<axis = 2>(past_key, q)
    present_value = Concat<axis = 2>(past_value, q)
    turned = Transpose<perm = [0, 1, 3, 2]>(present_key)
    s = MatMul(q, turned)
    mask = Cast<to = 1>(attention_mask)
    wide = Unsqueeze(mask, axes)
    shut = Sub(one, wide)
    bias = Mul(shut, low)
    scores = Add(s, bias)
    p = Softmax<axis = -1>(scores)
    c = MatMul(p, present_value)
    back = Transpose<perm = [0, 2, 1, 3]>(c)
    y = Reshape(back, flat)
}""".replace("TABLE", ", ".join(str(n % 7) for n in range(32)))


@pytest.mark.parametrize(
    "names",
    [
        ("sequence_length", "past_sequence_length", "total_sequence_length"),
        ("new", "old", "whole"),
        ("seq_len", "past_len", "past_len + seq_len"),
    ],
)
def test_a_cache_and_what_comes_new_make_the_whole(names, inputs_of):
    text = DECODER
    for part, name in zip(("NEW", "PAST", "TOTAL"), names, strict=True):
        text = text.replace(part, f'"{name}"' if "+" in name else name)
    if "+" in names[2]:
        text = text.replace(f'"{names[2]}"', "both")
    inputs = inputs_of(text)
    for attempt in inputs.attempts():
        shapes = {name: array.shape for name, array in attempt.feeds[0].items()}
        new, old = shapes["input_ids"][1], shapes["past_key"][2]
        assert shapes["attention_mask"][1] == new + old
    for rule in (*NO_FAULT, dynamic_axis_broken, declared_shape_violated):
        assert not reported(rule, text)


LOOP = """g (float a, float b, bool start) => (float last) {{
    last = Loop({count}, start, b)
    <body = body (int64 i, bool go, float v) => (bool more, float next) {{
        next = {step}
        two = Constant<value = float {{2}}>()
        more = {end}
    }}>
}}"""


@pytest.mark.parametrize(
    ("count", "step", "end", "ends"),
    [
        ("", "Identity(v)", "Equal(v, v)", False),
        ("many", "Identity(v)", "Equal(v, v)", False),
        ("few", "Identity(v)", "Equal(v, v)", True),
        ("", "Add(v, v)", "Greater(two, next)", False),
        ("", "Identity(v)", "Less(v, v)", True),
    ],
)
def test_a_loop_that_need_not_end_is_no_crash(count, step, end, ends):
    text = LOOP.format(count=count, step=step, end=end).replace(
        "(float last) {",
        "(float last) <int64 many = {9223372036854775807}, int64 few = {7}> {",
    )
    found = reported(no_valid_input, text)
    assert not reported(runtime_crash, text)
    assert not reported(execution_failure, text)
    if ends or step.startswith("Add"):
        return
    assert [each.severity for each in found] == [Severity.INFO]
    assert f"{MOST_TRIPS:,} iterations" in found[0].message


@pytest.mark.parametrize(
    ("sizes", "message", "found"),
    [
        ({"N": 8, "F": 9}, "axis by a dimension other than 1. 9 by 13", {"F": 13}),
        ({"N": 8, "F": 9}, "axis by a dimension other than 1. 13 by 9", {"F": 13}),
        ({"N": 9, "F": 9}, "for the following indices index: 1 Got: 9 Expected: 4", {"F": 4}),
        ({"N": 8, "F": 9}, "GEMM: Dimension mismatch, W: {13,4} K: 9 N:4", {"F": 13}),
        ({"N": 8, "F": 9}, "C: 9 kernel channels: 3 group: 2", {"F": 6}),
        ({"N": 8, "F": 9}, "C: 7 kernel channels: 3 group: 2", {}),
        ({"N": 9, "F": 2}, "Got: 9 Expected: 4", {}),
        ({"N": 8, "F": 8}, "Input shape:{8,24,8}, requested shape:{-1,2520}", {"F": 105}),
        ({"N": 8, "F": 24}, "Input shape:{8,24,8}, requested shape:{-1,2520}", {"F": 315}),
        ({"N": 8, "F": 8}, "Input shape:{8,24,8}, requested shape:{-1,2521}", {}),
        ({"N": 8, "F": 8}, "Input shape:{8,24,8}, requested shape:{2,-1}", {}),
        ({"N": 8, "F": 8}, "Input shape:{8}, requested shape:{-1,3}", {}),
        ({"N": 64, "F": 64}, "Input shape:{54,26,10}, requested shape:{-1,1060}", {"F": 144}),
        ({"N": 64, "F": 20}, "Input shape:{54,26,10}, requested shape:{-1,1060}", {}),
        ({"N": 8, "F": 9}, "Integer overflow", {}),
    ],
)
def test_refusals_that_name_sizes(sizes, message, found):
    assert corrected([Slot("x", "float32", ("N", "F"))], sizes, "N", message) == found


BAND = """g (float[N, 6] x, float low, float high) => (float[N, 6] y)
<float[6] table = {{50, 80, 130, 210, 340, 550}}, float none = {{-1e30}}> {{
    over = {} under = {} inside = And(over, under)
    kept = Where(inside, x, none) y = Softmax(kept)
}}"""


@pytest.mark.parametrize(
    ("over", "under"),
    [
        ("GreaterOrEqual(table, low)", "LessOrEqual(table, high)"),
        ("LessOrEqual(low, table)", "GreaterOrEqual(high, table)"),
        ("Less(low, table)", "Greater(high, table)"),
    ],
)
def test_limits_of_a_band_leave_some_of_it(over, under, inputs_of):
    inputs = inputs_of(BAND.format(over, under))
    for feed in next(iter(inputs.attempts())).feeds:
        assert 50 <= feed["low"] < feed["high"] <= 550


def test_each_graph_of_a_batch_has_a_node(inputs_of):
    text = """g (float[nodes, 3] x, int64[nodes] batch, float[graphs] slots) => (float[graphs] y)
    { zero = Sub(slots, slots) ones = ReduceMax<axes = [1], keepdims = 0>(x)
      y = ScatterElements<axis = 0, reduction = "add">(zero, batch, ones) }"""
    inputs = inputs_of(text)
    for feed in next(iter(inputs.attempts())).feeds:
        slots = min(len(feed["slots"]), len(feed["batch"]))
        assert slots < len(feed["batch"])  # so some graph has several
        assert set(range(slots)) <= set(feed["batch"].tolist())


@pytest.mark.parametrize("window", [(9, 3), (3, 35), (15, 35)])
def test_windows_over_frames_and_bands_get_enough_of_both(window):
    high, wide = window
    text = f"""g (float[input_dim_0, input_dim_1] x) => (float[A, B] y) <int64[2] two = {{0, 1}},
    float[1, 1, {high}, {wide}] w = {{{", ".join("1" * (high * wide))}}}> {{
        image = Unsqueeze(x, two) seen = Conv(image, w) y = Squeeze(seen, two)
    }}"""
    for rule in NO_FAULT:
        assert not reported(rule, text)


def test_a_refusal_is_heeded_once():
    text = f"""g (float[N, H] x, bool[1] yes) => (float[N, 4] y)
    <float[13, 4] w = {{{", ".join("1" * 52)}}}> {{
        y = If(yes) <then_branch = a () => (float[A, B] p) {{ p = Gemm(x, w) }},
                     else_branch = b () => (float[A, B] q) {{ r = Gemm(x, w) q = Neg(r) }}>
    }}"""
    for rule in NO_FAULT:
        assert not reported(rule, text)


@pytest.mark.parametrize(
    ("declared", "nodes", "first", "last"),
    [
        ("float[N, T] audio", "y = Relu(audio)", 16000, 48000),
        ("float[N, T] x, int64 sr", "y = Slice(x, start, end) s = Neg(sr)", 16000, 48000),
        ("float[N, 1, T] x", "y = Conv(x, k)", 16000, 48000),
        ("float[N, T] x", "y = Slice(x, start, end)", 8, 48000),
        ("float[N, T] x", "y = Relu(x)", 8, 256),
    ],
)
def test_sound_is_fed_where_something_says_so(declared, nodes, first, last, inputs_of):
    text = f"""g ({declared}) => (float[A, B] y) <int64[2] start = {{0, 0}},
    int64[2] end = {{9, 9}}, float[1, 1, 3] k = {{1, 2, 1}}> {{ {nodes} }}"""
    tried = [
        next(iter(attempt.feeds[0].values())).shape[-1] for attempt in inputs_of(text).attempts()
    ]
    assert (tried[0], max(tried)) == (first, last)


def test_the_same_seed_gives_the_same_values(inputs_of):
    text = f"{ML} g (float[N, 2] x) => (float[N, 1] y) {{ y = {TREE}(x) }}"
    one, two = (next(inputs_of(text).attempts()).feeds[0]["x"] for _ in range(2))
    np.testing.assert_array_equal(one, two)
