"""Findings that a team knows of: suppressed, accepted, off; and what a policy does not allow."""

from __future__ import annotations

import datetime
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from onnxlint import lint
from onnxlint.cli.main import cli
from onnxlint.findings import Diagnostic, Finding
from onnxlint.model.file.load import open_model
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.place import Place
from onnxlint.model.graph.surroundings import Surroundings
from onnxlint.planner import Planner
from onnxlint.report import ModelReport
from onnxlint.severity import Severity
from onnxlint.suppression import suppressed
from onnxlint.testing import model_from_text
from onnxlint.toml_tables import ConfigError

YESTERDAY = datetime.date.today() - datetime.timedelta(days=1)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working directory of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def net(*lines: str) -> onnx.ModelProto:
    """Float `x` of 10 features through these nodes to `y`."""
    body = "\n".join(lines)
    return model_from_text(
        '<ir_version: 8, opset_import: ["" : 17]> net (float[N, 10] x) => (float[N, 10] y) '
        f"{{ {body} }}"
    )


SOFTMAXES = ("[first] a = Softmax <axis = -1> (x)", "[second] y = Softmax <axis = -1> (a)")
FOUR = ("[first] a = Softmax <axis = -1> (x)", "[second] b = Softmax <axis = -1> (a)",
        "[act] r = Relu (b)", "[third] c = Softmax <axis = 1> (r)",
        "[fourth] y = Softmax <axis = 1> (c)")  # fmt: skip


def save(model: onnx.ModelProto, name: str = "m.onnx") -> Path:
    path = Path(name)
    path.write_bytes(model.SerializeToString())
    return path


def run(*arguments: object) -> tuple[int, str]:
    """The command in this process: exit code, and what it said."""
    done = CliRunner().invoke(cli, [*map(str, arguments)], standalone_mode=False)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        return 2, str(done.exception)
    code = done.return_value if isinstance(done.return_value, int) else done.exit_code
    return code, done.output


def linted(*select: str) -> ModelReport:
    return lint("m.onnx", select=select or ("ARC001",))


def codes(report: ModelReport) -> list[str]:
    return sorted(finding.code for finding in report.findings)


def suppress(**entry: str) -> None:
    rows = {"rule": '"ARC001"', "reason": '"the second one is a gate"', **entry}
    text = "\n".join(f"{key} = {value}" for key, value in rows.items())
    Path("onnxlint.toml").write_text(f"[[suppress]]\n{text}\n", encoding="utf-8")


# Suppressed by the configuration


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"rule": '"ARC"'},
        {"rule": '"repeated-softmax"', "where": '"second"'},
        {"where": '"sec*"', "model": '"*.onnx"'},
        {"until": "tomorrow"},
        {"until": "today"},
    ],
)
def test_a_suppressed_finding_does_not_count_and_stays_with_its_reason(here, entry):
    save(net(*SOFTMAXES))
    if "until" in entry:  # counted from now: a suite may be collected on the day before
        ahead = datetime.timedelta(days=["today", "tomorrow"].index(entry["until"]))
        entry = {"until": str(datetime.date.today() + ahead)}
    suppress(**entry)
    report = linted()
    (away,) = report.suppressed
    assert codes(report) == []
    assert not report.failing
    assert (away.kind, away.reason) == ("suppressed", "the second one is a gate")
    assert (away.finding.code, away.file) == ("ARC001", "suppress[1] of onnxlint.toml")
    assert away.until == entry.get("until")


@pytest.mark.parametrize(
    "entry", [{"where": '"first"'}, {"rule": '"ARC007"'}, {"where": '"SECOND"'}]
)
def test_a_suppression_of_something_else_is_stale_and_told(here, entry):
    save(net(*SOFTMAXES))
    suppress(**entry)
    report = linted("ARC001", "ARC007")
    assert codes(report) == ["ARC001", "LNT003"]
    stale = next(finding for finding in report.findings if finding.code == "LNT003")
    assert stale.message.startswith("suppress[1] of onnxlint.toml meets no finding: ")
    assert stale.hint == "remove the entry, or correct its rule, model or where"


def test_it_is_not_stale_where_another_suppresses_the_same_finding(here):
    save(net(*SOFTMAXES))
    entry = '[[suppress]]\nrule = "ARC001"\nreason = "r"\n'
    Path("onnxlint.toml").write_text(f'{entry}{entry}where = "second"\n')
    report = linted()
    assert codes(report) == []
    assert [away.file for away in report.suppressed] == ["suppress[1] of onnxlint.toml"]


