"""Our rules against onnx's checker, on systematic damage to valid models.

    python tools/tests/mutation_proof.py [--jobs N] [--show N] [--only TEXT] [--write PAGE]

Whatever `onnx.checker` rejects must get an error of ours, at the right place (see mutants.py), or
stand in `LESSER` with its reason. What we reject and the checker accepts is counted by rule.
"""

from __future__ import annotations

import json
import re
import tempfile
import warnings
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import onnx
from msgspec.structs import replace
from mutants import KINDS, UNHURT, Mutant, Spot, mutants
from onnx import ModelProto, checker

from onnxlint.config import load
from onnxlint.findings import Diagnostic
from onnxlint.job import Job, plan
from onnxlint.pipeline import lint_model
from onnxlint.rules.packs import discover
from onnxlint.safety.forked import Crashed, Isolated
from onnxlint.safety.limits import Budget
from onnxlint.severity import Severity
from onnxlint.testing import model_from_text

DATA = Path(onnx.__file__).parent / "backend" / "test" / "data"


def _budget() -> Budget:
    """What one child may take, from now on."""
    return Budget(120.0, None)


FIXTURES = Path(__file__).parents[2] / "fixtures"


@dataclass(frozen=True)
class Lesser:
    """What the checker rejects and we report as less than an error: by design."""

    says: str
    """What the checker says, as a regular expression."""

    code: str
    """Our rule, which must speak all the same."""

    why: str


LESSER = (
    Lesser(r"Field 'shape' of 'type' is required", "ONX020",
           "onnxruntime runs a model whose output has no shape"),
    Lesser(r"Field 'shape' of 'type' is required", "ONX019",
           "onnxruntime runs a model whose input has no shape"),
    Lesser(r"Your model ir_version \d+ is higher than the checker's", "ONX003",
           "a newer onnx may read it: the file is not wrong"),
    Lesser(r"in initializer but not in graph input", "ONX036",
           "onnxruntime runs a model of IR 3 whose initializers are no inputs"),
    Lesser(r"FunctionOp imports version 9999", "ONX042",
           "an onnx that knows the opset may know that the operators did not change"),
    Lesser(r"typestr: \w+, has unsupported type|Inferred elem type", "ONX037",
           "onnxruntime runs a model with a value_info that has no name"),
    Lesser(r"Inferred shape and existing shape differ", "ONX028",
           "onnxruntime runs a model with a stale shape inside, and warns"),
)  # fmt: skip
"""A finding of less than an error is enough, but it must be there, at the right place."""

VALID = (
    (r"No opset import for domain 'ai\.onnx'|No Opset registered for domain ai\.onnx",
     "the standard domain has two names, which mean the same to onnxruntime and by the spec"),
)  # fmt: skip
"""What the checker says of valid models; so is all it says of operators in an opset that it does
not know yet: it takes the newest it knows, and nobody can tell what the other will have."""


NEWEST_OF_OTHERS = 9998
"""Versions of domains that onnx does not know: any is as good, but the one that no team has."""


@dataclass(frozen=True)
class Base:
    """A valid model to damage, with the files beside it."""

    name: str
    model: ModelProto
    files: dict[str, bytes] = field(default_factory=dict)


@dataclass
class Outcome:
    """What became of the mutants of one model."""

    rejected: int = 0
    accepted: int = 0
    ended: int = 0
    """Of the rejected ones those at which the checker's native code crashes."""
    crashed: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    lesser: Counter[str] = field(default_factory=Counter)
    beyond: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, other: Outcome) -> None:
        self.rejected += other.rejected
        self.accepted += other.accepted
        self.ended += other.ended
        self.crashed += other.crashed
        self.missed += other.missed
        self.lesser.update(other.lesser)
        for code, told in other.beyond.items():
            self.beyond[code] += told


