"""Every format of the report: golden files, schemas, hostile names, and the limits of its readers.

With UPDATE_GOLDEN=1 the golden files are written.
"""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import click
import jsonschema
import junitparser
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from msgspec.structs import replace
from report_schemas import GITLAB, SARIF
from test_output_safety import OBEYED
from test_reporters import check

from onnxlint import Finding, Graph, rule
from onnxlint.findings import Diagnostic
from onnxlint.model.graph.place import Place
from onnxlint.report import FixReport, Gone, Metrics, ModelReport, Suppressed
from onnxlint.reporters import github, markdown, sarif
from onnxlint.reporters.markdown_text import code, plain
from onnxlint.reporters.places import Files
from onnxlint.reporters.protocol import Outcome, Run, View, rendered
from onnxlint.reporters.registry import FORMATS, reporter_class
from onnxlint.severity import Severity

SCHEMAS = Path(__file__).parent.parent / "onnxlint" / "schemas"


@rule("TST001", "odd-node", severity=Severity.ERROR)
def odd_node(graph: Graph):
    """A node that is odd.

    Why: it is `not` even, <b>so</b> to speak.
    Fix: make it even.
    """
    yield Finding(graph.main, "odd")


@rule("SEC900", "leak", severity=Severity.WARNING)
def leak(graph: Graph):
    """Something that should not be in the file."""
    yield Finding(graph.main, "leak")


@rule("TST002", "idle-rule", severity=Severity.INFO)
def idle_rule(graph: Graph):
    """A rule that finds nothing."""
    yield Finding(graph.main, "idle")


LINE = Place(node="/layer2/conv/Conv", node_index=17, op_type="Conv", value="out",
             module="layer2.conv", source="net.py:41",
             source_path="/work/src/a b/net.py")  # fmt: skip
INNER = Place(scope="If_3/then_branch", node="", node_index=0, op_type="Relu", value="h")


def found(code_: str, name: str, severity: Severity, place: Place, **more: object) -> Diagnostic:
    return Diagnostic(code_, name, severity, f"it is {name}", place, **more)


ODD = found("TST001", "odd-node", Severity.ERROR, LINE, hint="make it even", surroundings="a1")
LEAK = found("SEC900", "leak", Severity.WARNING, Place(), measured=float("nan"))
ALIKE = found("TST003", "removed-rule", Severity.WARNING, INNER, surroundings="b2")
CRASH = found("LNT001", "rule-crashed", Severity.ERROR, Place(), evidence={"rule": "TST002"})
REPORTS = (
    ModelReport(
        "a/flawed.onnx", "0" * 64, None, (ODD, LEAK, ALIKE, replace(ALIKE, place=LINE)),
        ("SEC900", "TST001"), {"TST002": "no Relu"}, (), 8, "synthetic inputs (seed 0)", 1.25,
        suppressed=(
            Suppressed(replace(ODD, place=INNER), "suppressed", "is *so* | by design", "o.toml",
                       "2027-01-31"),
            Suppressed(replace(LEAK, message="old"), "accepted", "", "onnxlint-accepted.json"),
        ),
        gone=(Gone("TST001", "odd-node", "Conv 'c'", "0123456789abcdef"),),
    ),
    ModelReport("b/clean model ü.onnx", "1" * 64, ran=("SEC900", "TST001", "TST002"),
                metrics=Metrics("y", "classification", 400, accuracy=0.9725)),
    ModelReport("c/broken.onnx", error="is empty; export or download it again"),
    ModelReport("d/crashed.onnx", "2" * 64, None, (CRASH,), ("TST001",), {}, ("TST002",),
                not_run=("SEC900",)),
    ModelReport("/elsewhere/late.onnx", "3" * 64, "it took too long", (ODD,),
                not_executed="time was up", mending=FixReport(problem="disk is full")),
)  # fmt: skip
OUTCOME = Outcome(2, None, ("3 warnings (limit 2, --max-warnings)",), ("TST009 was not run",), 1.5)
FOR_MACHINES = ["json", "jsonl", "sarif", "code-scanning", "junit", "github", "gitlab",
                "markdown"]  # fmt: skip


def written(name: str, reports=REPORTS, outcome: Outcome = OUTCOME, **view: object) -> str:
    run = Run("1.2.3", {"onnxlint_rules": "1.2.3", "acme": ""}, Path("/work"), len(reports),
              View(**view), [(odd_node, leak, idle_rule)])  # fmt: skip
    return rendered(reporter_class(name)(run), reports, outcome)


