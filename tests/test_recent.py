"""What the cache seems to have: for that, no process is started ahead."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import SOUND

from onnxlint import __main__ as command
from onnxlint import recent
from onnxlint.report_cache import ReportCache
from onnxlint.testing import model_from_text

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="nothing starts ahead elsewhere")


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ONNXLINT_NO_CACHE", raising=False)
    monkeypatch.setenv("ONNXLINT_CACHE_DIR", str(tmp_path / "cache"))
    Path("model.onnx").write_bytes(model_from_text(SOUND).SerializeToString())
    return tmp_path / "cache"


def lint(*arguments: str) -> None:
    line = [sys.executable, "-m", "onnxlint", *arguments]
    subprocess.run(line, check=True, env={**os.environ, "ONNXLINT_NO_SERVER": "1"},
                   stdout=subprocess.DEVNULL)  # fmt: skip


def test_what_was_reported_is_known_until_it_changes(cache):
    assert not recent.are_reported(["model.onnx", "--static-only"])
    lint("model.onnx", "--static-only")
    assert recent.are_reported(["check", "model.onnx", "--static-only"])
    assert recent.are_reported([f"{Path.cwd()}/model.onnx", "--static-only", "--show", "info"]) is (
        False
    ), "an option's value is not told from a model"
    assert not recent.are_reported(["model.onnx"]), "its runs may not be there"
    assert not recent.are_reported(["model.onnx", "other.onnx", "--static-only"])
    os.utime("model.onnx", ns=(1, 1))
    assert not recent.are_reported(["model.onnx", "--static-only"])
    lint("model.onnx", "--static-only")  # a hit, under another state
    assert recent.are_reported(["model.onnx", "--static-only"])
    assert len((cache / recent.FILE).read_text().splitlines()) == 2


@pytest.mark.parametrize("arguments", [
    ["--no-cache"], ["--cache-dir=elsewhere"], ["--cache-dir", "elsewhere"],
])  # fmt: skip
def test_another_cache_is_not_looked_at(cache, arguments, monkeypatch):
    lint("model.onnx", "--static-only")
    assert not recent.are_reported(["model.onnx", "--static-only", *arguments])
    monkeypatch.setenv("ONNXLINT_NO_CACHE", "1")
    assert not recent.are_reported(["model.onnx", "--static-only"])


@pytest.mark.parametrize("named", ["", "elsewhere"])
def test_it_looks_where_the_reports_are(monkeypatch, tmp_path, named):
    monkeypatch.delenv("ONNXLINT_NO_CACHE", raising=False)
    monkeypatch.delenv("ONNXLINT_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / named) if named else "")
    assert recent._folder() == str(ReportCache.usual().folder)


def test_nothing_is_started_for_what_is_known(cache, monkeypatch):
    from onnxlint import judge_ahead
    from onnxlint.runtime.worker import ahead

    begun = []
    monkeypatch.setattr(ahead, "start_ahead", lambda: begun.append("worker"))
    monkeypatch.setattr(judge_ahead, "start_judge", lambda _: begun.append("judge"))
    command._start_ahead(["model.onnx"])
    assert begun == ["worker", "judge"]
    lint("model.onnx")
    command._start_ahead(["model.onnx"])
    assert begun == ["worker", "judge"]
    lint("model.onnx")  # and the command does without them


def test_only_the_latest_are_remembered(tmp_path):
    for number in range(recent.MOST + 10):
        recent.remember(str(tmp_path), [f"line {number}"])
    lines = (tmp_path / recent.FILE).read_text().splitlines()
    assert lines[0] == "line 10"
    assert len(lines) == recent.MOST
    recent.remember(str(tmp_path), ["many"] * (recent.MOST_AT_ONCE + 1))
    assert "many" not in (tmp_path / recent.FILE).read_text()


@pytest.mark.parametrize("content", [b"\xff\xfe", b"", b"nonsense"])
def test_a_file_that_is_none_of_ours_tells_nothing(cache, content):
    cache.mkdir()
    (cache / recent.FILE).write_bytes(content)
    assert not recent.are_reported(["model.onnx"])


def test_a_folder_that_cannot_be_written_is_no_mistake(tmp_path):
    recent.remember(str(tmp_path / "file" / "below"), ["line"])
    assert not (tmp_path / "file").exists()