def test_it_is_not_stale_where_its_rule_did_not_look(here):
    save(net(*SOFTMAXES))
    suppress(rule='"ACT003"')
    assert codes(lint("m.onnx", select=["ARC001"])) == ["ARC001"]


def test_of_several_models_one_that_meets_is_enough(here):
    save(net(*SOFTMAXES), "a.onnx")
    save(net("y = Relu (x)"), "b.onnx")
    suppress()
    code, said = run("a.onnx", "b.onnx", "--select", "ARC001", "--static-only")
    assert (code, "LNT003" in said) == (0, False)
    suppress(model='"b.onnx"')
    code, said = run("a.onnx", "b.onnx", "--select", "ARC001", "--static-only")
    assert (code, said.count("LNT003")) == (1, 1)


def test_after_its_last_day_the_finding_counts_and_the_suppression_is_told(here):
    save(net(*SOFTMAXES))
    suppress(until=str(YESTERDAY))
    report = linted()
    assert codes(report) == ["ARC001", "LNT004"]
    expired = next(finding for finding in report.findings if finding.code == "LNT004")
    assert expired.message == (
        f"suppress[1] of onnxlint.toml expired on {YESTERDAY}; "
        "it would suppress 1 finding of ARC001"
    )
    assert report.failing


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('rule = "ARC001"', "missing required field `reason`"),
        ('rule = "ARC001"\nreason = " "', "suppress[1]: reason is empty"),
        ('rule = "ARC999"\nreason = "r"', "suppress[1]: unknown rule 'ARC999'"),
        ('rule = "ARC001"\nreason = "r"\nunti = 2027-01-01', "did you mean 'until'?"),
        ('rule = "ARC001"\nreason = "r"\nuntil = "soon"', "until"),
    ],
)
def test_mistakes_in_a_suppression(here, text, problem):
    save(net(*SOFTMAXES))
    Path("onnxlint.toml").write_text(f"[[suppress]]\n{text}\n", encoding="utf-8")
    with pytest.raises(ConfigError) as raised:
        linted()
    assert problem in str(raised.value)


def test_a_file_beside_the_model_suppresses_nothing(here, tmp_path_factory):
    folder = tmp_path_factory.mktemp("downloaded")
    save(net(*SOFTMAXES), str(folder / "m.onnx"))
    (folder / "onnxlint.toml").write_text(
        'accepted = "known.json"\n[[suppress]]\nrule = "ARC001"\nreason = "trust me"\n'
    )
    report = lint(folder / "m.onnx", select=["ARC001"])
    assert codes(report) == ["ARC001"]
    assert report.configuration is not None
    assert {*report.configuration.ignored} == {"accepted", "suppress"}


# Off, and what a policy does not allow


def test_a_rule_whose_severity_is_off_is_not_run(here):
    save(net(*SOFTMAXES))
    Path("onnxlint.toml").write_text('[rules.ARC001]\nseverity = "off"\n')
    report = lint("m.onnx", select=["ARC"])
    assert "ARC001" not in {*report.ran, *codes(report)}


def policy(below: str, *, base: str = 'mandatory = ["ARC001"]') -> None:
    Path("base.toml").write_text(f"[policy]\n{base}\n")
    Path("onnxlint.toml").write_text(f'extend = "base.toml"\n{below}\n')


@pytest.mark.parametrize(
    ("below", "problem"),
    [
        ('[[ignore]]\nrule = "ARC001"\nreason = "r"', "ignore 'ARC001'"),
        ('[[suppress]]\nrule = "ARC"\nreason = "r"', "suppress[1]"),
        ('[rules.ARC001]\nseverity = "off"', "rules.ARC001.severity"),
    ],
)
def test_a_mandatory_rule_stays(here, below, problem):
    save(net(*SOFTMAXES))
    policy(below)
    with pytest.raises(ConfigError) as raised:
        lint("m.onnx")
    assert problem in str(raised.value)
    assert "ARC001 'repeated-softmax' is mandatory by the policy of " in str(raised.value)


def test_a_mandatory_rule_stays_where_the_file_repeats_the_policy(here):
    save(net(*SOFTMAXES))
    policy('[policy]\nmandatory = ["ARC001"]\n[[suppress]]\nrule = "ARC001"\nreason = "r"')
    with pytest.raises(ConfigError, match=r"is mandatory by the policy of .*base\.toml"):
        lint("m.onnx")


