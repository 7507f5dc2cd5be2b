"""Names that a terminal obeys or that have no end, and notes of exporters (H6, M5, L1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from attacks.harness import Case, Check, Command, Outcome, Stream, complete
from attacks.models import FLAWED, parsed, write

if TYPE_CHECKING:
    from onnx import ModelProto

REPORT = ("--format", "json")

EVIL = {
    "csi": "\x1b[2J\x1b[31m",
    "osc": "\x1b]0;title\x07\x1b]52;c;aGVsbG8=\x07\x1b]8;;http://x\x1b\\",
    "c1": "\x9b2J\x9d0;title\x9c\x90q\x85",
    "backspace": "clean\x08\x08\x08\x08\x08bad\x7f",
    "return": "clean\rbad\r\n::error::planted\x0b\x0c",
    "direction": "abc\u202edcba\u202c\u2066x\u2069\u200f\u061c",
    "nul": "a\x00b\x01\x02\x0e\x0f",
    "lines": "a\u2028b\u2029c\x1c\x1d\x1e\x85",
    "markup": "[bold]x[/bold] [/] [red] [link=http://x]y[/link] {0} %s $(id) `id`",
}
"""By kind; one of markup holds nothing that is to be escaped, and must not be swallowed."""

ALL = "".join(text for name, text in EVIL.items() if name != "markup")


def cases() -> Iterator[Case]:
    yield from _terminals()
    yield from _fields()
    yield from _long()
    yield from _notes()
    yield from _paths()


# --- one model in which every name is evil -----------------------------------------------------

SOURCE = """<ir_version: 10, opset_import: ["" : 21, "own" : 1]>
net (float[N, 3] x, bool c) => (float[N, 2] y, float[N, 2] o) <
    float[3, 2] w = {1, 2, 3, 4, 5, 6}, float[2] unused = {1, 2}> {
    h = MatMul(x, w)
    s = Softmax(h)
    y = Softmax(s)
    f = own.called(h)
    o = If (c) <then_branch = t () => (float[N, 2] u) { u = Relu(f) },
                else_branch = e () => (float[N, 2] v) { v = Neg(f) }>
}
<domain: "own", opset_import: ["" : 21]>
called (a) => (b) { b = Sigmoid(a) }"""


def renamed(text: str, *, runs: bool) -> ModelProto:
    """Every name ends in the text; those that decide whether it runs only on demand."""
    model = parsed(SOURCE)
    for path, put in _places(model).items():
        if not runs or path not in BREAKING:
            put(f"{path}{text}")
    _rewire(model, text)
    return model


BREAKING = ("op_type", "node.domain", "opset.domain", "function.name", "function.domain",
            "attribute.name", "overload")  # fmt: skip


def _places(model: ModelProto) -> dict[str, Callable[[str], None]]:
    """Each field for a name, and how to fill it."""
    graph, node = model.graph, model.graph.node[0]
    softmax, function = graph.node[1], model.functions[0]

    def into(message: object, field: str) -> Callable[[str], None]:
        return lambda text: setattr(message, field, text)

    def note(message: object, key: str | None = None) -> Callable[[str], None]:
        def put(text: str) -> None:
            entry = message.metadata_props.add()  # type: ignore[attr-defined]
            entry.key, entry.value = (text, "value") if key is None else (key, text)

        return put

    return {
        "producer_name": into(model, "producer_name"),
        "producer_version": into(model, "producer_version"),
        "model.domain": into(model, "domain"),
        "model.doc_string": into(model, "doc_string"),
        "metadata.key": note(model),
        "metadata.value": note(model, "key"),
        "graph.name": into(graph, "name"),
        "graph.doc_string": into(graph, "doc_string"),
        "graph.metadata": note(graph, "key"),
        "node.name": into(node, "name"),
        "softmax.name": into(softmax, "name"),
        "node.doc_string": into(node, "doc_string"),
        "node.metadata": note(node, "key"),
        "node.scopes": lambda text: note(softmax, "pkg.torch.onnx.name_scopes")(
            repr(["", text, "call"])
        ),
        "node.stack": lambda text: note(softmax, "pkg.torch.onnx.stack_trace")(
            f'File "/home/{text}.py", line 3, in forward'
        ),
        "input.doc_string": into(graph.input[0], "doc_string"),
        "input.denotation": into(graph.input[0].type, "denotation"),
        "dim_param": into(graph.input[0].type.tensor_type.shape.dim[0], "dim_param"),
        "dim.denotation": into(graph.input[0].type.tensor_type.shape.dim[0], "denotation"),
        "initializer.doc_string": into(graph.initializer[0], "doc_string"),
        "attribute.doc_string": into(graph.node[4].attribute[0], "doc_string"),
        "function.doc_string": into(function, "doc_string"),
        "subgraph.name": into(graph.node[4].attribute[0].g, "name"),
        "subgraph.node": into(graph.node[4].attribute[0].g.node[0], "name"),
        "op_type": into(graph.node[2], "op_type"),
        "node.domain": into(graph.node[2], "domain"),
        "overload": into(graph.node[3], "overload"),
        "opset.domain": lambda text: model.opset_import.__getitem__(1).__setattr__("domain", text),
        "function.name": into(function, "name"),
        "function.domain": into(function, "domain"),
        "attribute.name": lambda text: _attribute(softmax, text),
    }


def _attribute(node: object, text: str) -> None:
    from onnx import AttributeProto

    attributes = node.attribute  # type: ignore[attr-defined]
    attributes.add(name=text, type=AttributeProto.STRING, s=text.encode())


def _rewire(model: ModelProto, text: str) -> None:
    """Values get evil names, too, wherever they stand."""
    graph = model.graph
    bodies = [graph, *(a.g for node in graph.node for a in node.attribute if a.HasField("g"))]
    for body in bodies:
        for node in body.node:
            node.input[:] = [f"{name}{text}" if name else "" for name in node.input]
            node.output[:] = [f"{name}{text}" if name else "" for name in node.output]
        for value in (*body.input, *body.output, *body.initializer, *body.value_info):
            value.name = f"{value.name}{text}"


COMMANDS: dict[str, tuple[str, ...]] = {
    "text": ("{model}", "--static-only"),
    "verbose": ("{model}", "--verbose"),
    "inspect": ("inspect", "{model}", "--static-only"),
    "inspect_run": ("inspect", "{model}"),
    "diff": ("{model}", "--diff", "--unverified-fixes"),
    "fix": ("{model}", "--fix", "--unverified-fixes"),
    "witness": ("{model}", "--save-witness", "witnesses"),
    "reference": ("{model}", "--reference", "other.onnx"),
    "trace": ("{model}", "--trace", "full", "--verbose"),
}


def _terminals() -> Iterator[Case]:
    for command, arguments in COMMANDS.items():
        for runs in (True, False):
            name = f"{command}_{'named' if runs else 'all'}"
            kind = _kind(command, slow=name not in ("text_named", "diff_named", "inspect_all"))
            yield kind(f"evil_{name}", build=partial(_evil, ALL, arguments, runs))
    for name, text in EVIL.items():
        for command in ("verbose", "inspect", "diff"):
            checks = _kept if name == "markup" and command != "diff" else ()
            kind = _kind(command, slow=True, checks=checks)
            build = partial(_evil, text, COMMANDS[command], True, stdout="terminal")
            yield kind(f"evil_{name}_{command}", build=build)
    on_terminal = partial(Case, row="L1", exits=(1,))
    yield on_terminal("evil_json_on_terminal", build=partial(_on_terminal, (*REPORT,)))
    text = partial(_on_terminal, ("--verbose",))
    yield on_terminal("evil_text_on_terminal", build=text, slow=True)
    inspecting = partial(_on_terminal, ("--json",), command="inspect")
    yield Case("evil_inspect_json_on_terminal", "L1", inspecting, reports=False, slow=True)
    in_pipe = partial(_evil, ALL, ("{model}", *REPORT), True)
    yield on_terminal("evil_json_in_file", build=in_pipe, checks=(_same_name,), slow=True)


def _kind(command: str, *, slow: bool, checks: tuple[Check, ...] | Check = ()) -> partial[Case]:
    demanded = checks if isinstance(checks, tuple) else (checks,)
    makes_none = command.startswith(("inspect", "diff"))
    writes = ("model.onnx",) if command == "fix" else ("witnesses*",)
    return partial(Case, row="H6", reports=not makes_none, told=command != "diff", slow=slow,
                   writes=writes, checks=demanded)  # fmt: skip


def _evil(
    text: str, arguments: tuple[str, ...], runs: bool, folder: Path, *, stdout: Stream = "file"
) -> Command:  # fmt: skip
    model = write(folder / "model.onnx", renamed(text, runs=runs))
    write(folder / "other.onnx", renamed(text, runs=True))
    return Command(tuple(part.format(model=model.name) for part in arguments), stdout=stdout)


def _on_terminal(options: tuple[str, ...], folder: Path, *, command: str = "") -> Command:
    model = write(folder / "model.onnx", renamed(ALL, runs=True))
    arguments = ("inspect", model, "--static-only") if command else (model, "--static-only")
    return Command((*arguments, *options), stdout="terminal")


def _kept(outcome: Outcome) -> str | None:
    """What looks like a command of rich's is text, and is shown."""
    shown = outcome.out.replace("\n", "")
    return None if "[/bold]" in shown else "a name in square brackets is swallowed"


