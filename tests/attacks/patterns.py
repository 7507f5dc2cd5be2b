"""Patterns that are meant to explode, and rules in TOML that are none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from attacks.harness import Case, Command, complete
from attacks.models import parsed, write

REPORT = ("--static-only", "--format", "json")


def cases() -> Iterator[Case]:
    yield from _explosions()
    yield from _odd_rules()


def _chained(op: str, length: int, *, names: bool = True) -> str:
    lines = [f"x{n + 1} = {op}(x{n})" for n in range(length)]
    return "\n".join(["net (float[N] x0) => (float[N] z) {", *lines, f"z = Neg(x{length}) }}"])


def _wide(op: str, width: int, readers: int) -> str:
    """Nodes that all read one another's values: many ways to meet."""
    makers = [f"a{n} = Relu(x)" for n in range(width)]
    meeting = [f"b{n} = {op}(a{n % width}, a{(n * 7 + 1) % width})" for n in range(readers)]
    joined = ", ".join(f"b{n}" for n in range(readers))
    return "\n".join(["net (float[N] x) => (float[N] z) {", *makers, *meeting,
                      f"z = Sum({joined}) }}"])  # fmt: skip


def _many_operands(number: int) -> str:
    makers = "\n".join(f"a{n} = Relu(x)" for n in range(50))
    operands = ", ".join(f"a{n % 50}" for n in range(number))
    return f"net (float[N] x) => (float[N] z) {{ {makers} z = Sum({operands}) }}"


def _lines(pattern: Callable[[int], str], number: int, last: str) -> str:
    return "\n".join([*(pattern(n) for n in range(number)), last])


PATTERNS: dict[str, tuple[str, str]] = {
    "optional_lines": (
        _chained("Identity", 400),
        _lines(lambda n: f"? v{n + 1} = Identity(v{n})", 40, "y = Neg(v40)"),
    ),
    "repeated_lines": (
        _chained("Identity", 400),
        _lines(lambda n: f"* v{n + 1} = Identity(v{n})", 30, "y = Neg(v30)"),
    ),
    "repeated_mixed": (
        _chained("Identity", 400),
        _lines(lambda n: f"* v{n + 1} = Identity|Relu(v{n})", 20, "y = Abs(v20)"),
    ),
    "swapped_operands": (
        _wide("Add", 60, 200),
        _lines(lambda n: f"s{n + 1} = Add(s{n}, t{n})", 12, "y = Add(s12, u)"),
    ),
    "sum_of_many": (_many_operands(2_000), "a = Relu(x)\nb = Relu(x)\ny = Sum(a, b, c)"),
    "sum_and_rest": (_many_operands(20_000), "a = Relu(x)\nb = Relu(x)\ny = Sum(a, b, ...)"),
    "sum_of_itself": (_many_operands(200), "y = Sum(" + ", ".join(["a"] * 200) + ")"),
    "sum_of_different": (
        _many_operands(200),
        "y = Sum(" + ", ".join(f"v{n}" for n in range(200)) + ")",
    ),
    "disjunct_lines": (
        _wide("Add", 40, 200),
        _lines(lambda n: f"a{n} = Relu(x)", 12, "y = Sum(" + ", ".join(f"a{n}" for n in range(12))
               + ", ...)"),
    ),
    "alternatives": (
        _chained("Relu", 300),
        _lines(lambda n: f"v{n + 1} = Relu(v{n})\n| v{n + 1} = Abs(v{n})", 200, "y = Neg(v200)"),
    ),
    "lines_3000": (_chained("Relu", 3_100), _lines(lambda n: f"v{n + 1} = Relu(v{n})", 3_000,
                                                   "y = Neg(v3000)")),
    "operators_100000": (_chained("Relu", 50), "y = " + "|".join(["Relu"] * 100_000) + "(x)"),
    "operands_50000": (_chained("Relu", 50), "y = Sum(" + ", ".join(["x"] * 50_000) + ")"),
    "numbers_50000": (_chained("Relu", 50), "y = Add(x, [" + ", ".join(["1"] * 50_000) + "])"),
}  # fmt: skip


def _explosions() -> Iterator[Case]:
    for name, (model, pattern) in PATTERNS.items():
        build = partial(_matched, model, pattern)
        slow = name != "sum_of_different"
        yield Case(f"explode_{name}", "patterns", build, time_limit=10, slow=slow)


def _rule(pattern: str) -> str:
    return (f"[[rule]]\ncode = 'AAA001'\nname = 'own'\nseverity = 'info'\n"
            f"message = 'seen'\npattern = '''\n{pattern}\n'''\n")  # fmt: skip


def _matched(model: str, pattern: str, folder: Path) -> Command:
    (folder / "own.toml").write_text(_rule(pattern))
    return Command((write(folder / "model.onnx", parsed(model)), "--rules", "own.toml", *REPORT))


ODD: dict[str, str] = {
    "nothing": "",
    "one_bracket": "y = Relu(x",
    "brackets_20000": "y = Relu(" + "(" * 20_000,
    "numbers_nested": "y = Add(x, " + "[" * 20_000 + "1" + "]" * 20_000 + ")",
    "digits_5000": "y = Add(x, " + "9" * 5_000 + ")",
    "exponent": "y = Add(x, 1e99999)",
    "nan": "y = Add(x, nan)",
    "control": "y = R\x7felu(x)  # \u202e",
    "long_name": f"{'y' * 100_000} = Relu(x)",
    "where_long": "y = Relu(x)\n" + "where x is constant\n" * 5_000,
    "where_digits": "y = Relu(x)\nwhere x > " + "9" * 5_000,
    "attribute_nested": "y = Relu<a = " + "[" * 5_000 + "]" * 5_000 + ">(x)",
    "comment_long": "# " + "x" * 1_000_000 + "\ny = Relu(x)",
    "spaces": "y" + " " * 500_000 + "= Relu(x)",
    "bars": "|" * 100_000,
    "same_line_twice": "y = Relu(x)\ny = Relu(x)",
    "makes_itself": "y = Add(y, x)",
}


def _odd_rules() -> Iterator[Case]:
    for name, pattern in ODD.items():
        build = partial(_matched, "net (float[N] x) => (float[N] y) { y = Relu(x) }", pattern)
        yield Case(f"pattern_{name}", "patterns", build, time_limit=10, slow=name != "digits_5000")
    tables = {
        "message_of_braces": "message = '{y.__class__.__mro__} {0} {} {y!r:>1000000000}'",
        "message_of_odd_braces": "message = '{'",
        "message_control": "message = \"\\u001b[2J\\u202e\"",
        "at_nowhere": "message = 'a'\nat = 'nowhere'",
        "bad_example": "message = 'a'\nbad = 'not a model'",
        "summary_long": f"message = 'a'\nsummary = '{'s' * 1_000_000}'",
    }  # fmt: skip
    for name, lines in tables.items():
        yield Case(f"table_{name}", "patterns", partial(_tabled, lines), (_judged_or_refused,),
                   slow=True)  # fmt: skip


def _tabled(lines: str, folder: Path) -> Command:
    write(folder / "flawed.onnx")
    text = (
        "[[rule]]\ncode = 'AAA001'\nname = 'own'\nseverity = 'info'\npattern = 'y = Softmax(x)'\n"
    )
    (folder / "own.toml").write_text(text + lines + "\n")
    return Command(("flawed.onnx", "--rules", "own.toml", *REPORT))


def _judged_or_refused(outcome: object) -> str | None:
    """A table that is none is one sentence; any other loses nothing."""
    return complete()(outcome) if outcome.models else None  # type: ignore[attr-defined, arg-type]
