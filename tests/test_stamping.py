"""`onnxlint.stamp` writes what `[provenance] require` judges; nothing else of a model changes."""

from __future__ import annotations

import datetime
import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnx_ir
import pytest
from conftest import FLAWED, SOUND, findings

from onnxlint import lint, stamp, stamping
from onnxlint.model.file.errors import ModelError
from onnxlint.origins import FACTS, NO_BYTES
from onnxlint.rules.packs import discover
from onnxlint.testing import model_from_text
from onnxlint.toml_tables import ConfigError

CTR014 = next(rule for rule in discover().rules if rule.code == "CTR014")
COMMIT = "5bc7d2f08a1e4f0b9a5d3c2e1f6a7b8c9d0e1f2a"


def props(model: onnx.ModelProto | Path | str) -> dict[str, str]:
    proto = onnx.load(model, load_external_data=False) if isinstance(model, str | Path) else model
    return {entry.key: entry.value for entry in proto.metadata_props}


def told(require: list[str], **metadata: str) -> list[tuple[str, str | None]]:
    lines = "".join(f">>> model.metadata_props.add(key={key!r}, value={value!r})\n"
                    for key, value in metadata.items())  # fmt: skip
    found = findings(CTR014, f"# config: provenance.require = {require}\n{lines}{SOUND}")
    return [(each.message, each.hint) for each in found]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("git-commit", COMMIT), ("git-commit", "A" * 64), ("seed", "-3"), ("seed", "1, 2,3"),
        ("data-sha256", "1" * 64), ("framework", "torch 2.5.1+cu121, scikit-learn 1.4"),
        ("date", "2027-01-31"), ("date", "2027-01-31T12:30:00Z"), ("license", "MIT"), ("run", "7"),
    ],
)  # fmt: skip
def test_a_fact_of_the_known_form_is_accepted(name, value):
    assert told([name], **{name: value}) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("git-commit", "1f3a9c0"), ("git-commit", "0" * 40), ("git-commit", "main"),
        ("seed", "none"), ("seed", "1.5"), ("data-sha256", NO_BYTES), ("data-sha256", "0" * 64),
        ("data-sha256", "d41d8cd98f00b204e9800998ecf8427e"), ("framework", "torch"),
        ("date", "31.1.2027"), ("date", "2027-13-01"), ("run", "x" * 1_001),
    ],
)  # fmt: skip
def test_a_fact_of_another_form_is_told(name, value):
    ((message, hint),) = told([name], **{name: value})
    assert message.startswith(f"metadata key {name!r} is ")
    assert message.endswith(f"(required: {FACTS[name].form})")
    assert "onnxlint.stamp(model, " in hint


def test_a_missing_fact_is_told_and_usual_keys_tell_it():
    assert told(["git-commit"], git_commit=COMMIT) == told(["git-commit"], Commit=COMMIT) == []
    ((message, hint),) = told(["data-sha256"], seed="1")
    assert message == "metadata key 'data-sha256' is missing (required)"
    assert "onnxlint.stamp(model, data=…)" in hint
    assert told(["seed"], seed=" ")[0][0] == "metadata key 'seed' is missing (required)"


def test_a_changed_working_copy_is_told():
    ((message, hint),) = told(["git-clean"], **{"git-dirty": "true"})
    assert (
        message
        == "metadata key 'git-dirty' is 'true' (required: false: no tracked file was changed)"
    )
    assert hint.startswith("commit what was changed")


def test_an_unknown_fact_is_an_error_of_the_configuration(tmp_path, write_model):
    (tmp_path / "c.toml").write_text('[provenance]\nrequire = ["git-comit"]\n')
    with pytest.raises(ConfigError, match="'git-comit', which is not known; did you mean 'git-com"):
        lint(write_model(), config=tmp_path / "c.toml")


