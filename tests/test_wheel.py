"""The wheel holds both packages, and an installed one finds its rules."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

from onnxlint.analyses import targets

ROOT = Path(__file__).parent.parent


def test_wheel_finds_its_rules(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    (wheel,) = tmp_path.glob("onnxlint-*.whl")
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    assert not (site / "rules").exists()
    code = (
        "import onnxlint, onnxlint_rules, sys\n"
        "print(onnxlint.__file__, onnxlint_rules.__file__, file=sys.stderr)\n"
        "from onnxlint.cli.main import cli\n"
        "from onnxlint.analyses.targets import families, resolve\n"
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
