"""Reports of models that have not changed are not made again; of all others they are."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from conftest import FLAWED, SOUND
from msgspec.structs import asdict
from onnx import numpy_helper

from onnxlint import code_hash, report_keys
from onnxlint.cli.main import cli as main
from onnxlint.job_pool import run_jobs
from onnxlint.pipeline import lint, lint_many, lint_model
from onnxlint.planner import Planner
from onnxlint.report import ModelReport
from onnxlint.report_cache import ReportCache
from onnxlint.settings import Settings

POSIX = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="owners and modes are POSIX's")


@pytest.fixture
def cache(tmp_path: Path) -> ReportCache:
    return ReportCache(tmp_path / "cache")


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def planner(**given):
    return Planner(**{"static_only": True} | given)


def never(job, **_) -> ModelReport:
    """Whoever calls it has not found what the cache holds."""
    return ModelReport(job.path, error="was linted again")


def first(cache, path="model.onnx", **given) -> ModelReport:
    (report,) = run_jobs([planner(**given).job(str(path))], lint_model, cache=cache)
    return report


def known(cache, path="model.onnx", **given) -> ModelReport | None:
    return cache.look_up(planner(**given).job(str(path))).report


def plain(report: ModelReport) -> dict:
    return asdict(report) | {"seconds": 0}


def test_a_second_run_reads_the_same_report(cache, in_folder, write_model):
    write_model(FLAWED)
    made = first(cache)
    (read,) = run_jobs([planner().job("model.onnx")], never, cache=cache)
    assert plain(read) == plain(made)
    assert "ARC001" in [each.code for each in read.findings]


def test_a_run_of_the_model_is_kept_too(cache, in_folder, write_model):
    write_model(FLAWED)
    made = first(cache, static_only=False)
    read = known(cache, static_only=False)
    assert read is not None
    assert plain(read) == plain(made)
    assert read.samples == 8


def _edit(text: str):
    return lambda folder: (folder / "onnxlint.toml").write_text(text)


def _other_model(folder: Path) -> None:
    (folder / "model.onnx").write_bytes((folder / "model.onnx").read_bytes() + b"\x72\x00")


def _other_data(folder: Path) -> None:
    np.savez(folder / "data.npz", x=np.ones((8, 3), np.float32))


def _other_rule(folder: Path) -> None:
    file = folder / "own.py"
    file.write_text(file.read_text() + "\n# another version")


OWN_RULE = """
from onnxlint import Graph, Severity, rule
@rule("OWN001", "own-rule", severity=Severity.INFO)
def own_rule(graph: Graph):
    '''A rule of a team.'''
    yield from ()
