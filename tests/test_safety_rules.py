"""SEC rules: what their docstrings do not show."""

import os
from pathlib import Path

import pytest

from onnxlint.findings import Diagnostic
from onnxlint.rules.rule import Rule
from onnxlint.severity import Severity
from onnxlint.testing import model_from_text, run_rule
from onnxlint_rules.sec.allocation_bomb import allocation_bomb
from onnxlint_rules.sec.code_executing_operator import code_executing_operator
from onnxlint_rules.sec.custom_domain import custom_domain
from onnxlint_rules.sec.decompression_mismatch import decompression_mismatch
from onnxlint_rules.sec.external_data_bounds import external_data_bounds
from onnxlint_rules.sec.external_data_escape import external_data_escape
from onnxlint_rules.sec.external_data_missing import external_data_missing
from onnxlint_rules.sec.external_data_overlap import external_data_overlap
from onnxlint_rules.sec.local_path_leak import local_path_leak
from onnxlint_rules.sec.oversized_proto import oversized_proto
from onnxlint_rules.sec.unknown_external_data_key import unknown_external_data_key

TWO_WEIGHTS = """net (float[2] x) => (float[2] y) <float[2] v = {1, 2}, float[2] w = {1, 2}> {
    h = Add(x, v)
    y = Add(h, w)
}"""


def external(folder: Path, **entries: str) -> Path:
    """A model in `folder` whose two weights lie in the same external file."""
    return moved(folder, TWO_WEIGHTS, entries, entries)


def moved(folder: Path, text: str, *entries: dict[str, str]) -> Path:
    """A model in `folder` whose weights lie in external files, each described by its entries."""
    model = model_from_text(text)
    for weight, described in zip(model.graph.initializer, entries, strict=True):
        weight.ClearField("float_data")
        weight.data_location = 1
        for key, value in described.items():
            weight.external_data.add(key=key, value=value)
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def findings(rule: Rule, path: Path) -> list[Diagnostic]:
    report = run_rule(rule, path)
    assert report.complete, report
    return list(report.findings)


@pytest.mark.parametrize(
    "location",
    ["/etc/passwd", "C:\\secrets.bin", "a/../../b.bin", "..\\b.bin", "file:///etc/passwd"],
)
def test_every_spelling_of_an_outer_path_escapes_once(tmp_path: Path, location: str) -> None:
    (found,) = findings(external_data_escape, external(tmp_path, location=location))
    assert found.severity is Severity.ERROR
    assert "1 more" in found.message


def test_hub_cache_of_links_is_no_escape(tmp_path: Path) -> None:
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshots" / "abc"
    blobs.mkdir()
    snapshot.mkdir(parents=True)
    external(blobs, location="w.bin").rename(blobs / "1234")
    (blobs / "5678").write_bytes(bytes(8))
    (snapshot / "model.onnx").symlink_to(blobs / "1234")
    (snapshot / "w.bin").symlink_to(blobs / "5678")
    assert not findings(external_data_escape, snapshot / "model.onnx")


def test_hard_link_is_a_warning(tmp_path: Path) -> None:
    path = external(tmp_path, location="w.bin")
    (tmp_path / "w.bin").write_bytes(bytes(8))
    os.link(tmp_path / "w.bin", tmp_path / "again.bin")
    (found,) = findings(external_data_escape, path)
    assert (found.severity, found.measured) == (Severity.WARNING, 2)


@pytest.mark.parametrize("location", ["", "w.bin", "folder"])
def test_missing_file_is_reported_once_for_all_its_tensors(tmp_path: Path, location: str) -> None:
    (tmp_path / "folder").mkdir()
    assert len(findings(external_data_missing, external(tmp_path, location=location))) == 1


@pytest.mark.parametrize(
    ("entries", "seen"),
    [
        ({"offset": "-8"}, -8),
        ({"length": "-1"}, -1),
        ({"length": "4"}, 4),
        ({"offset": "9"}, 17),
        ({"offset": "many"}, None),
    ],
)
def test_range_that_does_not_fit(tmp_path: Path, entries: dict[str, str], seen: int | None) -> None:
    path = external(tmp_path, location="w.bin", **entries)
    (tmp_path / "w.bin").write_bytes(bytes(16))
    assert [found.measured for found in findings(external_data_bounds, path)] == [seen, seen]


