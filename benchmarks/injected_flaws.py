"""How many flaws the linter sees that are put into sound models, one at a time.

    python benchmarks/injected_flaws.py [--seed N] [--trace full] [--keep FOLDER] [MODEL …]

Without models: the sound fixtures; models that are named are taken as trained. Each kind of flaw
goes to one random place in each model that has a place for it. It is seen where a rule that should
see it speaks more often than before. `--keep` saves the models whose flaw was missed.
"""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import click
import onnx
from flaws import FLAWS, Specimen
from onnx.external_data_helper import convert_model_from_external_data

from onnxlint.analyses.execution.worker import Workers
from onnxlint.config import load
from onnxlint.job import plan
from onnxlint.pipeline import lint_model
from onnxlint.report import ModelReport
from onnxlint.rules.packs import discover
from onnxlint.settings import Settings
from onnxlint.severity import Stage

FIXTURES = Path(__file__).parent.parent / "fixtures"


@dataclass
class Tally:
    """How often one kind of flaw was seen, and by whom."""

    seen: int = 0
    rules: Counter[str] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)


@click.command()
@click.option("--seed", default=0, help="Of the places.")
@click.option("--trace", type=click.Choice(["default", "full"]), default="default")
@click.option("--keep", type=click.Path(path_type=Path), help="Save models whose flaw was missed.")
@click.argument("paths", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def main(seed: int, trace: str, keep: Path | None, paths: tuple[Path, ...]) -> None:
    """Counts the models in which each flaw is seen."""
    tallies = {name: Tally() for name in FLAWS}
    settings = Settings(full_trace=trace == "full")
    models = [(path, Stage.TRAINED) for path in paths] or _sound()
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, closing(Workers()) as workers:
        for number, (path, stage) in enumerate(models, 1):
            _progress(f"{number}/{len(models)} {path.name}")
            lint = partial(_lint, stage=stage, settings=settings, workers=workers)
            before = lint(path)
            for name, place, file in _flawed(path, stage, seed, Path(folder)):
                where = f"{path.parent.name}/{path.name} at {place}"
                missed = _count(tallies[name], FLAWS[name].codes, before, lint(file), where)
                if missed and keep is not None:
                    shutil.copy(file, keep)
                file.unlink()
    _progress("")
    _print(tallies)


def _sound() -> list[tuple[Path, Stage]]:
    entries = tomllib.loads((FIXTURES / "expected.toml").read_text())["models"]
    return [(FIXTURES / e["path"], Stage(e["stage"])) for e in entries if e["sound"]]


def _progress(told: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{told}", end="", file=sys.stderr, flush=True)


def _lint(path: Path, *, stage: Stage, settings: Settings, workers: Workers) -> ModelReport:
    job = plan(load(None), discover(), str(path), stage=stage, settings=settings)
    return lint_model(job, workers=workers)


def _flawed(path: Path, stage: Stage, seed: int, folder: Path) -> Iterator[tuple[str, str, Path]]:
    """Each flaw for which the model has a place, the place, and a file of the model with it."""
    for name, flaw in FLAWS.items():
        if flaw.trained_only and stage is not Stage.TRAINED:
            continue
        model = onnx.load(str(path))
        convert_model_from_external_data(model)
        specimen = Specimen(model)
        places = flaw.places(specimen)
        if places:
            place = random.Random(f"{seed} {name} {path.name}").choice(places)
            flaw.put(specimen, place)
            file = folder / f"{path.parent.name}.{path.stem}.{name.replace(' ', '_')}.onnx"
            onnx.save(model, file)
            yield name, place, file


def _count(
    tally: Tally, codes: set[str], before: ModelReport, after: ModelReport, where: str
) -> bool:
    """Adds a model to the tally; tells whether its flaw was missed."""
    spoke, speak = (Counter(f.code for f in report.findings) for report in (before, after))
    new = speak - spoke
    seers = new.keys() & codes
    if seers:
        tally.seen += 1
        tally.rules.update(seers)
        return False
    told = f"{where}: {' '.join(sorted(new)) or 'nothing'}"
    if not after.complete or (before.samples and not after.samples):
        tally.stopped.append(told)
        return False
    already = sorted(spoke.keys() & codes)
    tally.missed.append(f"{told} instead" + (f", {' '.join(already)} before" if already else ""))
    return True


def _print(tallies: dict[str, Tally]) -> None:
    print(f"{'flaw':<26}{'seen':>9}{'stopped':>9}  rules")
    for name, tally in tallies.items():
        rules = ", ".join(f"{code} {count}" for code, count in tally.rules.most_common())
        seen = f"{tally.seen}/{tally.seen + len(tally.missed)}"
        print(f"{name:<26}{seen:>9}{len(tally.stopped):>9}  {rules}".rstrip())
        for told in tally.missed:
            print(f"    missed in {told}")
        for told in tally.stopped:
            print(f"    does not run: {told}")


if __name__ == "__main__":
    main()
