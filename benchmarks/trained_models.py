"""What the default command says at warning or above on a folder of trained models.

    python benchmarks/trained_models.py [--reports FOLDER] [--option OPTION]… FOLDER

Each model is linted once, in a process of its own, one after the other; `--reports` keeps the JSON
reports there, and takes those from there which it finds. Judging stays with the reader:
docs/trained_models.md holds the verdicts on the models that were read.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import click

SPOKEN = ("error", "warning")


@click.command()
@click.option("--reports", type=click.Path(file_okay=False, path_type=Path))
@click.option("--option", "options", multiple=True, help="Hand this to the linter, too.")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(reports: Path | None, options: tuple[str, ...], folder: Path) -> None:
    """Prints each finding at warning or above, and how many models had one of each rule."""
    spoke: Counter[tuple[str, str]] = Counter()
    models = sorted(folder.rglob("*.onnx"))
    quiet, not_run = 0, []
    for model in models:
        name = model.relative_to(folder)
        report = _reported(model, reports and reports / f"{name}.json", options)
        loud = [f for f in report["findings"] if f["severity"] in SPOKEN]
        spoke.update({(f["code"], f["severity"]) for f in loud})
        quiet += not loud
        not_run += [f"{name}: {why}" for why in _why_not_run(report)]
        print(*(f"{name}\t{_line(finding)}" for finding in loud), sep="\n", end="\n" * bool(loud))
    print(f"\n{len(models)} models, {quiet} without a finding at warning or above")
    for (code, severity), count in sorted(spoke.items()):
        print(f"{code}\t{severity}\t{count} models")
    print("not run:", *not_run or ["none"], sep="\n  ")


def _reported(model: Path, kept: Path | None, options: tuple[str, ...]) -> dict[str, Any]:
    if kept and kept.exists():
        text = kept.read_text()
    else:
        command = [
            sys.executable,
            "-m",
            "onnxlint",
            str(model),
            "--format",
            "json",
            "--no-cache",
            *options,
        ]
        text = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    if kept:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(text)
    report: dict[str, Any] = json.loads(text)["models"][0]
    return report


def _line(finding: dict[str, Any]) -> str:
    node = finding["place"]["node"] or finding["place"]["value"] or ""
    return "\t".join((finding["code"], finding["severity"], node, finding["message"]))


def _why_not_run(report: dict[str, Any]) -> list[str]:
    summary = report["summary"]
    return [why for why in (report["error"], summary["not_executed"]) if why]


if __name__ == "__main__":
    main()