def log_of(reports=REPORTS, outcome: Outcome = OUTCOME) -> dict:
    document = json.loads(written("sarif", reports, outcome))
    jsonschema.validate(document, SARIF)
    return document["runs"][0]


# As they are


@pytest.mark.parametrize("name", FORMATS)
def test_golden(name):
    check(f"formats/{name}.txt", click.unstyle(written(name)))


@pytest.mark.parametrize("name", FOR_MACHINES)
def test_bytes_depend_on_no_clock(name):
    later = [replace(report, seconds=99.0) for report in REPORTS]
    assert written(name) == written(name, later, replace(OUTCOME, seconds=7.0))


@pytest.mark.parametrize(
    ("name", "streams"),
    [(name, name in ("full", "concise", "jsonl", "github")) for name in FORMATS],
)
def test_a_model_appears_at_once_where_the_format_allows(name, streams):
    reporter = reporter_class(name)(Run(folder=Path("/work"), models=2))
    reporter.begin()
    assert ("flawed.onnx" in reporter.model(REPORTS[0])) == streams


def test_every_finding_is_in_every_format_for_machines():
    messages = {each.message for report in REPORTS for each in report.findings}
    for name in FOR_MACHINES:
        text = written(name).replace("\\", "")
        assert [each for each in messages if each not in text] == [], name


# JSON


def test_json_and_its_lines_follow_their_schemas():
    for name in ("report", "jsonl"):
        schema = json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))
        lines = written(name.replace("report", "json"))
        for document in [lines] if name == "report" else lines.splitlines():
            jsonschema.Draft202012Validator(schema).validate(json.loads(document))


def test_lines_say_the_same_as_the_document():
    first, *models, last = map(json.loads, written("jsonl").splitlines())
    document = json.loads(written("json"))
    assert [{**each, "type": "model"} for each in document["models"]] == models
    assert (first["tool"], last["exit_code"]) == (document["tool"], 2)
    assert last["totals"] == {"error": 3, "warning": 3, "info": 0, "suppressed": 2, "models": 5}
    assert document["failures"] == last["failures"] == ["3 warnings (limit 2, --max-warnings)"]


# SARIF


def test_sarif_places_a_finding_at_the_users_line_and_relates_the_model():
    results = log_of()["results"]
    (ours,) = results[0]["locations"]
    assert ours["physicalLocation"]["artifactLocation"] == {
        "uri": "src/a%20b/net.py", "uriBaseId": "%SRCROOT%",
    }  # fmt: skip
    assert ours["physicalLocation"]["region"]["startLine"] == 41
    assert [each["kind"] for each in ours["logicalLocations"]] == ["module", "node", "value"]
    (model,) = results[0]["relatedLocations"]
    assert model["physicalLocation"]["artifactLocation"]["uri"] == "a/flawed.onnx"
    elsewhere = [r for r in log_of(REPORTS[1:])["results"] if r["ruleId"] == "TST001"]
    model = elsewhere[0]["relatedLocations"][0]["physicalLocation"]["artifactLocation"]
    assert model == {"uri": "file:///elsewhere/late.onnx"}


def test_sarif_describes_rules_by_their_documentation():
    rules = {each["id"]: each for each in log_of()["tool"]["driver"]["rules"]}
    assert [*rules] == ["LNT001", "SEC900", "TST001", "TST002", "TST003"]
    about = rules["TST001"]
    assert about["shortDescription"]["text"] == "A node that is odd."
    assert "**Why** it is `not` even" in about["help"]["markdown"]
    assert "Fix: make it even." in about["help"]["text"]
    assert rules["SEC900"]["properties"]["security-severity"] == "5.0"
    for result in log_of()["results"]:
        assert [*rules][result["ruleIndex"]] == result["ruleId"]


def test_sarif_fingerprints_survive_renaming_and_are_told_apart():
    results = log_of()["results"]
    hashes = [r["partialFingerprints"]["primaryLocationLineHash"] for r in results]
    paths = [json.dumps(r.get("relatedLocations") or r["locations"]) for r in results]
    assert max(Counter(zip(hashes, paths, strict=True)).values()) == 1
    renamed = [
        replace(r, findings=tuple(replace(f, place=replace(f.place, node="n", value="v"))
                                  for f in r.findings if f.surroundings), suppressed=())
        for r in REPORTS[:1]
    ]  # fmt: skip
    again = {
        r["partialFingerprints"]["primaryLocationLineHash"] for r in log_of(renamed)["results"]
    }
    assert again <= {*hashes}


