"""From what rules yield to what is reported; and the engine's own findings, of the prefix LNT."""

from __future__ import annotations

import math
from collections.abc import Mapping
from operator import attrgetter
from pathlib import Path
from typing import Any

from onnxlint.findings import Diagnostic, Finding
from onnxlint.fix import Fix
from onnxlint.model.graph.place import LONGEST_NAME, LONGEST_PATH, Place, shortened
from onnxlint.rules.rule import Rule
from onnxlint.safety.limits import Budget, RuleTimeout
from onnxlint.safety.memory import is_out_of_memory
from onnxlint.safety.unfinished import Terminated
from onnxlint.severity import Severity

FILE_PREFIX = "onnxlint_rules_at_"
"""How the names of modules begin that are rule files, and no package's."""

CRASHED = ("LNT001", "rule-crashed")
"""A rule raised, hung, or yielded what is not a finding, instead of judging."""

INCOMPLETE = ("LNT002", "incomplete-analysis")
"""Something that rules look at, or some rules, did not come about within the limits."""

DEFECTIVE = ("LNT005", "unsound-bound")
"""A value was observed outside of the bounds that were proven for it: a mistake of the linter."""

LONGEST_INTEGER_BITS = 1024
"""Larger integers are infinite to a report: so are they as doubles, and Python writes no more than
4,300 digits."""


def diagnostic(
    rule: Rule, finding: Finding, *, severity: tuple[Severity | None, Severity | None],
    synthetic: bool,
) -> Diagnostic:  # fmt: skip
    """A finding, judged and free of the model.

    Args:
        rule: the rule that yielded it.
        finding: what it yielded.
        severity: what the configuration sets, and the least that it allows; None where it is
            silent.
        synthetic: whether it was seen on synthetic inputs.

    Raises:
        TypeError: a part of it is not what a finding has there.
    """
    if not isinstance(finding, Finding):
        raise TypeError(f"yielded a {type(finding).__name__}, which is not a Finding")
    place = getattr(finding.subject, "place", None)
    _expect("subject", place, Place)
    _expect("message", finding.message, str)
    _expect("hint", finding.hint, str, type(None))
    _expect("unit", finding.unit, str, type(None))
    _expect("severity", finding.severity, Severity, type(None))
    _expect("fix", finding.fix, Fix, type(None))
    assert isinstance(place, Place)
    setting, least = severity
    graded = setting or finding.severity or rule.severity
    return Diagnostic(
        code=rule.code,
        name=rule.name,
        severity=graded if least is None else min(graded, least, key=lambda each: each.rank),
        message=finding.message,
        place=_plain_place(place),
        measured=_number("measured", finding.measured),
        limit=_number("limit", finding.limit),
        unit=finding.unit,
        evidence={str(key): plain(value) for key, value in finding.evidence.items()},
        synthetic=synthetic,
        fix=None if finding.fix is None else finding.fix.description,
        hint=finding.hint or None,
    )


_TEXTS = attrgetter("scope", "node", "op_type", "value", "module", "source", "source_path")
_TEXT_TYPES = {str, type(None)}


def _plain_place(place: Place) -> Place:
    texts, index = _TEXTS(place), place.node_index
    is_plain = type(place) is Place and _TEXT_TYPES.issuperset(map(type, texts))
    is_short = is_plain and max(map(len, filter(None, texts)), default=0) <= LONGEST_NAME
    if is_short and (index is None or (type(index) is int and index < 1 << 63)):
        return place  # as that of every node is
    parts = {name: plain(getattr(place, name)) for name in Place.__struct_fields__}
    for name, part in parts.items():
        kinds = (int,) if name == "node_index" else (str,)
        _expect(f"place.{name}", part, *kinds, type(None))
    for name, part in parts.items():
        if isinstance(part, str):
            parts[name] = shortened(part, LONGEST_PATH)
    return Place(**parts)


def _expect(part: str, value: object, *kinds: type) -> None:
    if not isinstance(value, kinds):
        raise TypeError(
            f"finding has a {type(value).__name__} as {part} (expected {kinds[0].__name__})"
        )