def test_the_file_of_a_policy_may_suppress_a_mandatory_rule_at_a_place(here):
    save(net(*SOFTMAXES))
    base = 'mandatory = ["ARC001"]\n[[suppress]]\nrule = "ARC001"\nreason = "r"'
    policy('[policy]\nmandatory = ["ARC001"]', base=base)
    assert codes(linted()) == []


@pytest.mark.parametrize(
    "below",
    [
        "[rules.QNT001]\nmost-clipped = 1",
        '[[per-model]]\npath = "m.onnx"\n[per-model.rules.ACT003]\nmax-dead-fraction = 1.0',
    ],
)
def test_options_of_a_mandatory_rule_are_set_by_the_policy_alone(here, below):
    save(net(*SOFTMAXES))
    policy(below, base='mandatory = ["QNT001", "ACT003"]\n[rules.ACT003]\nmax-dead-fraction = 0.1')
    with pytest.raises(ConfigError, match=r"mandatory by the policy of .*base\.toml, which sets"):
        lint("m.onnx")
    policy("", base='mandatory = ["ACT003"]\n[rules.ACT003]\nmax-dead-fraction = 0.1')
    assert "ARC001" in codes(lint("m.onnx"))


def test_a_mandatory_rule_that_is_not_run_is_told(here):
    save(net(*SOFTMAXES))
    policy("", base='mandatory = ["RUN001", "ARC001"]')
    code, said = run("m.onnx", "--static-only", "--select", "GRA")
    assert code == 0
    assert "mandatory by the policy, and not run: ARC001, RUN001" in said


def test_a_mandatory_rule_is_run_beside_a_selection_of_the_file(here):
    save(net(*SOFTMAXES))
    policy('select = ["GRA"]')
    assert "ARC001" in codes(lint("m.onnx"))


def test_the_command_line_cannot_ignore_a_mandatory_rule(here):
    save(net(*SOFTMAXES))
    policy("")
    code, said = run("m.onnx", "--ignore", "ARC001")
    assert code == 2
    assert "--ignore ARC001: ARC001 'repeated-softmax' is mandatory" in said


def test_a_policy_sets_the_least_severity(here):
    save(net("y = Identity (x)"))
    plain = lint("m.onnx", select=["GRA"])
    assert "GRA009" in codes(plain)
    policy("", base='severities = {GRA009 = "error"}')
    graver = lint("m.onnx", select=["GRA"])
    assert {f.severity.value for f in graver.findings if f.code == "GRA009"} == {"error"}
    policy('[rules.GRA009]\nseverity = "info"', base='severities = {GRA009 = "warning"}')
    with pytest.raises(ConfigError, match="'info' is milder than 'warning', which the policy of"):
        lint("m.onnx")


def test_a_policy_comes_from_an_installed_package(here, monkeypatch):
    package = here / "site" / "acme_rules_for_tests"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('its code is not run')")
    (package / "policy.toml").write_text('[policy]\nmandatory = ["ARC001"]\n')
    monkeypatch.syspath_prepend(here / "site")
    save(net(*SOFTMAXES))
    Path("onnxlint.toml").write_text(
        'extend = ["acme_rules_for_tests:policy.toml"]\nselect = ["GRA"]\n'
    )
    assert "ARC001" in codes(lint("m.onnx"))


@pytest.mark.parametrize("size", ["lots", ""])
def test_a_size_that_is_none_is_told_with_its_key_and_file(here, size):
    save(net(*SOFTMAXES))
    Path("onnxlint.toml").write_text(f'memory-limit = "{size}"\n')
    with pytest.raises(ConfigError, match=rf"onnxlint\.toml: memory-limit: '{size}' is not"):
        lint("m.onnx")


@pytest.mark.parametrize(
    ("base", "problem"),
    [
        ("no_such_package:p.toml", "package 'no_such_package' is not installed"),
        ("onnxlint:p.toml", "package 'onnxlint' has no such file"),
        ("__main__:p.toml", "package '__main__' is not installed"),
    ],
)
def test_a_package_that_is_not_there(here, base, problem):
    save(net(*SOFTMAXES))
    Path("onnxlint.toml").write_text(f'extend = "{base}"\n')
    with pytest.raises(ConfigError, match=problem):
        lint("m.onnx")