def _same_name(outcome: Outcome) -> str | None:
    """A machine gets the name as it is."""
    places = [str(text) for f in outcome.findings() for text in f["place"].values()]
    kept = any(ALL in text for text in places)
    return None if kept else "the report does not hold a name as it is"


def _fields() -> Iterator[Case]:
    """One model a field, so that what leaks is known by its name."""
    build = partial(_each_field, ("--verbose", "--static-only"))
    yield Case("evil_fields_text", "H6", build, slow=True)
    yield Case(
        "evil_fields_json", "H6", partial(_each_field, ("--static-only", *REPORT)), slow=True
    )


def _each_field(options: tuple[str, ...], folder: Path) -> Command:
    for path in _places(parsed(SOURCE)):
        model = parsed(SOURCE)
        _places(model)[path](f"{path}{ALL}")
        write(folder / "fields" / f"{path}.onnx", model)
    return Command(("fields", *options))


# --- long names --------------------------------------------------------------------------------


def _long() -> Iterator[Case]:
    sizes = {"1_000": 1_000, "65_536": 65_536, "1_000_000": 1_000_000}
    for name, size in sizes.items():
        text = "n" * size
        build = partial(_evil, text, ("{model}", *REPORT), True)
        yield Case(f"long_{name}", "names", build, slow=size != 1_000)
    text = "\u202e" * 100_000 + "\u0301" * 100_000 + "\U000e0041" * 100
    for command in ("text", "inspect", "diff"):
        kind = _kind(command, slow=True)
        build = partial(_evil, text, COMMANDS[command], True)
        yield kind(f"long_marks_{command}", build=build, row="names")
    for command in ("verbose", "inspect", "diff"):
        kind = _kind(command, slow=True)
        build = partial(_evil, "x" * 300_000, COMMANDS[command], True)
        yield kind(f"long_{command}", build=build, row="names")
    yield Case("slashes", "names", partial(_evil, "/a" * 100_000, ("{model}", *REPORT), True),
               slow=True)  # fmt: skip
    yield Case(
        "dots", "names", partial(_evil, "." * 300_000, ("{model}", *REPORT), True), slow=True
    )
    yield Case("empty_names", "names", _empty_names, slow=True)


