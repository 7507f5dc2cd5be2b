"""Language models, as frameworks export and people write them: relations that hold, or do not."""

from __future__ import annotations

import shutil
import tomllib
from contextlib import closing
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from onnxlint.analyses.execution.worker import Workers
from onnxlint.config import load
from onnxlint.job import plan
from onnxlint.pipeline import lint, lint_model
from onnxlint.report_keys import key_of
from onnxlint.rules.packs import discover
from onnxlint.settings import InputContract, Settings
from onnxlint.severity import Severity

MODELS = Path(__file__).parent.parent / "fixtures" / "language"
FAULTS = tomllib.loads((MODELS / "faults.toml").read_text())
EACH = [(family, fault, code) for family, found in FAULTS.items() for fault, code in found.items()]
PAIRS = sorted(MODELS.glob("*_pair"))
FIRST, LATER = "decoder_model.onnx", "decoder_with_past_model.onnx"


@pytest.fixture(scope="module")
def workers():
    with closing(Workers()) as workers:
        yield workers


def judged(path: Path, workers: Workers, *select: str):
    job = plan(load(None), discover(), str(path), select=list(select) or None)
    report = lint_model(job, workers=workers)
    assert report.complete, report
    assert not report.not_executed
    return report


def codes(path: Path, workers: Workers) -> set[str]:
    return {finding.code for finding in judged(path, workers, "SEQ").findings}


@pytest.mark.parametrize(("family", "fault", "code"), EACH, ids=lambda part: part)
def test_each_broken_relation_is_found_once(family, fault, code, workers):
    assert codes(MODELS / family / f"{fault}.onnx", workers) == {code}


@pytest.mark.parametrize("family", FAULTS)
def test_an_intact_export_is_left_alone(family, workers):
    assert not codes(MODELS / family / "intact.onnx", workers)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAULTS)
def test_no_other_rule_warns_of_an_intact_export(family, workers):
    found = judged(MODELS / family / "intact.onnx", workers).findings
    assert not [f"{each.code} {each.message}" for each in found
                if each.severity is not Severity.INFO]  # fmt: skip


def test_every_fault_has_its_file():
    files = {
        f"{file.parent.name}/{file.stem}"
        for file in MODELS.rglob("*.onnx")
        if file.parent not in PAIRS
    }
    named = {f"{family}/{fault}" for family, fault, _ in EACH}
    assert files == named | {f"{family}/intact" for family in FAULTS}


@pytest.mark.parametrize("folder", PAIRS, ids=lambda each: each.name)
def test_two_files_are_judged_as_a_pair(folder, workers, tmp_path):
    report = judged(folder / LATER, workers, "SEQ001")
    assert not report.findings
    assert "SEQ001" not in report.not_applicable
    (broken,) = folder.glob("decoder_with_past_model_*.onnx")
    settings = Settings(reference=folder / FIRST)
    (named,) = lint(broken, select=["SEQ"], settings=settings).findings
    assert named.code == "SEQ001"
    assert "cache of 3 tokens from 'decoder_model.onnx' and the same in that file" in named.message
    shutil.copy(broken, tmp_path / "decoder_with_past_model_quantized.onnx")
    shutil.copy(folder / FIRST, tmp_path / "decoder_model_quantized.onnx")
    assert codes(tmp_path / "decoder_with_past_model_quantized.onnx", workers) == {"SEQ001"}


def test_the_other_file_is_opened_with_care_and_counts_in_the_key(workers, tmp_path):
    folder = MODELS / "gpt2_pair"
    shutil.copy(folder / LATER, tmp_path)
    job = plan(load(None), discover(), str(tmp_path / LATER), select=["SEQ001"])
    told, keys = [], [key_of(job)]
    bert = (MODELS / "bert" / "intact.onnx").read_bytes()
    whole = (MODELS / "gpt2" / "intact.onnx").read_bytes()
    for beside in (b"no model", bert, whole):
        (tmp_path / FIRST).write_bytes(beside)
        told.append(reasons(judged(tmp_path / LATER, workers, "SEQ001"))["SEQ001"])
        keys.append(key_of(job))
    assert "decoder_model.onnx: " in told[0]
    assert "decoder_model.onnx has no output for the cache 'past_key_values.0.key'" in told[1]
    assert told[2].endswith("decoder_model.onnx takes a cache itself")
    assert len(set(keys)) == 4


def test_the_first_call_is_not_compared_layer_by_layer():
    folder = MODELS / "gpt2_pair"
    settings = Settings(reference=folder / FIRST)
    report = lint(folder / LATER, select=["CMP002"], settings=settings)
    assert report.error is None
    assert report.not_applicable["CMP002"].endswith(
        "is the file for the first call of this decoder (SEQ001)"
    )


