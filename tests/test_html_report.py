"""The report as one page: what stands on it, what hostile texts cannot do to it, how it behaves.

The tests of behaviour open the page in a browser and are left out where there is none.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shlex
import shutil
import subprocess
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest
from browsing import QUIETLY
from click.testing import CliRunner
from hypothesis import given, settings
from msgspec.structs import replace
from test_docs import BROWSERS
from test_formats import LEAK, NAMES, ODD, OUTCOME, REPORTS, hostile, written

from onnxlint.cli.main import cli
from onnxlint.findings import Diagnostic
from onnxlint.model.graph.place import Place
from onnxlint.report import Configuration, Metrics, ModelReport, TraceRow
from onnxlint.reporters import registry
from onnxlint.reporters.html import models
from onnxlint.reporters.html.items import command
from onnxlint.reporters.protocol import Outcome
from onnxlint.safety.printable import printable
from onnxlint.severity import Severity

FULL = replace(
    REPORTS[0],
    metrics=Metrics("y", "classification", 400, 0.75, {"cat": 0.5, "dog": 1.0}, log_loss=0.5),
    trace=(TraceRow("h", "relu", "Relu", "float32", (8, 4), 32, 0, 0, 5, 0, 0.0, 1.5, 0.25),),
    configuration=Configuration("onnxlint.toml", trusted=False, ignored=("rules",)),
)


class Page(HTMLParser):
    """What a browser makes of it: elements with their attributes, and the text that is shown."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.within = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        assert len(dict(attrs)) == len(attrs)
        self.elements.append((tag, dict(attrs)))
        self.within = tag

    def handle_endtag(self, tag):
        self.within = ""

    def handle_data(self, data):
        if self.within not in ("script", "style"):
            self.texts.append(data)

    def handle_comment(self, data):
        pytest.fail(f"a comment: {data}")

    def of_class(self, name: str) -> list[dict[str, str]]:
        return [given for _, given in self.elements if name in given.get("class", "").split()]

    @property
    def text(self) -> str:
        return " ".join("".join(self.texts).split())


def page(*reports: ModelReport, outcome: Outcome = OUTCOME) -> Page:
    return Page(written("html", reports, outcome))


# What stands on it


def test_everything_that_is_known_of_a_model_is_on_the_page():
    text = page(FULL).text
    for told in (
        "a/flawed.onnx", "8 synthetic inputs (seed 0)", "TST001 odd-node", "it is odd-node",
        "Conv '/layer2/conv/Conv' → 'out' (net.py:41)", "Hint: make it even", "Why: it is `not`",
        "Fix: make it even.", "suppressed in o.toml , until 2027-01-31", "no Relu", "8x4",
        "onnxlint.toml (lies with the model and is not trusted); ignored: rules",
        "Accepted before and no longer found (1)", "3 warnings (limit 2, --max-warnings)",
        "Log loss of equal probabilities, ln 2", "0.693147", "dog", "TST009 was not run",
    ):  # fmt: skip
        assert told.replace(" ,", ",") in text, told


@pytest.mark.parametrize(("reports", "word"), [
    (REPORTS[1:2], "passed"), (REPORTS[:1], "failed"), (REPORTS, "could not check everything"),
])  # fmt: skip
def test_the_verdict_is_that_of_the_other_formats(reports, word):
    outcome = Outcome({"passed": 0, "failed": 1}.get(word, 2))
    markdown = written("markdown", reports, outcome).splitlines()[0]
    assert page(*reports, outcome=outcome).text.count(f"onnxlint {word}") >= 1
    assert markdown == f"## onnxlint {word}"


def test_models_have_an_index_the_worst_first_only_where_there_are_several():
    targets = [given["href"] for tag, given in page(*REPORTS).elements
               if tag == "a" and given["href"].startswith("#model-")]  # fmt: skip
    assert targets[:5] == ["#model-5", "#model-3", "#model-1", "#model-4", "#model-2"]
    assert "nav" not in {tag for tag, _ in page(FULL).elements}


def test_links_lead_to_places_of_the_page_that_there_are_once():
    twice = replace(FULL, findings=(ODD, ODD, LEAK))
    elements = page(twice, FULL).elements
    ids = Counter(given["id"] for _, given in elements if "id" in given)
    assert set(ids.values()) == {1}
    links = {given["href"] for tag, given in elements if tag == "a"}
    assert links <= {f"#{each}" for each in ids}
    assert len([each for each in links if each.startswith("#finding-")]) == 7


