"""Small files that ask for much: nesting, doubling, huge counts, sparse files (H1 to H4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path

from attacks.harness import (
    GIB,
    Case,
    Check,
    Command,
    Outcome,
    any_of,
    complete,
    errs,
    loss_is_told,
)
from attacks.models import ENDLESS, FLAWED, HEADER, SOUND, parsed, write, write_escaping

REPORT = ("--format", "json")
STATIC = ("--static-only", *REPORT)


def cases() -> Iterator[Case]:
    yield from _nested_texts()
    yield from _inferences()
    yield from _functions()
    yield from _files()
    yield from _wire()
    yield from _outputs()
    yield from _runs()


# --- H1: texts that native code parses by recursion --------------------------------------------


def _typed(depth: int, kind: str) -> str:
    written = {"seq": "seq(", "optional": "optional(", "map": "map(string, ",
               "sparse": "sparse_tensor("}  # fmt: skip
    nested = written[kind] * depth + "float[N]" + ")" * depth
    return f"{HEADER}agraph ({nested} x) => (float[N] y) {{ y = Identity(x) }}"


def _branched(depth: int) -> str:
    opening = "y = If (c) <then_branch = t () => (float[N] y) { "
    body = opening * depth + "y = Identity(x)" + " }>" * depth
    return f"{HEADER}agraph (bool c, float[N] x) => (float[N] y) {{ {body} }}"


def _json(depth: int) -> str:
    level = '{"node": [{"opType": "If", "attribute": [{"name": "g", "type": "GRAPH", "g": '
    return f'{{"irVersion": 10, "graph": {level * depth}{{}}{"}]}]}" * depth}}}'


def _json_arrays(depth: int) -> str:
    return f'{{"irVersion": 10, "graph": {"[" * depth}{"]" * depth}}}'


def _textproto(depth: int) -> str:
    level = "node { attribute { g { "
    return f"ir_version: 10 graph {{ {level * depth}{'} } } ' * depth}}}"


TEXTS: dict[str, tuple[str, Callable[[int], str]]] = {
    "seq": ("onnxtxt", partial(_typed, kind="seq")),
    "optional": ("onnxtxt", partial(_typed, kind="optional")),
    "map": ("onnxtxt", partial(_typed, kind="map")),
    "sparse": ("onnxtxt", partial(_typed, kind="sparse")),
    "graphs": ("onnxtxt", _branched),
    "json": ("json", _json),
    "json_arrays": ("json", _json_arrays),
    "textproto": ("textproto", _textproto),
}


def _nested_texts() -> Iterator[Case]:
    for name, (ending, text) in TEXTS.items():
        file = f"deep.{ending}"
        slow = name not in ("seq", "graphs")
        checks = (errs(file), complete())
        build = partial(_beside_deep, text, 30_000, file)
        yield Case(f"nested_{name}_30000", "H1", build, checks, (2,), slow=slow)
    for depth in (60, 90, 200, 2_000):
        build = partial(_all_nested, depth)
        checks = (complete(), _each_reported(len(TEXTS) + 1))
        yield Case(f"nested_all_{depth}", "H1", build, checks, slow=True)
    in_folder = partial(_beside_deep, TEXTS["seq"][1], 30_000, "deep.onnxtxt", folder_alone=True)
    seq = partial(Case, row="H1", checks=(errs("deep.onnxtxt"), complete()), exits=(2,), slow=True)
    yield seq("nested_seq_in_folder", build=in_folder)
    yield seq("nested_seq_jobs", build=partial(in_folder, more=("-j", "2")))
    deep = partial(_deep_alone, TEXTS["graphs"][1])
    yield Case("nested_graphs_inspect", "H1", partial(deep, "inspect"), exits=(2,), slow=True)
    yield Case("nested_graphs_diff", "H1", partial(deep, "--diff"), exits=(2,), slow=True,
               told=False)  # fmt: skip
    yield Case("nested_graphs_reference", "H1", partial(deep, "--reference"), exits=(2,), slow=True)


def _beside_deep(
    text: Callable[[int], str], depth: int, file: str, folder: Path, *,
    folder_alone: bool = False, more: tuple[str, ...] = (),
) -> Command:  # fmt: skip
    write(folder / "models" / "flawed.onnx")
    (folder / "models" / file).write_text(text(depth))
    paths = ["models"] if folder_alone else [f"models/{file}", "models/flawed.onnx"]
    return Command((*paths, *STATIC, *more))


def _all_nested(depth: int, folder: Path) -> Command:
    for name, (ending, text) in TEXTS.items():
        (folder / f"{name}.{ending}").write_text(text(depth))
    write(folder / "flawed.onnx")
    return Command(("flawed.onnx", *(f"{name}.{ending}" for name, (ending, _) in TEXTS.items()),
                    *STATIC))  # fmt: skip


def _deep_alone(text: Callable[[int], str], how: str, folder: Path) -> Command:
    deep = folder / "deep.onnxtxt"
    deep.write_text(text(30_000))
    if how == "--reference":
        return Command((write(folder / "flawed.onnx"), "--reference", deep, *REPORT))
    return Command(("inspect", deep) if how == "inspect" else (deep, how))


# --- H2: what shape inference computes ---------------------------------------------------------


def _doubled(times: int, last: str = "y = Expand(x, c{times})") -> str:
    lines = ["c0 = Constant <value = int64[1] {1}> ()"]
    lines += [f"c{n + 1} = Concat <axis = 0> (c{n}, c{n})" for n in range(times)]
    lines.append(last.format(times=times))
    return f"net (float[N] x) => (float y) {{ {chr(10).join(lines)} }}"


def _chain(line: str, times: int, last: str, *, first: str = "") -> str:
    lines = [line.format(n=n, m=n + 1) for n in range(times)]
    return "\n".join(
        [f"net (float[N, M] x) => (float y) {{ {first}", *lines, last.format(times=times), "}"]
    )


INFERENCES: dict[str, str] = {
    "concat_shape_doubling_30": _doubled(30),
    "concat_shape_doubling_60": _doubled(60),
    "concat_doubling_reshape": _doubled(30, "y = Reshape(x, c{times})"),
    "concat_doubling_fill": _doubled(30, "y = ConstantOfShape(c{times})"),
    "concat_doubling_slice": _doubled(30, "z = Slice(c{times}, c0, c0)  y = Expand(x, z)"),
    "reshape_cast_pad": """net (float[N] x) => (float y) {
        s = Constant <value = int64[1] {4611686018427387904}> ()
        r = Reshape(x, s)
        c = Cast <to = 7> (r)
        y = Pad(x, c)
    }""",
    "reshape_cast_tile": """net (float[N] x) => (float y) {
        s = Constant <value = int64[1] {4611686018427387904}> ()
        r = Reshape(x, s)
        c = Cast <to = 7> (r)
        y = Tile(x, c)
    }""",
    "fill_as_shape": """net (float[N] x) => (float y) {
        s = Constant <value = int64[1] {4611686018427387904}> ()
        c = ConstantOfShape <value = int64[1] {1}> (s)
        y = Expand(x, c)
    }""",
    "input_as_shape": """net (float[N] x, int64[4611686018427387904] s) => (float y) {
        y = Reshape(x, s)
    }""",
    "input_as_pads": """net (float[N] x, int64[1000000000] s) => (float y) { y = Pad(x, s) }""",
    "input_as_axes": """net (float[N] x, int64[1000000000] s) => (float y) {
        y = Unsqueeze(x, s)
    }""",
    "range_2_62": """net (float[N] x) => (float y) {
        a = Constant <value = int64 {0}> ()
        b = Constant <value = int64 {4611686018427387904}> ()
        c = Constant <value = int64 {1}> ()
        r = Range(a, b, c)
        y = Expand(x, r)
    }""",
    "expand_rank_2_20": """net (float[N] x, int64[1048576] s) => (float y) {
        y = Expand(x, s)
    }""",
    "tile_then_shape": """net (int64[2] x) => (int64 y) {
        r = Constant <value = int64[1] {1000000000}> ()
        c = Constant <value = int64[2] {1, 2}> ()
        t = Tile(c, r)
        y = Expand(x, t)
    }""",
    "onehot_depth": """net (int64[N] x) => (float y) {
        d = Constant <value = int64 {4611686018427387904}> ()
        v = Constant <value = float[2] {0, 1}> ()
        y = OneHot(x, d, v)
    }""",
    "split_many": """net (float[1000000000] x) => (float y) {
        y, z = Split <num_outputs = 1000000000> (x)
    }""",
    "symbolic_squares": _chain("x{m} = Mul(x{n}, x{n})", 40, "y = Identity(x{times})",
                               first="s = Shape(x)  x0 = ReduceProd(s)"),
    "symbolic_sums": _chain("x{m} = Concat <axis = 0> (x{n}, x{n})", 30, "y = Identity(x{times})",
                            first="x0 = Identity(x)"),
    "symbolic_expansion": _chain("a{m} = Concat <axis = 0> (x{n}, x{n}) "
                                 "x{m} = Reshape(a{m}, k)", 20, "y = Identity(x{times})",
                                 first="k = Constant <value = int64[2] {-1, 3}> () "
                                       "x0 = Identity(x)"),
    "einsum_letters": """net (float[N] x) => (float y) {
        y = Einsum <equation = "EQUATION"> (x)
    }""".replace("EQUATION", "a" * 100_000 + "->" + "a" * 100_000),
    "einsum_commas": """net (float[N] x) => (float y) {
        y = Einsum <equation = "EQUATION"> (x)
    }""".replace("EQUATION", "," * 1_000_000),
    "einsum_dots": """net (float[N, M] x) => (float y) {
        y = Einsum <equation = "EQUATION"> (x, x)
    }""".replace("EQUATION", "...ij,...jk->" + "..." * 100_000),
}  # fmt: skip

DYING_SECONDS = 8.0
"""The time limit of what takes far more; others keep the usual one, for the machine may be slow."""

DYING = ("concat_", "reshape_cast_", "input_as_pads", "input_as_axes")


def _inferences() -> Iterator[Case]:
    told = (_dead_inference_is_told,)
    for name, text in INFERENCES.items():
        static = _linting(text, *STATIC)
        if not name.startswith(DYING):
            yield Case(f"{name}_static", "H2", static, slow=True)
            continue
        dying = partial(Case, row="H2", checks=told, time_limit=DYING_SECONDS, slow=True)
        yield dying(f"{name}_static", build=static)
        if name in ("concat_shape_doubling_30", "reshape_cast_pad"):
            run = _linting(text, *REPORT)
            yield dying(f"{name}_run", build=run, seconds=2 * DYING_SECONDS)
    inspecting = _inspecting(INFERENCES["reshape_cast_pad"])
    yield Case("reshape_cast_pad_inspect", "H2", inspecting, reports=False, slow=True, seconds=130)
    text = _linting(INFERENCES["concat_shape_doubling_30"], "--static-only")
    dying = partial(Case, row="H2", time_limit=DYING_SECONDS, slow=True)
    yield dying("loss_is_told_in_text", build=text, checks=(_loss_is_told_in_text,))
    yield dying("inference_of_many", build=_many, checks=(complete(), loss_is_told))


def _dead_inference_is_told(outcome: Outcome) -> str | None:
    """Took it as long as it may, or as much, then that is not passed over in silence."""
    if outcome.seconds < DYING_SECONDS and outcome.peak < 1.5 * GIB:
        return None
    return loss_is_told(outcome)


def _loss_is_told_in_text(outcome: Outcome) -> str | None:
    return None if "LNT" in outcome.out else "the text does not tell that inference was lost"


def _linting(text: str, *options: str) -> Callable[[Path], Command]:
    return lambda folder: Command((write(folder / "bomb.onnx", text), *options))


def _inspecting(text: str) -> Callable[[Path], Command]:
    return lambda folder: Command(("inspect", write(folder / "bomb.onnx", text), "--static-only"))


def _many(folder: Path) -> Command:
    bomb = write(folder / "bomb.onnx", INFERENCES["concat_shape_doubling_30"])
    return Command((bomb, write(folder / "flawed.onnx"), *STATIC))


# --- H2: functions in functions ----------------------------------------------------------------

FUNCTION_HEADER = '<ir_version: 10, opset_import: ["" : 21, "own" : 1]>\n'


def _laughs(depth: int, calls: int) -> str:
    """Function n calls function n - 1 so many times: calls ** depth nodes, if all are laid out."""
    text = [FUNCTION_HEADER, f"net (float[N] x) => (float[N] y) {{ y = own.f{depth}(x) }}"]
    for n in range(1, depth + 1):
        values = ["x", *(f"a{i}" for i in range(1, calls)), "y"]
        lines = [f"{b} = own.f{n - 1}({a})" for a, b in pairwise(values)]
        text.append(_function(n, "\n".join(lines)))
    return "\n".join([*text, _function(0, "y = Relu(x)")])


def _function(number: int, body: str) -> str:
    imports = 'opset_import: ["" : 21, "own" : 1]'
    return f'<domain: "own", {imports}>\nf{number} (x) => (y) {{ {body} }}'


def _ring(length: int) -> str:
    """Functions that call each other in a circle."""
    text = [FUNCTION_HEADER, "net (float[N] x) => (float[N] y) { y = own.f0(x) }"]
    return "\n".join(
        [*text, *(_function(n, f"y = own.f{(n + 1) % length}(x)") for n in range(length))]
    )


def _row(length: int) -> str:
    """A chain of functions, each of which calls the next."""
    text = [FUNCTION_HEADER, f"net (float[N] x) => (float[N] y) {{ y = own.f{length}(x) }}"]
    text += [_function(n, f"y = own.f{n - 1}(x)") for n in range(1, length + 1)]
    return "\n".join([*text, _function(0, "y = Relu(x)")])


FUNCTIONS: dict[str, str] = {
    "laughs_10_2": _laughs(10, 2),
    "laughs_16_2": _laughs(16, 2),
    "laughs_30_2": _laughs(30, 2),
    "laughs_9_9": _laughs(9, 9),
    "laughs_60_2": _laughs(60, 2),
    "laughs_3_200": _laughs(3, 200),
    "calls_itself": _ring(1),
    "call_each_other": _ring(2),
    "ring_100": _ring(100),
    "row_50": _row(50),
    "row_500": _row(500),
    "row_5000": _row(5000),
}


def _functions() -> Iterator[Case]:
    for name, text in FUNCTIONS.items():
        build = _linting(text, *STATIC)
        if name in ("laughs_30_2", "laughs_9_9", "laughs_60_2", "laughs_3_200"):
            told = (_dead_inference_is_told,)
            yield Case(f"{name}_static", "H2", build, told, time_limit=DYING_SECONDS, slow=True)
        else:
            yield Case(f"{name}_static", "H2", build, slow=name != "ring_100")
    for name in ("laughs_16_2", "laughs_30_2", "ring_100", "row_500"):
        build = _linting(FUNCTIONS[name], *REPORT)
        kind = partial(Case, f"{name}_run", "H2", build, slow=True)
        yield kind(time_limit=DYING_SECONDS, seconds=2 * DYING_SECONDS)


# --- H3: large files ---------------------------------------------------------------------------


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _field(number: int, body: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(body)) + body


def _hole(path: Path, size: int, before: bytes = b"") -> Path:
    """A sparse file: some bytes, then zeros that take no room on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(before)
        file.truncate(size)
    return path