def test_rules_of_external_data_do_not_apply_without_any(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(model_from_text(TWO_WEIGHTS).SerializeToString())
    assert run_rule(external_data_missing, path).not_applicable


@pytest.mark.parametrize(
    ("body", "fires"),
    [
        ("y = Expand(x, shape)", True),
        ("y = Tile(x, shape)", True),
        ("y = Resize(x, , , shape)", True),
        ("y = Reshape(x, shape)", False),
    ],
)
def test_operators_that_allocate(tmp_path: Path, body: str, fires: bool) -> None:
    path = tmp_path / "model.onnx"
    text = (
        f"net (float[1, 1] x) => (float[A, B] y) <int64[2] shape = {{99999, 99999}}> {{ {body} }}"
    )
    path.write_bytes(model_from_text(text).SerializeToString())
    assert bool(findings(allocation_bomb, path)) is fires


def test_small_requests_add_up(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    fills = "".join(f"c{i} = ConstantOfShape(shape) " for i in range(10))
    head = "net (float[1] x) => (float[1] y) <int64[1] shape = {99999999}>"
    path.write_bytes(model_from_text(f"{head} {{ {fills} y = Relu(x) }}").SerializeToString())
    (found,) = findings(allocation_bomb, path)
    assert found.measured == 10 * 4 * 99_999_999 + 4  # and 4 for the input


def test_size_of_the_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(model_from_text(TWO_WEIGHTS).SerializeToString())
    size = path.stat().st_size

    def severities(warn_bytes: int) -> list[Severity]:
        report = run_rule(oversized_proto, path, warn_bytes=warn_bytes)
        return [found.severity for found in report.findings]

    assert severities(size + 1) == []
    assert severities(size) == [Severity.WARNING]
    monkeypatch.setattr("onnxlint.model.preflight.PROTO_LIMIT_BYTES", size)
    assert severities(size) == [Severity.ERROR]


@pytest.mark.parametrize(
    ("offsets", "seen"),
    [
        ([0, 8], None),
        ([0, 0], None),  # tied
        ([0, 7], 1),
        ([4, 0], 1),
        ([0, 0, 8, 64], None),
        ([0, 4, 8, 16], 2),
        ([0, 0, 0, 4, 8], 2),
    ],
)
def test_ranges_that_overlap_are_told_once_for_a_file(
    tmp_path: Path, offsets: list[int], seen: int | None
) -> None:
    weights = ", ".join(f"float[2] w{i} = {{1, 2}}" for i in range(len(offsets)))
    text = f"net (float[2] x) => (float[2] y) <{weights}> {{ y = Relu(x) }}"
    entries = ({"location": "w.bin", "offset": str(offset)} for offset in offsets)
    path = moved(tmp_path, text, *entries)
    found = findings(external_data_overlap, path)
    assert [(one.measured, one.severity) for one in found] == [(seen, Severity.INFO)][: bool(seen)]


def test_a_tensor_inside_another_overlaps_and_what_follows_does_not(tmp_path: Path) -> None:
    text = """net (float[8] x) => (float[8] y)
        <float[8] w = {1, 2, 3, 4, 5, 6, 7, 8}, float[1] v = {1}> { y = Sum(x, w, v) }"""
    inner = {"location": "w.bin", "offset": "4"}
    path = moved(tmp_path, text, {"location": "w.bin"}, inner)
    (found,) = findings(external_data_overlap, path)
    assert found.message == (
        "tensor 'v' (bytes 4 to 8) overlaps tensor 'w' (bytes 0 to 32) in external data 'w.bin'; "
        "1 of 2 ranges overlaps"
    )


def test_unknown_key_is_told_once_for_all_tensors(tmp_path: Path) -> None:
    known = {"location": "w.bin", "offset": "0", "length": "8", "basepath": "x", "checksum": "1"}
    assert not findings(unknown_external_data_key, external(tmp_path, **known))
    found = findings(unknown_external_data_key, external(tmp_path, **known, Length="8", owner="x"))
    told = [(one.severity, one.measured, one.message.split("'")[1]) for one in found]
    assert told == [(Severity.WARNING, 2, "Length"), (Severity.WARNING, 2, "owner")]


def imported(text: str, *domains: str) -> str:
    listed = "".join(f', "{domain}" : 1' for domain in domains)
    return f'<ir_version: 10, opset_import: ["" : 21{listed}]> {text}'


@pytest.mark.parametrize(
    ("operator", "seen"),
    [
        ("com.microsoft.PythonOp", 2),
        ("ai.onnx.contrib.PyOp", 2),
        ("PyFunc", 2),
        ("EagerPyFunc", 2),
        ("com.microsoft.TritonOp", 2),
        ("com.microsoft.CopyOp", None),
        ("Pythonic", None),
    ],
)
def test_operators_that_call_python(tmp_path: Path, operator: str, seen: int | None) -> None:
    path = tmp_path / "model.onnx"
    text = f"net (float[N] x) => (float[N] y) {{ h = {operator}(x) y = {operator}(h) }}"
    path.write_bytes(
        model_from_text(imported(text, operator.rpartition(".")[0])).SerializeToString()
    )
    found = findings(code_executing_operator, path)
    assert [(one.measured, one.place.node_index) for one in found] == [(seen, 0)][: bool(seen)]


def test_python_in_the_body_of_a_function_is_found(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    text = (
        imported("net (float[N] x) => (float[N] y) { y = local.Smooth(x) }", "local")
        + '<domain: "local", opset_import: ["" : 21]> Smooth (x) => (y) { y = PyOp(x) }'
    )
    path.write_bytes(model_from_text(text).SerializeToString())
    (found,) = findings(code_executing_operator, path)
    assert found.place.scope == "function:local::Smooth"


def test_custom_domains_are_told_once_each(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    text = """net (float[N] x) => (float[N] y) {
        a = acme.Sharpen(x)
        b = acme.Blur(a)
        c = acme.Blur(b)
        d = com.microsoft.extensions.Inverse(c)
        e = com.microsoft.QuickGelu(d)
        y = pkg.onnxscript.torch_lib.aten_mean(e)
    }"""
    domains = ("acme", "com.microsoft.extensions", "com.microsoft", "pkg.onnxscript.torch_lib")
    path.write_bytes(model_from_text(imported(text, *domains)).SerializeToString())
    assert [one.message for one in findings(custom_domain, path)] == [
        "domain 'acme' is custom: Blur, Sharpen (3 nodes)",
        "domain 'com.microsoft.extensions' is custom and needs onnxruntime-extensions: Inverse",
        "domain 'pkg.onnxscript.torch_lib' is custom: aten_mean",
    ]
    allowed = ("acme", "com.microsoft.extensions", "pkg")
    assert not run_rule(custom_domain, path, allowed=allowed).findings


def with_text(folder: Path, text: str) -> Path:
    model = model_from_text(TWO_WEIGHTS)
    model.doc_string = text
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize(
    ("text", "kind", "sample"),
    [
        ("data: /home/alice/sets/x.yaml", "user directories", "/home/alice/sets/x.yaml"),
        ("/gpfs/home/alice/x", "user directories", "/gpfs/home/alice/x"),
        ("at file:///Users/alice/x", "user directories", "file:///Users/alice/x"),
        (r"C:\Users\John Doe\x", "user directories", r"C:\Users\John Doe\x"),
        (r'{"path": "c:\\users\\jd\\x"}', "user directories", r"c:\\users\\jd\\x"),
        ("/root/project/a.txt", "user directories", "/root/project/a.txt"),
        ("/home/al/lib/python3.9/site-packages/t.py(5): f", "user directories", "/home/al/lib/"),
        ('  File "/srv/net.py", line 5, in f', "paths of source files", 'File "/srv/net.py"'),
        (r"D:\work\net.py(239): forward", "paths of source files", r"D:\work\net.py(239)"),
        ("/home/runner/work/net.py(3): f", "paths of source files", "/home/runner/work/net.py(3)"),
        ("git@code.acme.internal:team/net", "host names", "@code.acme.internal"),
        ("see http://10.1.2.3:8080/runs", "host names", "://10.1.2.3"),
        (r"on \\fileserver\share\x", "host names", r"\\fileserver\share" + "\\"),
        ("key AKIAABCDEFGHIJKLMNOP", "secrets", "AKIAA…"),
        ("hf_" + "a" * 34, "secrets", "hf_aa…"),
        ("ghp_" + "a" * 36, "secrets", "ghp_a…"),
        ("-----BEGIN RSA PRIVATE KEY-----", "secrets", "-----…"),
        ("https://me:pass@example.com/x", "secrets", "https…"),
    ],
)
def test_what_a_text_leaks(tmp_path: Path, text: str, kind: str, sample: str) -> None:
    (found,) = findings(local_path_leak, with_text(tmp_path, text))
    personal = kind in ("user directories", "secrets")
    assert found.severity is (Severity.WARNING if personal else Severity.INFO)
    assert found.message.startswith(f"{kind} found in 1 text field (first: doc_string of model: ")
    assert repr(sample)[:-1] in found.message


@pytest.mark.parametrize(
    "text",
    [
        'File "net.py", line 41, in forward',
        'File "/usr/lib/python3.11/contextlib.py", line 9, in f',
        'File "/root/venv/lib/python3.9/site-packages/torch/nn/modules/conv.py", line 3, in f',
        r"C:\Python\Lib\site-packages\torch\nn\conv.py(3): f",
        r"/opt/conda/lib/python3.9/site-packages/torch/nn/modules/conv.py(443): _conv_forward",
        "https://example.com/home/alice/page https://github.com/Users/alice/x",
        "/home/runner/work/data.yaml and /Users/Shared/x",
        "TensorRT 10.0.1.6, alice@example.com, v1://2",
        r"pattern \\d+\w+\s",
        "models/home/x /layer1/home_conv/Conv",
        "hf_hub_download gh_actions sk-learn",
    ],
)
def test_text_that_leaks_nothing(tmp_path: Path, text: str) -> None:
    assert not findings(local_path_leak, with_text(tmp_path, text))


def test_texts_of_every_level_are_read_and_secrets_are_never_shown_whole(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    text = (
        imported("net (float[N] x, bool b) => (float[N] y) { h = local.Smooth(x) ", "local")
        + "y = If (b) <then_branch = t () => (float[N] p) { p = Relu(h) }, else_branch = "
        + "e () => (float[N] q) { q = Neg(h) }> }"
        + '<domain: "local", opset_import: ["" : 21]> Smooth (x) => (y) { y = Relu(x) }'
    )
    model = model_from_text(text)
    branch = model.graph.node[1].attribute[0].g
    value = branch.value_info.add(name="p", doc_string="/home/a/x")
    value.metadata_props.add(key="k", value="/home/a/x")
    weight = branch.initializer.add(name="w", data_type=1, dims=[0])
    holders = [model, model.graph, *model.graph.node, model.graph.input[0], model.graph.output[0]]
    holders += [branch, branch.node[0], branch.output[0], weight, *model.functions]
    for holder in [*holders, *model.functions[0].node]:
        holder.metadata_props.add(key="note", value="/home/a/x\nhttps://me:pass@example.com/")
    path.write_bytes(model.SerializeToString())
    (found,) = findings(local_path_leak, path)
    counts = {"user directories": len(holders) + 3, "secrets": len(holders) + 1}
    assert (found.measured, found.evidence) == (len(holders) + 3, counts)
    assert str(found.place) == "model"
    assert "pass" not in found.message


@pytest.mark.parametrize(
    ("size", "seen"),
    [(16, []), (16 + 100, []), (16 + 101, [101]), (5000, [4984])],
)
def test_external_file_that_holds_more_than_its_tensors(
    tmp_path: Path, size: int, seen: list[int]
) -> None:
    ranges = ({"location": "w.bin", "offset": offset} for offset in ("0", "8"))
    path = moved(tmp_path, TWO_WEIGHTS, *ranges)
    (tmp_path / "w.bin").write_bytes(bytes(size))
    report = run_rule(decompression_mismatch, path, max_bytes=100)
    assert [one.measured for one in report.findings] == seen


def test_bytes_between_overlapping_and_tied_ranges_count_once(tmp_path: Path) -> None:
    ranges = ({"location": "w.bin", "offset": offset} for offset in ("0", "4"))
    path = moved(tmp_path, TWO_WEIGHTS, *ranges)
    (tmp_path / "w.bin").write_bytes(bytes(1000))
    (found,) = run_rule(decompression_mismatch, path, max_bytes=100).findings
    assert found.message == (
        "988 of 1,000 bytes in external data 'w.bin' are not accounted for (limit 100)"
    )


def test_what_onnxruntime_packed_for_its_kernels_is_explained(tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(bytes(1000))
    packed = {"location": "w.bin", "prepacked_0": "MatMul+829|16;500;0|516;484;0"}
    path = moved(tmp_path, TWO_WEIGHTS, packed, {"location": "w.bin", "offset": "8"})
    assert not run_rule(decompression_mismatch, path, max_bytes=100).findings


def test_small_share_of_a_large_model_and_what_a_copy_replaces(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    large = model_from_text(
        "net (float[65536] x) => (float[65536] y) <float[65536] w = {1}> { y = Add(x, w) }"
    )
    large.graph.initializer[0].ClearField("float_data")
    large.graph.initializer[0].raw_data = bytes(4 * 65536)
    unknown = b"\xfa\x3f\xc8\x01" + bytes(200)
    path.write_bytes(large.SerializeToString() + unknown)
    assert not run_rule(decompression_mismatch, path, max_bytes=100).findings
    (found,) = run_rule(decompression_mismatch, path, max_bytes=100, max_share=1e-4).findings
    assert (found.severity, found.measured) == (Severity.INFO, pytest.approx(204, abs=80))
    assert not run_rule(decompression_mismatch, path, max_bytes=300, max_share=0.0).findings
    small = model_from_text(TWO_WEIGHTS)
    text = b"\x32\xc8\x01" + b"a" * 200  # doc_string twice: the last one holds
    path.write_bytes(text + text + small.SerializeToString())
    assert run_rule(decompression_mismatch, path, max_bytes=100).findings[0].measured == 203


def test_text_formats_explain_themselves(tmp_path: Path) -> None:
    path = tmp_path / "model.textproto"
    path.write_text(str(model_from_text(TWO_WEIGHTS)))
    report = run_rule(decompression_mismatch, path, max_bytes=10)
    assert report.complete
    assert not report.findings