def test_sarif_tells_suppressed_findings_with_their_reason():
    suppressed = [r["suppressions"][0] for r in log_of()["results"] if "suppressions" in r]
    assert [each["justification"] for each in suppressed] == [
        "is *so* | by design (until 2027-01-31)", "accepted",
    ]  # fmt: skip
    assert [each["properties"]["kind"] for each in suppressed] == ["suppressed", "accepted"]


def test_code_scanning_gets_no_suppressed_finding_and_the_same_of_all_others():
    (run,) = json.loads(written("code-scanning"))["runs"]
    usual = log_of()
    assert len(run["results"]) < len(usual["results"])
    assert run["results"] == [r for r in usual["results"] if "suppressions" not in r]
    assert run["invocations"] == usual["invocations"]


def test_sarif_links_the_model_of_a_users_line():
    for result in log_of()["results"]:
        has_model = "relatedLocations" in result
        assert result["message"]["text"].endswith(" ([open](1))") == has_model
    assert "\nModel: a/flawed.onnx ([open](1))" in log_of()["results"][0]["message"]["text"]


def test_sarif_notifies_of_what_could_not_be_done():
    (invocation,) = log_of()["invocations"]
    assert (invocation["executionSuccessful"], invocation["exitCode"]) == (False, 2)
    told = [each["message"]["text"] for each in invocation["toolExecutionNotifications"]]
    assert told == [
        "3 warnings (limit 2, --max-warnings)", "TST009 was not run",
        "cannot lint: is empty; export or download it again", "it is rule-crashed",
        "incomplete: it took too long", "not written: disk is full",
        "not executed: time was up",
    ]  # fmt: skip
    assert log_of(REPORTS[:2], Outcome(1))["invocations"][0]["executionSuccessful"]


def test_sarif_keeps_the_gravest_results_that_code_scanning_takes(monkeypatch):
    mild = tuple(replace(LEAK, severity=Severity.INFO, message=f"{n}") for n in range(30))
    reports = [ModelReport("a", findings=mild), ModelReport("b", findings=(ODD, LEAK))]
    monkeypatch.setattr(sarif, "MOST_RESULTS", 10)
    log = log_of(reports)
    assert [r["level"] for r in log["results"]] == ["error", "warning", *["note"] * 8]
    (cut,) = [n for n in log["invocations"][0]["toolExecutionNotifications"]
              if "left out" in n["message"]["text"]]  # fmt: skip
    assert cut["message"]["text"].startswith("22 results left out")
    monkeypatch.setattr(sarif, "MOST_RESULTS", 100)
    monkeypatch.setattr(sarif, "MOST_BYTES", 1_500)
    smaller = written("sarif", reports)
    assert len(gzip.compress(smaller.encode(), 6)) <= 1_500
    assert 0 < len(json.loads(smaller)["runs"][0]["results"]) < 32


@pytest.mark.parametrize(
    ("source", "path", "line"),
    [
        ("net.py:41", "/work/net.py", "net.py"),
        ("net.py:41", "/home/alice/project/pkg/net.py", "pkg/net.py"),
        ("net.py:41", "C:\\Users\\alice\\pkg\\net.py", "pkg/net.py"),
        ("net.py:41", "pkg/net.py", "pkg/net.py"),
        ("net.py:41", "/home/alice/other.py", None),
        ("net.py:41", "/home/alice/../../work/pkg/net.py", None),
        ("net.py:41", "/a\0b/net.py", None),
        ("net.py:41", "/" + "x" * 5000 + "/net.py", None),
        ("net.py:41", "/x" * 5000 + "/pkg/net.py", None),
        ("net.py:0", "/work/net.py", None),
        ("net.py", "/work/net.py", None),
        (None, "/work/net.py", None),
    ],
)
def test_source_files_are_looked_for_below_the_folder(tmp_path, source, path, line):
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "net.py").write_text("")
    files = Files(tmp_path)
    written_path = path.replace("/work", str(tmp_path))
    place = files.source(Place(source=source, source_path=written_path))
    assert (place and place.path) == line
    assert place is None or place.number == 41


# JUnit