# Settings of single models


def test_samples_and_limits_of_single_models(here):
    from onnxlint.config import load
    from onnxlint.job import plan
    from onnxlint.rules.packs import discover

    Path("onnxlint.toml").write_text(
        'samples = 3\n[[per-model]]\npath = "a*.onnx"\nsamples = 5\ndata = "d.npz"\n'
        'labels = "d.npz:y"\nreference = "old.onnx"\ntime-limit = 7.0\n'
        'memory-limit = "1GiB"\nseed = 9\n'
    )
    loaded, registry = load(Path("onnxlint.toml")), discover([])
    one, other = (plan(loaded, registry, name).settings for name in ("a1.onnx", "b.onnx"))
    assert (one.samples, one.time_limit, one.memory_limit, one.seed) == (5, 7.0, 2**30, 9)
    assert (one.data, one.reference) == (here / "d.npz", here / "old.onnx")
    assert (str(one.labels), other.labels) == (str(here / "d.npz:y"), None)
    assert (other.samples, other.data, other.seed, other.time_limit) == (3, None, 0, 300.0)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("baseline = true", "unknown key 'baseline'; its name is now 'compare-simple'"),
        ('[outputs.y]\nlabels = "x"', "this key belongs at the top level of the file"),
        ('[[per-model]]\npath = "x"\ndta = "d"', "in per-model[0]; did you mean 'data'?"),
        ('[[ignore]]\nrule = "x"\nreason = "r"\nwhere = "n"', "known are reason, rule"),
        ('[rules.ARC001]\nseverity = "fatal"', "'fatal' is not one of error, warning, info, off"),
    ],
)
def test_a_wrong_key_is_told_from_its_own_table(here, text, problem):
    save(net(*SOFTMAXES))
    Path("onnxlint.toml").write_text(text + "\n")
    with pytest.raises(ConfigError) as raised:
        linted()
    assert problem in str(raised.value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[[per-model]]\npath = "n.onnx"', "per-model[1].path 'n.onnx' matches no file; did you"),
        (
            '[[per-model]]\npath = "models/*.onx"',
            "per-model[1].path 'models/*.onx' matches no file",
        ),
        ('[[suppress]]\nrule = "ARC001"\nreason = "r"\nmodel = "q/*"', "suppress[1].model 'q/*'"),
    ],
)
def test_a_glob_that_means_no_file(here, text, problem):
    save(net(*SOFTMAXES))
    Path("onnxlint.toml").write_text(text + "\n")
    with pytest.raises(ConfigError) as raised:
        linted()
    assert problem in str(raised.value)


def test_a_glob_may_mean_models_that_are_not_linted_now(here):
    (here / "models").mkdir()
    save(net(*SOFTMAXES))
    save(net(*SOFTMAXES), "models/other.onnx")
    Path("onnxlint.toml").write_text('[[per-model]]\npath = "models/*.onnx"\nstage = "init"\n')
    assert codes(linted()) == ["ARC001"]
    Path("below.toml").write_text('extend = "onnxlint.toml"\n')
    (here / "models" / "other.onnx").unlink()
    assert codes(lint("m.onnx", select=["ARC001"], config=Path("below.toml"))) == ["ARC001"]


# Accepted findings


def accept(*more: str) -> str:
    code, said = run("accept", "m.onnx", "--select", "ARC001", "--static-only", *more)
    assert code == 0, said
    return said


def entries() -> list[dict[str, object]]:
    return json.loads(Path("onnxlint-accepted.json").read_text())["findings"]


def test_what_is_accepted_is_not_reported_again(here):
    save(net(*SOFTMAXES))
    assert "1 finding accepted" in accept()
    report = linted()
    assert (codes(report), report.failing) == ([], False)
    assert [each.kind for each in report.suppressed] == ["accepted"]
    (entry,) = entries()
    assert (entry["model"], entry["code"], entry["node"]) == ("m.onnx", "ARC001", "second")
    assert not {"message", "measured", "limit", "evidence"} & entry.keys()


def test_a_folder_that_is_not_there_is_told_before_anything_is_linted(here):
    save(net(*SOFTMAXES))
    code, said = run("accept", "m.onnx", "--file", "missing/known.json")
    assert code == 2
    assert "folder 'missing' does not exist; create it, or correct the path" in said
    assert not Path("missing").exists()


