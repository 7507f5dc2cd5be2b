"""SARIF 2.1.0, as code scanning takes it: a result a finding, in a file that is committed."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from onnxlint.findings import ENGINE_PREFIX, Diagnostic
from onnxlint.model.graph.place import Place
from onnxlint.remote.address import is_remote
from onnxlint.report import ModelReport, Suppressed
from onnxlint.reporters.places import Files, Line, identity, where
from onnxlint.reporters.protocol import Gathering, Outcome, Run
from onnxlint.reporters.sarif_rules import LEVELS, descriptors
from onnxlint.reporters.summary import counted, problems
from onnxlint.safety.printable import json_text, printable

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"

MOST_RESULTS = 25_000
"""Results of a run that GitHub takes; it rejects a file with more, and shows the first 5,000."""

MOST_BYTES = 10 * 1024 * 1024
"""Size of the file that GitHub takes, after gzip."""

MOST_EXTENSIONS = 100
"""Extensions of a tool that GitHub takes."""

ROOT = "%SRCROOT%"

Found = tuple[ModelReport, Diagnostic, Suppressed | None]


class Sarif(Gathering):
    """The format `sarif`: one run, the gravest results first."""

    tells_suppressed = True

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self._files = Files(run.folder)

    def end(self, outcome: Outcome) -> str:
        """All of it; where it would be refused as too large, its gravest part."""
        found = sorted(_found(self.reports, suppressed=self.tells_suppressed), key=_gravity)
        kept = min(len(found), MOST_RESULTS)
        while True:
            text = json_text(self._log(found[:kept], len(found), outcome)) + "\n"
            size = _compressed(text)
            if size <= MOST_BYTES or not kept:
                return text
            kept = kept * MOST_BYTES // size * 9 // 10

    def _log(self, found: Sequence[Found], all_: int, outcome: Outcome) -> dict[str, Any]:
        rules = descriptors(self.run, [finding for _, finding, _ in found])
        order = {rule["id"]: index for index, rule in enumerate(rules)}
        alike: Counter[tuple[str, str]] = Counter()
        results = []
        for report, finding, suppressed in found:
            result = self._result(report, finding, order, alike)
            if suppressed is not None:
                result["suppressions"] = [_suppression(suppressed)]
            results.append(result)
        run: dict[str, Any] = {
            "tool": self._tool(rules),
            "invocations": [self._invocation(all_ - len(found), outcome)],
            "originalUriBaseIds": {ROOT: {"description": {"text": "the working directory"}}},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }
        return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}

    def _tool(self, rules: list[dict[str, Any]]) -> dict[str, Any]:
        packs = sorted(self.run.packs.items())[:MOST_EXTENSIONS]
        ours = [{"id": rule["id"], "name": rule["name"]} for rule in rules if _is_ours(rule["id"])]
        told = {rule["id"] for rule in ours}
        for report in self.reports:
            for finding in report.findings:
                if _is_ours(finding.code) and finding.code not in told:  # cut off the results
                    told.add(finding.code)
                    ours.append({"id": finding.code, "name": finding.name})
        return {
            "driver": {
                "name": "onnxlint",
                "version": self.run.version,
                "rules": rules,
                "notifications": ours,
            },
            "extensions": [{"name": pack} | ({"version": v} if v else {}) for pack, v in packs],
        }

    def _result(
        self, report: ModelReport, finding: Diagnostic, order: dict[str, int],
        alike: Counter[tuple[str, str]],
    ) -> dict[str, Any]:  # fmt: skip
        same = identity(finding)
        alike[report.path, same] += 1
        places = self._locations(report, finding.place)
        message = _message(finding)
        if "relatedLocations" in places:  # which GitHub shows only where the message links to it
            message += f"\nModel: {_unlinked(printable(report.path))} ([open](1))"
        return {
            "ruleId": finding.code,
            "ruleIndex": order[finding.code],
            "level": LEVELS[finding.severity],
            "message": {"text": message},
            **places,
            "partialFingerprints": {
                "primaryLocationLineHash": f"{same}:{alike[report.path, same]}",
                "onnxlintNames/v1": finding.fingerprint,
                "onnxlintStructure/v1": finding.structural_fingerprint,
            },
        }

    def _locations(self, report: ModelReport, place: Place) -> dict[str, Any]:
        """The user's own line, where it is at hand; else the model."""
        model, source = self._files.model(report.path), self._files.source(place)
        location: dict[str, Any] = {"physicalLocation": _physical(source or model)}
        logical = [*_logical(place)]
        if logical:
            location["logicalLocations"] = logical
        if source is None:
            return {"locations": [location]}
        related = {"id": 1, "physicalLocation": _physical(model), "message": {"text": "the model"}}
        return {"locations": [location], "relatedLocations": [related]}

    def _invocation(self, left_out: int, outcome: Outcome) -> dict[str, Any]:
        return {
            "executionSuccessful": outcome.exit_code != 2,
            "exitCode": outcome.exit_code,
            "toolExecutionNotifications": [*self._notifications(left_out, outcome)],
        }

    def _notifications(self, left_out: int, outcome: Outcome) -> Iterator[dict[str, Any]]:
        """What could not be done, of models and of the run."""
        for reason in outcome.reasons:
            yield _notification("error", reason)
        for note in outcome.notes:
            yield _notification("note", note)
        if left_out:
            kept = "the others are more severe, or the first of the same severity"
            cut = f"{counted(left_out, 'result')} left out (limits of code scanning); {kept}"
            yield _notification("warning", cut)
        for report in self.reports:
            model = [{"physicalLocation": _physical(self._files.model(report.path))}]
            for what, why in problems(report):
                yield _notification("error", f"{what}: {why}") | {"locations": model}
            if report.not_executed is not None:
                told = _notification("warning", f"not executed: {report.not_executed}")
                yield told | {"locations": model}
            for finding in report.findings:
                if _is_ours(finding.code):
                    told = _notification(LEVELS[finding.severity], finding.message)
                    yield told | {"locations": model, "descriptor": {"id": finding.code}}