def test_junit_is_read_back():
    text = written("junit").encode()
    xml = junitparser.JUnitXml.fromstring(text)
    suites = {suite.name: suite for suite in xml}
    assert [*suites] == ["onnxlint", *(report.path for report in REPORTS)]
    flawed = {case.name: case for case in suites["a/flawed.onnx"]}
    assert [*flawed] == [
        "SEC900 leak",
        "TST001 odd-node",
        "TST002 idle-rule",
        "TST003 removed-rule",
    ]
    (failure,) = flawed["TST001 odd-node"].result
    assert isinstance(failure, junitparser.Failure)
    assert failure.type == "error"
    assert failure.message.endswith("(net.py:41): it is odd-node")
    (skipped,) = flawed["TST002 idle-rule"].result
    assert (type(skipped), skipped.message) == (junitparser.Skipped, "no Relu")
    assert flawed["SEC900 leak"].is_passed
    assert "warning: it is leak" in flawed["SEC900 leak"].system_out
    assert "suppressed: " in flawed["TST001 odd-node"].system_out
    crashed = {case.name: case.result for case in suites["d/crashed.onnx"]}
    assert isinstance(crashed["TST002 idle-rule"][0], junitparser.Error)
    assert crashed["SEC900 leak"][0].message.startswith("not run")
    assert all(case.is_passed for case in suites["b/clean model ü.onnx"])
    (broken,) = suites["c/broken.onnx"]
    assert isinstance(broken.result[0], junitparser.Error)
    counts = (xml.tests, xml.failures, xml.errors, xml.skipped)
    xml.update_statistics()
    assert counts == (xml.tests, xml.failures, xml.errors, xml.skipped) == (15, 3, 5, 1)


def test_junit_fails_what_the_gate_fails():
    strict = replace(REPORTS[0], fail_on=Severity.WARNING, suppressed=())
    xml = junitparser.JUnitXml.fromstring(written("junit", [strict], Outcome(1)).encode())
    cases = {case.name: case.result for suite in xml for case in suite}
    assert cases["SEC900 leak"][0].type == "warning"
    assert cases["TST003 removed-rule"][0].message.endswith("it is removed-rule (and 1 more)")


# GitHub


COMMAND = re.compile(r"::(error|warning|notice) (?:[a-z]+=[^,:\n]*,)*[a-z]+=[^,:\n]*::[^\n]*")


def test_github_annotates_as_many_as_are_shown_and_counts_the_rest():
    kinds = [replace(LEAK, severity=each) for each in Severity for _ in range(12)]
    lines = written("github", [ModelReport("a%b,c:d\n.onnx", findings=tuple(kinds))]).splitlines()
    commands = [COMMAND.fullmatch(line) for line in lines[:30]]
    assert Counter(each and each[1] for each in commands) == dict.fromkeys(
        ("error", "warning", "notice"), github.MOST
    )
    assert commands[0][0].startswith(
        "::error file=a%25b%2Cc%3Ad\\n.onnx,line=1,title=SEC900 leak::"
    )
    assert lines[30:] == [
        "onnxlint: 3 warnings (limit 2, --max-warnings)",
        "onnxlint: 12 errors, 12 warnings, 12 info; 6 not annotated (GitHub shows 10 of a kind)",
        "TST009 was not run",
    ]


# GitLab


def test_gitlab_follows_its_schema_with_unique_fingerprints():
    issues = json.loads(written("gitlab"))
    jsonschema.validate(issues, GITLAB)
    assert len({issue["fingerprint"] for issue in issues}) == len(issues) == 10
    assert issues[0]["location"] == {"path": "src/a b/net.py", "lines": {"begin": 41}}
    assert [issue["severity"] for issue in issues[:3]] == ["critical", "major", "major"]
    assert {each["severity"] for each in issues if each["check_name"] == "onnxlint"} == {"blocker"}


# Markdown


def test_markdown_stays_within_a_comment_and_says_what_is_left_out():
    many = tuple(
        replace(ODD, code=f"TST{n:03d}", message="\U0001f98a" * 300, hint="x" * 900)
        for n in range(500)
    )
    text = written("markdown", [ModelReport(f"{n}" * 300, findings=many) for n in range(40)])
    assert len(text.encode()) <= 65_536
    assert text.startswith("## onnxlint could not check everything\n")
    assert re.search(r"\n[\d,]+ lines left out: a comment holds no more\.\n", text)
    assert text.count("<details>") == text.count("</details>")
    assert text.count("\n| `") == markdown.MOST_ROWS


@pytest.mark.parametrize(
    ("outcome", "word"),
    [
        (Outcome(0), "failed (exit code 0: --exit-zero)"), (Outcome(1), "failed"),
        (Outcome(2), "could not check everything"), (Outcome(2, "no rule ran"), "checked nothing"),
    ],
)  # fmt: skip
def test_markdown_begins_with_the_verdict(outcome, word):
    assert written("markdown", REPORTS[:1], outcome).splitlines()[0] == f"## onnxlint {word}"
    assert written("markdown", REPORTS[1:2], Outcome(0)).startswith("## onnxlint passed\n")