TEXTS = {
    "if": """net (bool flag, float[N] x, float[N] z) => (float[N] y) <float[1] w = {2}> {
        h = Add(x, z)
        y = If(flag) <
            then_branch = a () => (float[N] p) <float[1] v = {3}> { t = Mul(h, v) p = Relu(t) },
            else_branch = b () => (float[N] q) { q = Mul(x, w) }
        >
    }""",
    "nested_if": """net (bool flag, bool other, float[N] x) => (float[N] y) {
        y = If(flag) <
            then_branch = a () => (float[N] p) {
                p = If(other) <
                    then_branch = c () => (float[N] r) { r = Exp(x) },
                    else_branch = d () => (float[N] s) { s = Neg(x) }
                >
            },
            else_branch = b () => (float[N] q) { q = Relu(x) }
        >
    }""",
    "loop": """net (int64 n, bool start, float[2] x) => (float[2] last, float[K, 2] all) {
        last, all = Loop(n, start, x) <
            body = step (int64 i, bool go, float[2] h) => (bool on, float[2] next, float[2] out) {
                on = Identity(go)
                next = Add(h, x)
                out = Relu(next)
            }
        >
    }""",
    "scan": """net (float[2] start, float[T, 2] x) => (float[2] last, float[T, 2] all) {
        last, all = Scan <num_scan_inputs = 1, body = step (float[2] h, float[2] part) =>
            (float[2] next, float[2] out) { next = Add(h, part) out = Identity(next) }
        > (start, x)
    }""",
    "function": """<ir_version: 10, opset_import: ["" : 21, "own" : 1]>
    net (float[N, 3] x) => (float[N, 3] y) {
        h = own.act <slope = 0.5> (x)
        y = own.twice(h)
    }
    <domain: "own", opset_import: ["" : 21]>
    act <slope> (a) => (b) { b = LeakyRelu <alpha: float = @slope> (a) }
    <domain: "own", opset_import: ["" : 21]>
    twice (a) => (b) { t = Exp(a) b = Add(a, t) }""",
    "nested_function": """<ir_version: 10, opset_import: ["" : 21, "own" : 1]>
    net (bool flag, float[N] x) => (float[N] y) { y = own.outer(flag, x) }
    <domain: "own", opset_import: ["" : 21, "own" : 1]>
    outer (c, a) => (b) {
        h = own.inner(a)
        b = If(c) <
            then_branch = t () => (p) { p = Relu(h) },
            else_branch = e () => (q) { q = Exp(a) }
        >
    }
    <domain: "own", opset_import: ["" : 21]>
    inner (a) => (b) { b = Neg(a) }""",
    "function_ir8": """<ir_version: 8, opset_import: ["" : 17, "own" : 1]>
    net (float[N] x) => (float[N] y) { y = own.half(x) }
    <domain: "own", opset_import: ["" : 17]>
    half (a) => (b) { c = Constant <value = float {0.5}> () b = Mul(a, c) }""",
    "chain": """net (float[N, 4] x) => (float[N, 2] y)
    <float[4, 3] w = {1,2,3,4,5,6,7,8,9,10,11,12}, float[3] b = {1, 2, 3}, float[3, 2] v =
        {1,2,3,4,5,6}, int64[2] shape = {-1, 2}, float[N, 3] h, float[N, 3] a> {
        h = MatMul(x, w)
        s = Add(h, b)
        a = Relu(s)
        m = MatMul(a, v)
        y = Reshape(m, shape)
    }""",
    "conv": """<ir_version: 10, opset_import: ["" : 21]>
    net (float[N, 1, 8, 8] x) => (float[N, 4] p)
    <float[2, 1, 3, 3] w = {1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7,8,9}, float[2] b = {1, 2},
     float[18, 4] v = {1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,1,2,3,4,5,6,7,8,9,10,11,12,13,
     14,15,16,17,18,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,1,2,3,4,5,6,7,8,9,10,11,12,13,14,
     15,16,17,18}> {
        c = Conv <kernel_shape = [3, 3], pads = [0, 0, 0, 0]> (x, w, b)
        r = Relu(c)
        m = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (r)
        f = Flatten <axis = 1> (m)
        g = Gemm <alpha = 1.0, transB = 0> (f, v)
        p = Softmax <axis = -1> (g)
    }""",
    "stored": """net (float[2] x, string[2] t) =>
        (float[2] y, string[2] u, double[1] d, uint64[1] q)
    <float16[2] half = {1, 2}, bfloat16[2] brain = {1, 2},
     string[2] texts = {"a", "b"}, double[1] wide = {0.5}, uint64[1] count = {7},
     int8[2] bytes = {1, 2}, bool[2] flags = {1, 0}, float[0] none = {}> {
        c = Cast <to = 1> (half)
        e = Cast <to = 1> (brain)
        f = Cast <to = 1> (bytes)
        g = Cast <to = 1> (flags)
        s = Sum(x, c, e, f, g)
        y = Concat <axis = 0> (s, none)
        u = StringConcat(t, texts)
        d = Identity(wide)
        q = Identity(count)
    }""",
    "ir3": """<ir_version: 3, opset_import: ["" : 7]>
    net (float[N, 2] x, float[2] w = {1, 2}) => (float[N, 2] y) { y = Mul(x, w) }""",
    "containers": """net (float[2] x, float[2] z) => (seq(float[2]) s, float[2] y, float[2] o) {
        s = SequenceConstruct(x, z)
        i = Constant <value = int64 {0}> ()
        y = SequenceAt(s, i)
        m = Optional(x)
        o = OptionalGetElement(m)
    }""",
    "ml": """<ir_version: 10, opset_import: ["" : 21, "ai.onnx.ml" : 3]>
    net (float[N, 2] x) => (int64[N] label, float[N, 2] scores) {
        n = ai.onnx.ml.Normalizer <norm = "L2"> (x)
        label, scores = ai.onnx.ml.LinearClassifier <coefficients = [1.0, 2.0, 3.0, 4.0],
            intercepts = [0.0, 0.0], classlabels_ints = [0, 1], multi_class = 0,
            post_transform = "NONE"> (n)
    }""",
    "vendor": """<ir_version: 10, opset_import: ["" : 21, "com.microsoft" : 1]>
    net (float[N] x) => (float[N] y) { h = com.microsoft.QuickGelu(x) y = Relu(h) }""",
    "older": """<ir_version: 5, opset_import: ["" : 10]>
    net (float[1, 5] x, int64[1, 2] i, float[1, 2] u) => (float[1, 5] y) {
        y = Scatter <axis = 1> (x, i, u)
    }""",
    "gru": """net (float[T, 1, 2] x) => (float[T, 1, 1, 2] y)
    <float[1, 6, 2] w = {1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3}, float[1, 6, 2] r =
        {1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3}, float[1, 1, 2] start = {0, 0}, float[T, 1, 2] h> {
        h = Tanh(x)
        y, last = GRU <hidden_size = 2> (h, w, r, "", "", start)
    }""",
    "omitted": """net (float[N] x, float high) => (float[N] y) {
        h = Clip(x, "", high)
        y, mask = Dropout(h)
    }""",
}
"""Models with what the conformance models lack, or have in one place alone."""