def _number(part: str, value: Any) -> float | int | None:
    if value is None or type(value) is float:
        return value
    value = plain(value)
    if isinstance(value, bool):
        value = int(value)
    _expect(part, value, float, int, type(None))
    return value  # type: ignore[no-any-return]


def plain(value: Any) -> Any:
    """A value in the types that JSON has; numpy's numbers become Python's.

    Raises:
        TypeError: it, or a part of it, is of another type.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and value.bit_length() > LONGEST_INTEGER_BITS:
        return math.inf if value > 0 else -math.inf
    for kind in (str, int, float):
        if isinstance(value, kind):
            return kind(value)  # of a subclass, as an enumeration's member, the plain value
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    item = getattr(value, "item", None)
    if callable(item) and getattr(value, "size", None) == 1:
        return plain(item())
    raise TypeError(f"finding contains a {type(value).__name__}, which JSON does not support")


def crash(rule: Rule, error: BaseException, budget: Budget) -> Diagnostic:
    """What is reported instead of the findings of a rule that crashed, with its file and line."""
    kind = type(error).__name__
    if isinstance(error, RuleTimeout):
        return crashed(rule, "took too long", kind, error, option="--time-limit")
    if is_out_of_memory(error):
        what = f"ran out of the {budget.allowed_memory} allowed"
        return crashed(rule, what, kind, error, option="--memory-limit")
    return crashed(rule, words(error), kind, error)


def words(error: BaseException) -> str:
    """An exception in words, even one that cannot say its own."""
    kind = type(error).__name__
    try:
        said = str(error)
    except (KeyboardInterrupt, Terminated):
        raise
    except BaseException:  # sys.exit, too
        return kind
    return f"{kind}: {said}" if said else kind


def crashed(
    rule: Rule, what: str, kind: str, error: BaseException | None = None, *, option: str = ""
) -> Diagnostic:
    """A rule that crashed as `what` says; `kind` names the exception, or how the process ended.

    `option` is that of the command line which allows a rule more, where that may be enough.
    """
    code, name = CRASHED
    where = _line(rule, error)
    message = f"rule {rule.code} {rule.name!r} crashed: {what} ({where})"
    evidence = {"rule": rule.code, "exception": kind}
    first = f"raise {option}" if option else f"report {where} to the author of {_pack(rule)}"
    hint = f"{first}, or leave the rule out with --ignore {rule.code}"
    return Diagnostic(code, name, Severity.ERROR, message, Place(), evidence=evidence, hint=hint)


def engine_finding(
    kind: tuple[str, str], message: str, *, hint: str, evidence: Mapping[str, Any]
) -> Diagnostic:
    """A warning of the engine's own about the whole run; `kind` is its code and name."""
    code, name = kind
    return Diagnostic(code, name, Severity.WARNING, message, Place(), evidence=evidence, hint=hint)


def incomplete(
    message: str, *, lost: str, severity: Severity = Severity.WARNING, hint: str | None = None,
    **evidence: Any,
) -> Diagnostic:  # fmt: skip
    """What was not judged, and why: an error where the job is not done."""
    code, name = INCOMPLETE
    evidence = {"lost": lost, **evidence}
    return Diagnostic(code, name, severity, message, Place(), evidence=evidence, hint=hint)


def defective(message: str, place: Place, evidence: Mapping[str, Any]) -> Diagnostic:
    """A mistake of the linter's own, which makes no model worse."""
    code, name = DEFECTIVE
    hint = "report it to the authors of onnxlint with the model; what NUM rules say may be wrong"
    return Diagnostic(code, name, Severity.WARNING, message, place, evidence=evidence, hint=hint)


def _pack(rule: Rule) -> str:
    """What an author is looked for by: the package of a rule, or else the rule."""
    package = rule.module.partition(".")[0]
    return f"rule {rule.code}" if package.startswith(FILE_PREFIX) else f"pack {package}"


def _line(rule: Rule, error: BaseException | None) -> str:
    """Where the rule's own file stands in the traceback, the innermost time; else the rule."""
    import traceback  # only a mistake of a rule loads it

    code = getattr(rule.function, "__code__", None)
    if code is None:
        return rule.pack or "no file"
    frames = [] if error is None else traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == code.co_filename]
    return f"{Path(code.co_filename).name}:{(lines or [code.co_firstlineno])[-1]}"
