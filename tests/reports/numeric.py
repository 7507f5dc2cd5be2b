"""Arithmetic that ends in NaN or infinity, or in an answer that means nothing."""

from onnxlint.severity import Severity
from reports.report import Report

REPORTS = (
    Report(
        "microsoft/onnxruntime#13798",
        "a mean over the unmasked tokens, divided by 0 where all are masked",
        rule="ACT001",
        place="mean",
        says="NaN",
        severity=Severity.ERROR,
        bad="""
        # data: attention_mask = [[1, 1, 1], [0, 0, 0], [1, 1, 0], [1, 0, 0]]
        # data: hidden = [[[0.1, 0.4], [-0.2, 0.8], [0.7, -0.5]],
        # data:           [[0.3, 0.2], [-0.9, 0.1], [0.6, -0.4]],
        # data:           [[-0.6, 0.7], [0.2, -0.1], [0.5, 0.9]],
        # data:           [[0.8, -0.3], [0.4, 0.6], [-0.1, -0.7]]]
        net (float[N, 3, 2] hidden, int64[N, 3] attention_mask) => (float[N, 2] y)
        <int64[1] one = {1}, int64[1] two = {2}>
        {
            [mask] mask = Cast <to = 1> (attention_mask)
            [column] column = Unsqueeze(mask, two)
            [kept] kept = Mul(hidden, column)
            [sum] sum = ReduceSum <keepdims = 0> (kept, one)
            [count] count = ReduceSum <keepdims = 1> (mask, one)
            [mean] y = Div(sum, count)
        }
        """,
        repair=(
            ("int64[1] two = {2}>", "int64[1] two = {2}, float least = {1}>"),
            (
                "[mean] y = Div(sum, count)",
                "[guard] safe = Max(count, least)\n            [mean] y = Div(sum, safe)",
            ),
        ),
    ),
    Report(
        "pytorch/pytorch#34585",
        "a softmax of scores times 100, decomposed without subtracting the maximum",
        rule="ACT002",
        place="power",
        says="infinit",
        severity=Severity.WARNING,
        bad="""
        net (float[N, 4] x) => (float[N, 4] y) <float steep = {-100}, int64[1] axis = {1}>
        {
            [steep] scores = Mul(x, steep)
            [power] power = Exp(scores)
            [sum] sum = ReduceSum(power, axis)
            [share] y = Div(power, sum)
        }
        """,
        repair=(
            (
                "[power] power = Exp(scores)",
                "[top] top = ReduceMax(scores, axis)\n"
                "            [below] below = Sub(scores, top)\n"
                "            [power] power = Exp(below)",
            ),
        ),
    ),
    Report(
        "open-edge-platform/anomalib#392",
        "a distance by squares and products, slightly below 0 before the root",
        rule="ACT001",
        place="root",
        says="NaN",
        severity=Severity.WARNING,
        bad="""
        net (float[N, 2] x) => (float[N, N] distance) <int64[1] axis = {1}, float two = {2}>
        {
            [square] square = Mul(x, x)
            [norm] norm = ReduceSum(square, axis)
            [norm_t] across = Transpose(norm)
            [turn] x_t = Transpose(x)
            [product] product = MatMul(x, x_t)
            [twice] twice = Mul(product, two)
            [sum] sum = Add(norm, across)
            [gap] gap = Sub(sum, twice)
            [root] distance = Sqrt(gap)
        }
        """,
        repair=(
            (
                "[root] distance = Sqrt(gap)",
                "[floor] floor = Relu(gap)\n            [root] distance = Sqrt(floor)",
            ),
        ),
    ),
    Report(
        "onnx/sklearn-onnx#197",
        "tf-idf rows normalised to length 1: NaN for a text without a known word",
        rule="ACT001",
        place="unit",
        says="NaN",
        severity=Severity.ERROR,
        bad="""
        # data: tokens = [[5, 6, 5, 7], [3, 3, 9, 9], [7, 7, 6, 3], [6, 5, 5, 9]]
        <ir_version: 8, opset_import: ["" : 17]>
        net (int64[N, 4] tokens) => (float[N, 3] y)
        {
            [count] counts = TfIdfVectorizer <
                mode = "TFIDF", min_gram_length = 1, max_gram_length = 1, max_skip_count = 0,
                ngram_counts = [0], ngram_indexes = [0, 1, 2], pool_int64s = [5, 6, 7],
                weights = [1.2, 0.7, 1.9]> (tokens)
            [length] length = ReduceL2 <axes = [1]> (counts)
            [unit] y = Div(counts, length)
        }
        """,
        repair=(
            ("=> (float[N, 3] y)\n", "=> (float[N, 3] y) <float least = {1e-12}>\n"),
            (
                "[unit] y = Div(counts, length)",
                "[guard] safe = Max(length, least)\n            [unit] y = Div(counts, safe)",
            ),
        ),
    ),
    Report(
        "onnx/sklearn-onnx#183",
        "naive Bayes without smoothing: the logarithm of a probability 0 is a weight of -inf",
        rule="WGT001",
        place="log_share",
        says="infinit",
        severity=Severity.ERROR,
        bad="""
        net (float[N, 3] x) => (float[N, 2] y)
        <float[3, 2] log_share = {-0.4, -1.2, -inf, -0.7, -0.9, -0.2},
         float[2] prior = {-0.6, -0.8}>
        {
            [product] product = MatMul(x, log_share)
            [score] score = Add(product, prior)
            [share] y = Softmax(score)
        }
        """,
        repair=(("-inf", "-4.6"),),
    ),
    Report(
        "huggingface/transformers#27114",
        "two masks of the lowest value are added: -inf, and NaN where a whole row is masked",
        rule="ACT002",
        place="masks",
        says="infinit",
        severity=Severity.WARNING,
        bad="""
        net (float[N, 3, 3] scores, int64[N, 3] attention_mask) => (float[N, 3, 3] y)
        <float[3, 3] causal = {0, -3.4028235e38, -3.4028235e38, 0, 0, -3.4028235e38, 0, 0, 0},
         int64[1] one = {1}, float whole = {1}, float lowest = {-3.4028235e38}>
        {
            [mask] mask = Cast <to = 1> (attention_mask)
            [hide] hidden = Sub(whole, mask)
            [low] low = Mul(hidden, lowest)
            [row] row = Unsqueeze(low, one)
            [masks] masks = Add(row, causal)
            [masked] masked = Add(scores, masks)
            [share] y = Softmax <axis = -1> (masked)
        }
        """,
        repair=(("[masks] masks = Add(row, causal)", "[masks] masks = Min(row, causal)"),),
    ),
    Report(
        "onnx/onnx#4958",
        "a last pooling window, added by ceil_mode, that lies only in the padding",
        rule="ARC012",
        place="pool",
        says="padding",
        severity=Severity.WARNING,
        mended=True,
        bad="""
        <ir_version: 8, opset_import: ["" : 17]>
        net (float[N, 1, 4, 4] x) => (float[N, 1, h, w] y)
        {
            [pool] y = AveragePool <
                kernel_shape = [2, 2], strides = [2, 2], pads = [0, 0, 1, 1], ceil_mode = 1> (x)
        }
        """,
        repair=((", pads = [0, 0, 1, 1], ceil_mode = 1", ""),),
    ),
    Report(
        "pytorch/pytorch#86580",
        "the epsilon 1e-8 of a layer normalisation became 0 in float16",
        rule="WGT010",
        place="guard",
        says="guards nothing",
        severity=Severity.WARNING,
        bad="""
        <ir_version: 7, opset_import: ["" : 14]>
        net (float16[N, 4] x) => (float16[N, 4] y)
        <float16 two = {16384}, float16 eps = {0}>
        {
            [mean] mean = ReduceMean <axes = [-1]> (x)
            [centre] d = Sub(x, mean)
            [square] square = Pow(d, two)
            [variance] variance = ReduceMean <axes = [-1]> (square)
            [guard] safe = Add(variance, eps)
            [root] root = Sqrt(safe)
            [scale] y = Div(d, root)
        }
        """,
        repair=(("float16 eps = {0}", "float16 eps = {5145}"),),
    ),
    Report(
        "NVIDIA/TensorRT#2466",
        "a mask of -1e12 that float16 holds as -inf: 0 times -inf is NaN",
        rule="WGT009",
        place="lowest",
        says="1 of 1 float16 elements are infinite",
        severity=Severity.ERROR,
        bad="""
        net (float16[N, 3] scores, float16[N, 3] hidden) => (float16[N, 3] y)
        <float16 lowest = {64512}>
        {
            [low] low = Mul(hidden, lowest)
            [masked] masked = Add(scores, low)
            [share] y = Softmax <axis = -1> (masked)
        }
        """,
        repair=(("{64512}", "{61666}"),),
    ),
    Report(
        "onnx/onnx#3244",
        "a softmax over an axis of size 1: every output is 1",
        rule="ARC002",
        place="share",
        says="over an axis of size 1",
        severity=Severity.ERROR,
        bad="""
        net (float[1, 6] x) => (float[1, 6] y)
        {
            [share] y = Softmax <axis = -2> (x)
        }
        """,
        repair=(("axis = -2", "axis = -1"),),
    ),
    Report(
        "onnx/keras-onnx#529",
        "a softmax over channels before opset 13, where all later axes are normalised together",
        rule="ARC003",
        place="share",
        says="axes 1 to 3",
        severity=Severity.WARNING,
        bad="""
        <ir_version: 6, opset_import: ["" : 11]>
        net (float[N, 3, 4, 4] x) => (float[N, 3, 4, 4] y)
        {
            [share] y = Softmax <axis = 1> (x)
        }
        """,
        repair=(
            ('ir_version: 6, opset_import: ["" : 11]', 'ir_version: 7, opset_import: ["" : 13]'),
        ),
    ),
    Report(
        "microsoft/onnxscript#1262",
        "an instance normalisation exported as a batch normalisation in training mode",
        rule="ARC009",
        place="norm",
        says="training mode",
        severity=Severity.ERROR,
        bad="""
        <ir_version: 8, opset_import: ["" : 17]>
        net (float[N, 2, 3, 3] x) => (float[N, 2, 3, 3] y)
        <float[2] scale = {1, 1.2}, float[2] shift = {0.1, -0.2}, float[2] mean = {0.3, -0.1},
         float[2] var = {0.8, 1.4}>
        {
            [norm] y, m, v = BatchNormalization <training_mode = 1> (x, scale, shift, mean, var)
        }
        """,
        repair=(
            (
                "y, m, v = BatchNormalization <training_mode = 1> (x, scale, shift, mean, var)",
                "y = InstanceNormalization(x, scale, shift)",
            ),
            (", float[2] mean = {0.3, -0.1},\n         float[2] var = {0.8, 1.4}", ""),
        ),
    ),
    Report(
        "huggingface/optimum#1383",
        "an image encoder draws its own noise: outputs differ from run to run",
        rule="ARC011",
        place="noise",
        says="no seed",
        severity=Severity.WARNING,
        bad="""
        net (float[N, 4] mean, float[N, 4] deviation) => (float[N, 4] latent)
        {
            [noise] noise = RandomNormalLike(mean)
            [spread] spread = Mul(noise, deviation)
            [sample] latent = Add(mean, spread)
        }
        """,
        repair=(
            ("float[N, 4] deviation) =>", "float[N, 4] deviation, float[N, 4] noise) =>"),
            ("[noise] noise = RandomNormalLike(mean)", ""),
        ),
    ),
)