"""

CHANGES = {
    "the model": _other_model,
    "an option": _edit("[rules.dead-relu]\nmax-dead-fraction = 0.25"),
    "a severity": _edit('[rules.repeated-softmax]\nseverity = "info"'),
    "a range": _edit("[outputs.y]\nrange = [0, 1]"),
    "what fails": _edit('fail-on = "info"'),
    "an ignored rule": _edit('[[ignore]]\nrule = "ARC001"\nreason = "wanted"'),
    "a suppression": _edit('[[suppress]]\nrule = "ARC001"\nreason = "wanted"'),
    "a target": _edit('targets = ["ort-cpu"]'),
    "the data": _other_data,
    "a rule": _other_rule,
    "links": lambda folder: os.link(folder / "model.onnx", folder / "second name"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_a_report_depends_on_makes_it_anew(change, cache, in_folder, write_model):
    write_model(FLAWED)
    np.savez("data.npz", x=np.zeros((8, 3), np.float32))
    Path("own.py").write_text(OWN_RULE)
    Path("onnxlint.toml").write_text("")
    given = {"overrides": {"data": Path("data.npz")}, "rules": (Path("own.py"),)}
    first(cache, **given)
    assert known(cache, **given) is not None
    CHANGES[change](in_folder)
    assert known(cache, **given) is None


@pytest.mark.parametrize(
    "given",
    [
        {"select": ("ARC",)}, {"overrides": {"seed": 3}}, {"overrides": {"samples": 3}},
        {"static_only": False}, {"targets": ("ort-cpu",)}, {"settings": Settings(full_trace=True)},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_asked_for_makes_it_anew(given, cache, in_folder, write_model):
    write_model(FLAWED)
    first(cache)
    assert known(cache) is not None
    assert known(cache, **given) is None


def test_a_config_that_says_the_same_in_other_words_changes_nothing(cache, in_folder, write_model):
    write_model(FLAWED)
    Path("onnxlint.toml").write_text("seed = 0")
    first(cache)
    Path("onnxlint.toml").write_text("# of today\nseed = 0\n")
    assert known(cache) is not None


@pytest.fixture
def with_external(in_folder, write_model):
    model = onnx.load(write_model(SOUND))
    (weight,) = model.graph.initializer
    weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight), "w"))
    onnx.save(model, "model.onnx", save_as_external_data=True, location="w.bin", size_threshold=0)
    os.utime("w.bin", (1, 1))
    return in_folder


def test_external_data_is_part_of_the_model(cache, with_external):
    first(cache)
    assert known(cache) is not None
    data = Path("w.bin").read_bytes()
    Path("w.bin").write_bytes(bytes(len(data)))
    assert known(cache) is None
    Path("w.bin").write_bytes(data)
    assert known(cache) is not None
    Path("w.bin").unlink()
    assert known(cache) is None


def test_external_data_that_is_written_meanwhile_is_not_kept(cache, with_external):
    job = planner().job("model.onnx")
    looked = cache.look_up(job)
    report = lint_model(job)
    Path("w.bin").write_bytes(bytes(24))
    cache.keep(looked, job, report)
    assert known(cache) is None


def test_a_model_that_is_replaced_meanwhile_is_not_kept(cache, in_folder, write_model):
    path = write_model(FLAWED)
    job = planner().job("model.onnx")
    looked = cache.look_up(job)
    write_model(SOUND, "other.onnx").replace(path)
    cache.keep(looked, job, lint_model(job))
    write_model(FLAWED)
    assert known(cache) is None


def test_a_suppression_that_ends_is_looked_at_every_day(cache, in_folder, write_model, monkeypatch):
    write_model(FLAWED)
    entry = '[[suppress]]\nrule = "ARC001"\nreason = "wanted"\nuntil = 2999-01-01'
    Path("onnxlint.toml").write_text(entry)
    first(cache)
    assert known(cache) is not None
    monkeypatch.setattr(report_keys, "_day", lambda job: "another day")
    assert known(cache) is None


def test_a_suppression_that_a_known_report_meets_is_not_stale(cache, in_folder, write_model):
    write_model(FLAWED, "a.onnx")
    write_model(SOUND, "b.onnx")
    Path("onnxlint.toml").write_text('[[suppress]]\nrule = "ARC001"\nreason = "wanted"')
    for _ in range(2):
        jobs = planner().jobs(["a.onnx", "b.onnx"])
        reports = [*run_jobs(jobs, lint_model, cache=cache)]
        assert [len(each.suppressed) for each in reports] == [1, 0]
        assert not any(each.code == "LNT003" for report in reports for each in report.findings)


def _crashing(folder: Path) -> dict:
    (folder / "own.py").write_text(OWN_RULE.replace("yield from ()", "raise OSError"))
    return {"rules": (Path("own.py"),)}


TIMED_RULE = """
from onnxlint import Graph, Severity, rule
class Clock:
    is_timed = True
    @classmethod
    def build(cls, graph: Graph) -> "Clock":
        return cls()
@rule("OWN001", "own-rule", severity=Severity.INFO)
def own_rule(clock: Clock):
    '''A rule that looks at the clock.'''
    yield from ()