def test_accepting_twice_changes_nothing(here):
    save(net(*FOUR))
    accept()
    before = Path("onnxlint-accepted.json").read_bytes()
    accept()
    assert Path("onnxlint-accepted.json").read_bytes() == before


def renamed(model: onnx.ModelProto) -> onnx.ModelProto:
    names = {value.name for value in (*model.graph.input, *model.graph.output)}
    for at, node in enumerate(model.graph.node):
        node.name = f"other_{at}"
        for many in (node.input, node.output):
            many[:] = [name if name in names or not name else f"v_{name}" for name in many]
    for tensor in model.graph.initializer:
        tensor.name = f"v_{tensor.name}"
    return model


def test_it_stays_accepted_when_all_names_change(here):
    save(net(*FOUR))
    accept()
    save(renamed(net(*FOUR)))
    report = linted()
    assert (codes(report), len(report.suppressed), report.gone) == ([], 2, ())
    accept("--prune")
    assert {entry["node"] for entry in entries()} == {"other_1", "other_4"}


def test_it_stays_accepted_when_a_layer_is_added_elsewhere_and_names_count_on(here):
    save(net("[s_0] a = Softmax (x)", "[s_1] b = Softmax (a)", "[r_0] c = Relu (b)",
             "[r_1] y = Relu (c)"))  # fmt: skip
    accept()
    save(net("[r_0] w = Relu (x)", "[r_1] v = Elu (w)", "[r_2] u = Elu (v)",
             "[s_0] a = Softmax (u)", "[s_1] b = Softmax (a)",
             "[r_3] c = Relu (b)", "[r_4] y = Relu (c)"))  # fmt: skip
    assert codes(linted()) == []


def test_a_second_defect_of_the_rule_is_new(here):
    save(net(*SOFTMAXES))
    accept()
    save(net(*FOUR))
    report = linted()
    assert (codes(report), len(report.suppressed)) == (["ARC001"], 1)
    assert report.findings[0].place.node == "fourth"


def test_a_mended_defect_does_not_cover_another(here):
    save(net(*FOUR[:3], "[third] c = Relu (r)", "[fourth] y = Softmax <axis = 1> (c)"))
    accept()
    save(net("[first] a = Relu (x)", "[second] b = Softmax <axis = -1> (a)", *FOUR[2:]))
    report = linted()
    assert [finding.place.node for finding in report.findings] == ["fourth"]
    assert [(gone.code, gone.where) for gone in report.gone] == [("ARC001", "second")]


def test_equal_blocks_are_told_apart_while_their_nodes_are_there(here):
    def blocks(*doubled: int) -> onnx.ModelProto:
        lines, value = [], "x"
        for at in range(4):
            lines += [f"[a{at}] a{at} = Relu ({value})", f"[b{at}] b{at} = Softmax (a{at})"]
            second = "Softmax" if at in doubled else "Tanh"
            lines += [f"[c{at}] c{at} = {second} (b{at})", f"[d{at}] d{at} = Relu (c{at})",
                      f"[e{at}] e{at} = Relu (d{at})", f"[f{at}] f{at} = Relu (e{at})"]  # fmt: skip
            value = f"f{at}"
        return net(*lines, f"y = Identity ({value})")

    save(blocks(1))
    accept()
    save(blocks(2))
    report = linted()
    assert [finding.place.node for finding in report.findings] == ["c2"]


def test_one_of_two_equal_heads_is_mended_and_the_other_breaks(here):
    def heads(one: str, other: str) -> onnx.ModelProto:
        return net("[in] h = Elu (x)", "[p] a = Softmax (h)", f"[q] b = {one} (a)",
                   "[r] c = Softmax (h)", f"[s] d = {other} (c)", "y = Sum (b, d)")  # fmt: skip

    save(heads("Softmax", "Tanh"))
    accept()
    save(net("[in] h = Elu (x)", "[p] a = Softmax (h)", "[r] c = Softmax (h)",
             "[s] d = Softmax (c)", "y = Sum (a, d)"))  # fmt: skip
    assert [finding.place.node for finding in linted().findings] == ["s"]