def test_a_long_trace_is_cut_and_says_so(monkeypatch):
    monkeypatch.setattr(models, "MOST_ROWS", 2)
    text = page(replace(FULL, trace=FULL.trace * 5)).text
    assert "3 more values are in the JSON report." in text


@pytest.mark.parametrize(("path", "words"), [
    ("a b/m.onnx", ["a b/m.onnx"]), ("-m.onnx", ["./-m.onnx"]), ("$(x);'m'", ["$(x);'m'"]),
])  # fmt: skip
def test_the_command_names_model_and_rule(path, words):
    assert shlex.split(command(ModelReport(path), ODD)) == [
        "onnxlint",
        *words,
        "--select",
        "TST001",
    ]


@pytest.mark.parametrize("path", ["a\nb", "\x1b[31m'\\", "\u202e\udcffx", "##[group]", "é\tü"])
def test_the_command_is_understood_by_a_shell_whatever_the_name(path):
    asked = printable(command(ModelReport(path), ODD)).replace("onnxlint", "printf '%s\\n'", 1)
    seen = subprocess.run(["bash", "-c", asked], capture_output=True, check=True).stdout
    assert seen == f"{path}\n--select\nTST001\n".encode("utf-8", "surrogateescape")


def test_the_command_feeds_the_samples_that_were_saved_or_fed():
    asked = ("--stage", "init", "--data", "a b.npz", "--labels", "l.npy", "--compare-simple")
    fed = ModelReport("m", asked=asked)
    assert shlex.split(command(fed, ODD)) == ["onnxlint", "m", "--select", "TST001", *asked]
    assert "--data" not in command(FULL, ODD)
    saved = replace(ODD, evidence={"witness": "w/nan 1.npz"})
    again = ["onnxlint", "m", "--select", "TST001", "--stage", "init", "--data", "w/nan 1.npz"]
    assert shlex.split(command(fed, saved)) == again
    crash = Diagnostic("LNT001", "rule-crashed", Severity.ERROR, "", Place())
    assert command(ModelReport("m"), crash) == "onnxlint m"
    assert command(ModelReport("m"), replace(crash, evidence={"rule": "ACT001"})).endswith(
        "--select ACT001"
    )


def test_without_jinja_a_sentence_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(registry, "find_spec", lambda name: None)
    done = CliRunner().invoke(cli, ["m.onnx", "-f", f"html={tmp_path / 'r.html'}"])
    assert done.exit_code == 2
    assert "format 'html' requires jinja2: pip install 'onnxlint[report]'" in done.output


# Nothing loads, and texts stay texts


def test_the_policy_forbids_all_but_the_style_and_the_script_of_the_page():
    text = written("html", [FULL])
    policy = next(given["content"] for tag, given in Page(text).elements
                  if given.get("http-equiv") == "Content-Security-Policy")  # fmt: skip
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    for tag, rule in (("script", "script-src"), ("style", "style-src")):
        (inner,) = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inner.encode()).digest()).decode()
        assert rules.pop(rule) == f"'sha256-{digest}'"
    assert rules == {"default-src": "'none'", "img-src": "data:", "base-uri": "'none'",
                     "form-action": "'none'"}  # fmt: skip
    assert not re.search(r"https?://|url\(|@import", text)


def test_the_bytes_depend_on_no_clock():
    later = [replace(report, seconds=99.0) for report in REPORTS]
    assert written("html") == written("html", later, replace(OUTCOME, seconds=7.0))


PLAIN = written("html", [FULL, *REPORTS])
OWN_TAGS = {tag for tag, _ in Page(PLAIN).elements}
OWN_ATTRIBUTES = {name for _, given in Page(PLAIN).elements for name in given}


@settings(max_examples=40, deadline=None)
@given(report=hostile(), reason=NAMES)
def test_hostile_texts_make_no_element_and_no_attribute(report, reason):
    seen = page(replace(report, trace=FULL.trace), REPORTS[0],
                outcome=Outcome(2, reason or "r", (reason,), (reason,)))  # fmt: skip
    tags = Counter(tag for tag, _ in seen.elements)
    assert {*tags} <= OWN_TAGS
    assert {name for _, given in seen.elements for name in given} <= OWN_ATTRIBUTES
    assert (tags["script"], tags["style"], tags["form"], tags["html"]) == (1, 1, 1, 1)
    assert all(given["href"].startswith(("#", "data:,")) for _, given in seen.elements
               if "href" in given)  # fmt: skip
    assert len(seen.of_class("finding")) == len(report.findings) + len(REPORTS[0].findings)
    for finding in report.findings:
        assert " ".join(printable(finding.message).split()) in seen.text