@pytest.mark.parametrize(("fault", "names"), [
    ("first_row", ("past_key_values.{}.{}", "present_key_values.{}.{}")),
    ("first_row", ("a{}{}", "b{1}{0}")),
    ("unshifted", ("past_{1}_{0}", "present_{1}_{0}")),
    ("unshifted", ("cache.{}.{}.in", "cache.{}.{}.out")),
])  # fmt: skip
def test_caches_by_other_names_and_by_the_graph_alone(names, fault, workers, tmp_path):
    model = onnx.load(MODELS / "gpt2" / f"{fault}.onnx")
    for layer in range(2):
        for part in ("key", "value"):
            old = (f"past_key_values.{layer}.{part}", f"present.{layer}.{part}")
            for before, after in zip(old, names, strict=True):
                renamed(model, before, after.format(layer, part))
    onnx.save(model, tmp_path / "model.onnx")
    assert codes(tmp_path / "model.onnx", workers) == {FAULTS["gpt2"][fault]}


def renamed(model: onnx.ModelProto, before: str, after: str) -> None:
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        value.name = after if value.name == before else value.name
    for node in model.graph.node:
        for names in (node.input, node.output):
            names[:] = [after if name == before else name for name in names]


@pytest.mark.parametrize(("family", "sizes"), [
    ("bert", {"batch_size": 1, "sequence_length": 8}), ("gpt2", {"batch_size": 2}),
    ("t5", {"batch_size": 2, "sequence_length": 1, "encoder_sequence_length": 7}),
])  # fmt: skip
@pytest.mark.parametrize("fault", ["intact", "deaf"])
def test_sizes_that_are_fixed(family, sizes, fault, workers, tmp_path):
    model = onnx.load(MODELS / family / f"{fault}.onnx")
    del model.graph.value_info[:]
    for value in (*model.graph.input, *model.graph.output):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param in sizes:
                dim.dim_value = sizes[dim.dim_param]
    onnx.save(model, tmp_path / "model.onnx")
    assert codes(tmp_path / "model.onnx", workers) == ({"SEQ003"} if fault == "deaf" else set())


