"""The wheel holds both packages, and an installed one finds its rules."""

from __future__ import annotations

import ctypes
import email
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import onnxlint
from onnxlint.analyses.targets import targets
from onnxlint.runtime.statistics import compiled

ROOT = Path(__file__).parent.parent


def build(source, made, **environment):
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(made)],
        cwd=source, check=True, capture_output=True, env=os.environ | environment,
    )  # fmt: skip
    (wheel,) = made.glob("onnxlint-*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this platform."""
    return build(ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.mark.parametrize("given", [{"CC": "no-such-compiler"}, {"ONNXLINT_PURE": "1"}])
def test_without_the_compiled_passes_the_wheel_is_for_any_machine(tmp_path, given):
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("onnxlint", "rules"):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / "onnxlint" / "runtime" / "_passes.so").write_bytes(b"of an earlier build")
    wheel = build(tmp_path, tmp_path / "made", **given)
    assert wheel.name.endswith("py3-none-any.whl")
    assert not any(name.endswith(".so") for name in zipfile.ZipFile(wheel).namelist())


@pytest.mark.skipif(compiled.compiled() is None, reason="no C compiler was there on installation")
def test_the_wheel_holds_the_compiled_passes(wheel, tmp_path):
    assert "py3-none-" in wheel.name
    assert not wheel.name.endswith("any.whl")
    with zipfile.ZipFile(wheel) as archive:
        library = archive.extract("onnxlint/runtime/_passes.so", tmp_path)
    assert ctypes.CDLL(library).onnxlint_task_size() > 0


def test_the_metadata_names_licence_authors_and_version(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (path,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = email.message_from_bytes(archive.read(path))
        licence = archive.read(path.replace("METADATA", "licenses/LICENSE")).decode()
    assert metadata["License-Expression"] == "Apache-2.0"
    assert "Apache License" in licence
    assert metadata["Author"] == "onnxlint contributors"
    assert metadata["Version"] == onnxlint.__version__
    assert "Typing :: Typed" in metadata.get_all("Classifier")


def test_wheel_finds_its_rules(wheel, tmp_path):
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    assert not (site / "rules").exists()
    assert (site / "onnxlint" / "py.typed").exists()
    assert (site / "onnxlint_rules" / "py.typed").exists()
    code = (
        "import onnxlint, onnxlint_rules, sys\n"
        "print(onnxlint.__file__, onnxlint_rules.__file__, file=sys.stderr)\n"
        "from onnxlint.cli.main import cli\n"
        "from onnxlint.analyses.targets.targets import families, resolve\n"
        "print(*(resolve(name).name for name in families()), file=sys.stderr)\n"
        "cli.main(['rules', '--format', 'json'], standalone_mode=False)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(site)}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment,
                          capture_output=True, text=True, check=True)  # fmt: skip
    assert done.stderr.count(str(site)) == 2
    assert all(f" {name}-" in f" {done.stderr.splitlines()[-1]}" for name in targets.families())
    families = {rule["code"][:3] for rule in json.loads(done.stdout)}
    assert families >= {"ACT", "ARC", "GRA", "ONX", "PRD", "RUN", "SEC", "WGT"}
