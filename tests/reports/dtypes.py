"""Values whose types do not fit, so that the runtime refuses the model.

ONNX text has float16 constants as bit patterns: 15360 is 1.0.
"""

from onnxlint.severity import Severity
from reports.report import Report

REPORTS = (
    Report(
        "microsoft/onnxruntime#20674",
        "Clip of int64 exported at opset 11, which has it for floats only",
        rule="ONX026",
        place="keep",
        says="int64",
        severity=Severity.ERROR,
        bad="""
        <ir_version: 6, opset_import: ["" : 11]>
        net (int64[N, 4] ids) => (float[N, 4, 2] y)
        <int64 lo = {0}, int64 hi = {5},
         float[6, 2] table = {0.1, -0.4, 0.7, 0.2, -0.3, 0.5, 0.9, -0.8, 0.4, 0.3, -0.6, 0.1}>
        {
            [keep] kept = Clip(ids, lo, hi)
            [embed] y = Gather(table, kept)
        }
        """,
        repair=(('"" : 11', '"" : 12'),),
    ),
    Report(
        "jamjamjon/usls#40",
        "Concat of a float16 and a float value after a partial conversion to float16",
        rule="ONX026",
        place="join",
        says="float16",
        severity=Severity.ERROR,
        bad="""
        net (float[N, 4] boxes, float[N, 2] scores) => (float16[N, 6] y)
        {
            [half] small = Cast <to = 10> (boxes)
            [scale] doubled = Tanh(scores)
            [join] y = Concat <axis = 1> (small, doubled)
        }
        """,
        repair=(("[scale] doubled = Tanh(scores)", "[scale] doubled = Cast <to = 10> (scores)"),),
    ),
    Report(
        "microsoft/onnxruntime#5581",
        "a position encoding in double precision added to a float tensor",
        rule="ONX026",
        place="add_position",
        says="double",
        severity=Severity.ERROR,
        bad="""
        net (float[N, 2, 3] x) => (float[N, 2, 3] y)
        <double[2, 3] positions = {0.0, 0.8, 0.9, 0.1, -0.4, -0.9}>
        {
            [add_position] y = Add(x, positions)
        }
        """,
        repair=(("double[2, 3]", "float[2, 3]"),),
    ),
    Report(
        "microsoft/onnxruntime#4997",
        "an int64 Size compared with an int32 counter inside of a Loop",
        rule="ONX026",
        place="at_end",
        says="int32",
        severity=Severity.ERROR,
        bad="""
        net (float[N] x, int32 last) => (float[N] y)
        <int64 trips = {3}, bool start = {1}>
        {
            [steps] y = Loop (trips, start, x) <
                body = step (int64 i, bool more, float[N] before) => (bool go, float[N] after)
                {
                    [count] length = Size(before)
                    [at_end] done = Equal(length, last)
                    [again] go = Not(done)
                    [next] after = Relu(before)
                }
            >
        }
        """,
        repair=(
            (
                "[count] length = Size(before)",
                "[count] n = Size(before)\n                    [narrow] length = Cast <to = 6> (n)",
            ),
        ),
    ),
    Report(
        "pytorch/pytorch#125753",
        "Floor of an integer quotient inside of a function of the exporter",
        rule="ONX026",
        place="Floor",
        says="int64",
        severity=Severity.ERROR,
        bad="""
        <ir_version: 8, opset_import: ["" : 18, "pkg.torch" : 1]>
        net (int64[N] lengths) => (int64[N] frames) <int64 stride = {4}>
        {
            [halve] frames = pkg.torch.floor_divide(lengths, stride)
        }
        <domain: "pkg.torch", opset_import: ["" : 18]>
        floor_divide (a, b) => (floor)
        {
            quotient = Div(a, b)
            floor = Floor(quotient)
        }
        """,
        repair=(("floor = Floor(quotient)", "floor = Identity(quotient)"),),
    ),
    Report(
        "microsoft/onnxconverter-common#207",
        "the converter to float16 also converted the scales of a Resize",
        rule="ONX026",
        place="upsample",
        says="float16",
        severity=Severity.ERROR,
        bad="""
        net (float16[N, 3, 8, 8] x) => (float16[N, 3, 16, 16] y)
        <float16[4] scales = {15360, 15360, 16384, 16384}>
        {
            [upsample] y = Resize <mode = "nearest"> (x, "", scales)
        }
        """,
        repair=(
            ("float16[4] scales = {15360, 15360, 16384, 16384}", "float[4] scales = {1, 1, 2, 2}"),
        ),
    ),
    Report(
        "rwth-i6/returnn#1333",
        "ConstantOfShape with a shape of int32",
        rule="ONX026",
        place="zeros",
        says="int32",
        severity=Severity.ERROR,
        bad="""
        net (float[N, 3] x) => (float[N, 5] y) <int64[1] two = {2}>
        {
            [shape] n = Shape <end = 1> (x)
            [size] whole = Concat <axis = 0> (n, two)
            [narrow] narrow = Cast <to = 6> (whole)
            [zeros] pad = ConstantOfShape(narrow)
            [join] y = Concat <axis = 1> (x, pad)
        }
        """,
        repair=(("[narrow] narrow = Cast <to = 6> (whole)", ""), ("(narrow)", "(whole)")),
    ),
    Report(
        "enpasos/jax2onnx#72",
        "Where of a double and of an int32 constant, which jax had promoted",
        rule="ONX026",
        place="choose",
        says="int32",
        severity=Severity.ERROR,
        bad="""
        net (float[N, 3] x) => (float[N, 3] y) <float zero = {0}, int32[3] other = {1, 2, 3}>
        {
            [ask] positive = Greater(x, zero)
            [choose] y = Where(positive, x, other)
        }
        """,
        repair=(("int32[3] other", "float[3] other"),),
    ),
    Report(
        "onnx/sklearn-onnx#342",
        "probabilities declared as a tensor of floats although a ZipMap returns a list of maps",
        rule="ONX026",
        place="map",
        says="tensor(float)",
        severity=Severity.ERROR,
        bad="""
        <ir_version: 6, opset_import: ["" : 11, "ai.onnx.ml" : 1]>
        net (float[N, 2] x) => (float[N, 2] probabilities)
        {
            [classify] label, scores = ai.onnx.ml.LinearClassifier <
                classlabels_ints = [0, 1], multi_class = 0, post_transform = "SOFTMAX",
                coefficients = [0.4, -0.7, -0.4, 0.7], intercepts = [0.1, -0.1]> (x)
            [map] probabilities = ai.onnx.ml.ZipMap <classlabels_int64s = [0, 1]> (scores)
        }
        """,
        repair=(
            ("label, scores = ", "label, probabilities = "),
            ("[map] probabilities = ai.onnx.ml.ZipMap <classlabels_int64s = [0, 1]> (scores)", ""),
        ),
    ),
    Report(
        "microsoft/onnxruntime#1258",
        "a remainder of floats exported as Mod without fmod=1",
        rule="ONX026",
        place="wrap",
        says="fmod",
        severity=Severity.ERROR,
        mended=True,
        bad="""
        net (float[N, 4] angle) => (float[N, 4] y) <float turn = {6.2831855}>
        {
            [wrap] y = Mod(angle, turn)
        }
        """,
        repair=(("Mod(angle", "Mod <fmod = 1> (angle"),),
    ),
    Report(
        "PeterL1n/RobustVideoMatting#134",
        "a float16 export whose output is float",
        rule="ONX028",
        place="matte",
        says="elem type",
        severity=Severity.ERROR,
        bad="""
        net (float16[N, 2, 6, 6] x) => (float[N, 1, 4, 4] y)
        <float16[1, 2, 3, 3] w = {11878, 45670, 13517, 13926, 47104, 14541,
            47514, 14950, 15155, 12902, 11878, 46694, 13517, 14541, 44646, 14950, 46285, 14336}>
        {
            [matte] y = Conv(x, w)
        }
        """,
        repair=(("(float[N, 1, 4, 4] y)", "(float16[N, 1, 4, 4] y)"),),
    ),
)
