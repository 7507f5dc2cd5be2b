"""How many models get valid inputs from synthesis: they load, and they run on what is made up.

    python benchmarks/valid_inputs.py [--show] [MODEL | FOLDER …]

Without models: the light models and the operator cases of the installed onnx, and the sound exports
of fixtures/. `--show` names every model that loads and was not run, and those that gave NaN.
"""

from __future__ import annotations

import tempfile
from collections import Counter, defaultdict
from contextlib import closing
from pathlib import Path

import click
from rule_frequency import _named, _valid

from onnxlint.analyses import Analyses, Unavailable
from onnxlint.analyses.execution.execution import Execution
from onnxlint.analyses.execution.worker import Workers
from onnxlint.model.file.errors import ModelError
from onnxlint.model.file.load import open_model
from onnxlint.settings import Settings


@click.command()
@click.option("--show", is_flag=True, help="Name the models that were not run, or gave NaN.")
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
def main(show: bool, paths: tuple[Path, ...]) -> None:
    """Counts how the runs of the models end."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    with tempfile.TemporaryDirectory() as folder, closing(Workers()) as workers:
        for group, path, _ in _named(paths) if paths else _valid(Path(folder)):
            group = "named" if paths else group
            outcome, told = _outcome(path, workers)
            counts[group][outcome] += 1
            if show and outcome != "ran" and outcome != "does not load":
                print(f"{outcome:<14} {path.parent.name}/{path.name}: {told}")
    for group, seen in counts.items():
        told = ", ".join(f"{outcome} {number}" for outcome, number in seen.most_common())
        print(f"{group} ({seen.total()}): {told}")


def _outcome(path: Path, workers: Workers) -> tuple[str, str]:
    """How the run of one model ended, and its own words."""
    settings = Settings(samples=4, time_limit=60)
    try:
        with open_model(str(path)) as model, closing(Analyses(settings, model)) as analyses:
            analyses.give(workers.with_limits(settings.time_limit, settings.memory_limit))
            execution = analyses.get(Execution)
    except (ModelError, Unavailable) as error:
        return "not opened", str(error)
    for outcome, reason in (
        ("does not load", execution.session_failure),
        ("fails", execution.execution_failure),
        ("crashes", execution.crash),
        ("no valid input", execution.no_valid_input),
    ):
        if reason is not None:
            return outcome, str(reason)
    return ("ran, not finite" if execution.close_runs else "ran"), ""


if __name__ == "__main__":
    main()