def _files() -> Iterator[Case]:
    sparse = partial(Case, row="H3", time_limit=10, slow=True, seconds=20)
    for ending in ("json", "onnxtxt", "textproto", "onnx"):
        checks = (errs(f"sparse.{ending}"), complete())
        for gib in (3, 10):
            build = partial(_beside_sparse, f"sparse.{ending}", gib, b"")
            yield sparse(f"sparse_{gib}_gib.{ending}", build=build, checks=checks, exits=(2,))
    model = parsed(FLAWED).SerializeToString()
    for number in (100, 3_000_000):
        head = _varint(number << 3 | 2) + _varint(8 * GIB)
        build = partial(_beside_sparse, "sparse.onnx", 8, model + head)
        known = (_read_or_refused,)
        yield sparse(
            f"unknown_field_{number}_of_8_gib", build=build, checks=known, memory_limit=GIB
        )
    for name, prefix in {"graph": (7,), "node": (7, 1), "initializer": (7, 5)}.items():
        build = partial(_beside_sparse, "sparse.onnx", 8, model, prefix=prefix)
        yield sparse(f"unknown_field_of_8_gib_in_{name}", build=build, memory_limit=GIB)
    doc = partial(_beside_sparse, "sparse.onnx", 4, model, prefix=(), number=6)
    yield sparse("doc_string_of_4_gib", build=doc, memory_limit=GIB)
    raw = partial(_beside_sparse, "sparse.onnx", 4, _weights(1 << 30), prefix=(7, 5), number=9)
    yield sparse("weights_of_4_gib", build=raw, seconds=60)
    for name in ("zeros", "spaces", "tags"):
        yield sparse(f"{name}_100_mib", build=partial(_filled, name))
    yield sparse("sparse_inspect", build=_inspect_sparse, exits=(2,))
    yield sparse("sparse_reference", build=_sparse_reference, checks=(loss_or_refusal,))
    yield sparse("sparse_external_data", build=_sparse_external)


