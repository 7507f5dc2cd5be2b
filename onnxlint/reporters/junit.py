"""JUnit's XML, as test reports show it: a suite a model, a case a rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from xml.etree import ElementTree

from onnxlint.findings import Diagnostic
from onnxlint.report import ModelReport
from onnxlint.reporters.places import where
from onnxlint.reporters.protocol import Gathering, Outcome
from onnxlint.reporters.summary import counted, unlinted
from onnxlint.safety.printable import printable
from onnxlint.severity import Severity

OWN = "onnxlint"
"""The case of what is no rule's: that a model cannot be read, that a run checked nothing."""


class JUnit(Gathering):
    """The format `junit`; no time is in it, so that it depends on the models alone."""

    def end(self, outcome: Outcome) -> str:
        """The suites, with what is of no model in front."""
        root = ElementTree.Element("testsuites", name="onnxlint")
        own = [*_of_run(outcome)]
        if own:
            root.append(_suite(OWN, own, self._tool()))
        for report in self.reports:
            properties = self._tool() | _properties(report)
            root.append(_suite(report.path, self._cases(report), properties))
        for name in ("tests", "failures", "errors", "skipped"):
            root.set(name, str(sum(int(suite.get(name, 0)) for suite in root)))
        ElementTree.indent(root)
        text = ElementTree.tostring(root, "us-ascii", xml_declaration=False).decode()
        return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'

    def _tool(self) -> dict[str, object]:
        packs = sorted(self.run.packs.items())
        return {"onnxlint": self.run.version, **{f"pack {name}": v for name, v in packs}}

    def _cases(self, report: ModelReport) -> Iterable[ElementTree.Element]:
        """What could not be done at all, then the rules by their codes."""
        if report.error is not None:
            case = _case(report.path, OWN)
            _add(case, "error", unlinted(report), report.error)
            yield case
        by_code = _by_code(report)
        codes = {*report.ran, *report.not_applicable, *report.not_run, *by_code, *report.crashed}
        codes |= {each.finding.code for each in report.suppressed}
        for code in sorted(codes):
            yield self._of_rule(report, code, by_code.get(code, []))

    def _of_rule(
        self, report: ModelReport, code: str, findings: list[Diagnostic]
    ) -> ElementTree.Element:
        case = _case(report.path, f"{code} {self._name(code, findings)}".strip())
        crashes = [each for each in findings if each.severity is Severity.ERROR and _is_ours(each)]
        failing = [each for each in findings if each.severity.rank <= report.fail_on.rank]
        if crashes or code in report.crashed:
            _add(case, "error", "incomplete", *map(_told, crashes or findings))
        elif code in report.not_run:
            _add(case, "error", "incomplete", "not run: no time was left (--time-limit)")
        elif failing:
            _add(case, "failure", failing[0].severity, *map(_told, failing))
        elif code in report.not_applicable:
            _add(case, "skipped", "not applicable", report.not_applicable[code])
        _add_output(case, report, code, [each for each in findings if each not in failing])
        return case

    def _name(self, code: str, findings: list[Diagnostic]) -> str:
        rule = self.run.rules.get(code)
        if rule is not None:
            return rule.name
        return findings[0].name if findings else ""


def _by_code(report: ModelReport) -> dict[str, list[Diagnostic]]:
    """Findings by the rule whose case they belong to: a crash to that of the rule that crashed."""
    found: dict[str, list[Diagnostic]] = {}
    for finding in report.findings:
        code = finding.code
        if _is_ours(finding) and finding.evidence.get("rule") in report.crashed:
            code = str(finding.evidence["rule"])
        found.setdefault(code, []).append(finding)
    return found


def _is_ours(finding: Diagnostic) -> bool:
    return finding.code.startswith("LNT")


def _told(finding: Diagnostic) -> str:
    return f"{where(finding.place)}{finding.message}"


def _of_run(outcome: Outcome) -> Iterable[ElementTree.Element]:
    if outcome.error is not None:
        case = _case(OWN, "run")
        _add(case, "error", "nothing checked", outcome.error)
        yield case
    for failure in outcome.failures:
        case = _case(OWN, "gate")
        _add(case, "failure", "failed", failure)
        yield case


def _suite(
    name: str, cases: Iterable[ElementTree.Element], properties: Mapping[str, object]
) -> ElementTree.Element:
    suite = ElementTree.Element("testsuite", name=printable(name))
    cases = [*cases]
    suite.set("tests", str(len(cases)))
    for plural, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(plural, str(sum(case.find(tag) is not None for case in cases)))
    told = {key: value for key, value in properties.items() if value is not None}
    if told:
        parent = ElementTree.SubElement(suite, "properties")
        for key, value in told.items():
            ElementTree.SubElement(parent, "property", name=key, value=printable(str(value)))
    suite.extend(cases)
    return suite


def _properties(report: ModelReport) -> dict[str, object]:
    return {"sha256": report.sha256, "samples": report.samples, "data": report.data,
            "not executed": report.not_executed}  # fmt: skip


def _case(model: str, name: str) -> ElementTree.Element:
    return ElementTree.Element("testcase", classname=printable(model), name=printable(name))


def _add(case: ElementTree.Element, tag: str, kind: str, first: str = "", *rest: str) -> None:
    """What became of a case: the first reason in front, all of them below."""
    more = f" (and {len(rest):,} more)" if rest else ""
    told = ElementTree.SubElement(case, tag, type=kind, message=f"{printable(first)}{more}")
    if tag != "skipped":
        told.text = "\n".join(map(printable, (first, *rest)))


def _add_output(
    case: ElementTree.Element, report: ModelReport, code: str, passing: list[Diagnostic]
) -> None:
    """Findings that fail nothing: too mild, or suppressed for a reason."""
    lines = [f"{each.severity.value}: {_told(each)}" for each in passing]
    lines += [
        f"{each.kind}: {_told(each.finding)}" + (f" (reason: {each.reason})" * bool(each.reason))
        for each in report.suppressed
        if each.finding.code == code
    ]
    if lines:
        output = ElementTree.SubElement(case, "system-out")
        output.text = "\n".join(map(printable, [counted(len(lines), "finding"), *lines]))