def test_one_branch_is_mended_and_the_other_breaks(here):
    def branches(one: str, other: str) -> onnx.ModelProto:
        return net(
            "z = Constant <value = float {0.0}> ()", "s = ReduceMax <keepdims = 0> (x)",
            "c = Greater (s, z)",
            f"""y = If (c) <
                then_branch = yes () => (float[N, 10] p) {{ [s_1] i = {one} (x)
                                                            [s_2] p = Softmax (i) }},
                else_branch = no () => (float[N, 10] q) {{ [s_1] j = {other} (x)
                                                           [s_2] q = Softmax (j) }}>""",
        )  # fmt: skip

    save(branches("Softmax", "Elu"))
    accept()
    save(branches("Elu", "Softmax"))
    report = linted()
    assert codes(report) == ["ARC001"]
    assert [gone.where for gone in report.gone] == ["s_2"]


def test_another_name_with_the_old_one_still_there_is_another_place(here):
    save(net("[in] h = Elu (x)", "[p] a = Softmax (h)", "[q] b = Softmax (a)",
             "[r] c = Elu (h)", "[s] d = Softmax (c)", "y = Sum (b, d)"))  # fmt: skip
    accept()
    save(net("[in] h = Elu (x)", "[p] a = Elu (h)", "[q] b = Softmax (a)",
             "[r] c = Softmax (h)", "[s] d = Softmax (c)", "y = Sum (b, d)"))  # fmt: skip
    assert [finding.place.node for finding in linted().findings] == ["s"]


def test_unnamed_nodes_stay_accepted_when_a_layer_is_added_or_all_names_change(here):
    lines = ["a = Relu (x)", "b = Elu (a)", "c = Softmax (b)", "d = Softmax (c)"]
    save(net(*lines, "y = Relu (d)"))
    accept()
    save(net(*lines, "s = Selu (d)", "y = Relu (s)"))
    assert codes(linted()) == []
    save(net("e = Tanh (x)", "a = Relu (e)", *lines[1:], "y = Relu (d)"))
    assert codes(linted()) == []
    model = renamed(net("e = Tanh (x)", "a = Relu (e)", *lines[1:], "y = Relu (d)"))
    for node in model.graph.node:
        node.name = ""
    save(model)
    assert codes(linted()) == []


def test_an_unnamed_defect_that_is_mended_does_not_cover_its_twin(here):
    def heads(one: str, other: str) -> onnx.ModelProto:
        return net("h = Elu (x)", f"a = {one} (h)", "b = Softmax (a)", f"c = {other} (h)",
                   "d = Softmax (c)", "y = Sum (b, d)")  # fmt: skip

    save(heads("Softmax", "Elu"))
    accept()
    save(heads("Elu", "Softmax"))
    assert codes(linted()) == ["ARC001"]


def test_a_value_tells_where_a_node_without_a_name_is():
    one = Diagnostic("XYZ001", "x", Severity.INFO, "m", Place(node="", node_index=1, value="v"))
    moved = replace(one, place=replace(one.place, node_index=7))
    assert one.fingerprint == moved.fingerprint
    assert one.fingerprint != replace(one, place=replace(one.place, value="w")).fingerprint
    plain = replace(one, place=replace(one.place, value=None))
    assert plain.fingerprint != replace(moved, place=replace(moved.place, value=None)).fingerprint


def test_what_is_gone_is_told_and_pruned(here):
    save(net(*FOUR))
    accept()
    save(net("[first] a = Relu (x)", "[second] b = Softmax <axis = -1> (a)", *FOUR[2:]))
    code, said = run("m.onnx", "--select", "ARC001", "--static-only")
    assert code == 0
    assert "ARC001 repeated-softmax at second is accepted and gone" in said
    assert "1 accepted" in said
    accept()
    assert len(entries()) == 2
    accept("--prune")
    assert [entry["node"] for entry in entries()] == ["fourth"]


def test_what_is_suppressed_too_is_not_told_as_gone(here):
    save(net(*SOFTMAXES))
    accept()
    suppress()
    report = linted()
    assert [away.kind for away in report.suppressed] == ["suppressed"]
    assert report.gone == ()


def test_standard_input_is_not_accepted(here):
    code, said = run("accept", "-")
    assert (code, said) == (2, "standard input has no path to accept findings by; name a file")


def test_pruning_accepts_nothing_new_and_leaves_rules_alone_that_did_not_look(here):
    save(net(*SOFTMAXES))
    accept()
    save(net(*FOUR))
    accept("--prune")
    assert [entry["node"] for entry in entries()] == ["second"]
    code, _ = run("accept", "m.onnx", "--select", "GRA001", "--static-only", "--prune")
    assert (code, len(entries())) == (0, 1)