class CodeScanning(Sarif):
    """The format `code-scanning`: without suppressed findings, which GitHub would call open."""

    tells_suppressed = False


def _found(reports: Sequence[ModelReport], *, suppressed: bool) -> Iterator[Found]:
    for report in reports:
        yield from ((report, finding, None) for finding in report.findings)
        if suppressed:
            yield from ((report, each.finding, each) for each in report.suppressed)


def _gravity(found: Found) -> tuple[bool, int]:
    return found[2] is not None, found[1].severity.rank


def _compressed(text: str) -> int:
    """What a text takes when it is sent; at most its own size."""
    return len(text) if len(text) <= MOST_BYTES else len(gzip.compress(text.encode(), 6, mtime=0))


def _is_ours(code: str) -> bool:
    return code.startswith(ENGINE_PREFIX)


def _message(finding: Diagnostic) -> str:
    """What was found and where, for viewers show only this; no part of it is taken for a link."""
    hint = f"\nHint: {printable(finding.hint)}" if finding.hint else ""
    text = f"{printable(where(finding.place) + finding.message)}{hint}"
    return _unlinked(text).strip() or finding.name


def _unlinked(text: str) -> str:
    return text.replace("](", "] (")


def _notification(level: str, text: str) -> dict[str, Any]:
    return {"level": level, "message": {"text": printable(text)}}


def _suppression(suppressed: Suppressed) -> dict[str, Any]:
    """Why a finding does not count; a version control would call it external to the model."""
    until = f" (until {suppressed.until})" if suppressed.until else ""
    reason = printable(suppressed.reason) or suppressed.kind
    return {
        "kind": "external",
        "status": "accepted",
        "justification": f"{reason}{until}",
        "properties": {"kind": suppressed.kind, "file": printable(suppressed.file)},
    }


def _physical(line: Line) -> dict[str, Any]:
    uri = line.uri
    is_absolute = uri.startswith("file:") or is_remote(line.path)
    base = {} if is_absolute else {"uriBaseId": ROOT}
    number = line.number
    return {
        "artifactLocation": {"uri": uri, **base},
        "region": {"startLine": number, "startColumn": 1, "endLine": number, "endColumn": 1},
    }


def _logical(place: Place) -> Iterator[dict[str, Any]]:
    """Module, node and value, from the outside in."""
    prefix = f"{place.scope}/" if place.scope else ""
    if place.module:
        yield _named(place.module, place.module, "module")
    if place.node_index is not None:
        name = place.node or f"#{place.node_index}"
        yield _named(name, f"{prefix}{name}", "node")
    if place.value:
        yield _named(place.value, f"{prefix}{place.value}", "value")
    elif place.scope and place.node_index is None:
        yield _named(place.scope, place.scope, "scope")


def _named(name: str, full: str, kind: str) -> dict[str, Any]:
    return {"name": printable(name), "fullyQualifiedName": printable(full), "kind": kind}