def _empty_names(folder: Path) -> Command:
    model = parsed(SOURCE)
    for put in _places(model).values():
        put("")
    return Command((write(folder / "model.onnx", model), *REPORT))


# --- M5: what exporters note -------------------------------------------------------------------

NOTES: dict[str, str] = {
    "unhashable": "{[]: 1}",
    "unhashable_set": "{[1]}",
    "unhashable_dict": "{{}: {}}",
    "lists_10000": "[" * 10_000 + "]" * 10_000,
    "lists_90": "[" * 90 + "]" * 90,
    "minuses_100000": "-" * 100_000 + "1",
    "pluses": "1" + "+1" * 50_000,
    "digits_5000": "[1, " + "9" * 5_000 + "]",
    "exponent": "[1e999999, '']",
    "power": "9**9**9**9",
    "call": "__import__('os').system('touch executed')",
    "nul": "['a\0b']",
    "cut": "['', 'layer1",
    "indent": "  ['', 'a', 'b']\n\t['']",
    "numbers": "['', 5, 'x']",
    "bytes": "['', b'a', 'x']",
    "surrogate": "['', '\\ud800', 'x']",
    "escapes": "['', '\\x1b[2J', 'x']",
    "name_escape": "['', '\\N{BELL}', 'x']",
    "bad_escape": "['', '\\N{no such name}', '\\xzz']",
    "unknown_escape": "['', '\\d\\q', 'x']",
    "is_number": "1 is 1",
    "tuple": "('', 'a', 'b')",
    "empty": "",
    "long": repr(["", "a" * 1_000_000, "x"]),
    "many": repr(["", *map(str, range(100_000))]),
    "coding": "# -*- coding: nonsense -*-\n['', 'a', 'b']",
    "form_feed": "\x0c['', 'a', 'b']",
    "complex": "[1+2j, 3-4j, 'x']",
    "ellipsis": "[..., 'a', 'b']",
    "strings_joined": "['', " + "'a' " * 100_000 + ", 'x']",
    "f_string": "['', f'{1}', 'x']",
}

