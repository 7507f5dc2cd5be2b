"""`onnxlint check MODEL…`: lint models and report what was found."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from onnxlint.cli.colours import color_option
from onnxlint.cli.models import expand, unmatched
from onnxlint.cli.planning import cache_of, options_of, planned, planner_of
from onnxlint.cli.progress import judged
from onnxlint.cli.remote import download_option
from onnxlint.cli.sections import sectioned
from onnxlint.cli.streams import require_working_directory
from onnxlint.cli.viewers import OPTIONS as VIEWER_OPTIONS
from onnxlint.cli.viewers import viewer_options
from onnxlint.settings import (
    DEFAULT_SAMPLES,
    DEFAULT_TIME_LIMIT,
    LABELLED_SAMPLES,
    LONGEST_TIME_LIMIT,
    MOST_SAMPLES,
)
from onnxlint.severity import Severity, Stage

if TYPE_CHECKING:
    from onnxlint.judging import Lint


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


class Seconds(click.FloatRange):
    """A number of seconds, which may have their unit: `5` or `5s`."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number."""
        number: Any = value.removesuffix("s") if isinstance(value, str) else value
        found: float = super().convert(number, param, ctx)
        return found


SECTIONS = {
    "Rules": ("select", "ignore", "preview", "stage", "target", "rules", "config", "trust_config",
              "accepted", "no_accepted", "public_key", "certificate_chain"),
    "Input data": ("data", "samples", "seed", "labels", "train_data", "train_labels",
                   "compare_simple", "baseline", "reference"),
    "Execution": ("static_only", "trace", "save_witness", "budget", "time_limit", "memory_limit",
                  "jobs", "executor", "max_download", "no_cache", "cache_dir"),
    "Fixes": ("fix", "fix_output", "diff", "unverified_fixes"),
    "Report": ("fail_on", "max_warnings", "exit_zero", "show", "show_not_applicable", "no_hints",
               "quiet", "verbose", "formats", "output", "record", "color"),
    "Viewers": VIEWER_OPTIONS,
}  # fmt: skip