def written() -> Iterator[Base]:
    """The models above, with raw, sparse and external tensors added."""
    import numpy as np
    from onnx import SparseTensorProto, TensorProto, helper, numpy_helper

    for name, text in TEXTS.items():
        yield Base(name, model_from_text(text))
    raw = model_from_text(TEXTS["chain"])
    for tensor in raw.graph.initializer:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor), tensor.name))
    yield Base("raw", raw)
    sparse = model_from_text(
        "net (float[2, 3] x) => (float[2, 3] y) { y = Relu(x) s = Constant() }"
    )
    values = numpy_helper.from_array(np.float32([1, 2, 3]), "w")
    rows = numpy_helper.from_array(np.int64([[0, 0], [0, 2], [1, 1]]))
    sparse.graph.sparse_initializer.append(
        SparseTensorProto(values=values, indices=rows, dims=[2, 3])
    )
    numbers = numpy_helper.from_array(np.int64([1, 3]))
    pair = numpy_helper.from_array(np.float32([1, 2]), "s")
    attribute = sparse.graph.node[1].attribute.add(name="sparse_value", type=11)
    attribute.sparse_tensor.CopyFrom(SparseTensorProto(values=pair, indices=numbers, dims=[4]))
    yield Base("sparse", sparse)
    external = model_from_text(TEXTS["chain"])
    weights = np.arange(12, dtype=np.float32).tobytes()
    tensor = external.graph.initializer[0]
    tensor.ClearField("float_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", "weights.bin"), ("offset", "0"), ("length", str(len(weights)))):
        tensor.external_data.add(key=key, value=value)
    yield Base("external", external, {"weights.bin": weights})
    documented = model_from_text(TEXTS["chain"])
    helper.set_model_props(documented, {"labels": "a,b", "author": "c"})
    yield Base("documented", documented)


@cache
def operator_bases() -> tuple[Base, ...]:
    """The conformance models, one of those with the same operators, attributes and types."""
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy's, while onnx computes the expected outputs
        cases = collect_testcases(None)
    found: dict[Any, Base] = {}
    for case in cases:
        if case.model is not None:
            found.setdefault(_build(case.model), Base(case.name, case.model))
    return tuple(found.values())