def genai(fault: str = "", room: int | None = None) -> onnx.ModelProto:
    """A decoder as onnxruntime-genai builds it, its caches growing or with `room` for some."""
    rng = np.random.default_rng(0)
    heads, size, vocabulary = 2, 16, 24
    width = heads * size
    shift = -2 if fault == "short" else -1
    numbers = {"table": rng.standard_normal((vocabulary, width)), "one": np.array([1]),
               "shift": np.array([shift]), "last": np.array(1)}  # fmt: skip
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["x"]),
        helper.make_node("ReduceSum", ["attention_mask", "one"], ["count"], keepdims=1),
        helper.make_node("Add", ["count", "shift"], ["shifted"]),
        helper.make_node("Cast", ["shifted"], ["lengths"], to=TensorProto.INT32),
        helper.make_node("Shape", ["attention_mask"], ["shape"]),
        helper.make_node("Gather", ["shape", "last"], ["whole"], axis=0),
        helper.make_node("Cast", ["whole"], ["total"], to=TensorProto.INT32),
    ]
    for part, columns in (("q", width), ("k", size), ("v", size), ("o", width)):
        numbers[f"w{part}"] = rng.standard_normal((width, columns)) * 0.3
        if part != "o":
            nodes.append(helper.make_node("MatMul", ["x", f"w{part}"], [part]))
    pasts, presents = (
        [f"{form}.0.{part}" for part in ("key", "value")] for form in ("past_key_values", "present")
    )
    nodes.append(helper.make_node(
        "GroupQueryAttention", ["q", "k", "v", *pasts, "lengths", "total"], ["a", *presents],
        domain="com.microsoft", num_heads=heads, kv_num_heads=1,
    ))  # fmt: skip
    nodes.append(helper.make_node("MatMul", ["a", "wo"], ["more"]))
    nodes.append(helper.make_node("Add", ["x", "more"], ["logits"]))
    ids = [("input_ids", "sequence_length"), ("attention_mask", "total_sequence_length")]

    def value(name: str, *dims: int | str, kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, kind, ["batch_size", *dims])

    graph = helper.make_graph(
        nodes, "genai",
        [*(value(*each, kind=TensorProto.INT64) for each in ids),
         *(value(name, 1, room or "past_sequence_length", size) for name in pasts)],
        [value("logits", "sequence_length", width),
         *(value(name, 1, room or "total_sequence_length", size) for name in presents)],
        [numpy_helper.from_array(
            each.astype(np.float32) if each.dtype.kind == "f" else each, name)
         for name, each in numbers.items()],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


@pytest.mark.parametrize(("fault", "room", "found"), [
    ("", None, set()), ("", 32, set()), ("short", 32, {"SEQ001", "SEQ002"}),
])  # fmt: skip
def test_attention_that_keeps_its_cache_itself(fault, room, found, workers, tmp_path):
    onnx.save(genai(fault, room), tmp_path / "model.onnx")
    assert codes(tmp_path / "model.onnx", workers) <= found
    assert bool(codes(tmp_path / "model.onnx", workers)) == bool(found)


TABLE = (
    "float[8, 2] table = {0.1, 0.2, 0.3, -0.4, 0.5, 0.6, -0.7, 0.8, 0.9, 1, 2, -1.2, 1.3, 2, 1, 3}"
)
HEADER = '<ir_version: 8, opset_import: ["" : 17]> '


def said(tmp_path: Path, workers: Workers, text: str, *select: str):
    path = tmp_path / "model.onnx"
    onnx.save(onnx.parser.parse_model(HEADER + text), path)
    return judged(path, workers, *(select or ("SEQ",)))


@pytest.mark.parametrize(("order", "found"), [
    ("past_0, pair", set()), ("pair, past_0", {"SEQ001"}),
])  # fmt: skip
def test_keys_and_values_in_one_cache_whose_batch_is_the_second_axis(
    order, found, workers, tmp_path
):  # fmt: skip
    text = f"""net (int64[N, S] input_ids, float[2, N, P, 2] past_0)
        => (float[N, S, 2] scores, float[2, N, Q, 2] present_0)
    <{TABLE}, int64 axis = {{2}}, int64[1] axes = {{2}}, int64[1] front = {{0}},
     int64[1] end = {{9999}}, int64[1] at = {{1}}, int64 zero = {{0}}>
    {{ x = Gather(table, input_ids) one = Unsqueeze(x, front) pair = Concat<axis = 0>(one, one)
    present_0 = Concat<axis = 2>({order}) sums = CumSum(present_0, axis)
    shape = Shape(input_ids) size = Gather(shape, at) start = Neg(size)
    recent = Slice(sums, start, end, axes) scores = Gather(recent, zero) }}"""
    assert {each.code for each in said(tmp_path, workers, text).findings} == found


@pytest.mark.parametrize(("continued", "found"), [
    ("Add(sums, past_sum)", set()), ("Identity(sums)", {"SEQ001"}),
])  # fmt: skip
def test_two_branches_in_one_file(continued, found, workers, tmp_path):
    text = f"""net (int64[N, S] input_ids, float[N, 1, 2] past_sum, bool[1] use_cache_branch)
        => (float[N, S, 2] scores, float[N, 1, 2] present_sum)
    <{TABLE}, int64 steps = {{1}}, int64[1] axis = {{1}}, int64[1] last = {{-1}},
     int64[1] end = {{9999}}>
    {{ x = Gather(table, input_ids) sums = CumSum(x, steps)
    scores, present_sum = If (use_cache_branch) <
        then_branch = with () => (float[N, S, 2] s1, float[N, 1, 2] p1)
            {{ s1 = {continued} p1 = Slice(s1, last, end, axis) }},
        else_branch = without () => (float[N, S, 2] s2, float[N, 1, 2] p2)
            {{ s2 = Identity(sums) p2 = Slice(s2, last, end, axis) }}> }}"""
    assert {each.code for each in said(tmp_path, workers, text).findings} == found


def reasons(report) -> dict[str, str]:
    return {code: reason for code, reason in report.not_applicable.items() if code[:3] == "SEQ"}


def test_one_token_a_call_has_nothing_to_be_compared_with(workers, tmp_path):
    text = f"""net (int64[N, 1] input_ids, float[N, 1, 2] past_sum)
        => (float[N, 1, 2] scores, float[N, 1, 2] present_sum)
    <{TABLE}> {{ x = Gather(table, input_ids) scores = Add(x, past_sum)
    present_sum = Identity(x) }}"""
    told = reasons(said(tmp_path, workers, text))
    assert told["SEQ001"].startswith("every call takes 1 token(s): without the cache")
    assert told["SEQ002"] == "every call takes one token: there is no later one"
    assert told["SEQ003"] == "no input masks padding"
    assert told["SEQ004"] == "no table of positions is added to the tokens"
    assert "SEQ005" not in told
    assert told["SEQ006"].startswith("no input is declared a set")


def test_what_takes_no_tokens_is_not_run(workers, tmp_path):
    text = "net (float[N, 4] x) => (float[N, 4] y) { y = Relu(x) }"
    assert reasons(said(tmp_path, workers, text))["SEQ002"] == (
        "no input takes tokens that are looked up in a table"
    )


PLACES = f"""net (int64[N, S] input_ids, int64[N, S] position_ids) => (float[N, S, 2] states)
    <{TABLE}, float[5, 2] places = {{0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1}},
     int64 rows = {{5}}>
    {{ x = Gather(table, input_ids) WRAP p = Gather(places, at) states = Add(x, p) }}"""


def test_a_position_that_starts_again(workers, tmp_path):
    text = PLACES.replace("WRAP", "at = Mod(position_ids, rows)")
    (finding,) = said(tmp_path, workers, text, "SEQ004").findings
    assert finding.severity is Severity.WARNING
    assert finding.message == (
        "position 13 is taken as position 3, without an error (the table has 5 rows)"
    )


def test_the_file_beside_the_model_promises_positions(workers, tmp_path):
    text = PLACES.replace("WRAP", "at = Identity(position_ids)")
    assert not said(tmp_path, workers, text, "SEQ004").findings
    job = plan(load(None), discover(), str(tmp_path / "model.onnx"), select=["SEQ004"])
    before = key_of(job)
    beside = tmp_path / "config.json"
    beside.write_text('{"n_positions": 6}')
    assert key_of(job) != before
    (finding,) = said(tmp_path, workers, text, "SEQ004").findings
    assert finding.severity is Severity.ERROR
    assert "5 rows, fewer than the 6 positions that are promised (n_positions in config.json)" in (
        finding.message
    )
    for broken in ("[6]", "{", '{"n_positions": "many"}', '{"n_positions": true}', "[" * 100_000):
        beside.write_text(broken)
        assert not said(tmp_path, workers, text, "SEQ004").findings


def test_a_declared_set_without_such_an_axis(tmp_path):
    model = onnx.parser.parse_model(
        HEADER + "net (float[N, 4] x) => (float[N, 4] y) { y = Relu(x) }"
    )
    onnx.save(model, tmp_path / "model.onnx")
    settings = Settings(inputs={"x": InputContract(set_axis=3)})
    error = lint(tmp_path / "model.onnx", select=["SEQ006"], settings=settings).error
    assert error == (
        "input 'x' has 2 axes, set-axis 3 is not one of them; "
        "correct [inputs.x] in the configuration"
    )


def test_a_mask_goes_along_with_its_set(tmp_path):
    text = """net (float[N, M, 2] points, float[N, M] mask) => (float[N, 2] y)
    <int64[1] members = {1}, int64[1] last = {2}>
    { column = Unsqueeze(mask, last) kept = Mul(points, column)
    y = ReduceSum<keepdims = 0>(kept, members) }"""
    onnx.save(onnx.parser.parse_model(HEADER + text), tmp_path / "model.onnx")
    settings = Settings(inputs={"points": InputContract(set_axis=1)})
    report = lint(tmp_path / "model.onnx", select=["SEQ006"], settings=settings)
    assert report.complete
    assert not report.findings
    assert "SEQ006" not in report.not_applicable


@pytest.mark.parametrize(("handed_on", "found"), [("h", set()), ("h0", {"SEQ001"})])
def test_a_recurrent_layer_hands_its_state_on(handed_on, found, workers, tmp_path):
    text = f"""net (int64[N, S] ids, float[1, N, 4] a, float[1, N, 4] c0)
        => (float[N, S, 4] scores, float[1, N, 4] b, float[1, N, 4] d)
    <{TABLE}> {{ x = Gather(table, ids) t = Transpose<perm = [1, 0, 2]>(x)
    y, h, c = LSTM<hidden_size = 4>(t, w, r, , , a, c0) q = Squeeze(y, front)
    scores = Transpose<perm = [1, 0, 2]>(q) h0 = Mul(h, zero) b = Identity({handed_on})
    d = Identity(c) }}"""
    model = onnx.parser.parse_model(HEADER + text)
    rng = np.random.default_rng(0)
    for name, array in {"w": rng.standard_normal((1, 16, 2)), "r": rng.standard_normal((1, 16, 4)),
                        "zero": np.zeros(1)}.items():  # fmt: skip
        model.graph.initializer.append(numpy_helper.from_array(array.astype(np.float32), name))
    model.graph.initializer.append(numpy_helper.from_array(np.array([1]), "front"))
    onnx.save(model, tmp_path / "model.onnx")
    assert codes(tmp_path / "model.onnx", workers) == found


@pytest.mark.parametrize("family", ["gpt2", "bert"])
def test_tokens_are_those_of_the_user(family, tmp_path):
    ids = np.arange(1, 25).reshape(2, 12)
    data = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    if family == "gpt2":
        empty = np.zeros((2, 2, 0, 8), np.float32)
        data |= {"position_ids": np.tile(np.arange(12), (2, 1))} | {
            f"past_key_values.{layer}.{part}": empty
            for layer in (0, 1)
            for part in ("key", "value")
        }
    else:
        data |= {"token_type_ids": np.zeros_like(ids)}
    np.savez(tmp_path / "data.npz", **data)
    settings = Settings(data=tmp_path / "data.npz")
    for name, found in (("intact", set()), ("deaf", {"SEQ003"})):
        report = lint(MODELS / family / f"{name}.onnx", select=["SEQ"], settings=settings)
        assert report.complete, report
        assert {each.code for each in report.findings} == found
        assert not any(each.synthetic for each in report.findings)


MEAN = """net (float[N, T, 2] frames, {told}) => (float[N, 2] y)
    <int64[1] last = {{2}}, int64[1] time = {{1}}, float one = {{1}}, int64 zero = {{0}},
     int64 step = {{1}}, int64 at = {{1}}>
    {{ {kept} column = Unsqueeze(kept, last) real = Mul(frames, column)
    sum = ReduceSum<keepdims = 0>(real, time) count = ReduceSum<keepdims = 0>(column, time)
    y = {made} }}"""
BY_LENGTH = """shape = Shape(frames) size = Gather(shape, at) all = Range(zero, size, step)
    ends = Unsqueeze(lengths, time) within = Less(all, ends) kept = Cast<to = 1>(within)"""
ONE_KEEPS, ONE_HIDES = "kept = Identity(mask)", "kept = Sub(one, mask)"
RIGHT, WRONG = "Div(sum, count)", "ReduceMean<axes = [1], keepdims = 0>(real)"


@pytest.mark.parametrize("told", [
    ("float[N, T] mask", ONE_KEEPS), ("float[N, T] mask", ONE_HIDES),
    ("float[N, T] padding_mask", ONE_HIDES.replace("mask", "padding_mask")),
    ("int64[N] lengths", BY_LENGTH),
])  # fmt: skip
@pytest.mark.parametrize(("made", "found"), [(RIGHT, set()), (WRONG, {"SEQ007"})])
def test_frames_that_are_padded(told, made, found, workers, tmp_path):
    text = MEAN.format(told=told[0], kept=told[1], made=made)
    assert {each.code for each in said(tmp_path, workers, text).findings} == found


def test_a_convolution_reads_what_is_behind_the_end(workers, tmp_path):
    text = """net (float[N, 1, T] sound, int64[N] lengths) => (float[N, 1, T] y, int64[N] same)
    <float[1, 1, 3] w = {0.2, 0.5, 0.3}, float[1] b = {0.5}>
    { h = Conv<pads = [1, 1]>(sound, w, b) y = Conv<pads = [1, 1]>(h, w, b)
    same = Identity(lengths) }"""
    (finding,) = said(tmp_path, workers, text).findings
    assert (finding.code, finding.severity) == ("SEQ007", Severity.INFO)
    assert "changes the end of what is real" in finding.message


def test_an_encoder_and_a_decoder_in_one_file(workers, tmp_path):
    text = f"""net (int64[N, E] input_ids, int64[N, E] attention_mask,
         int64[N, D] decoder_input_ids) => (float[N, D, 8] logits)
    <{TABLE}, int64[1] last = {{2}}, int64[1] time = {{1}}, int64 step = {{1}}, {HEAD}>
    {{ x = Gather(table, input_ids) kept = Cast<to = 1>(attention_mask)
    column = Unsqueeze(kept, last) real = Mul(x, column) sum = ReduceSum(real, time)
    count = ReduceSum(column, time) heard = Div(sum, count)
    y = Gather(table, decoder_input_ids) sums = CumSum(y, step) all = Add(sums, heard)
    logits = MatMul(all, head) }}"""
    report = said(tmp_path, workers, text)
    assert not report.findings
    assert "SEQ002" not in report.not_applicable
    turned = text.replace("CumSum(y", "CumSum<reverse = 1>(y")
    assert not said(tmp_path, workers, turned).findings  # a model that reads backwards


HEAD = "float[2, 8] head = {1, 2, 3, -4, 5, 6, -7, 8, 9, 1, 2, -1, 1, 2, 1, 3}"