@click.command("check", cls=sectioned(SECTIONS))
@click.argument("models", nargs=-1, required=True, metavar="MODEL…")
@click.option(
    "--select",
    multiple=True,
    callback=_names,
    metavar="RULES",
    help="Run only these rules: codes, prefixes or names, e.g. ACT,RUN001.",
)
@click.option(
    "--ignore", multiple=True, callback=_names, metavar="RULES", help="Do not run these rules."
)
@click.option(
    "--preview", is_flag=True, help="Also run preview rules, which may still change or be removed."
)
@click.option(
    "--stage",
    type=_lower(Stage),
    help="Training stage of the model; some rules apply only before or only after training.  "
    "[trained]",
)
@click.option(
    "--target",
    multiple=True,
    callback=_names,
    metavar="TARGETS",
    help="Deployment targets, e.g. ort-cpu,tensorrt-10.15; 'onnxlint targets' lists them.",
)
@click.option(
    "--rules",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Load additional rules from a file (Python, or TOML with [[rule]]) or a folder.",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Configuration file.  [nearest onnxlint.toml or pyproject.toml]",
)
@click.option(
    "--trust-config",
    is_flag=True,
    envvar="ONNXLINT_TRUST_CONFIG",
    help="Trust a configuration that lies with the model, outside the working directory and its "
    "parents: it may run code and silence rules.  [ONNXLINT_TRUST_CONFIG=1]",
)
@click.option(
    "--accepted",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Accepted findings, which are not reported; 'onnxlint accept' writes them.  "
    "[onnxlint-accepted.json beside the configuration, or in the working directory]",
)
@click.option("--no-accepted", is_flag=True, help="Report accepted findings, too.")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Input samples: .npz, .csv, .parquet, a folder of .npy, images or ONNX test_data_set_*, "
    "or module:function.  [synthetic inputs]",
)
@click.option(
    "--samples",
    type=click.IntRange(1, MOST_SAMPLES),
    metavar="N",
    help=f"Number of samples to run.  [{DEFAULT_SAMPLES}; with --labels {LABELLED_SAMPLES}]",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**63 - 1),
    metavar="N",
    help="Seed of synthetic inputs.  [0]",
)
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Ground-truth labels for --data: .npy, .npz, .csv or .parquet (FILE:NAME selects a column "
    "or array), or the same folder as --data, whose images lie in a folder per class. The report "
    "then has accuracy and calibration, or RMSE.",
)
@click.option(
    "--train-data",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Samples that the model was trained on, beside --data: shows how the two differ, and,  "
    "with labels of both, over-fitting.",
)
@click.option(
    "--train-labels",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Ground-truth labels for --train-data, as for --labels.",
)
@click.option(
    "--compare-simple",
    is_flag=True,
    help="Compare with scikit-learn's majority-class and linear models (needs --labels).",
)
@click.option(
    "--baseline",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="MODEL",
    help="Compare with a baseline of your own on the same samples and labels: an ONNX file, or "
    "module:function, which is fitted to --train-data or by cross-validation (needs --labels).",
)
@click.option(
    "--reference",
    type=click.Path(path_type=Path),
    metavar="MODEL",
    help="Compare outputs, and layers where they diverge, with this model on the same samples.",
)
@click.option(
    "--public-key",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Require a signature beside each model (model.sig, as model-signing writes it) that this "
    "public key verifies.",
)
@click.option(
    "--certificate-chain",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="FILE",
    help="Require a signature beside each model whose certificate these certificates lead to.",
)
@click.option("--static-only", is_flag=True, help="Do not run the model.")
@click.option(
    "--trace",
    type=click.Choice(["default", "full"]),
    help="Values to record in a run: outputs of fused kernels, or every value ('full', which adds "
    "the statistics of each to the JSON report).  [default]",
)
@click.option(
    "--save-witness",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write a minimal input for each NaN or infinity to DIR; reproduce it with --data.",
)
@click.option(
    "--budget",
    type=Seconds(0, LONGEST_TIME_LIMIT),
    callback=_number,
    metavar="SECONDS",
    help="What runs of one model may cost, counted in operations: the questions most likely to "
    "find something come first, and what is left out is reported.  [about 10 times one run]",
)
@click.option(
    "--time-limit",
    type=click.FloatRange(0, LONGEST_TIME_LIMIT, min_open=True),
    callback=_number,
    metavar="SECONDS",
    help="Time limit for reading and running one model; it grows with --samples beyond the "
    f"default.  [{DEFAULT_TIME_LIMIT:g}]",
)
@click.option(
    "--memory-limit",
    metavar="SIZE",
    help="Memory limit for each process, e.g. 4GiB.  [80% of the machine or container]",
)
@click.option(
    "--jobs",
    "-j",
    type=click.IntRange(1),
    default=1,
    metavar="N",
    help="Number of models to lint in parallel.  [1]",
)
@download_option
@click.option(
    "--executor",
    metavar="WHERE",
    help="Lint on other machines: dask://HOST:PORT, or MODULE:ATTRIBUTE of an executor of "
    "concurrent.futures. 'onnxlint fleet' also keeps results of many models in a dataset.",
)
@click.option(
    "--no-cache",
    is_flag=True,
    envvar="ONNXLINT_NO_CACHE",
    help="Lint every model, also those that have not changed since.  [ONNXLINT_NO_CACHE=1]",
)
@click.option(
    "--cache-dir",
    type=click.Path(path_type=Path),
    envvar="ONNXLINT_CACHE_DIR",
    metavar="DIR",
    help="Folder for the reports of models, which are used while nothing changes.  "
    "[ONNXLINT_CACHE_DIR, else the user's folder of caches]",
)
@click.option("--fix", is_flag=True, help="Apply available fixes, in place or to --fix-output.")
@click.option(
    "--fix-output",
    "--fixed-to",
    "fix_output",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Write the fixed model to this file; of several models, to this folder.",
)
@click.option("--diff", is_flag=True, help="Show the changes --fix would make, without writing.")
@click.option(
    "--unverified-fixes",
    is_flag=True,
    help="Also apply fixes that cannot be verified by running the model.",
)
@click.option(
    "--fail-on",
    type=_lower(Severity),
    help="Exit with code 1 on findings of this severity or higher.  [error]",
)
@click.option(
    "--show",
    type=_lower(Severity),
    help="Show findings of this severity or higher.  [warning; with --fail-on info, info]",
)
@click.option(
    "--max-warnings",
    type=click.IntRange(0),
    metavar="N",
    help="Exit with code 1 on more than N warnings in all models.",
)
@click.option("--exit-zero", is_flag=True, help="Exit with code 0 whatever is found.")
@click.option("--show-not-applicable", is_flag=True, help="Show why rules were not applicable.")
@click.option("--no-hints", is_flag=True, help="Do not show hints on what to do about findings.")
@click.option("--quiet", "-q", is_flag=True, help="Show only errors, and no progress bar.")
@click.option(
    "--verbose",
    "-v",
    is_flag=True,
    help="Also show info findings, repeated findings and why rules were not applicable.",
)
@click.option(
    "--format",
    "-f",
    "formats",
    multiple=True,
    metavar="NAME[=FILE]",
    help="Format of the report: full, concise, json, jsonl, sarif, code-scanning (SARIF for "
    "GitHub), junit, github, gitlab, markdown, card (of a model), html (one page), or one that a "
    "pack brings. "
    "Several, each but one with a file: -f sarif=out.sarif -f full.  [full]",
)
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the report to FILE instead of standard output; with several formats, the one that "
    "has no file of its own.",
)
@click.option(
    "--record",
    metavar="DB",
    help="Add the run to a history: a file of SQLite, which 'onnxlint history' shows, or the "
    "tracking URI of MLflow.",
)
@color_option
@viewer_options
def command(
    models: tuple[str, ...], formats: tuple[str, ...], output: Path | None, jobs: int,
    quiet: bool, verbose: bool, show: str | None, show_not_applicable: bool, no_hints: bool,
    max_warnings: int | None, exit_zero: bool, fix: bool, fix_output: Path | None, diff: bool,
    unverified_fixes: bool, tensorboard: Path | None, model_explorer: Path | None,
    step: int | None, record: str | None = None, executor: str | None = None, **given: Any,
) -> None:  # fmt: skip
    """Lint models and report findings.

    MODEL is a file, a folder, a glob, an address such as s3://…, or - for standard input. Each
    model is checked statically, then run on --data or, without it, on synthetic inputs.

    \b
      onnxlint model.onnx --fail-on warning            fail a build on warnings
      onnxlint model.onnx --data test.csv --labels test.csv:target --compare-simple
      onnxlint new.onnx --reference old.onnx           what changed, and where
      onnxlint model.onnx --diff                       what --fix would change
    """
    begin = time.perf_counter()
    require_working_directory()
    if not (fix or diff):
        if fix_output is not None:
            raise click.UsageError("--fix-output requires --fix")
        if unverified_fixes:
            raise click.UsageError("--unverified-fixes requires --fix or --diff")
    if diff and record is not None:
        raise click.UsageError("--record would keep what --diff does not write; leave out one")
    if executor is not None and (fix or diff or "-" in models):
        raise click.UsageError("--executor lints files that stay as they are; leave out --fix, "
                               "--diff and standard input")  # fmt: skip
    options = options_of(given)
    from onnxlint.cli.elsewhere import elsewhere
    from onnxlint.cli.formats import wanted_reports
    from onnxlint.cli.output import check_reports
    from onnxlint.cli.presentation import Presentation
    from onnxlint.cli.recording import Recording, check_record
    from onnxlint.cli.reporting import Reporting
    from onnxlint.cli.verdict import outcome_of
    from onnxlint.cli.viewers import Viewers, check_models, give
    from onnxlint.pipeline import lint_model

    wanted = wanted_reports(formats, output)
    viewers = Viewers.of(tensorboard, model_explorer, step)
    models_by_path = expand(models)
    check_models(viewers, [*models_by_path], diff=diff)
    nothing = unmatched(models_by_path)
    if nothing is not None and all(each.is_for_people for each in wanted):
        raise click.UsageError(nothing)
    planner = planner_of(options)
    planner.portrays = any(each.shows_portraits for each in wanted)
    tasks = planned(planner, models_by_path, options)
    lint: Lint = lint_model
    if fix or diff:
        from onnxlint.cli.fix import check_fixing, fixer

        check_fixing(tasks, fix_output, options, diff=diff, formats=formats)
        lint = fixer(fix_output, diff=diff, unverified=unverified_fixes)
    check_reports(wanted, fix_output, tasks, options)
    check_record(record, wanted)
    looks = Presentation(show, quiet, verbose, show_not_applicable, not no_hints)
    run = looks.run(tasks, planner.packs)
    reporting, recording = Reporting([] if diff else wanted, run), Recording(record, tasks)
    cache = None if fix or diff else cache_of(options)
    with (
        elsewhere(executor, quiet=quiet) as others,
        closing(judged(tasks, lint, parallel=jobs, quiet=quiet, cache=cache, elsewhere=others))
        as done,
    ):  # fmt: skip
        reports = [*reporting.models(recording.models(done))]
    outcome = outcome_of(
        tasks, reports, unmatched=nothing, most_warnings=max_warnings, exit_zero=exit_zero,
        is_selected=bool(options.select), seconds=time.perf_counter() - begin,
    )  # fmt: skip
    try:
        reporting.end(outcome)
    finally:
        is_recorded = recording.end(outcome.exit_code, run)
    if diff:
        from onnxlint.cli.fix import show_diff

        raise SystemExit(max(show_diff(reports, output, quiet=quiet),
                             2 * bool(outcome.error or not is_recorded)))  # fmt: skip
    if viewers and not give(viewers, tasks, reports, quiet=quiet):
        raise SystemExit(2)
    raise SystemExit(outcome.exit_code if is_recorded else 2)  # a rule may have replaced sys.exit