def test_a_graver_or_larger_finding_is_new():
    from onnxlint.acceptance import Entry

    mild = Diagnostic("XYZ001", "x", Severity.WARNING, "m", Place(node="n", node_index=0))
    entry = Entry.of(mild, "m.onnx")
    assert entry.covers(mild)
    assert not entry.covers(Diagnostic("XYZ001", "x", Severity.ERROR, "m", mild.place))
    three = Diagnostic("XYZ001", "x", Severity.WARNING, "m", mild.place, evidence={"count": 3})
    assert not entry.covers(three)
    assert Entry.of(three, "m.onnx").covers(mild)


def test_findings_of_many_nodes_say_how_many():
    nodes = [Place(node=name, node_index=0) for name in "abc"]
    assert Finding.of_nodes(nodes, "m").evidence == {"count": 3}
    assert Finding.of_nodes(nodes, "m", evidence={"k": 1}).evidence == {"count": 3, "k": 1}
    assert Finding.of_nodes(nodes[:1], "m").evidence == {}


def test_a_mandatory_rule_is_not_accepted(here):
    save(net(*SOFTMAXES))
    policy("")
    code, said = run("accept", "m.onnx", "--select", "ARC001", "--static-only")
    assert (code, "0 findings accepted" in said) == (0, True)
    Path("onnxlint.toml").unlink()
    accept()
    policy("")
    assert codes(linted()) == ["ARC001"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is no file of accepted findings"),
        ("[]", "is no file of accepted findings"),
        ('{"version": 9, "findings": []}', "has version 9, and this onnxlint reads 1"),
        ('{"version": 1, "findings": [{"code": 3}]}', "is no file of accepted findings"),
    ],
)
def test_mistakes_in_the_file(here, text, problem):
    save(net(*SOFTMAXES))
    Path("onnxlint-accepted.json").write_text(text)
    code, said = run("m.onnx", "--select", "ARC001")
    assert code == 2
    assert problem in said


def test_a_file_that_is_named_must_be_there(here):
    save(net(*SOFTMAXES))
    code, said = run("m.onnx", "--accepted", "none.json")
    assert code == 2
    assert "none.json: there is no such file; write it with 'onnxlint accept'" in said


def test_a_folder_holds_no_accepted_findings(here):
    save(net(*SOFTMAXES))
    code, said = run("m.onnx", "--accepted", ".", "--select", "ARC001")
    assert code == 2
    assert "Traceback" not in said


def test_no_accepted_reports_everything(here):
    save(net(*SOFTMAXES))
    accept()
    code, said = run("m.onnx", "--select", "ARC001", "--static-only", "--no-accepted")
    assert (code, "ARC001" in said) == (1, True)


def test_the_file_lies_beside_the_configuration(here):
    (here / "models" / "deep").mkdir(parents=True)
    (here / "onnxlint.toml").write_text('select = ["ARC001"]\n')
    save(net(*SOFTMAXES), "models/deep/m.onnx")
    code, _ = run("accept", "models", "--static-only")
    assert (code, entries()[0]["model"]) == (0, "models/deep/m.onnx")
    assert codes(lint("models/deep/m.onnx")) == []


def test_each_model_is_accepted_beside_its_own_configuration(here):
    for name in ("one", "two"):
        (here / name).mkdir()
        (here / name / "onnxlint.toml").write_text('extend = "../onnxlint.toml"\n')
        save(net(*SOFTMAXES), f"{name}/m.onnx")
    (here / "onnxlint.toml").write_text('select = ["ARC001"]\n')
    code, _ = run("accept", "one", "two", "--static-only", "--trust-config")
    assert code == 0
    assert (here / "one" / "onnxlint-accepted.json").exists()
    assert run("one", "two", "--static-only", "--trust-config")[0] == 0


def test_accept_says_what_it_could_not_look_at(here):
    Path("m.onnx").write_bytes(b"no model")
    code, _ = run("accept", "m.onnx")
    assert code == 2


# What a finding is known by


def surroundings(model: onnx.ModelProto, path: Path) -> dict[str, str]:
    path.write_bytes(model.SerializeToString())
    with open_model(path) as opened:
        graph = Graph.build(opened)
        around = Surroundings.build(graph)
        found = {node.output.name: around.at(node.place) for node in graph.nodes() if node.output}
        return found | {value.name: around.at(value.place) for value in graph.inputs}