def loss_or_refusal(outcome: Outcome) -> str | None:
    """What could not be read is told in one way or another."""
    return None if outcome.exit == 2 else loss_is_told(outcome)


def _read_or_refused(outcome: Outcome) -> str | None:
    return any_of(errs("sparse.onnx"), complete("sparse.onnx"))(outcome)


def _weights(elements: int) -> bytes:
    """A model whose weight has no data yet: what follows in the file is merged into it."""
    model = parsed(SOUND)
    weight = model.graph.initializer[0]
    weight.ClearField("float_data")
    del weight.dims[:]
    weight.dims.extend((3, elements))
    return model.SerializeToString()


def _beside_sparse(
    name: str, gib: int, before: bytes, folder: Path, *,
    prefix: tuple[int, ...] = (), number: int = 100,
) -> Command:  # fmt: skip
    """A file that ends in a hole; with a prefix the hole is a field so deep in the model."""
    size = gib * GIB
    if before and (prefix or number != 100):
        head = _varint(number << 3 | 2) + _varint(size)
        length = size
        for outer in reversed(prefix):
            length = len(head) + size
            head = _varint(outer << 3 | 2) + _varint(length) + head
        before += head
    _hole(folder / name, len(before) + size, before)
    write(folder / "flawed.onnx")
    return Command((name, "flawed.onnx", *STATIC))