# In a browser


@pytest.fixture(scope="module")
def browser() -> str:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is installed")
    return found


MANY = tuple(
    replace(LEAK, message=f"message {n} of " + "x" * 300, severity=[*Severity][n % 3],
            code=f"TST00{n % 3}", place=Place(module=f"layer{n % 2}", node="n" * 500, node_index=n))
    for n in range(60)
)  # fmt: skip

STEPS = """
const count = () => page.querySelectorAll(".finding:not([hidden])").length;
const ask = (name, value) => {
  filter.elements[name].value = value;
  filter.dispatchEvent(new view.Event("input", {bubbles: true}));
  return [count(), page.getElementById("shown").textContent];
};
seen.beyond = page.documentElement.scrollWidth - page.documentElement.clientWidth;
seen.text = ask("text", "MESSAGE 17");
seen.none = ask("text", "no such text");
seen.reset = (filter.reset(), await until(() => count() > 0), count());
seen.module = ask("module", "1");
filter.elements.severity[0].click();
seen.severity = count();
page.querySelector(".finding[hidden] .link").click();
await until(() => page.activeElement.className === "finding");
seen.revealed = [count(), page.activeElement.className, filter.elements.module.value];
page.querySelector(".copy").click();
seen.copied = page.getElementById("told").textContent;
const folded = () => page.querySelectorAll("details:not([open])").length;
const before = folded();
view.dispatchEvent(new view.Event("beforeprint"));
seen.printed = before > 0 && folded() === 0;
view.dispatchEvent(new view.Event("afterprint"));
seen.folded = folded() === before;
seen.titled = page.querySelectorAll("label > input, label > select").length;
"""


def observed(browser: str, file: Path, width: int, steps: str = STEPS) -> tuple[dict, list[str]]:
    """What the page did when it was used in a window of this width, and what it complained of."""
    frame = file.with_name("frame.html")
    frame.write_text(f"""<!doctype html><iframe id="f" src="{file.as_uri()}"
      style="width:{width}px;height:900px;border:0"></iframe><pre id="seen"></pre><script>
      const until = async (is) => {{
        for (let tries = 0; tries < 100 && !is(); tries++)
          await new Promise(done => setTimeout(done, 50));
      }};
      f.onload = async () => {{
        const seen = {{}}, page = f.contentDocument, view = f.contentWindow;
        const filter = page.getElementById("filter");
        try {{ {steps} }} catch (error) {{ seen.error = `${{error}}`; }}
        seen.loaded = view.performance.getEntriesByType("resource").map(each => each.name);
        document.getElementById("seen").textContent = btoa(JSON.stringify(seen));
      }};</script>""", encoding="utf-8")  # fmt: skip
    done = subprocess.run(
        [browser, *QUIETLY, "--allow-file-access-from-files",
         "--enable-logging=stderr", f"--user-data-dir={file.parent / 'profile'}",
         "--virtual-time-budget=20000", "--dump-dom", frame.as_uri()],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    (told,) = re.findall(r'<pre id="seen">(.*?)</pre>', done.stdout)
    return json.loads(base64.b64decode(told)), re.findall(r".*:CONSOLE[:(].*", done.stderr)


@pytest.mark.docs
@pytest.mark.parametrize("width", [1440, 390])
def test_the_page_is_used_in_a_window_and_on_a_phone(browser, tmp_path, width):
    file = tmp_path / "report.html"
    text = written("html", [replace(FULL, path="m" * 300, findings=MANY), FULL])
    file.write_text(text, encoding="utf-8")
    seen, complaints = observed(browser, file, width)
    assert complaints == []
    assert seen == {
        "beyond": 0, "text": [1, "1 of 64 findings"], "none": [0, "0 of 64 findings"],
        "reset": 64, "module": [30, "30 of 64 findings"], "severity": 20,
        "revealed": [64, "finding", ""], "copied": seen["copied"], "titled": 7, "loaded": [],
        "printed": True, "folded": True,
    }  # fmt: skip
    assert seen["copied"].startswith("Command ")