def _build(model: ModelProto) -> tuple[Any, ...]:
    """What makes a conformance model another than the next."""
    nodes = tuple(
        (n.op_type, len(n.input), len(n.output), *(a.name for a in n.attribute))
        for n in model.graph.node
    )
    values = (*model.graph.input, *model.graph.output)
    types = tuple(v.type.tensor_type.elem_type for v in values)
    return nodes, types, tuple(entry.version for entry in model.opset_import)


def file_bases() -> Iterator[Base]:
    """Stored conformance models, the light ones and the fixtures: those that are valid."""
    stored = sorted(path for folder in ("simple", "pytorch-operator", "pytorch-converted")
                    for path in (DATA / folder).glob("*/model.onnx"))  # fmt: skip
    for path in (
        *stored,
        *sorted((DATA / "light").glob("*.onnx")),
        *sorted(FIXTURES.rglob("*.onnx")),
    ):
        if path.stat().st_size < 200_000 and "external" not in path.name:
            yield Base(f"{path.parent.name}/{path.stem}", onnx.load(path))


def is_valid(base: Base) -> bool:
    """Whether the checker accepts a model."""
    with tempfile.TemporaryDirectory() as folder:
        _lay(base, Path(folder))
        try:
            path = str(_write(base.model, Path(folder))).encode()
            return not Isolated(_verdict, path, _budget()).result()
        except Crashed:
            return False


def _lay(base: Base, folder: Path) -> None:
    for name, content in base.files.items():
        (folder / name).write_bytes(content)


def _write(model: ModelProto, folder: Path) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def _verdict(path: bytes) -> bytes:
    """What the checker has against a model; empty if it accepts it."""
    try:
        checker.check_model(path.decode(), full_check=True)
    except Exception as error:
        return (str(error).strip() or type(error).__name__).encode()
    return b""


def chosen(base: Base, share: int) -> list[str]:
    """The kinds of damage that a sample does to a model, one of `share`: the same at every run."""
    return [k for k in KINDS if zlib.crc32(f"{base.name}/{k}".encode()) % share == 0]


@cache
def rules() -> Job:
    """The rules that are proved; sympy is loaded with them, once and not in every child."""
    import sympy  # noqa: F401

    return plan(load(None), discover(), "", select=["ONX", "SEC"], static_only=True)


def judge(base: Base, kinds: list[str]) -> Outcome:
    """Damages a model in every way and compares the checker's word with ours.

    All of it happens in a child process, which native code may end; another one goes on from there.
    Where the checker ends it, it has rejected the mutant. Where the lint does, it is tried again
    with the protection that users have.
    """
    outcome = Outcome()
    rules()
    if not is_valid(base):
        return outcome
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _lay(base, folder)
        results = folder / "results.jsonl"
        results.touch()
        guarded, end = -1, ""
        while True:
            done = len(results.read_text().splitlines())
            work = partial(_judge_in_child, base, folder, kinds, done, guarded, end)
            try:
                Isolated(lambda _, work=work: work(), b"", _budget()).result()
                break
            except Crashed as error:
                done = len(results.read_text().splitlines())
                if guarded != done:
                    guarded, end = done, "" if (folder / "verdict").exists() else str(error)
                else:
                    with results.open("a") as file:
                        file.write(json.dumps({"crash": f"{base.name} {done}: {error}"}) + "\n")
        for line in results.read_text().splitlines():
            _count(outcome, json.loads(line))
    return outcome


def _judge_in_child(
    base: Base, folder: Path, kinds: list[str], skip: int, guarded: int, end: str
) -> bytes:
    """Writes a line for each mutant from number `skip` on.

    This is a child already, so shape inference needs none of its own, but for the mutant `guarded`.
    Of this one it is known how it ends the checker, if it does.
    """
    fork = Isolated._fork
    verdict = folder / "verdict"
    with (folder / "results.jsonl").open("a", buffering=1) as results:
        for number, mutant in enumerate(mutants(base.model, kinds)):
            if number >= skip:
                verdict.unlink(missing_ok=True)
                path = _write(mutant.model, folder)
                ended = end if number == guarded else ""
                says = ended or _verdict(str(path).encode()).decode(errors="replace")
                verdict.touch()
                Isolated._fork = fork if number == guarded else lambda self: None  # type: ignore
                report = lint_model(replace(rules(), path=str(path)))
                label = f"{base.name}: {mutant.kind} {mutant.detail}".strip()
                entry = _compared(label, mutant, says, report) | {"ended": bool(ended)}
                results.write(json.dumps(entry) + "\n")
    return b""