def test_surroundings_are_of_operators_attributes_and_two_steps(tmp_path):
    path = tmp_path / "m.onnx"
    lines = ["a = Elu (x)", "b = Relu (a)", "c = Tanh (b)", "y = Softmax <axis = 1> (c)"]
    before = surroundings(net(*lines), path)
    other_axis = surroundings(net(*lines[:3], "y = Softmax <axis = 0> (c)"), path)
    near = surroundings(net(lines[0], "b = Sigmoid (a)", *lines[2:]), path)
    far = surroundings(net("a = Selu (x)", *lines[1:]), path)
    assert before["y"] != other_axis["y"]
    assert before["y"] != near["y"]
    assert before["y"] == far["y"]
    assert before["c"] != far["c"]
    assert len({*before.values()}) == 5


@pytest.mark.parametrize("tool", ["onnxslim", "onnxsim"])
def test_findings_are_known_again_after_a_tool_has_saved_the_model(here, tool):
    pytest.importorskip(tool)
    flawed = Path(__file__).parent.parent / "fixtures" / "demo" / "flawed.onnx"
    save(onnx.load(flawed))
    run("accept", "m.onnx", "--static-only", "--select", "ARC,INT,GRA,WGT")
    before = lint("m.onnx", select=["ARC", "INT", "WGT"])
    assert before.suppressed
    assert before.findings == ()
    done = subprocess.run([sys.executable, "-m", tool, "m.onnx", "m.onnx"], capture_output=True)
    assert done.returncode == 0, done.stderr
    after = lint("m.onnx", select=["ARC", "INT", "WGT"])
    assert [
        f for f in after.findings if f.code in {each.finding.code for each in before.suppressed}
    ] == []


def labelled() -> None:
    """A model whose head is not recognised, with labels: the engine says so in a note."""
    model = model_from_text(
        '<ir_version: 8, opset_import: ["" : 17]> net (float[N, 3] x) => (float[N, 3] y) '
        "{ a = Elu (x) y = Abs (a) }"
    )
    save(model)
    np.savez("data.npz", x=np.eye(3, dtype=np.float32)[[0, 1, 2, 0]])
    np.savez("labels.npz", y=np.array([0, 1, 2, 0]))


NOTED = ("m.onnx", "--data", "data.npz", "--labels", "labels.npz", "--select", "PRD012",
         "--no-cache")  # fmt: skip


def noted(*options: str) -> tuple[int, list[str]]:
    code, said = run(*NOTED, "--fail-on", "info", "-f", "json", *options)
    (report,) = json.loads(said)["models"]
    return code, [each["code"] for each in report["findings"]]


def test_a_note_of_the_engine_is_accepted_and_another_one_is_not(here):
    labelled()
    assert noted() == (1, ["LNT002"])
    code, said = run("accept", *NOTED)
    assert (code, "not accepted" in said) == (0, False)
    assert noted() == (0, [])
    (entry,) = json.loads(Path("onnxlint-accepted.json").read_text())["findings"]
    run("accept", *NOTED)
    assert [entry] == json.loads(Path("onnxlint-accepted.json").read_text())["findings"]
    accepted = [Diagnostic("LNT002", "n", Severity.INFO, "m", Place(), evidence={"lost": lost})
                for lost in ("head", "runs")]  # fmt: skip
    assert accepted[0].fingerprint == entry["fingerprint"] != accepted[1].fingerprint
    assert accepted[0].structural_fingerprint != accepted[1].structural_fingerprint


@pytest.mark.parametrize(
    ("rule", "where", "left"),
    [
        ("LNT002", None, []),
        ("incomplete-analysis", "head", []),
        ("LNT002", "runs", ["LNT002"]),
    ],
)
def test_a_note_of_the_engine_is_suppressed(here, rule, where, left):
    labelled()
    suppress(rule=f'"{rule}"', **({"where": f'"{where}"'} if where else {}))
    assert noted() == (1 if left else 0, left)


def test_what_the_engine_could_not_do_is_not_suppressed(here):
    labelled()
    suppress(rule='"LNT001"')
    code, said = run("m.onnx")
    assert code == 2 and "LNT001 is about the run, not the model; only infos of LNT002" in said
    suppress(rule='"LNT002"')
    graver = Diagnostic("LNT002", "n", Severity.WARNING, "m", Place(), evidence={"lost": "runs"})
    (job,) = Planner().jobs(["m.onnx"])
    assert suppressed([graver], job.suppressions) == ([graver], [])