def _filled(name: str, folder: Path) -> Command:
    """Real bytes that the walk of the wire format has to go through one by one."""
    block = {"zeros": b"\0\0", "spaces": b"  ", "tags": b"\x08\x01"}[name] * (1 << 19)
    with (folder / "filled.onnx").open("wb") as file:
        for _ in range(100):
            file.write(block)
    write(folder / "flawed.onnx")
    return Command(("filled.onnx", "flawed.onnx", *STATIC))


def _inspect_sparse(folder: Path) -> Command:
    return Command(("inspect", _hole(folder / "sparse.json", 5 * GIB)))


def _sparse_reference(folder: Path) -> Command:
    reference = _hole(folder / "sparse.json", 5 * GIB)
    return Command((write(folder / "flawed.onnx"), "--reference", reference, *REPORT))


def _sparse_external(folder: Path) -> Command:
    """Weights in a file that is much larger than they are."""
    _hole(folder / "w.bin", 10 * GIB)
    path = write_escaping(folder / "model.onnx", "w.bin")
    return Command((path, "--format", "json", "--verbose"))


# --- the wire format ---------------------------------------------------------------------------


def _wire_files() -> dict[str, bytes]:
    model = parsed(FLAWED).SerializeToString()
    nested = b""
    for _ in range(150):  # graph, node, attribute, graph, …
        nested = _field(1, _field(5, _field(6, nested)))
    return {
        "field_zero": b"\x02\x00" + model,
        "field_zero_varint": model + b"\x00\x01",
        "field_zero_in_graph": model + _field(7, b"\x02\x03abc"),
        "field_number_2_29": model + _varint((2**29 - 1) << 3) + b"\x01",
        "field_number_2_40": model + _varint(2**40 << 3) + b"\x01",
        "group": model + b"\xa3\x06\xa4\x06",
        "group_unended": model + b"\xa3\x06",
        "group_end_alone": model + b"\xa4\x06",
        "wire_type_6": model + b"\x0e",
        "wire_type_7": model + b"\x0f",
        "varint_11_bytes": b"\x08" + b"\x80" * 10 + b"\x01" + model,
        "varint_overlong": b"\x08" + b"\x81\x80\x80\x80\x00" + model,
        "varint_unended": model + b"\x08\x80",
        "length_2_63": model + b"\x3a" + _varint(2**63),
        "length_2_64": model + b"\x3a" + _varint(2**64 - 1),
        "length_minus_1": model + b"\x3a" + b"\xff" * 9 + b"\x01",
        "length_one_more": model + b"\x3a\x02\x00",
        "tag_overlong": b"\x88\x80\x80\x80\x00\x0a" + model,
        "twice": model * 2,
        "thrice_with_rubbish": model * 3 + b"\xff",
        "nested_450": _field(7, nested),
        "nested_450_behind": model + _field(7, nested),
        "name_not_utf8": model + _field(7, _field(2, b"\xff\xfe")),
        "doc_not_utf8": model + _field(6, b"\xc3\x28"),
        "wrong_type_of_graph": b"\x38\x01" + model,
        "wrong_type_of_version": b"\x0a\x01\x0a" + model,
        "graph_of_zeros": b"\x08\x0a" + _field(7, bytes(1000)),
        "empty_graph": b"\x08\x0a" + _field(7, b""),
        "version_negative": b"\x08" + b"\xff" * 9 + b"\x01" + model[2:],
        "fixed_cut": model + b"\x39\x00\x00",
        "fixed_unknown": model + b"\xa1\x06" + bytes(8) + b"\xa5\x06" + bytes(4),
    }


