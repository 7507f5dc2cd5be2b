"""`onnxlint check MODEL…`: lint models and report what was found."""

from __future__ import annotations

import glob
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from onnxlint.findings import Severity, Stage
from onnxlint.settings import DEFAULT_SAMPLES, DEFAULT_TIME_LIMIT, LABELLED_SAMPLES

if TYPE_CHECKING:
    from onnxlint.analyses.worker import Workers
    from onnxlint.config import Plan
    from onnxlint.fixing import Wish
    from onnxlint.packs import Registry
    from onnxlint.pipeline import Progress
    from onnxlint.reports import ModelReport
    from onnxlint.settings import Settings


FOLDER_SUFFIXES = (".onnx", ".onnxtxt", ".onnxtext")


@dataclass(frozen=True)
class Options:
    """The command line, as it was given; None where an option was not."""

    select: tuple[str, ...]
    ignore: tuple[str, ...]
    stage: Stage | None
    target: tuple[str, ...]
    fail_on: Severity | None
    data: Path | None
    reference: Path | None
    labels: Path | None
    baseline: bool
    samples: int | None
    seed: int | None
    time_limit: float | None
    memory_limit: str | None
    static_only: bool
    trace: str | None
    save_witness: Path | None
    config: Path | None
    rules: tuple[Path, ...]
    wish: Wish | None = None