@pytest.mark.parametrize("text", ["@alice", "see #12", "https://a.b", "www.a.b", "GH-3", ":smile:",
                                  "deadbee", "a/b#3", "![x](y)", "name@host.org:"])  # fmt: skip
def test_markdown_mentions_and_links_nothing(text):
    tokens = MarkdownIt("commonmark").parse(plain(text, 100))
    shown = [inner for token in tokens for inner in token.children or []]
    texts = "".join(each.content for each in shown if each.type == "text")
    assert not re.search(r"@|#\d|://|www\.|GH-|:smile:|deadbee|!\[", texts)
    assert "".join(each.content for each in shown).strip() == text


@pytest.mark.parametrize("name", ["a`b", "``", "`", "a|b", " a ", "x" * 300])
def test_markdown_code_shows_the_name(name):
    (inline,) = [each for each in MarkdownIt("commonmark").parse(f"x {code(name)} y")
                 if each.type == "inline"]  # fmt: skip
    shown = next(each.content for each in inline.children if each.type == "code_inline")
    assert shown.strip() == name.strip().replace("|", "\\|")


# Hostile names


SPITEFUL = ["\x1b[31m", "\x9b2J", "\n::error::x", "::set-output name=a::b", "##[group]", "]]>",
            "</failure>", "<!--", "<img src=x onerror=alert(1)>", "| a | b |", "[a](javascript:b)",
            "](", "@everyone", "```", "`", "%0A", "%", "\ud800", "\udcff", "\u202e", "\ufffe", "\0",
            "x" * 10_000, "é" * 3_000, "</details>", "&amp;", "{0}", "\\", "\r", "- ", "#12",
            "https://x.y", "\u2028", "=", ","]  # fmt: skip
NAMES = st.lists(
    st.one_of(st.sampled_from(SPITEFUL), st.text(st.characters(), max_size=20)), max_size=4
).map("".join)


@st.composite
def hostile(draw) -> ModelReport:
    def name() -> str:
        return draw(NAMES)

    def finding(severity: Severity) -> Diagnostic:
        place = Place(scope=name(), node=name(), node_index=1, op_type=name(), value=name(),
                      module=name(), source=f"{name()}:7", source_path=name())  # fmt: skip
        return Diagnostic("TST001", "odd-node", severity, name(), place, hint=name(),
                          evidence={name(): name()}, surroundings=name())  # fmt: skip

    return ModelReport(
        name(), error=draw(st.one_of(st.none(), NAMES)),
        findings=tuple(map(finding, Severity)), not_applicable={"TST002": name()}, data=name(),
        suppressed=(Suppressed(finding(Severity.ERROR), "suppressed", name(), name()),),
        gone=(Gone("TST001", name(), name(), "0123456789abcdef"),),
    )  # fmt: skip


def parse(name: str, text: str) -> None:
    if name in ("sarif", "code-scanning"):
        jsonschema.Draft202012Validator(SARIF).validate(json.loads(text))
    elif name == "gitlab":
        jsonschema.Draft202012Validator(GITLAB).validate(json.loads(text))
    elif name == "json":
        json.loads(text, parse_constant=pytest.fail)
    elif name == "jsonl":
        assert len([json.loads(line, parse_constant=pytest.fail) for line in text.split("\n")[:-1]])
    elif name == "junit":
        ElementTree.fromstring(text)
        assert len([*junitparser.JUnitXml.fromstring(text.encode())]) == 2
    elif name == "github":
        lines = [line for line in text.split("\n") if line.startswith("::")]
        assert all(map(COMMAND.fullmatch, lines))
        assert len(lines) <= 6
    elif name == "markdown":
        assert_is_tame(text)


def assert_is_tame(text: str) -> None:
    """Markdown in which nothing is a link, an image or markup but our own."""
    own = re.compile(r"(</?(details|summary|sub)>|<br>|[\w ,()]|\s)*")
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        for each in [token, *(token.children or [])]:
            assert each.type not in {"link_open", "image", "fence", "code_block", "hr"}
            assert not each.type.startswith("html") or own.fullmatch(each.content), each.content


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=12, deadline=None)
@given(report=hostile(), reason=NAMES)
def test_hostile_names_break_no_format_and_reach_no_terminal(name, report, reason):
    outcome = Outcome(2, f"r{reason}", (f"f{reason}",), (f"n{reason}",))
    text = click.unstyle(written(name, [report], outcome, show=Severity.INFO))
    text.encode("utf-8")
    assert not (OBEYED - {"\n"}) & set(text)
    assert not re.search(r"##\w*\[", text)
    assert name == "github" or not re.search(r"^\s*::", text, re.MULTILINE)
    parse(name, text)