@pytest.fixture
def facts(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text("1\n")
    (tmp_path / "data" / "b.csv").write_text("2\n")
    (tmp_path / "labels.csv").write_text("y\n0\n")
    return {
        "git_commit": COMMIT, "seed": [1, 2], "data": tmp_path / "data",
        "labels": tmp_path / "labels.csv", "frameworks": ["numpy"],
        "date": datetime.date(2027, 1, 31), "run": "night", "license": "MIT",
        "others": {"team": "vision"},
    }  # fmt: skip


def test_what_is_stamped_keeps_what_is_required(tmp_path, write_model, facts):
    path = write_model()
    config = tmp_path / "c.toml"
    names = [name for name in FACTS if name not in ("git-clean", "config-sha256")]
    config.write_text(f"[provenance]\nrequire = {names}\n")
    assert len(lint(path, config=config, select="CTR014").findings) == len(names)
    assert stamp(path, **facts) == path
    assert lint(path, config=config, select="CTR014").findings == ()
    written = props(path)
    assert written["labels-sha256"] == hashlib.sha256(b"y\n0\n").hexdigest()
    listing = "".join(f"{hashlib.sha256(text).hexdigest()}  {name}\n"
                      for text, name in ((b"1\n", "a.csv"), (b"2\n", "b.csv")))  # fmt: skip
    assert written["data-sha256"] == hashlib.sha256(listing.encode()).hexdigest()
    assert written["framework"] == f"numpy {np.__version__}"
    assert (written["seed"], written["date"], written["team"]) == ("1,2", "2027-01-31", "vision")


def test_every_kind_of_model_in_memory(facts):
    proto = model_from_text(FLAWED)
    onnx.helper.set_model_props(proto, {"author": "me", "seed": "9"})
    data = proto.SerializeToString()
    expected = props(onnx.ModelProto.FromString(stamp(data, **facts)))
    assert next(iter(expected)) == "author" and expected["seed"] == "1,2"
    assert stamp(proto, **facts) is proto
    ir_model = onnx_ir.from_proto(onnx.ModelProto.FromString(data))
    assert stamp(ir_model, **facts) is ir_model
    assert props(proto) == props(onnx_ir.to_proto(ir_model)) == expected
    del proto.metadata_props[:]
    bare = onnx.ModelProto.FromString(data)
    del bare.metadata_props[:]
    assert proto == bare


def test_stamping_twice_changes_nothing_and_an_old_state_goes(write_model, facts):
    path = write_model()
    stamp(path, others={"git-dirty": "true"})
    assert props(path) == {"git-dirty": "true"}
    stamp(path, **facts)
    once = path.read_bytes()
    assert "git-dirty" not in props(path)
    stamp(path, **facts)
    assert path.read_bytes() == once


def test_external_data_is_not_touched(tmp_path, write_model):
    proto = model_from_text(SOUND)
    raw = onnx.numpy_helper.to_array(proto.graph.initializer[0])
    proto.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(raw, "w"))
    path = tmp_path / "big" / "model.onnx"
    path.parent.mkdir()
    onnx.save(proto, path, save_as_external_data=True, location="w.bin", size_threshold=0)
    weights = path.parent / "w.bin"
    before = weights.read_bytes(), weights.stat().st_mtime_ns
    stamp(path, seed=1)
    assert (weights.read_bytes(), weights.stat().st_mtime_ns) == before
    assert stamp(path, seed=2, output=path.with_name("other.onnx")) == path.with_name("other.onnx")
    assert (props(path)["seed"], props(path.with_name("other.onnx"))["seed"]) == ("1", "2")
    onnx.checker.check_model(path)
    with pytest.raises(ModelError, match="has external data, which would not lie beside"):
        stamp(path, seed=4, output=tmp_path / "elsewhere.onnx")
    with pytest.raises(ModelError, match="would overwrite its own data"):
        stamp(path, seed=4, output=weights)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"git_commit": "1f3a9c0"}, "git-commit is '1f3a9c0'; it must be a whole commit hash"),
        ({"frameworks": ["no-such-package"]}, "'no-such-package' is not installed"),
        ({"date": "yesterday"}, "date is 'yesterday'; it must be a date"),
        ({"others": {"a": 1}}, "keys and values must be texts"),
        ({"others": {"seed": "x"}}, "seed is 'x'; it must be an integer"),
    ],
)
def test_a_fact_of_no_use_is_refused(write_model, given, problem):
    path = write_model()
    before = path.read_bytes()
    with pytest.raises(ValueError, match=problem):
        stamp(path, **given)
    assert path.read_bytes() == before


def test_the_time_of_export_is_that_of_a_reproducible_build(write_model, monkeypatch):
    path = write_model()
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1801396800")
    stamp(path, date=True, seed=1)
    once = path.read_bytes()
    assert props(path)["date"] == "2027-01-31T12:00:00Z"
    stamp(path, date=True, seed=1)
    assert path.read_bytes() == once
    for epoch in ("tomorrow", "1e9", "9" * 30):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
        with pytest.raises(ValueError, match="it must be seconds since 1970"):
            stamp(path, date=True)
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    begin = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    stamp(path, date=True)
    assert FACTS["date"].accepts(props(path)["date"])
    assert begin <= datetime.datetime.fromisoformat(props(path)["date"])
    stamp(path, date=False, frameworks=False)
    assert "framework" not in props(path)


def test_imported_frameworks_are_written(write_model, monkeypatch):
    path = write_model()
    stamp(path, frameworks=True)
    written = props(path)["framework"]
    assert f"onnx {onnx.__version__}" in written and FACTS["framework"].accepts(written)
    for name in stamping._FRAMEWORKS:
        monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.raises(ValueError, match="no known framework is imported"):
        stamping._frameworks(True)


def test_what_is_no_model_is_refused(tmp_path):
    with pytest.raises(TypeError, match="a dict is not a model"):
        stamp({}, seed=1)
    with pytest.raises(ModelError, match="is not an ONNX model"):
        stamp(b"\xff" * 9, seed=1)
    with pytest.raises(ModelError):
        stamp(tmp_path / "none.onnx", seed=1)
    with pytest.raises(ModelError, match="standard input"):
        stamp("-", seed=1)


def test_the_repository_is_read_where_it_is_asked_for(tmp_path, write_model, monkeypatch):
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.chdir(tmp_path)
    path = write_model()
    with pytest.raises(ValueError, match=r"git_commit=True: no commit at .*; commit first"):
        stamp(path, git_commit=True)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org"]
    spy = tmp_path / "ran"
    (tmp_path / "code.py").write_text("1\n")
    for arguments in (["init", "-q"], ["add", "code.py"], ["commit", "-qm", "first"],
                      ["config", "core.fsmonitor", f"touch {spy}; false"]):  # fmt: skip
        subprocess.run([*git, *arguments], check=True, cwd=tmp_path)
    stamp(path, git_commit=True)
    head = subprocess.check_output(["git", "rev-parse", "HEAD"], text=True).strip()
    assert props(path) == {"git-commit": head, "git-dirty": "false"}
    (tmp_path / "code.py").write_text("2\n")
    stamp(path, git_commit=True)
    assert props(path)["git-dirty"] == "true"
    assert not spy.exists()
