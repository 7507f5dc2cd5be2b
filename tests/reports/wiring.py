"""Graphs that are put together wrongly: names, order, operands, declarations."""

from onnxlint.severity import Severity
from reports.report import Report

REPORTS = (
    Report(
        "PaddlePaddle/Paddle2ONNX#114",
        "two flattened branches exported under one name",
        rule="ONX013",
        place="flatten_b",
        says="'flat' is already defined",
        severity=Severity.ERROR,
        bad="""
        net (float[N, 3, 2] x) => (float[N, 12] y)
        {
            [up] a = Relu(x)
            [down] b = Tanh(x)
            [flatten_a] flat = Flatten(a)
            [flatten_b] flat = Flatten(b)
            [join] y = Concat <axis = 1> (flat, flat)
        }
        """,
        repair=(
            ("[flatten_b] flat", "[flatten_b] flat_b"),
            ("(flat, flat)", "(flat, flat_b)"),
        ),
    ),
    Report(
        "enpasos/jax2onnx#25",
        "a variable of a loop's body has the name of an outer one",
        rule="ONX015",
        place="inside",
        says="var_301",
        severity=Severity.ERROR,
        bad="""
        net (float[N, 3] x) => (float[N, 3] y) <int64 trips = {2}, bool start = {1}>
        {
            [outside] var_301 = Tanh(x)
            [steps] y = Loop (trips, start, var_301) <
                body = step (int64 i, bool more, float[N, 3] before)
                    => (bool go, float[N, 3] after)
                {
                    [inside] var_301 = Sin(before)
                    [same] go = Identity(more)
                    [next] after = Add(var_301, before)
                }
            >
        }
        """,
        repair=(
            ("[inside] var_301", "[inside] var_302"),
            ("Add(var_301", "Add(var_302"),
        ),
    ),
    Report(
        "microsoft/onnxconverter-common#208",
        "the converter to float16 puts the cast of an input behind its consumer",
        rule="ONX011",
        place="layer",
        says="x_half",
        severity=Severity.ERROR,
        bad="""
        net (float[N, 3] x) => (float[N, 2] y)
        <float16[3, 2] w = {13926, 46285, 14950, 11878, 47309, 14336}>
        {
            [layer] h = MatMul(x_half, w)
            [widen] y = Cast <to = 1> (h)
            [narrow] x_half = Cast <to = 10> (x)
        }
        """,
        repair=(
            ("            [narrow] x_half = Cast <to = 10> (x)\n", ""),
            ("[layer] h", "[narrow] x_half = Cast <to = 10> (x)\n            [layer] h"),
        ),
    ),
    Report(
        "pytorch/pytorch#61754",
        "a Constant without a value, exported from a scalar torch.zeros(())",
        rule="ONX024",
        place="zero",
        says="value",
        severity=Severity.ERROR,
        bad="""
        >>> model.graph.node[0].attribute[0].ClearField("t")
        net (float[N, 3] x) => (float[N, 3] y)
        {
            [zero] start = Constant <value = float {0.5}> ()
            [add] y = Add(start, x)
        }
        """,
        repair=(('>>> model.graph.node[0].attribute[0].ClearField("t")', ""),),
    ),
    Report(
        "onnx/tensorflow-onnx#2305",
        "a Resize with both scales and sizes",
        rule="ONX027",
        place="grow",
        says="not both",
        severity=Severity.ERROR,
        bad="""
        net (float[N, 3, 4, 4] x) => (float[N, 3, 8, 8] y)
        <float[4] scales = {1, 1, 2, 2}, int64[2] hw = {8, 8}>
        {
            [shape] nc = Shape <end = 2> (x)
            [sizes] sizes = Concat <axis = 0> (nc, hw)
            [grow] y = Resize <mode = "linear"> (x, "", scales, sizes)
        }
        """,
        repair=(
            ('(x, "", scales, sizes)', '(x, "", "", sizes)'),
            ("float[4] scales = {1, 1, 2, 2}, ", ""),
        ),
    ),
    Report(
        "microsoft/onnxruntime#9339",
        "a Squeeze in a branch that only another size takes: the model does not load",
        rule="RUN001",
        place="drop",
        says="1 instead of 10",
        severity=Severity.ERROR,
        mended=True,
        bad="""
        net (float[3, 10] x) => (float[] y)
        <int64[1] axis = {1}, int64 second = {1}, int64 one = {1}>
        {
            [shape] shape = Shape(x)
            [width] width = Gather(shape, second)
            [ask] single = Equal(width, one)
            [choose] h = If (single) <
                then_branch = thin () => (float[] a) { [drop] a = Squeeze(x, axis) },
                else_branch = thick () => (float[] b) { [keep] b = Tanh(x) }
            >
            [out] y = Relu(h)
        }
        """,
        repair=(
            ("float[3, 10] x) => (float[] y)", "float[3, 10] x) => (float[3, 10] y)"),
            ("        <int64[1] axis = {1}, int64 second = {1}, int64 one = {1}>\n", ""),
            (
                """            [shape] shape = Shape(x)
            [width] width = Gather(shape, second)
            [ask] single = Equal(width, one)
            [choose] h = If (single) <
                then_branch = thin () => (float[] a) { [drop] a = Squeeze(x, axis) },
                else_branch = thick () => (float[] b) { [keep] b = Tanh(x) }
            >
""",
                "            [keep] h = Tanh(x)\n",
            ),
        ),
    ),
    Report(
        "pytorch/pytorch#166797",
        "a Conv whose bias does not have one element per output channel",
        rule="ONX027",
        place="conv",
        says="bias",
        severity=Severity.ERROR,
        mended=True,
        bad="""
        net (float[N, 1, 5, 5] x) => (float[N, 3, 5, 5] y)
        <float[3, 1, 1, 1] w = {0.4, -0.7, 0.9}, float[2] b = {0.1, 0.2}>
        {
            [conv] y = Conv(x, w, b)
        }
        """,
        repair=(("float[2] b = {0.1, 0.2}", "float[3] b = {0.1, 0.2, -0.3}"),),
    ),
    Report(
        "catboost/catboost#2915",
        "a regression by trees declared as [N] although its operator returns [N, 1]",
        rule="ONX028",
        place="trees",
        says="rank",
        severity=Severity.WARNING,
        bad="""
        <ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]>
        net (float[N, 1] x) => (float[N] y)
        {
            [trees] y = ai.onnx.ml.TreeEnsembleRegressor <
                n_targets = 1, nodes_treeids = [0, 0, 0], nodes_nodeids = [0, 1, 2],
                nodes_featureids = [0, 0, 0], nodes_values = [0.5, 0.0, 0.0],
                nodes_modes = ["BRANCH_LEQ", "LEAF", "LEAF"], nodes_truenodeids = [1, 0, 0],
                nodes_falsenodeids = [2, 0, 0], target_treeids = [0, 0], target_nodeids = [1, 2],
                target_ids = [0, 0], target_weights = [1.0, 2.0]> (x)
        }
        """,
        repair=(("float[N] y", "float[N, 1] y"),),
    ),
    Report(
        "pytorch/pytorch#84563",
        "a normalisation declared with a shape that it does not have",
        rule="ONX028",
        place="norm",
        says="(1) vs (95)",
        severity=Severity.WARNING,
        bad="""
        net (float[95, 1, 4] x) => (float[95, 95, 4] y)
        <float[4] scale = {1, 1.2, 0.8, 1.1}, float[4] shift = {0, 0.1, -0.1, 0.2}>
        {
            [norm] y = LayerNormalization <axis = -1> (x, scale, shift)
        }
        """,
        repair=(("(float[95, 95, 4] y)", "(float[95, 1, 4] y)"),),
    ),
    Report(
        "onnx/sklearn-onnx#195",
        "word counts declared for a single text although the input declares fifty",
        rule="ONX028",
        place="count",
        says="(50) vs (1)",
        severity=Severity.WARNING,
        bad="""
        <ir_version: 8, opset_import: ["" : 17]>
        net (int64[50, 4] tokens) => (float[1, 3] counts)
        {
            [count] counts = TfIdfVectorizer <
                mode = "TF", min_gram_length = 1, max_gram_length = 1, max_skip_count = 0,
                ngram_counts = [0], ngram_indexes = [0, 1, 2], pool_int64s = [5, 6, 7]> (tokens)
        }
        """,
        repair=(("float[1, 3]", "float[50, 3]"),),
    ),
    Report(
        "microsoft/onnxruntime#3205",
        "MXNet's slopes of a PReLU, one for each channel, lie along the width",
        rule="ONX027",
        place="relu0",
        says="slope has shape [3]",
        severity=Severity.ERROR,
        mended=True,
        bad="""
        net (float[N, 1, 5, 5] x) => (float[N, 3, 5, 5] y)
        <float[3, 1, 1, 1] w = {0.4, -0.7, 0.9}, float[3] slope = {0.25, 0.1, 0.2}>
        {
            [conv0] h = Conv(x, w)
            [relu0] y = PRelu(h, slope)
        }
        """,
        repair=(("float[3] slope", "float[3, 1, 1] slope"),),
    ),
)