def _wire() -> Iterator[Case]:
    yield Case("wire_format", "wire", _all_wire_files, (complete(), _each_reported(32)), (2,))
    yield Case("every_prefix", "wire", _prefixes, (complete(), _each_reported(90)), (2,), slow=True)
    pieces = {"empty": b"", "noted": _field(10, b"text"), "named": _field(2, b"net")}
    merged = partial(Case, row="wire", checks=(complete("merged.onnx"),), slow=True)
    for name, piece in pieces.items():
        yield merged(f"graphs_merged_100000_{name}", build=partial(_merged, piece, 100_000))
    whole = _field(1, _field(1, b"h") + _field(2, b"g") + _field(4, b"Relu"))
    yield merged("graphs_merged_100000_of_a_node", build=partial(_merged, whole, 100_000),
                 seconds=60)  # fmt: skip
    yield Case("outputs_100000", "structure", partial(_ported, 0, 100_000), slow=True, seconds=60)
    yield Case("inputs_50000", "structure", partial(_ported, 50_000, 0), slow=True, seconds=60)


def _all_wire_files(folder: Path) -> Command:
    for name, raw in _wire_files().items():
        (folder / "wire").mkdir(exist_ok=True)
        (folder / "wire" / f"{name}.onnx").write_bytes(raw)
    write(folder / "wire" / "flawed.onnx")
    return Command(("wire", *STATIC))