KEYS = ("pkg.torch.onnx.name_scopes", "pkg.torch.onnx.class_hierarchy",
        "pkg.torch.onnx.stack_trace", "namespace")  # fmt: skip


def _notes() -> Iterator[Case]:
    yield Case("notes_unhashable", "M5", partial(_noted, ("unhashable",)), (_all_judged,))
    others = tuple(name for name in NOTES if name != "unhashable")
    yield Case("notes", "M5", partial(_noted, others), (_all_judged,), slow=True)
    traces = partial(_traced, {
        "quotes": 'File "' * 100_000,
        "digits": 'File "a.py", line ' + "9" * 100_000,
        "slashes": 'File "' + "/" * 1_000_000 + '", line 3',
        "escapes": 'File "/home/\x1b[2J\u202e.py", line 3',
    })  # fmt: skip
    yield Case("notes_traces", "M5", traces, (_all_judged,), slow=True)


def _noted(names: tuple[str, ...], folder: Path) -> Command:
    for name in names:
        model = parsed(FLAWED)
        for node in model.graph.node:
            for key in KEYS:
                node.metadata_props.add(key=key, value=NOTES[name])
        write(folder / "notes" / f"{name}.onnx", model)
    return Command(("notes", *REPORT, "--static-only"))


def _traced(traces: dict[str, str], folder: Path) -> Command:
    for name, trace in traces.items():
        model = parsed(FLAWED)
        for node in model.graph.node:
            node.metadata_props.add(key=KEYS[2], value=trace)
        write(folder / "notes" / f"{name}.onnx", model)
    return Command(("notes", *REPORT, "--static-only"))


def _all_judged(outcome: Outcome) -> str | None:
    for model in outcome.models:
        reason = complete(model["path"])(outcome)
        if reason is not None:
            return reason
    return None if outcome.models else "no report"


# --- names of files ----------------------------------------------------------------------------


def _paths() -> Iterator[Case]:
    evil = ALL.replace("\0", "").replace("/", "")[:120]
    commands = {
        "text": ("--static-only",),
        "broken": (),
        "json_on_terminal": ("--static-only", *REPORT),
        "diff": ("--diff",),
        "missing": (),
        "inspect": (),
        "inspect_missing": (),
    }
    for name, options in commands.items():
        reports = name in ("text", "broken", "json_on_terminal")
        yield Case(f"evil_path_{name}", "H6", partial(_evil_path, evil, name, options),
                   reports=reports, told=name != "diff", slow=name != "broken")  # fmt: skip


def _evil_path(evil: str, name: str, options: tuple[str, ...], folder: Path) -> Command:
    path = folder / f"{evil}.onnx"
    if "missing" not in name:
        write(path)
    if name == "broken":
        path.write_bytes(b"\xff")
    inspecting = ("inspect",) if name.startswith("inspect") else ()
    stdout = "terminal" if name.endswith("terminal") else "file"
    return Command((*inspecting, path.name, *options), stdout=stdout)