def _compared(label: str, mutant: Mutant, says: str, report: Any) -> dict[str, Any]:
    errors = [f for f in report.findings if f.severity is Severity.ERROR]
    if mutant.kind == UNHURT and (errors or says):
        told = [f"{f.code} at {f.place}: {f.message}" for f in errors]
        return {"rejected": label, "missed": f"{label}\n    checker: {says}\n    ours: {told}"}
    if not says:
        return {"accepted": sorted({f.code for f in errors}), "label": label}
    if report.error is not None:
        return {"rejected": label, "unreadable": report.error}
    right = [f for f in errors if stands_at(f, mutant.where)]
    if right:
        return {"rejected": label}
    if _imports_the_future(mutant) or any(re.search(pattern, says) for pattern, _ in VALID):
        return {"rejected": label, "lesser": "valid"}
    for lesser in LESSER:
        if re.search(lesser.says, says) and any(
            f.code == lesser.code and stands_at(f, mutant.where) for f in report.findings
        ):
            return {"rejected": label, "lesser": lesser.code}
    ours = "; ".join(f"{f.severity.value} {f.code} at {f.place}: {f.message}"
                     for f in report.findings) or "nothing"  # fmt: skip
    return {"rejected": label, "missed": f"{label}\n    checker: {_brief(says)}\n    ours: {ours}"}


def _imports_the_future(mutant: Mutant) -> bool:
    """Whether the damage is an import of a standard domain's opset that no onnx knows yet."""
    newest: dict[str, int] = defaultdict(lambda: NEWEST_OF_OTHERS)
    for schema in onnx.defs.get_all_schemas_with_history():
        newest[schema.domain] = max(newest.get(schema.domain, 0), schema.since_version)
    imports = mutant.model.opset_import
    return mutant.kind == "change_import" and any(e.version > newest[e.domain] for e in imports)


def _brief(says: str) -> str:
    return " ".join(says.split())[:300]


def stands_at(finding: Diagnostic, where: frozenset[Spot]) -> bool:
    """Whether a finding stands at one of the right places."""
    place = finding.place
    if place.node_index is None and place.value is None:
        return (place.scope, None, None) in where
    return ((place.scope, place.node_index, None) in where and place.node_index is not None) or (
        place.value is not None and (place.scope, None, place.value) in where
    )


def _count(outcome: Outcome, entry: dict[str, Any]) -> None:
    if "crash" in entry:
        outcome.crashed.append(entry["crash"])
    elif "accepted" in entry:
        outcome.accepted += 1
        for code in entry["accepted"]:
            outcome.beyond[code].append(entry["label"])
    else:
        outcome.rejected += 1
        outcome.ended += entry["ended"]
        if "lesser" in entry:
            outcome.lesser[entry["lesser"]] += 1
        if "missed" in entry:
            outcome.missed.append(entry["missed"])


def main() -> None:
    """Runs the whole set and prints what it shows."""
    import argparse

    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--show", type=int, default=40)
    parser.add_argument("--share", type=int, default=1)
    parser.add_argument("--groups", default="written,operators,files")
    parser.add_argument("--only", default="")
    parser.add_argument("--stride", type=int, default=1)
    parser.add_argument("--offset", type=int, default=0)
    options = parser.parse_args()
    groups = {"written": written, "operators": operator_bases, "files": file_bases}
    bases = [base for name, group in groups.items() if name in options.groups for base in group()]
    bases = [b for b in bases if re.search(options.only, b.name)][options.offset :: options.stride]
    total = Outcome()
    with ThreadPoolExecutor(options.jobs) as pool:
        for outcome in pool.map(lambda b: judge(b, chosen(b, options.share)), bases):
            total.add(outcome)
            for told in outcome.missed:
                print(f"missed {told}", flush=True)
    print(f"{len(bases)} models, {total.rejected} mutants rejected by the checker, "
          f"at {total.ended} of them it crashed, {total.accepted} accepted, "
          f"{len(total.crashed)} crashed, {len(total.missed)} missed, "
          f"lesser {dict(total.lesser)}")  # fmt: skip
    for told in total.crashed:
        print(f"crashed {told}")
    alike: dict[str, list[str]] = defaultdict(list)
    for told in total.missed:
        says = re.sub(r"'[^']*'|\d+", "_", told.splitlines()[1])
        alike[says[:110]].append(told)
    for told in sorted(alike.values(), key=len, reverse=True)[: options.show]:
        print(len(told), told[0][:700])
    for code, labels in sorted(total.beyond.items()):
        print(code, len(labels), labels[:4])


if __name__ == "__main__":
    main()