def _prefixes(folder: Path) -> Command:
    (folder / "cut").mkdir()
    model = parsed("a(float[N] x)=>(float[N] y){y=Relu(x)}").SerializeToString()
    for number in range(89):
        (folder / "cut" / f"{number:02}.onnx").write_bytes(model[: number * len(model) // 89])
    write(folder / "cut" / "flawed.onnx")
    return Command(("cut", *STATIC))


def _each_reported(number: int) -> Check:
    def check(outcome: Outcome) -> str | None:
        told = len(outcome.models)
        return None if told == number else f"{told} of {number} models are reported"

    return check


def _merged(piece: bytes, times: int, folder: Path) -> Command:
    """A graph in so many pieces, which protobuf puts together."""
    grown = parsed(FLAWED).SerializeToString() + _field(7, piece) * times
    (folder / "merged.onnx").write_bytes(grown)
    return Command(("merged.onnx", *STATIC))


def _ported(inputs: int, outputs: int, folder: Path) -> Command:
    """So many inputs that nobody reads, and so many outputs of one node each."""
    model = parsed(SOUND)
    graph = model.graph
    for number in range(inputs):
        graph.input.add().CopyFrom(graph.input[0])
        graph.input[-1].name = f"in{number}"
    for number in range(outputs):
        graph.node.add(op_type="Relu", input=["y"], output=[f"out{number}"], name=f"n{number}")
        graph.output.add().CopyFrom(graph.output[0])
        graph.output[-1].name = f"out{number}"
    return Command((write(folder / "model.onnx", model), *STATIC))


# --- H4: outputs -------------------------------------------------------------------------------


def _growing(times: int, kind: str = "int64") -> str:
    return f"""net ({kind}[1] x) => ({kind}[K] y) {{
        n = Constant <value = int64 {{{times}}}> ()
        c = Constant <value = bool {{1}}> ()
        y = Loop (n, c, x) <body = b (int64 i, bool g, {kind}[M] a) => (bool o, {kind}[P] z) {{
            o = Identity(g)
            z = Concat <axis = 0> (a, a)
        }}>
    }}"""


def _outputs() -> Iterator[Case]:
    kind = partial(Case, row="H4", seconds=40, slow=True,
                   checks=(loss_is_told_or_ran, _not_blamed))  # fmt: skip
    for times, mib in ((24, 700), (24, 840), (24, 920), (25, 2048), (26, 2048)):
        build = _linting(_growing(times), *REPORT)
        yield kind(f"loop_doubles_{times}_in_{mib}_mib", build=build, memory_limit=mib << 20)
    yield kind("loop_doubles_texts_18", build=_linting(_growing(18, "string"), *REPORT))
    inspecting = _inspecting_run(_growing(24))
    yield kind("loop_doubles_24_inspect", build=inspecting, reports=False, checks=(),
               memory_limit=900 << 20)  # fmt: skip
    many = "\n".join(f"y{n} = Expand(x, s)" for n in range(8))
    outputs = ", ".join(f"float[K{n}] y{n}" for n in range(8))
    wide = f"""net (float[1] x) => ({outputs}) {{
        s = Constant <value = int64[1] {{60000000}}> ()
        {many}
    }}"""
    yield kind("eight_outputs_of_240_mb", build=_linting(wide, *REPORT))


def _inspecting_run(text: str) -> Callable[[Path], Command]:
    return lambda folder: Command(("inspect", write(folder / "bomb.onnx", text)))


def loss_is_told_or_ran(outcome: Outcome) -> str | None:
    """The run is in the report, or why there was none."""
    model = outcome.model("bomb.onnx")
    if model is not None and model["summary"].get("samples"):
        return None
    told = any(f["code"].startswith(("RUN", "LNT", "SEC")) for f in outcome.findings("bomb.onnx"))
    return None if told or (model or {}).get("error") else "neither a run nor the reason is told"


def _not_blamed(outcome: Outcome) -> str | None:
    crash = next((f for f in outcome.findings() if "SIGSEGV" in f["message"]), None)
    return None if crash is None else f"the model is blamed: {crash['message'][:80]!r}"


# --- bombs that are run ------------------------------------------------------------------------


def _of_shape(shape: str, last: str) -> str:
    return f"""net (float[2] x) => (float y) {{
        s = Constant <value = int64[{shape.count(",") + 1}] {{{shape}}}> ()
        {last}
    }}"""


def _looped(body: str, kind: str = "int64[1]", times: str = "") -> str:
    """A loop without an end, or of so many rounds, over one value."""
    count = f"n = Constant <value = int64 {{{times}}}> ()" if times else ""
    return f"""net ({kind} x) => ({kind} y) {{
        c = Constant <value = bool {{1}}> ()
        {count}
        y = Loop ({"n" if times else ""}, c, x)
            <body = b (int64 i, bool g, {kind} a) => (bool o, {kind} z) {{
            o = Identity(g)
            {body}
        }}>
    }}"""


RUNS: dict[str, str] = {
    "endless_loop": ENDLESS,
    "endless_loop_scan_output": """net (float[1000] x) => (float[N, 1000] y) {
        c = Constant <value = bool {1}> ()
        y = Loop (, c) <body = b (int64 i, bool g) => (bool o, float[1000] z) {
            o = Identity(g)
            z = Identity(x)
        }>
    }""",
    "loop_2_62": _looped("z = Add(a, a)", times=str(2**62)),
    "loop_in_loop": _looped("""z = Loop (, g, a) <body = d (int64 j, bool h, int64[1] e)
        => (bool p, int64[1] f) { p = Identity(h)  f = Add(e, e) }>"""),
    "loop_of_texts": _looped("z = StringConcat(a, a)", kind="string[1]"),
    "loop_of_sequences": """net (float[2] x) => (float[N] y) {
        c = Constant <value = bool {1}> ()
        e = SequenceConstruct(x)
        f = Loop (, c, e)
            <body = b (int64 i, bool g, seq(float[2]) a) => (bool o, seq(float[2]) z) {
            o = Identity(g)
            z = SequenceInsert(a, x)
        }>
        y = ConcatFromSequence <axis = 0> (f)
    }""",
    "fill_2_62": _of_shape(str(2**62), "y = ConstantOfShape(s)"),
    "fill_2_40": _of_shape(str(2**40), "y = ConstantOfShape(s)"),
    "fill_product_overflows": _of_shape(f"{2**32}, {2**32}", "y = ConstantOfShape(s)"),
    "fill_negative": _of_shape("-1", "y = ConstantOfShape(s)"),
    "expand_2_40": _of_shape(str(2**40) + ", 2", "y = Expand(x, s)"),
    "tile_2_40": _of_shape(str(2**40), "y = Tile(x, s)"),
    "tile_twice": _of_shape("1000000", "t = Tile(x, s)  y = Tile(t, s)"),
    "pad_2_40": _of_shape(f"0, {2**40}", "y = Pad(x, s)"),
    "pad_negative": _of_shape(f"-{2**40}, 0", "y = Pad(x, s)"),
    "resize_2_40": """net (float[1, 1, 2, 2] x) => (float y) {
        s = Constant <value = int64[4] {1, 1, 1099511627776, 2}> ()
        y = Resize(x, , , s)
    }""",
    "resize_scale": """net (float[1, 1, 2, 2] x) => (float y) {
        s = Constant <value = float[4] {1, 1, 1e18, 1e18}> ()
        y = Resize(x, , s)
    }""",
    "range_2_40": """net (float[1] x) => (float y) {
        a = Constant <value = int64 {0}> ()
        b = Constant <value = int64 {1099511627776}> ()
        c = Constant <value = int64 {1}> ()
        r = Range(a, b, c)
        f = Cast <to = 1> (r)
        y = Add(x, f)
    }""",
    "range_step_zero": """net (float[1] x) => (float y) {
        a = Constant <value = float {0}> ()
        b = Constant <value = float {1}> ()
        r = Range(a, b, a)
        y = Add(x, r)
    }""",
    "onehot_2_40": """net (int64[2] x) => (float y) {
        d = Constant <value = int64 {1099511627776}> ()
        v = Constant <value = float[2] {0, 1}> ()
        y = OneHot(x, d, v)
    }""",
    "eye_like": """net (float[200000, 200000] x) => (float y) { y = EyeLike(x) }""",
    "random_normal": """net (float[1] x) => (float y) {
        r = RandomNormal <shape = [1000000, 1000000]> ()
        y = Add(x, r)
    }""",
    "outer_product": """net (float[300000, 1] x) => (float y) {
        t = Transpose(x)
        y = MatMul(x, t)
    }""",
    "broadcast": """net (float[100000, 1] x, float[1, 100000] z) => (float y) {
        y = Add(x, z)
    }""",
    "cube_of_broadcast": """net (float[3000,1,1] a, float[1,3000,1] b, float[1,1,3000] c)
        => (float y) { d = Add(a, b)  y = Add(d, c) }""",
    "input_2_40": "net (float[1099511627776] x) => (float[1099511627776] y) { y = Relu(x) }",
    "input_dims_overflow":
        "net (float[4294967296, 4294967296] x) => (float[N, M] y) { y = Relu(x) }",
    "doubling_concat": "\n".join(
        ["net (float[2] x) => (float[N] y) { a0 = Relu(x)",
         *(f"a{n + 1} = Concat <axis = 0> (a{n}, a{n})" for n in range(32)),
         "y = Identity(a32) }"]),
    "doubling_texts": "\n".join(
        ["net (string[2] x) => (string[N] y) { a0 = Identity(x)",
         *(f"a{n + 1} = StringConcat(a{n}, a{n})" for n in range(34)), "y = Identity(a34) }"]),
    "regular_expression": """net (string[N] x) => (bool[N] y) {
        y = RegexFullMatch <pattern = "(((a{0,1000}){0,1000}){0,1000})"> (x)
    }""",
    "regular_expression_nested": """net (string[N] x) => (bool[N] y) {
        y = RegexFullMatch <pattern = "PATTERN"> (x)
    }""".replace("PATTERN", "(" * 20_000 + "a" + ")" * 20_000),
    "conv_zero_stride": """net (float[1, 1, 8, 8] x) => (float y)
        <float[1, 1, 2, 2] w = {1, 1, 1, 1}> { y = Conv <strides = [0, 0]> (x, w) }""",
    "conv_zero_group": """net (float[1, 1, 8, 8] x) => (float y)
        <float[1, 1, 2, 2] w = {1, 1, 1, 1}> { y = Conv <group = 0> (x, w) }""",
    "conv_huge_dilation": """net (float[1, 1, 8, 8] x) => (float y)
        <float[1, 1, 2, 2] w = {1, 1, 1, 1}> {
        y = Conv <dilations = [4611686018427387904, 1], pads = [0, 0, 4611686018427387904, 0]>
            (x, w) }""",
    "conv_transpose_huge_stride": """net (float[1, 1, 8, 8] x) => (float y)
        <float[1, 1, 2, 2] w = {1, 1, 1, 1}> {
        y = ConvTranspose <strides = [1000000, 1000000]> (x, w) }""",
    "pool_zero_kernel": """net (float[1, 1, 8, 8] x) => (float y) {
        y = MaxPool <kernel_shape = [0, 0]> (x) }""",
    "pool_huge_pads": """net (float[1, 1, 8, 8] x) => (float y) {
        y = AveragePool <kernel_shape = [2, 2], pads = [2147483647, 0, 2147483647, 0]> (x) }""",
    "lstm_hidden_size": """net (float[1, 1, 2] x) => (float y)
        <float[1, 4, 2] w = {1, 1, 1, 1, 1, 1, 1, 1}, float[1, 4, 1] r = {1, 1, 1, 1}> {
        y = LSTM <hidden_size = 1099511627776> (x, w, r) }""",
    "top_k_2_62": """net (float[4] x) => (float y, int64 i) {
        k = Constant <value = int64[1] {4611686018427387904}> ()
        y, i = TopK(x, k) }""",
    "gather_far": """net (float[4] x) => (float y) {
        i = Constant <value = int64[1] {4611686018427387904}> ()
        y = Gather(x, i) }""",
    "scatter_far": """net (float[4] x) => (float y) {
        i = Constant <value = int64[1, 1] {-4611686018427387904}> ()
        u = Constant <value = float[1] {1}> ()
        y = ScatterND(x, i, u) }""",
    "depth_to_space_zero": """net (float[1, 4, 2, 2] x) => (float y) {
        y = DepthToSpace <blocksize = 0> (x) }""",
    "space_to_depth_minus_1": """net (float[1, 4, 2, 2] x) => (float y) {
        y = SpaceToDepth <blocksize = -1> (x) }""",
    "einsum_huge": """net (float[3000, 2] x) => (float y) {
        y = Einsum <equation = "ab,cd,ef->abcdef"> (x, x, x) }""",
    "blackman": """net (float[1] x) => (float y) {
        n = Constant <value = int64 {1099511627776}> ()
        w = BlackmanWindow(n)
        y = Add(x, w) }""",
    "mel_matrix": """net (float[1] x) => (float y) {
        n = Constant <value = int64 {1000000000}> ()
        d = Constant <value = int64 {1000000000}> ()
        r = Constant <value = int64 {16000}> ()
        a = Constant <value = float {0}> ()
        b = Constant <value = float {8000}> ()
        w = MelWeightMatrix(n, d, r, a, b)
        y = Add(x, w) }""",
    "scan_nested": """net (float[4, 2] x) => (float[N, 2] y) {
        y = Scan <num_scan_inputs = 1, body = b (float[2] a) => (float[2] z) {
            s = Constant <value = int64[1] {1000000000}> ()
            t = Tile(a, s)
            z = ReduceMax(t)
        }> (x)
    }""",
    "if_both_huge": """net (bool c, float[2] x) => (float[N] y) {
        y = If (c) <then_branch = t () => (float[N] u) {
            s = Constant <value = int64[1] {1000000000}> ()
            u = Expand(x, s)
        }, else_branch = e () => (float[N] v) {
            s2 = Constant <value = int64[1] {1000000000000}> ()
            v = Expand(x, s2)
        }>
    }""",
}  # fmt: skip


def _runs() -> Iterator[Case]:
    for name, text in RUNS.items():
        checks = (loss_is_told_or_ran,)
        build = _linting(text, *REPORT)
        slow = name not in ("fill_2_62", "conv_zero_group")
        yield Case(f"run_{name}", "bombs", build, checks, time_limit=4, seconds=20, slow=slow)