"""


def _timed(folder: Path) -> dict:
    (folder / "own.py").write_text(TIMED_RULE)
    return {"rules": (Path("own.py"),)}


def _by_function(folder: Path) -> dict:
    return {"overrides": {"data": Path("module:function")}}


def _witnesses(folder: Path) -> dict:
    return {"overrides": {"witnesses": folder / "found"}}


def _empty_reference(folder: Path) -> dict:
    (folder / "old.onnx").touch()
    return {"overrides": {"reference": Path("old.onnx")}}


def _reference(folder: Path) -> dict:
    (folder / "old.onnx").write_bytes((folder / "model.onnx").read_bytes() + b"\x72\x08location")
    return {"overrides": {"reference": Path("old.onnx")}}


@pytest.mark.parametrize(
    "kind", [_crashing, _timed, _by_function, _witnesses, _reference, _empty_reference]
)
def test_what_is_never_kept(kind, cache, in_folder, write_model):
    write_model(FLAWED)
    given = kind(in_folder)
    first(cache, **given)
    assert known(cache, **given) is None


def test_neither_broken_models_nor_standard_input_are_kept(cache, in_folder):
    Path("model.onnx").write_bytes(b"no model")
    assert first(cache).error
    first(cache, "missing.onnx")
    job = planner().job("-")
    assert cache.look_up(job).key is None
    assert not cache.folder.exists()


def entries(cache: ReportCache) -> list[Path]:
    return sorted(cache.folder.glob("??/*"))


BREAKING = {
    "empty": lambda data: b"",
    "cut": lambda data: data[:-9],
    "changed": lambda data: data[:-2] + bytes([data[-2] ^ 1]) + data[-1:],
    "of something else": lambda data: b"\x80\x05cposix\nsystem\n",
}


@pytest.mark.parametrize("how", BREAKING)
def test_a_corrupt_entry_is_made_anew(how, cache, in_folder, write_model):
    write_model(FLAWED)
    first(cache)
    (file,) = entries(cache)
    file.write_bytes(BREAKING[how](file.read_bytes()))
    assert known(cache) is None
    assert first(cache).findings
    assert known(cache) is not None


def test_no_entry_takes_the_place_of_another(cache, in_folder, write_model):
    write_model(FLAWED)
    write_model(SOUND, "sound.onnx")
    first(cache, "sound.onnx")
    (sound,) = entries(cache)
    first(cache)
    (flawed,) = {*entries(cache)} - {sound}
    flawed.write_bytes(sound.read_bytes())
    assert known(cache) is None


def test_many_write_and_read_at_the_same_time(cache, in_folder, write_model):
    write_model(FLAWED)
    job = planner().job("model.onnx")
    report, wrong = lint_model(job), []

    def work() -> None:
        for _ in range(20):
            looked = cache.look_up(job)
            if looked.report is not None and plain(looked.report) != plain(report):
                wrong.append(looked.report)
            cache.keep(looked, job, report)

    cache.keep(cache.look_up(job), job, report)
    report = known(cache)  # tuples of evidence have become lists
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(entries(cache)) == 1


def test_the_oldest_go_where_there_is_too_much(cache, in_folder, write_model, monkeypatch):
    for age, name in enumerate(("new.onnx", "old.onnx")):
        write_model(FLAWED, name)
        first(cache, name)
        (made,) = (file for file in entries(cache) if file.stat().st_mtime > 10)
        os.utime(made, (9 - age, 9 - age))
    monkeypatch.setattr("onnxlint.report_cache.LARGEST_CACHE", made.stat().st_size * 2.5)
    write_model(FLAWED)
    first(cache)
    assert known(cache, "old.onnx") is None
    assert known(cache, "new.onnx") is not None


def test_from_python_nothing_is_kept_unless_asked_for(in_folder, write_model, monkeypatch):
    write_model(FLAWED)
    monkeypatch.setenv("XDG_CACHE_HOME", str(in_folder / "home"))
    monkeypatch.setenv("LOCALAPPDATA", str(in_folder / "home"))
    lint("model.onnx", select=["ARC001"])
    [*lint_many(["model.onnx"], select=["ARC001"])]
    assert not Path("home").exists()


def test_from_python_reports_are_kept_in_a_folder(in_folder, write_model, monkeypatch):
    write_model(FLAWED)
    made = lint("model.onnx", select=["ARC001"], cache=Path("kept"))
    monkeypatch.setattr("onnxlint.pipeline.lint_model", never)
    assert plain(lint("model.onnx", select=["ARC001"], cache=Path("kept"))) == plain(made)
    (many,) = lint_many(["model.onnx"], select=["ARC001"], cache=Path("kept"))
    assert plain(many) == plain(made)
    assert lint("model.onnx", select=["ARC001"]).error == "was linted again"


def run(*arguments: object):
    return CliRunner().invoke(main, [*map(str, arguments)], env={"ONNXLINT_NO_CACHE": None})


def test_the_command_keeps_reports(in_folder, write_model, monkeypatch):
    write_model(FLAWED)
    arguments = ("check", "model.onnx", "--static-only", "--format", "json")
    plain = run(*arguments, "--no-cache", "--cache-dir", "kept")
    assert not Path("kept").exists()
    made = run(*arguments, "--cache-dir", "kept")
    assert len(entries(ReportCache(Path("kept")))) == 1
    monkeypatch.setattr("onnxlint.pipeline.lint_model", never)
    read = run(*arguments, "--cache-dir", "kept")
    assert plain.exit_code == made.exit_code == read.exit_code == 1
    assert "was linted again" not in read.output
    assert "was linted again" in run(*arguments, "--no-cache", "--cache-dir", "kept").output


def test_a_fix_is_not_made_from_what_is_kept(in_folder, write_model):
    path = write_model(FLAWED)
    for _ in range(2):
        done = run("check", path, "--select", "ARC001", "--diff", "--cache-dir", "kept")
        assert done.exit_code in (0, 1), done.output
    assert not Path("kept").exists()


@POSIX
def test_a_folder_that_others_can_write_is_refused(in_folder, write_model):
    write_model(SOUND)
    Path("kept").mkdir()
    Path("kept").chmod(0o777)
    done = run("check", "model.onnx", "--static-only", "--cache-dir", "kept")
    assert done.exit_code == 2
    assert "--cache-dir 'kept' can be written by everybody" in done.output
    done = run("check", "model.onnx", "--static-only", "--cache-dir", "model.onnx")
    assert "--cache-dir 'model.onnx' is not a directory" in done.output


@POSIX
def test_a_cache_is_for_its_owner(cache, in_folder, write_model):
    write_model(FLAWED)
    first(cache)
    (file,) = entries(cache)
    assert file.stat().st_mode & 0o777 == 0o600
    assert cache.folder.stat().st_mode & 0o777 == 0o700
    assert (cache.folder / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f59")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root writes anywhere")
def test_a_cache_that_cannot_be_written_costs_no_report(cache, in_folder, write_model):
    write_model(FLAWED)
    cache.folder.mkdir(mode=0o500)
    assert first(cache).findings


def test_code_is_read_again_only_when_its_files_changed(cache, in_folder, write_model, monkeypatch):
    write_model(FLAWED)
    first(cache)

    def must_not_be_read() -> str:
        raise AssertionError

    monkeypatch.setattr(code_hash, "own_code", must_not_be_read)
    assert known(cache) is not None
    monkeypatch.setattr(code_hash, "code_state", lambda: "a" * 64)
    monkeypatch.setattr(code_hash, "own_code", lambda: "b" * 64)
    assert known(cache) is None


def test_what_python_compiled_is_no_code_of_ours(tmp_path):
    """Another command may be writing there, and take away what it wrote."""
    for name in ("a.py", "__pycache__/a.cpython-311.pyc", "__pycache__/.onnxlint-x.part", "b.pyc"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("pass")
    assert [Path(path).name for path, *_ in code_hash._files_in(str(tmp_path))] == ["a.py"]
