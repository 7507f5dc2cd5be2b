"""`onnxlint check MODEL…`: lint models and report what was found."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from onnxlint.cli.judging import judged
from onnxlint.cli.models import expand
from onnxlint.cli.planning import Options, planned, planner_of
from onnxlint.cli.streams import require_working_directory
from onnxlint.report import ModelReport
from onnxlint.settings import (
    DEFAULT_SAMPLES,
    DEFAULT_TIME_LIMIT,
    LABELLED_SAMPLES,
    LONGEST_TIME_LIMIT,
    MOST_SAMPLES,
)
from onnxlint.severity import Severity, Stage

if TYPE_CHECKING:
    from onnxlint.job_pool import Lint


def _names(
    _ctx: click.Context, _parameter: click.Parameter, values: Iterable[str]
) -> tuple[str, ...]:
    return tuple(name.strip() for value in values for name in value.split(",") if name.strip())


def _number(_ctx: click.Context, _parameter: click.Parameter, value: float | None) -> float | None:
    if value is not None and math.isnan(value):
        raise click.BadParameter("'nan' is not a number of seconds")
    return value


def _lower(values: Iterable[Any]) -> click.Choice[Any]:
    return click.Choice([value.value for value in values], case_sensitive=False)


@click.command("check")
@click.argument("models", nargs=-1, required=True, metavar="MODEL…")
@click.option(
    "--select",
    multiple=True,
    callback=_names,
    metavar="RULES",
    help="Run these rules alone: codes, prefixes or names, e.g. ACT,RUN001.",
)
@click.option(
    "--ignore", multiple=True, callback=_names, metavar="RULES", help="Do not run these rules."
)
@click.option(
    "--stage",
    type=_lower(Stage),
    help="How far training is: decides which predictions to expect.  [trained]",
)
@click.option(
    "--target",
    multiple=True,
    callback=_names,
    metavar="TARGETS",
    help="Where the model is to run: ort-cpu, tensorrt-10.15; 'onnxlint targets' lists them.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Samples to run: .npz, .csv, .parquet, a folder of .npy, images or ONNX test_data_set_*, "
    "or module:function.",
)
@click.option(
    "--reference",
    type=click.Path(path_type=Path),
    metavar="MODEL",
    help="Compare with this model on the same samples: outputs, and layer by layer where they "
    "differ.",
)
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="What should come out of --data: .npy, .npz, .csv, .parquet; FILE:NAME names the column "
    "or array. Adds accuracy, calibration, RMSE to the report.",
)
@click.option(
    "--baseline",
    is_flag=True,
    help="Fit scikit-learn's majority class and linear model to --labels, to compare with.",
)
@click.option(
    "--samples",
    type=click.IntRange(1, MOST_SAMPLES),
    metavar="N",
    help=f"Run this many samples.  [{DEFAULT_SAMPLES}; with --labels {LABELLED_SAMPLES}]",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**63 - 1),
    metavar="N",
    help="Seed of synthesised samples.  [0]",
)
@click.option("--static-only", is_flag=True, help="Do not run the model.")
@click.option(
    "--trace",
    type=click.Choice(["default", "full"]),
    help="What to watch in a run: where fused kernels end, or every value; 'full' also puts the "
    "statistics of each into the JSON report.  [default]",
)
@click.option(
    "--save-witness",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Save the smallest input found for each NaN or infinity there, to replay with --data.",
)
@click.option(
    "--fail-on", type=_lower(Severity), help="Exit with 1 from this severity on.  [error]"
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How to report.",
)
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the report there instead of to standard output.",
)
@click.option("--fix", is_flag=True, help="Fix what carries a fix, in place or into --fix-output.")
@click.option(
    "--fix-output",
    "--fixed-to",
    "fix_output",
    type=click.Path(path_type=Path),
    metavar="FILE_OR_FOLDER",
    help="With --fix: write the fixed model there; a folder for several models.",
)
@click.option("--diff", is_flag=True, help="Show what --fix would change, and write nothing.")
@click.option(
    "--unverified-fixes",
    is_flag=True,
    help="Fix also what no run can verify, e.g. a model that onnxruntime does not load.",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Configuration; without it the nearest onnxlint.toml or pyproject.toml.",
)
@click.option(
    "--trust-config",
    is_flag=True,
    envvar="ONNXLINT_TRUST_CONFIG",
    help="Obey a configuration that lies with the model, and not at or above the working folder, "
    "in everything: it may run code and silence rules.  [ONNXLINT_TRUST_CONFIG=1]",
)
@click.option(
    "--rules",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Add the rules of a file (Python, TOML with [[rule]]) or folder.",
)
@click.option(
    "--time-limit",
    type=click.FloatRange(0, LONGEST_TIME_LIMIT, min_open=True),
    callback=_number,
    metavar="SECONDS",
    help="Time limit for one model, reading and running it; with more than the default samples, "
    f"so much more.  [{DEFAULT_TIME_LIMIT:g}]",
)
@click.option(
    "--memory-limit",
    metavar="SIZE",
    help="Memory limit for each process, e.g. 4GiB.  [80% of what machine or container have]",
)
@click.option(
    "--jobs",
    "-j",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Lint this many models at a time.",
)
@click.option("--quiet", "-q", is_flag=True, help="Show errors alone.")
@click.option("--verbose", "-v", is_flag=True,
              help="Show infos, every repeat, and why rules were not applicable.")  # fmt: skip
def command(
    models: tuple[str, ...], format_: str, output: Path | None, jobs: int, quiet: bool,
    verbose: bool, fix: bool, fix_output: Path | None, diff: bool, unverified_fixes: bool,
    **given: Any,
) -> None:  # fmt: skip
    """Lint models: files, folders, globs, or - for standard input."""
    require_working_directory()
    if not (fix or diff):
        if fix_output is not None:
            raise click.UsageError("--fix-output goes with --fix")
        if unverified_fixes:
            raise click.UsageError("--unverified-fixes goes with --fix or --diff")
    options = Options(
        **given | {
            "stage": given["stage"] and Stage(given["stage"]),
            "fail_on": given["fail_on"] and Severity(given["fail_on"]),
        }
    )  # fmt: skip
    from onnxlint.cli.output import check_report, write_report
    from onnxlint.pipeline import lint_model
    from onnxlint.report import exit_code

    models_by_path = expand(models)
    planner = planner_of(options)
    tasks = planned(planner, models_by_path, options)
    lint: Lint = lint_model
    if fix or diff:
        from onnxlint.cli.fix import check_fixing, fixer

        check_fixing([*models_by_path], fix_output, options, diff=diff, format_=format_)
        lint = fixer(fix_output, diff=diff, unverified=unverified_fixes)
    check_report(output, fix_output, tasks, options)
    reports = list(judged(tasks, lint, parallel=jobs, quiet=quiet))
    if diff:
        from onnxlint.cli.fix import show_diff

        raise SystemExit(show_diff(reports, output, quiet=quiet))
    show = _shown(quiet, reports)
    write_report(_rendered(reports, format_, planner.packs, show, verbose), output)
    raise SystemExit(exit_code(reports))  # a rule may have replaced sys.exit


def _shown(quiet: bool, reports: list[ModelReport]) -> Severity:
    if quiet:
        return Severity.ERROR
    asked = Severity.INFO in {report.fail_on for report in reports}
    return Severity.INFO if asked else Severity.WARNING


def _rendered(
    reports: list[ModelReport], format_: str, packs: dict[str, str], show: Severity, verbose: bool
) -> str:
    if format_ == "json":
        from onnxlint.reporters import json

        return json.render(reports, packs)
    from onnxlint.reporters import text

    return text.render(reports, show=show, verbose=verbose)
