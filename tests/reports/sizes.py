"""Sizes of the exporting run that stayed in the graph, and samples that meet others."""

from onnxlint.severity import Severity
from reports.report import Report

REPORTS = (
    Report(
        "ultralytics/ultralytics#13048",
        "text features stored for one image, split by the batch of the images",
        rule="RUN007",
        place="heads",
        says="{1,3,4} cannot become",
        severity=Severity.WARNING,
        bad="""
        net (float[batch, 4] images) => (float[batch, 3] y)
        <float[1, 3, 4] text = {0.4, -0.3, 0.8, 0.1, -0.6, 0.5, 0.2, 0.9, -0.7, 0.3, 0.6, -0.2},
         int64[2] rest = {3, 4}, int64[3] column = {0, 4, 1}, int64[1] last = {2}>
        {
            [size] n = Shape <end = 1> (images)
            [shape] shape = Concat <axis = 0> (n, rest)
            [heads] guide = Reshape(text, shape)
            [pixels] pixels = Reshape(images, column)
            [match] match = MatMul(guide, pixels)
            [out] y = Squeeze(match, last)
        }
        """,
        repair=(("Reshape(text, shape)", "Expand(text, shape)"),),
    ),
    Report(
        "ultralytics/ultralytics#3403",
        "batch and queries flattened together and added to the anchors of one image",
        rule="RUN006",
        place="refine",
        says="batch",
        severity=Severity.ERROR,
        bad="""
        net (float[batch, 3, 4] images) => (float[rows, 4] boxes)
        <float[3, 4] anchors = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.15, 0.25, 0.35},
         int64[2] flat = {-1, 4}, int64[1] first = {0}>
        {
            [rows] queries = Reshape(images, flat)
            [refine] boxes = Add(queries, anchors)
        }
        """,
        repair=(
            ("[rows] queries = Reshape(images, flat)", "[per_image] near = Add(images, anchors)"),
            ("[refine] boxes = Add(queries, anchors)", "[rows] boxes = Reshape(near, flat)"),
            (", int64[1] first = {0}", ""),
        ),
    ),
    Report(
        "roboflow/rf-detr#949",
        "queries repeated for a batch of 8, a constant of the exporting run",
        rule="INT002",
        place="attend",
        says="only fits 'batch' = 1 or 8",
        severity=Severity.WARNING,
        mended=True,
        bad="""
        net (float[batch, 5, 4] memory) => (float[batch, 2, 5] y)
        <float[1, 2, 4] query = {0.4, -0.3, 0.8, 0.1, -0.6, 0.5, 0.2, 0.9},
         int64[3] repeats = {8, 1, 1}>
        {
            [repeat] queries = Tile(query, repeats)
            [turn] keys = Transpose <perm = [0, 2, 1]> (memory)
            [attend] y = MatMul(queries, keys)
        }
        """,
        repair=(("{8, 1, 1}", "{1, 1, 1}"),),
    ),
    Report(
        "pytorch/pytorch#48093",
        "a channel shuffle whose Reshape contains the batch size of the exporting run",
        rule="INT002",
        place="split",
        says="only fits 'batch' = 1",
        severity=Severity.WARNING,
        bad="""
        net (float[batch, 4, 6, 6] x) => (float[batch, 4, 6, 6] y)
        <int64[5] groups = {1, 2, 2, 6, 6}, int64[4] whole = {-1, 4, 6, 6}>
        {
            [split] apart = Reshape(x, groups)
            [shuffle] mixed = Transpose <perm = [0, 2, 1, 3, 4]> (apart)
            [join] y = Reshape(mixed, whole)
        }
        """,
        repair=(("{1, 2, 2, 6, 6}", "{-1, 2, 2, 6, 6}"),),
    ),
    Report(
        "open-mmlab/mmdetection#4238",
        "the number of candidates of the exporting image stayed in a Reshape",
        rule="RUN002",
        place="pairs",
        says="cannot become {23,2}",
        severity=Severity.ERROR,
        bad="""
        net (float[8, 8] heat) => (int64[found, 2] y)
        <float threshold = {0.5}, int64[2] shape = {23, 2}>
        {
            [high] high = Greater(heat, threshold)
            [where] where = NonZero(high)
            [turn] turned = Transpose(where)
            [pairs] y = Reshape(turned, shape)
        }
        """,
        repair=(("{23, 2}", "{-1, 2}"),),
    ),
    Report(
        "pytorch/pytorch#107841",
        "an attention bias expanded to the number of nodes of the exporting run",
        rule="INT002",
        place="add",
        says="only fits 'nodes' = 1 or 5",
        severity=Severity.WARNING,
        mended=True,
        bad="""
        net (float[batch, nodes, nodes] bias) => (float[batch, nodes, nodes] y)
        <float[1, 1, 1] token = {0.3}, int64[3] shape = {1, 5, 5}>
        {
            [spread] extra = Expand(token, shape)
            [add] y = Add(bias, extra)
        }
        """,
        repair=(("{1, 5, 5}", "{1, 1, 1}"),),
    ),
    Report(
        "microsoft/onnxruntime#19280",
        "height and width declared dynamic, and their product a constant of a Reshape",
        rule="RUN008",
        place="tokens",
        says="batch",
        severity=Severity.WARNING,
        bad="""
        net (float[batch, 3, height, width] x) => (float[batch, 3, pixels] y)
        <int64[3] shape = {-1, 3, 64}>
        {
            [tokens] y = Reshape(x, shape)
        }
        """,
        repair=(("{-1, 3, 64}", "{0, 3, -1}"),),
    ),
    Report(
        "onnx/keras-onnx#123",
        "the sequences of a batch joined into one long sequence before an LSTM",
        rule="RUN005",
        place="back",
        says="when batched with another",
        severity=Severity.WARNING,
        bad="""
        net (float[batch, 3, 2] x) => (float[batch, 3, 1] y)
        <int64[3] joined = {-1, 1, 2}, int64[3] apart = {-1, 3, 1},
         float[1, 4, 2] w = {0.4, -0.3, 0.8, 0.1, -0.6, 0.5, 0.2, 0.9},
         float[1, 4, 1] r = {0.5, -0.4, 0.7, 0.3}>
        {
            [join] long = Reshape(x, joined)
            [lstm] h = LSTM <hidden_size = 1> (long, w, r)
            [back] y = Reshape(h, apart)
        }
        """,
        repair=(
            ("[join] long = Reshape(x, joined)", "[turn] long = Transpose <perm = [1, 0, 2]> (x)"),
            ("int64[3] joined = {-1, 1, 2}, ", ""),
            (
                "[back] y = Reshape(h, apart)",
                "[batch_first] t = Transpose <perm = [2, 0, 1, 3]> (h)\n"
                "            [back] y = Reshape(t, apart)",
            ),
        ),
    ),
    Report(
        "onnxsim/onnxsim#303",
        "the size of an axis that the shape no longer has: Gather of an empty tensor",
        rule="ONX027",
        place="pick",
        says="indices must be",
        severity=Severity.ERROR,
        bad="""
        net (float[batch, 6] x) => (float[batch, 6] y)
        <int64 first = {0}, int64[1] zero = {0}, int64[1] rest = {6}>
        {
            [tail] tail = Shape <start = 2> (x)
            [pick] heads = Gather(tail, first)
            [row] row = Unsqueeze(heads, zero)
            [size] size = Concat <axis = 0> (row, rest)
            [shape] y = Reshape(x, size)
        }
        """,
        repair=(("start = 2", "start = 0"),),
    ),
    Report(
        "Anush008/fastembed-rs#107",
        "dynamic quantisation with one scale for a batch, so other samples change an output",
        rule="RUN005",
        place="share",
        says="when batched with another",
        severity=Severity.WARNING,
        mended=True,
        bad="""
        # data: x = [[0.09, -0.08, 0.07, 0.05], [-13.0, 12.0, 8.0, 41.0],
        # data:      [-0.08, 0.03, 0.06, -0.09]]
        net (float[batch, 4] x) => (float[batch, 2] y)
        <int8[4, 2] w = {100, -70, 33, 127, -54, 18, 91, -120}, float w_scale = {0.2},
         int8 w_zero = {0}>
        {
            [quantise] q, scale, zero = DynamicQuantizeLinear(x)
            [product] sum = MatMulInteger(q, w, zero, w_zero)
            [wide] wide = Cast <to = 1> (sum)
            [scales] both = Mul(scale, w_scale)
            [out] scores = Mul(wide, both)
            [share] y = Softmax(scores)
        }
        """,
        repair=(
            ("            [quantise] q, scale, zero = DynamicQuantizeLinear(x)\n", ""),
            ("            [product] sum = MatMulInteger(q, w, zero, w_zero)\n", ""),
            ("            [wide] wide = Cast <to = 1> (sum)\n", ""),
            ("            [scales] both = Mul(scale, w_scale)\n", ""),
            ("Mul(wide, both)", "MatMul(x, w)"),
            (
                "int8[4, 2] w = {100, -70, 33, 127, -54, 18, 91, -120}, float w_scale = {0.2},",
                "float[4, 2] w = {20, -14, 6.6, 25.4, -10.8, 3.6, 18.2, -24}>",
            ),
            ("\n         int8 w_zero = {0}>", ""),
        ),
    ),
)
