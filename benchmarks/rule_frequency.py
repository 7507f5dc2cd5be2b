"""How often each rule speaks on models that are known to be valid: who cries wolf?

    python benchmarks/rule_frequency.py [--select RULES] [--run] [--show N] [MODEL | FOLDER …]

Without models: the light models and the operator cases of the installed onnx, and the sound exports
of fixtures/. `--show` prints the first findings of each rule, `--run` runs the models, too.
"""

from __future__ import annotations

import tempfile
import tomllib
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import click
import onnx

from onnxlint.analyses.execution.worker import Workers
from onnxlint.config import load
from onnxlint.job import plan
from onnxlint.pipeline import lint_model
from onnxlint.report import ModelReport
from onnxlint.rules.packs import discover
from onnxlint.settings import Settings
from onnxlint.severity import Stage

DATA = Path(onnx.__file__).parent / "backend" / "test" / "data"
FIXTURES = Path(__file__).parent.parent / "fixtures"

Models = Iterator[tuple[str, Path, Stage]]


@click.command()
@click.option("--select", default="ALL", help="Codes, prefixes or names, separated by commas.")
@click.option("--run", is_flag=True, help="Run the models.")
@click.option("--show", default=0, help="Print so many findings of each rule.")
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
def main(select: str, run: bool, show: int, paths: tuple[Path, ...]) -> None:
    """Counts the models on which each rule speaks."""
    spoke: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    samples: dict[str, list[str]] = defaultdict(list)
    totals: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder, closing(Workers()) as workers:
        models = _named(paths) if paths else _valid(Path(folder))
        for group, path, stage in models:
            totals[group] += 1
            report = _linted(path, stage, select.split(","), run, workers)
            spoke[group].update({(f.code, f.severity.value) for f in report.findings})
            for finding in report.findings:
                told = f"{path.parent.name}/{path.name}: {finding.place}: {finding.message}"
                samples[finding.code].append(f"  {finding.severity.value:<8}{told}")
            if not report.complete:
                samples["incomplete"].append(f"  {path}: {report.error or report.crashed}")
    _print(spoke, totals, samples, show)


def _named(paths: tuple[Path, ...]) -> Models:
    for path in paths:
        for file in sorted(path.rglob("*.onnx")) if path.is_dir() else [path]:
            yield str(path), file, Stage.TRAINED


def _valid(folder: Path) -> Models:
    from onnx.backend.test.case.node import collect_testcases

    for path in sorted((DATA / "light").glob("*.onnx")):
        yield "light", path, Stage.TRAINED
    for entry in tomllib.loads((FIXTURES / "expected.toml").read_text())["models"]:
        if entry["sound"]:
            yield "sound exports", FIXTURES / entry["path"], Stage(entry["stage"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy's, while onnx computes the expected outputs
        cases = collect_testcases(None)
    for case in cases:
        if case.model is not None:
            path = folder / f"{case.name}.onnx"
            path.write_bytes(case.model.SerializeToString())
            yield "operator cases", path, Stage.TRAINED
            path.unlink()


def _linted(
    path: Path, stage: Stage, select: list[str], run: bool, workers: Workers
) -> ModelReport:
    job = plan(load(None), discover(), str(path), select=select, stage=stage,
               settings=Settings(samples=2), static_only=not run)  # fmt: skip
    return lint_model(job, workers=workers)


def _print(
    spoke: dict[str, Counter[tuple[str, str]]], totals: Counter[str],
    samples: dict[str, list[str]], show: int,
) -> None:  # fmt: skip
    groups = list(totals)
    print(f"{'rule':<18}" + "".join(f"{f'{name} ({totals[name]})':>28}" for name in groups))
    for key in sorted({key for counts in spoke.values() for key in counts}):
        shares = (f"{spoke[g][key]} ({spoke[g][key] / totals[g]:.0%})" for g in groups)
        print(f"{' '.join(key):<18}" + "".join(f"{share:>28}" for share in shares))
    for code in sorted(samples) if show else ():
        print(code, *samples[code][:show], sep="\n")
    for line in samples["incomplete"]:
        print("not linted:", line)


if __name__ == "__main__":
    main()
