"""What the page shows of one finding: its place, its evidence, the command that finds it again."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from onnxlint.findings import ENGINE_PREFIX, Diagnostic
from onnxlint.model.graph.place import shortened
from onnxlint.report import ModelReport
from onnxlint.reporters.places import where
from onnxlint.safety.printable import json_line, printable

LONGEST_EVIDENCE = 2_000
"""Characters of one fact; a choice, as many as anybody reads. The JSON report has all."""

_PLACE = {
    "module": "Module", "scope": "Scope", "node": "Node", "op_type": "Operator", "value": "Value",
    "source": "Source", "source_path": "Source file",
}  # fmt: skip

_RULE = re.compile(r"[A-Z]{3,8}\d{3}")


class Item(Struct, frozen=True):
    """A finding on the page: where it stands there, and the numbers that it is filtered by."""

    finding: Diagnostic
    id: str
    rule: int
    module: int
    command: str

    @property
    def where(self) -> str:
        """Its place in the model, empty for the whole of it."""
        return where(self.finding.place).removesuffix(": ")

    @property
    def facts(self) -> list[tuple[str, str]]:
        """Place and evidence, a row each."""
        return [*_facts(self.finding)]


def command(report: ModelReport, finding: Diagnostic) -> str:
    """The command that finds it again: as it was found, on the samples that were saved for it."""
    rule: Any = finding.code
    if rule.startswith(ENGINE_PREFIX):  # what a rule could not do
        rule = finding.evidence.get("rule")
    words = ["onnxlint", *_judged(report)]
    if isinstance(rule, str) and _RULE.fullmatch(rule):
        words += ["--select", rule]
    samples = finding.evidence.get("witness")
    words += report.asked if samples is None else _on(report.asked, str(samples))
    return command_line(words)


def command_line(words: Iterable[str]) -> str:
    """Words as a shell takes them."""
    return " ".join(map(_word, words))


def argument(path: str) -> str:
    """A path that is not taken for an option."""
    return f"./{path}" if path.startswith("-") and path != "-" else path


def _judged(report: ModelReport) -> Iterator[str]:
    """The model; or the series of checkpoints that it ends."""
    series = report.series
    if series is None:
        yield argument(report.path)
        return
    yield from ("series", *map(argument, series.files))
    if series.steps_from == "--steps":
        yield from ("--steps", ",".join(map(str, series.steps)))


def _on(asked: Sequence[str], samples: str) -> Iterator[str]:
    """The same options on other samples, which have no labels."""
    words = iter(asked)
    for word in words:
        if word in ("--data", "--labels", "--train-data", "--train-labels", "--samples"):
            next(words)
        elif word != "--compare-simple":
            yield word
    yield from ("--data", samples)


def number(value: float) -> str:
    """A number for people: whole ones in full, others in six digits."""
    return f"{value:,}" if isinstance(value, int) else f"{value:.6g}"


def paragraphs(text: str) -> list[str]:
    """A text that is broken into lines, as paragraphs that are not."""
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", text) if part.strip()]


def _word(text: str) -> str:
    """A word of a command line; as `$'…'` where it holds what cannot be shown as it is."""
    if printable(text) == text:
        return shlex.quote(text)
    return f"$'{''.join(map(_quoted, text))}'"


def _quoted(character: str) -> str:
    if character in "\\'":
        return f"\\{character}"
    if printable(character) == character and character != "#":
        return character
    return "".join(f"\\x{byte:02x}" for byte in _bytes(character))


def _bytes(character: str) -> bytes:
    """Those of a file's name; of half a pair of surrogates, which no name holds, its number."""
    is_byte = "\udc80" <= character <= "\udcff"
    return character.encode("utf-8", "surrogateescape" if is_byte else "backslashreplace")


def _facts(finding: Diagnostic) -> Iterator[tuple[str, str]]:
    unit = f" ({finding.unit})" if finding.unit else ""
    for title, value in (("Measured", finding.measured), ("Limit", finding.limit)):
        if value is not None:
            yield f"{title}{unit}", _told(value)
    for key, value in finding.evidence.items():
        yield str(key).replace("_", " "), _told(value)
    for name, title in _PLACE.items():
        value = getattr(finding.place, name)
        if value:
            yield title, value
    if finding.fix is not None:
        yield "Fixed by --fix", finding.fix
    yield "Fingerprint", finding.fingerprint


def _told(value: Any) -> str:
    """A fact as text, its numbers in the digits that mean something."""
    value = _rounded(value)
    text = str(value) if isinstance(value, str | float) else json_line(value)
    return shortened(text, LONGEST_EVIDENCE)


def _rounded(value: Any) -> Any:
    if isinstance(value, float) and math.isfinite(value):
        rounded = float(f"{value:.6g}")
        return int(rounded) if rounded.is_integer() and abs(rounded) < 1e6 else rounded
    if isinstance(value, Mapping):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(each) for each in value]
    return value