def _names(
    _ctx: click.Context, _parameter: click.Parameter, values: Iterable[str]
) -> tuple[str, ...]:
    return tuple(name.strip() for value in values for name in value.split(",") if name.strip())


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
    type=click.IntRange(1),
    metavar="N",
    help=f"Run this many samples.  [{DEFAULT_SAMPLES}; with --labels {LABELLED_SAMPLES}]",
)
@click.option(
    "--seed", type=click.IntRange(0), metavar="N", help="Seed of synthesised samples.  [0]"
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
    "--rules",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Add the rules of a file (Python, TOML with [[rule]]) or folder.",
)
@click.option(
    "--time-limit",
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    help=f"What loading, and each run, may take.  [{DEFAULT_TIME_LIMIT:g}]",
)
@click.option(
    "--memory-limit",
    metavar="SIZE",
    help="What running may allocate, e.g. 4GiB.  [80% of the machine's memory]",
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
    from onnxlint.reports import exit_code

    paths = list(expand(models))
    packs = check_configuration(paths, options).packs
    if fix or diff:
        from onnxlint.cli.fix import check_fixing, wish_for

        check_fixing(paths, fix_output, options, diff=diff, format_=format_)
        wish = wish_for(fix_output, diff=diff, unverified=unverified_fixes)
        options = replace(options, wish=wish)
    check_report(output, fix_output, paths, options)
    reports = list(_linted(paths, options, jobs, quiet))
    if diff:
        from onnxlint.cli.fix import show_diff

        sys.exit(show_diff(reports, output, quiet=quiet))
    show = _shown(quiet, reports)
    write_report(_rendered(reports, format_, packs, show, verbose), output)
    sys.exit(exit_code(reports))


def expand(models: Iterable[str]) -> Iterator[str]:
    """Every model file that the arguments name, each once, in a stable order."""
    seen: set[str] = set()
    for name in models:
        found = list(_files(name))
        if not found:
            raise click.UsageError(f"no model matches {name!r}; check the path")
        for path in found:
            if path not in seen:
                seen.add(path)
                yield path


def _files(name: str) -> Iterator[str]:
    path = Path(name)
    if name == "-" or path.is_file():
        yield name
    elif path.is_dir():
        yield from sorted(str(f) for f in path.rglob("*") if _is_model(f))
    elif glob.has_magic(name):
        yield from sorted(f for f in glob.glob(name, recursive=True) if Path(f).is_file())  # noqa: PTH207
    elif path.exists() or path.is_symlink():
        yield name


def _is_model(file: Path) -> bool:
    """In a folder, .json and the like are seldom models: only onnx's own endings count."""
    return file.suffix.lower() in FOLDER_SUFFIXES and file.is_file()


def check_configuration(paths: list[str], options: Options) -> Registry:
    """Finds mistakes in options, configuration and packs before any model is read."""
    if options.data is not None and ":" not in options.data.name and not options.data.exists():
        raise click.UsageError(f"--data {str(options.data)!r} does not exist; check the path")
    registry = None
    for path in paths:
        (_, settings), registry = planned(path, options)
        if settings.reference is not None and not settings.reference.exists():
            told = f"the reference {str(settings.reference)!r} does not exist; check the path"
            raise click.UsageError(told)
        check_labels(settings)
    assert registry is not None
    return registry


def check_labels(settings: Settings) -> None:
    """Whether there is all that labels and a baseline need."""
    labels = settings.labels
    if labels is None:
        if settings.baseline:
            raise click.UsageError("--baseline is fitted to labels: give --labels, too")
        return
    if settings.data is None:
        raise click.UsageError("--labels belong to samples: give them with --data")
    if not labels.file.is_file():
        raise click.UsageError(f"--labels {str(labels.file)!r} is no file; check the path")
    if labels.file == settings.data and labels.key is None:
        told = f"--labels are in the file of --data: name them, {labels.file.name}:COLUMN"
        raise click.UsageError(told)
    if settings.baseline and not _is_installed("sklearn"):
        told = "--baseline needs scikit-learn: pip install 'onnxlint[baseline]'"
        raise click.UsageError(told)


def _is_installed(module: str) -> bool:
    from importlib.util import find_spec

    return find_spec(module) is not None


def planned(path: str, options: Options) -> tuple[tuple[Plan, Settings], Registry]:
    """The plan and settings for one model, and the registry that they were made from."""
    from onnxlint.config import find, load, parse_bytes, plan
    from onnxlint.packs import discover
    from onnxlint.pipeline import settings_of
    from onnxlint.settings import LabelSource

    loaded = load(options.config or find(path))
    rule_paths = [*loaded.rule_sources, *options.rules]
    registry = _discovered(tuple(rule_paths), tuple(loaded.config.require_packs), discover)
    chosen = plan(loaded, registry, path, select=options.select, ignore=options.ignore,
                  stage=options.stage, fail_on=options.fail_on,
                  targets=options.target)  # fmt: skip
    settings = settings_of(
        loaded,
        data=options.data,
        reference=options.reference,
        labels=options.labels and LabelSource.of(options.labels),
        baseline=options.baseline or None,
        samples=options.samples,
        seed=options.seed,
        time_limit=options.time_limit,
        memory_limit=options.memory_limit and parse_bytes(options.memory_limit),
        full_trace=options.trace and options.trace == "full",
        witnesses=options.save_witness,
    )
    return (chosen, settings), registry


_REGISTRIES: dict[tuple[Any, ...], Any] = {}


def _discovered(rule_paths: tuple[Path, ...], required: tuple[str, ...], discover: Any) -> Any:
    key = (rule_paths, required)
    if key not in _REGISTRIES:
        _REGISTRIES[key] = discover(rule_paths, required)
    return _REGISTRIES[key]


def lint_one(
    path: str, options: Options, progress: Progress | None = None, workers: Workers | None = None
) -> ModelReport:
    """Lints one model with its own plan, and mends it if that was asked for."""
    from onnxlint.pipeline import lint_model

    (chosen, settings), _ = planned(path, options)
    if options.wish is not None:
        from onnxlint.cli.fix import fix_one

        return fix_one(
            path,
            chosen,
            settings,
            options.wish,
            static_only=options.static_only,
            progress=progress,
            workers=workers,
        )
    return lint_model(
        path,
        chosen,
        settings,
        static_only=options.static_only,
        progress=progress,
        workers=workers,
    )


def _linted(paths: list[str], options: Options, jobs: int, quiet: bool) -> Iterator[ModelReport]:
    from onnxlint.analyses.worker import Workers

    with _progress(len(paths), quiet) as (step, tell):
        if jobs == 1 or len(paths) == 1:
            with closing(Workers()) as workers:
                for path in paths:
                    yield lint_one(path, options, tell, workers)
                    step()
            return
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor
        from itertools import repeat

        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(min(jobs, len(paths)), mp_context=context) as pool:
            for report in pool.map(lint_one, paths, repeat(options)):
                yield report
                step()


@contextmanager
def _progress(total: int, quiet: bool) -> Iterator[tuple[Any, Any]]:
    """A bar on standard error, on a terminal alone."""
    if quiet or not sys.stderr.isatty():
        yield (lambda: None), None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("linting", total=total)
        yield (
            lambda: bar.advance(task),
            lambda name: bar.update(task, description=f"{name:<28.28}"),
        )


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
