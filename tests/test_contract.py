"""Promises of the configuration: kept, broken, and about what the model does not have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from conftest import findings

from onnxlint import Contract, Costs, Finding, Latency, Severity, Stage, rule
from onnxlint.analyses import Analyses
from onnxlint.config import load, load_for
from onnxlint.job import plan
from onnxlint.model.file.load import open_model
from onnxlint.promises import Budgets, ValuePromise
from onnxlint.rules.packs import discover
from onnxlint.safety.limits import Budget
from onnxlint.settings import InputContract, LabelSource, Settings
from onnxlint.testing import Example, run_rule, saved
from onnxlint.toml_tables import ConfigError

RULES = {rule.code: rule for rule in discover().rules}

NET = """net (float[batch, 4] x, int64[batch, seq] ids) => (float[batch, 2] y, int64[batch, seq] z)
<float[4, 3] w = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, float[3] b = {1, 2, 3},
 float[3, 2] v = {1, 2, 3, 4, 5, 6}> {
    [first] g = Gemm(x, w, b)
    h = Relu(g)
    s = MatMul(h, v)
    y = Softmax(s)
    z = Identity(ids)
}"""


def told(code: str, config: str, text: str = NET, **options: object) -> list[str]:
    lines = "\n".join(f"# config: {line}" for line in config.splitlines())
    return [found.message for found in findings(RULES[code], f"{lines}\n{text}")]


@pytest.mark.parametrize(
    ("code", "config", "messages"),
    [
        ("CTR001", "architecture = {opset = 21, ir-version = [8, 10]}", []),
        ("CTR001", "architecture.opset = [13, 17]", ["opset of ai.onnx is 21 (promised 13 to 17)"]),
        ("CTR002", "architecture.parameters = 21", []),
        ("CTR002", "architecture.parameters = [22, 1000]",
         ["21 trainable parameters (promised 22 to 1,000)"]),
        ("CTR003", "architecture = {operators = {Gemm = 1, MatMul = [1, 2], Relu = 1, "
         "Softmax = 1, Identity = 1}, other-operators = false}", []),
        ("CTR003", "architecture = {operators = {Gemm = 2, Conv = 3}, other-operators = false}",
         ["0 Conv nodes (promised 3)", "1 Gemm node (promised 2)", "1 Identity node (promised 0)",
          "1 MatMul node (promised 0)", "1 Relu node (promised 0)", "1 Softmax node (promised 0)"]),
        ("CTR004", 'architecture = {layers = {w = "Gemm", v = "MatMul"}, other-layers = false}',
         []),
        ("CTR004", 'architecture.layers = {v = "MatMul", w = "Gemm"}',
         ["layer 'w' is in another place (promised after 'v')"]),
        ("CTR004", 'architecture.layers = {w = "Conv", v = "MatMul"}',
         ["layer 'w' is Gemm (promised Conv)"]),
        ("CTR004", 'architecture.layers = {a = "Gemm", b = "MatMul"}',
         ["none of the 2 promised layers is there; the first of the model's 2 is 'w', of the "
          "promised 'a'"]),
        ("CTR005", 'inputs.x = {dtype = "float", shape = ["N", 4]}\ninputs.ids.shape = ["N", "*"]',
         []),
        ("CTR005", 'inputs.ids = {dtype = "int32", shape = ["N", "N"]}',
         ["input 'ids' is [batch, seq] (promised [N, N])",
          "input 'ids' is int64 (promised int32)"]),
        ("CTR005", 'inputs.x.shape = ["N"]', ["input 'x' is [batch, 4] (promised [N])"]),
        ("CTR007", 'outputs.y.shape = [1, 2]', ["output 'y' is [batch, 2] (promised [1, 2])"]),
        ("CTR011", 'budgets = {file-size = "1KiB", nodes = 5, parameters = 21}', []),
        ("CTR011", 'budgets = {file-size = 100, nodes = 4, parameters = 20}',
         ["file size is 356 bytes (promised at most 100 bytes)",
          "number of nodes is 5 (promised at most 4)",
          "number of parameters is 21 (promised at most 20)"]),
        ("CTR012", "budgets = {flops = 36, sizes = {batch = 1}}", []),
        ("CTR012", "budgets = {flops = 36, sizes = {batch = 100}}",
         ["one run takes 3.6 kFLOP (promised at most 36 FLOP)"]),
        ("CTR015", 'inputs.ids.dtype = "int64"\nvalues.first.finite = true', []),
        ("CTR015", 'inputs.idx.range = [0, 1]\noutputs.Y.range = [0, 1]\nvalues."g?".std = [0, 1]\n'
         "budgets.sizes.batsh = 3",
         ["the model has no dynamic dimension 'batsh' (promised in [budgets.sizes]); did you mean "
          "'batch'?",
          "the model has no input 'idx' (promised in [inputs]); did you mean 'ids'?",
          "the model has no output 'Y' (promised in [outputs])",
          "the model has no value, node or module 'g?' (promised in [values]); did you mean 'g'?"]),
    ],
)  # fmt: skip
def test_what_the_file_says(code: str, config: str, messages: list[str]) -> None:
    assert told(code, config) == messages


@pytest.mark.parametrize("code", [code for code in RULES if code.startswith("CTR")])
def test_nothing_is_judged_that_is_not_promised(code: str) -> None:
    with saved(Example.parse(NET)) as path:
        report = run_rule(RULES[code], path)
    assert report.complete
    assert not report.findings
    assert code in report.not_applicable


@pytest.mark.parametrize(
    ("config", "messages"),
    [
        ("h = {range = [0, 3], mean = [1, 1], std = [0.7, 0.8], sparsity = [0.25, 0.25]}", []),
        ("h.range = [0.5, 2.5]", ["'h' ranges from 0 to 2 (promised 0.5 to 2.5)"]),
        ("'*'.finite = true", []),
        ("h.std = [2, 3]", ["standard deviation of 'h' is 0.707107 (promised 2 to 3)"]),
        ("first.mean = [1, 2]", ["mean of 'g' is 0.75 (promised 1 to 2)"]),
        ("'[gh]'.mean = [5, 6]", ["mean of 'g' is 0.75 (promised 5 to 6) (2 values)"]),
        ("ids.range = [0, 4]", ["'ids' ranges from 3 to 7 (promised 0 to 4)"]),
        ("relu.sparsity = [0, 0.1]", ["share of zeros of 'h' is 0.25 (promised 0 to 0.1)"]),
    ],
)
def test_inner_values(config: str, messages: list[str]) -> None:
    text = """# data: x = [[1.0, 1.0], [-1.0, 2.0]]
    # data: ids = [3, 7]
    # config: values.CONFIG
    net (float[N, 2] x, int64[N] ids) => (float[N, 2] y, int64[N] z) {
        [first] g = Identity(x)
        ["/relu/Relu"] h = Relu(g)
        y = Tanh(h)
        z = Neg(ids)
    }"""
    found = findings(RULES["CTR010"], text.replace("CONFIG", config))
    assert [each.message for each in found] == messages
    assert all(each.severity is Severity.ERROR for each in found)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("features = [[0, 4], [-1, 1], [0, 9]]", "input 'x' has no feature 2 (it has 2, from 0)"),
        ("features = {age = [0, 2]}", "input 'x' has no feature age (it has 2, from 0)"),
        ("features = {0 = [0, 2]}", "feature 0 of input 'x' ranges from 1 to 4 (promised 0 to 2)"),
        ("data-mean = [0, 1]", "mean of feature 0 of input 'x' is 2.5 (promised 0 to 1)"),
        ("data-std = [0, 1]",
         "standard deviation of feature 0 of input 'x' is 1.118 (promised 0 to 1)"),
        ("data-mean = [0, 2.5]", None),
    ],
)  # fmt: skip
def test_features_of_the_data(config: str, message: str | None) -> None:
    text = f"""# data: x = [[1.0, 1.0], [2.0, -1.0], [3.0, 0.5], [4.0, 0.1]]
    # config: inputs.x = {{{config}}}
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] w = {{1, 2, 3, 4}}> {{ y = MatMul(x, w) }}"""
    found = findings(RULES["CTR006"], text)
    assert [each.message for each in found] == ([] if message is None else [message])


def test_each_promise_about_a_place_has_a_fingerprint_of_its_own() -> None:
    for code, config in (
        ("CTR005", 'inputs.x = {dtype = "int8", shape = [1]}'),
        ("CTR007", 'outputs.y = {dtype = "int8", shape = [1]}'),
        ("CTR010", "values.h = {range = [9, 10], mean = [9, 10], std = [9, 10]}"),
    ):
        found = findings(RULES[code], f"# config: {config}\n{NET}")
        assert len({each.fingerprint for each in found}) == len(found) > 1
        assert len({str(each.place) for each in found}) == 1


def test_columns_of_a_table_go_by_their_names(tmp_path: Path) -> None:
    rows = [f"{age},{i % 2},{i / 10}" for i, age in enumerate(range(20, 28))]
    (tmp_path / "d.csv").write_text("\n".join(["age,label,dose", *rows]))
    text = "a (float[N, 2] x) => (float[N, 2] y) { y = Relu(x) }"
    features = {"age": (0.0, 25.0), "dose": (0.0, 1.0), "does": (0.0, 1.0)}
    settings = Settings(
        data=tmp_path / "d.csv", labels=LabelSource(tmp_path / "d.csv", "label"),
        inputs={"x": InputContract(features=features)},
    )  # fmt: skip
    with saved(Example.parse(text)) as path:
        found = run_rule(RULES["CTR006"], path, settings=settings).findings
    assert [each.message for each in found if each.code == "CTR006"] == [
        "input 'x' has no feature does (it has 'age', 'dose')",
        "feature age of input 'x' ranges from 20 to 27 (promised 0 to 25)",
    ]


def test_promised_outputs_are_judged_once() -> None:
    text = """# config: outputs.y = {sums-to-one = true, entropy = [1.38, 1.39]}
    net (float[N, 4] x) => (float[N, 4] y) <float half = {0.5}> {
        p = Softmax(x)
        y = Mul(p, half)
    }"""
    codes = ("CTR008", "CTR009", "PRD003", "PRD001")
    found = {code: findings(RULES[code], text, Stage.INIT) for code in codes}
    assert [each.message for each in found["CTR008"]] == [
        "rows of output 'y' sum to 0.5 (promised 1, tolerance 0.01)"
    ]
    assert len(found["CTR009"]) == 1
    assert not found["PRD003"]
    assert not found["PRD001"]


def test_a_promise_that_is_kept_silences_no_rule() -> None:
    text = """# config: outputs.y.entropy = [0, 100]
    net (float[N, 4] x) => (float[N, 4] y)
    <float[4, 4] w = {9, 0, 0, 0, 0, 9, 0, 0, 0, 0, 9, 0, 0, 0, 0, 9}> {
        s = MatMul(x, w)
        y = Softmax(s)
    }"""
    assert not findings(RULES["CTR009"], text, Stage.INIT)
    assert findings(RULES["PRD001"], text, Stage.INIT)


def test_sums_are_along_the_classes() -> None:
    text = """# config: outputs.y.sums-to-one = true
    net (float[N, 3, 4, 4] x) => (float[N, 3, 4, 4] y) { y = Softmax <axis = 1> (x) }"""
    assert not findings(RULES["CTR008"], text)


def test_an_entropy_of_what_is_no_prediction() -> None:
    text = "net (float[N, 4] x) => (float[N, 4] y) { y = Relu(x) }"
    assert told("CTR009", "outputs.y = {head = 'none', entropy = [0, 1]}", text)[0].startswith(
        "output 'y' is not recognised as predictions"
    )


@pytest.mark.parametrize(("ratios", "broken"), [((3.0, 1.0, 3.0), False), ((1.3, 1.25, 1.3), False),
                                                ((1.4, 1.33, 2.0), True)])  # fmt: skip
def test_latency_counts_where_every_round_shows_it(
    ratios: tuple[float, ...], broken: bool, tmp_path: Path
) -> None:
    settings = plan(
        load(written(tmp_path, 'budgets.latency = {reference = "v1.onnx", ratio = 1.2}')),
        discover(), "m.onnx",
    ).settings  # fmt: skip
    assert settings.budgets.latency is not None
    assert settings.budgets.latency.reference == str(tmp_path / "v1.onnx")
    with saved(Example.parse(NET)) as path, open_model(str(path)) as model:
        contract = Analyses(settings, model).get(Contract)
        found = [*RULES["CTR013"](contract, Latency("v1.onnx", ratios))]
    assert bool(found) is broken


def test_a_reference_that_is_not_there_is_told_in_a_sentence(tmp_path: Path) -> None:
    text = '# config: budgets.latency = {reference = "gone.onnx", ratio = 1.2}\n' + NET
    example = Example.parse(text)
    with saved(example) as path:
        report = run_rule(RULES["CTR013"], path, settings=example.settings_in(path.parent))
    assert report.error is not None
    assert "gone.onnx" in report.error
    assert not report.findings


def written(folder: Path, text: str) -> Path:
    file = folder / "onnxlint.toml"
    file.write_text(text)
    return file


def test_tables_of_some_models_go_before_those_of_all(tmp_path: Path) -> None:
    text = """
    [architecture]
    opset = 17
    parameters = 5
    [values.h]
    finite = true
    [budgets]
    nodes = 9
    [[per-model]]
    path = "small*.onnx"
    [per-model.architecture]
    parameters = 3
    [per-model.values.g]
    range = [0, 1]
    """
    loaded = load(written(tmp_path, text))
    small, large = (
        plan(loaded, discover(), str(tmp_path / name)).settings
        for name in ("small_1.onnx", "large.onnx")
    )
    assert (small.architecture.opset, small.architecture.parameters) == (17, 3)
    assert (large.architecture.opset, large.architecture.parameters) == (17, 5)
    assert list(small.values) == ["h", "g"]
    assert list(large.values) == ["h"]
    assert small.budgets.nodes == large.budgets.nodes == 9


def test_a_file_beside_the_model_promises_but_opens_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    written(
        theirs,
        "budgets = {nodes = 1, latency = {reference = 'v1.onnx', ratio = 2}}\n"
        "provenance.required = ['seed']\nvalues.h.finite = true\narchitecture.opset = 3\n",
    )
    written(here, "[architecture]\nparameters = 7\nopset = 5")
    loaded = load_for(str(theirs / "model.onnx"))
    settings = plan(loaded, discover(), str(theirs / "model.onnx")).settings
    assert loaded.declared is not None
    assert loaded.declared.ignored == ("budgets.latency",)
    assert settings.budgets.latency is None
    assert settings.budgets.nodes == 1
    assert settings.provenance.required == ["seed"]
    assert (settings.architecture.opset, settings.architecture.parameters) == (5, 7)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[inputs.x]\ndtype = 'flaot32'", "did you mean 'float32'?"),
        ("[values.x]\nrnage = [0, 1]", "did you mean 'range'?"),
        ("[architecture]\noperatros = {Conv = 1}", "did you mean 'operators'?"),
        ("[architecture.layers]\na = {knd = 'Conv'}", "did you mean 'kind'?"),
        ("[budgets]\nnods = 3", "did you mean 'nodes'?"),
        ("[architecture]\nopset = [21, 17]", "opset of 'ai.onnx' must be a number, or"),
        ("[architecture]\nparameters = -1", "parameters must be a number, or [lowest, highest]"),
        ("[values.x]\nrange = [2, 1]", "range must be [lowest, highest]"),
        ("[values.x]\nmean = [nan, 1]", "mean must be [lowest, highest]"),
        ("[budgets]\nfile-size = 'ten'", "file-size: 'ten' is"),
        ("[provenance]\nrequired = {a = '('}", "required.a is not a regular expression"),
        ("[inputs.x]\nfeatures = {red = [1, 0]}", "features.red must be [lowest, highest]"),
    ],
)
def test_a_table_that_makes_no_sense_is_told_in_a_sentence(
    text: str, told: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as error:
        load(written(tmp_path, text))
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def costs(text: str, **sizes: int) -> Costs:
    settings = Settings(budgets=Budgets(sizes=sizes))
    with saved(Example.parse(text)) as path, open_model(str(path)) as model:
        found = Analyses(settings, Budget.build(settings), model).get(Costs)
        assert found.macs >= 0  # counted while the file is open
        return found


@pytest.mark.parametrize(
    ("text", "macs"),
    [
        # 8 maps of 25 outputs, each from 3 windows of 9
        ("a (float[N, 3, 7, 7] x, float[8, 3, 3, 3] w) => (y) { y = Conv(x, w) }",
         8 * 25 * 27),
        ("a (float[N, 4, 7, 7] x, float[4, 1, 3, 3] w) => (y) { y = Conv <group = 4> (x, w) }",
         4 * 25 * 9),
        ("a (float[N, 3, 7, 7] x, float[3, 8, 2, 2] w) => (y) { y = ConvTranspose(x, w) }",
         3 * 49 * 8 * 4),
        ("a (float[5, 2] x, float[5, 3] w) => (y) { y = Gemm <transA = 1> (x, w) }", 2 * 3 * 5),
        ("a (float[N, 6, 2, 5] x, float[5, 3] w) => (y) { y = MatMul(x, w) }", 6 * 2 * 3 * 5),
        ("a (float[2, 3] x, float[3, 4] w) => (y) { y = Einsum <equation = 'ij,jk->ik'> (x, w) }"
         .replace("'", '"'), 24),
        ("a (float[7, N, 3] x, float[1, 16, 3] w, float[1, 16, 4] r) => (y) "
         "{ y = LSTM <hidden_size = 4> (x, w, r) }", 7 * (48 + 64)),
        ("a (float[4, 4] x) => (y) { y = Relu(x) }", 0),
        ('a (float[2, 3] x) => (y) { y = local.f(x) }\n<opset_import: ["" : 21], domain: "local">\n'
         "f (x) => (y) { t = Transpose(x) y = MatMul(x, t) }", 2 * 2 * 3),
        ("a (float[2, 2] x, bool c) => (y) { y = If (c) <then_branch = t () => (float[2, 2] p) "
         "{ p = MatMul(x, x) }, else_branch = e () => (float[2, 2] q) { q = Relu(x) }> }", 8),
        ("a (float[2, 2] x) => (y) <int64 n = {5}, bool c = {1}> { y = Loop (n, c, x) <body = b "
         "(int64 i, bool k, float[2, 2] s) => (bool k2, float[2, 2] s2) "
         "{ k2 = Identity(k) s2 = MatMul(s, s) }> }", 40),
    ],
)  # fmt: skip
def test_multiplications_are_counted(text: str, macs: int) -> None:
    if "local.f" in text:
        text = '<ir_version: 10, opset_import: ["" : 21, "local" : 1]>\n' + text
    seen = costs(text)
    assert (seen.macs, seen.uncounted) == (macs, ())
    assert seen.product_flops == 2 * macs


def test_sizes_fill_in_dynamic_dimensions() -> None:
    text = "a (float[N, S, 4] x, float[4, 3] w) => (y) { y = MatMul(x, w) }"
    assert costs(text).macs == 12
    assert costs(text, N=2, S=10).macs == 240


def test_what_is_not_known_is_told_and_not_left_out() -> None:
    text = (
        "a (float[N, 4] x, float[4] v) => (y) { k = NonZero(v) t = Gather(x, k) y = MatMul(t, t) }"
    )
    assert "MatMul" in costs(text).uncounted
    assert told("CTR012", "budgets.flops = 1e9", text) == [
        "operations of a run cannot be counted: sizes at MatMul are unknown (promised a budget)"
    ]


def test_sizes_that_are_computed_are_followed() -> None:
    text = """a (int64[N, S] ids) => (y)
    <float[9, 4] e = {ONES}, float[9, 4] p = {ONES}, int64 one = {1}, int64 zero = {0}> {
        shape = Shape(ids)
        length = Gather(shape, one)
        places = Range(zero, length, one)
        words = Gather(e, ids)
        where = Gather(p, places)
        both = Add(words, where)
        turned = Transpose <perm = [0, 2, 1]> (both)
        y = MatMul(both, turned)
    }""".replace("ONES", ", ".join(["1"] * 36))
    seen = costs(text, N=2, S=5)
    assert (seen.macs, seen.uncounted, seen.unsized) == (2 * 5 * 5 * 4, (), ())


@pytest.mark.parametrize(
    ("text", "elements"),
    [
        ("a (float[100] x) => (y) { y = Relu(x) }", 200),
        ("a (float[100] x) => (y) { h = Relu(x) g = Relu(h) y = Relu(g) }", 200),
        ("a (float[100] x) => (y) { h = Relu(x) g = Relu(h) y = Add(g, x) }", 300),
        ("a (float[100] x) => (y) <int64[2] s = {10, 10}> { h = Reshape(x, s) y = Relu(h) }", 204),
        ("a (float[100] x) => (y) <float[50] w> { y = Concat <axis = 0> (x, w) }", 300),
    ],
)
def test_memory_is_what_is_alive_at_once(text: str, elements: int) -> None:
    example = text.replace("<float[50] w>", f"<float[50] w = {{{', '.join(['1'] * 50)}}}>")
    assert costs(example).peak_memory == 4 * elements


def test_external_data_counts_as_file_size(tmp_path: Path) -> None:
    weight = onnx.numpy_helper.from_array(np.ones((100, 100), np.float32), "w")
    text = "a (float[N, 100] x, float[100, 100] w) => (y) { y = MatMul(x, w) }"
    proto = Example.parse(text).model(tmp_path)
    del proto.graph.input[1]
    proto.graph.initializer.append(weight)
    path = tmp_path / "m.onnx"
    onnx.save(proto, path, save_as_external_data=True, location="m.data", size_threshold=0)
    settings = Settings(budgets=Budgets(file_size="20KiB"))
    (found,) = run_rule(RULES["CTR011"], path, settings=settings).findings
    total = path.stat().st_size + (tmp_path / "m.data").stat().st_size
    assert found.measured == total


def test_parameters_count_once_and_only_what_is_learnt() -> None:
    text = """a (float[N, 4] x) => (y)
    <float[4, 4] w, float[4] b, float[4] s, float[4] m, float[4] v, float low = {0},
     float high = {6}> {
        h = Gemm(x, w, b)
        n = BatchNormalization(h, s, b, m, v)
        c = Clip(n, low, high)
        y = MatMul(c, w)
    }"""
    ones = {4: "1, 1, 1, 1"}
    for name in "bsmv":
        text = text.replace(f"float[4] {name}", f"float[4] {name} = {{{ones[4]}}}")
    text = text.replace("float[4, 4] w", f"float[4, 4] w = {{{', '.join(['1'] * 16)}}}")
    assert told("CTR002", "architecture.parameters = 0", text) == [
        "24 trainable parameters (promised 0)"
    ]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("{ v = Identity(w) y = MatMul(x, v) }", 6),
        ("{ v = Identity(w) u = Identity(w) y = MatMul(x, v) z = MatMul(x, u) }", 6),
        ("{ v = Identity(b) t = Add(x, b) y = Mul(x, v) }", 6),
        ("{ t = Transpose(w) r = Transpose(t) y = MatMul(x, r) }", 6),
        ("{ v = DequantizeLinear <axis = 0> (q, b) y = MatMul(x, v) }", 6),
        ("{ i = Cast <to = 3> (x) y = MatMulInteger(i, q) }", 6),
        ("{ y = Mul(x, one) }", 0),
    ],
)
def test_copies_and_codes_of_weights_are_parameters(text: str, count: int) -> None:
    head = """a (float[N, 3] x) => (y) <float[3, 2] w = {1, 2, 3, 4, 5, 6}, float[3] b = {1, 2, 3},
    int8[3, 2] q = {1, 2, 3, 4, 5, 6}, float one = {1}> """
    messages = told("CTR002", "architecture.parameters = 999", head + text)
    assert messages == [f"{count} trainable parameters (promised 999)"]


def test_layers_of_one_module_are_told_apart_by_their_weights() -> None:
    text = """a (float[N, 2] x) => (y)
    <float[2, 2] w = {1, 2, 3, 4}, float[2, 2] v = {1, 2, 3, 4}> {
        ["/block/MatMul"] h = MatMul(x, w)
        ["/block/MatMul_1"] g = MatMul(h, v)
        y = MatMul(g, v)
    }"""
    with saved(Example.parse(text)) as path, open_model(str(path)) as model:
        contract = Analyses(Settings(), model).get(Contract)
        assert [layer.name for layer in contract.layers] == ["block", "v", "v#2"]


def test_a_rule_of_a_team_asks_for_the_contract() -> None:
    @rule("TEAM001", "few-promises", severity=Severity.INFO)
    def few_promises(contract: Contract) -> Iterator[Finding]:
        """Nothing is required of the metadata."""
        if not contract.provenance.required:
            yield Finding(contract.line("provenance"), "no metadata is required")

    assert len(findings(few_promises, NET)) == 1
    assert not findings(few_promises, "# config: provenance.required = ['seed']\n" + NET)


@pytest.mark.parametrize("name", ["a\x1b[31m", "x" * 10_000, "[[", "*", "\u202ea", "a.b"])
def test_hostile_names_are_only_names(name: str, tmp_path: Path) -> None:
    proto = Example.parse("a (float[N, 2] x) => (float[N, 2] y) { y = Relu(x) }").model(tmp_path)
    proto.graph.input[0].name = proto.graph.node[0].input[0] = name
    path = tmp_path / "m.onnx"
    path.write_bytes(proto.SerializeToString())
    for settings in (
        Settings(inputs={name: InputContract(range=(0, 1))}),
        Settings(values={name[:1000]: ValuePromise(finite=True)}),
    ):
        report = run_rule(RULES["CTR015"], path, settings=settings)
        assert report.complete
        assert bool(report.findings) is (len(name) > 1000 and bool(settings.values))
