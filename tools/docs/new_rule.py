"""Starts a new built-in rule: `make new-rule CODE=ACT099 NAME=my-rule`.

Written are its file, its line in the list of codes, and a fragment of the changelog. CODE=ACT takes
the family's next free number. `make rule` passes on the scaffold as it is; `--unfilled` lists what
of it is still to be filled in, and `make test` fails until it is.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
RULES = ROOT / "rules" / "onnxlint_rules"
CODES = ROOT / "tests" / "golden" / "codes.txt"
SUMMARY = "what is wrong, in one line"
PLACEHOLDERS = (
    SUMMARY, "why: what goes wrong, for whom", "fix: what to do about it",
    "what was seen (limit 0)",
)  # fmt: skip
TEMPLATE = '''"""{code} {name}."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, rule


@rule("{code}", "{name}", severity=Severity.WARNING, ops=("Relu",))
def {function}(graph: Graph) -> Iterator[Finding]:
    """What is wrong, in one line.

    Why: what goes wrong, for whom.
    Fix: what to do about it.

    Bad:
    net (float[N] x) => (float[N] y) {{
        y = Relu(x)
    }}

    Instead:
    net (float[N] x) => (float[N] y) {{
        y = Neg(x)
    }}
    """
    for node in graph.nodes("Relu"):
        yield Finding(node, "what was seen (limit 0)")
'''


def main() -> None:
    if sys.argv[1:] == ["--unfilled"]:
        for line in unfilled():
            print(f"to be filled in: {line}")
        return
    if len(sys.argv) != 3:
        sys.exit("usage: make new-rule CODE=ACT099 NAME=my-rule")
    code, name = sys.argv[1:]
    codes = CODES.read_text(encoding="utf-8").splitlines()
    if re.fullmatch("[A-Z]{3}", code):
        code = next_free(code, codes)
    path = RULES / code[:3].lower() / f"{name.replace('-', '_')}.py"
    if problem := wrong(code, name, codes, path):
        sys.exit(problem)
    made = TEMPLATE.format(code=code, name=name, function=path.stem)
    path.write_text(made, encoding="utf-8")
    codes = sorted([*codes, f"{code} {name}"])
    CODES.write_text("".join(f"{line}\n" for line in codes), encoding="utf-8")
    fragment = ROOT / "changelog.d" / f"+{name}.rule.md"
    fragment.write_text(f"`{name}` ({code}): {SUMMARY}.\n", encoding="utf-8")
    print(f"{path.relative_to(ROOT)}: a working rule; write yours in its place")
    print(f"{fragment.relative_to(ROOT)}: say in a sentence what it reports")
    print(f"{CODES.relative_to(ROOT)}: its code and name; nothing to do")
    print(f"then: make rule CODE={code}")


def unfilled() -> list[str]:
    """The lines of rules and of the changelog that say what the scaffold said."""
    files = [*RULES.rglob("*.py"), *(ROOT / "changelog.d").glob("+*.md")]
    return [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()}"
        for file in sorted(files)
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if any(words in line.lower() for words in PLACEHOLDERS)
    ]


def next_free(family: str, codes: list[str]) -> str:
    """A number above all that the family ever gave out."""
    numbers = [int(line[3:6]) for line in codes if line.startswith(family)]
    return f"{family}{max(numbers, default=0) + 1:03}"


def wrong(code: str, name: str, codes: list[str], path: Path) -> str | None:
    """What forbids a rule of this code and name."""
    if not re.fullmatch(r"[A-Z]{3}\d{3}", code):
        return f"{code} is not a code: three capitals and three digits, such as ACT099"
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
        return f"{name} is not a name: lower-case words with hyphens, such as my-rule"
    if not path.parent.is_dir():
        families = sorted(each.name.upper() for each in RULES.iterdir() if len(each.name) == 3)
        return f"there is no family {code[:3]}; there are {', '.join(families)}"
    taken = [line for line in codes if code in line.split() or name in line.split()]
    if taken or path.exists():
        return f"taken: {', '.join(taken) or path}; codes and names are never used again"
    return None


if __name__ == "__main__":
    main()
