"""`onnxlint diff OLD NEW`: what changed between two releases of a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from onnxlint.cli.colours import color_option, terminal_width
from onnxlint.cli.remote import download_option
from onnxlint.cli.sections import sectioned
from onnxlint.cli.streams import require_working_directory
from onnxlint.settings import (
    DEFAULT_SAMPLES,
    DEFAULT_TIME_LIMIT,
    LABELLED_SAMPLES,
    LONGEST_TIME_LIMIT,
    MOST_SAMPLES,
)

if TYPE_CHECKING:
    from onnxlint.diffing.releases import Seen
    from onnxlint.planner import Planner

SECTIONS = {
    "Input data": ("data", "labels", "samples", "seed"),
    "Rules": ("select", "ignore", "rules", "config", "trust_config"),
    "Execution": ("static_only", "time_limit", "memory_limit", "max_download"),
    "Report": ("format_", "output", "exit_code", "verbose", "color"),
}


def _names(_ctx: click.Context, _parameter: click.Parameter, given: tuple[str, ...]) -> list[str]:
    return [name.strip() for value in given for name in value.split(",") if name.strip()]


_FILE = click.Path(path_type=Path)
FORMATS = ("text", "json", "markdown", "html")


def _format(
    _ctx: click.Context, _parameter: click.Parameter, given: str
) -> tuple[str, Path | None]:
    """A format, and its file: `html`, `html=FILE`."""
    name, has_file, file = given.partition("=")
    if name not in FORMATS:
        raise click.BadParameter(f"{name!r} is not one of {', '.join(FORMATS)}")
    if has_file and not file:
        raise click.BadParameter(f"{given!r} names no file; write {name}=FILE")
    return name, Path(file) if file not in ("", "-") else None


@click.command("diff", cls=sectioned(SECTIONS))
@click.argument("old")
@click.argument("new")
@click.option("--data", type=_FILE, metavar="PATH",
              help="Samples on which both models run, as for 'check'.  "
              "[synthetic inputs]")  # fmt: skip
@click.option("--labels", type=_FILE, metavar="PATH",
              help="Ground-truth labels for --data, as for 'check': the accuracy of both, "
              "and what flipped.")  # fmt: skip
@click.option("--samples", type=click.IntRange(1, MOST_SAMPLES), metavar="N",
              help="Number of samples to run.  "
              f"[{DEFAULT_SAMPLES}; with --labels {LABELLED_SAMPLES}]")  # fmt: skip
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), metavar="N",
              help="Seed of synthetic inputs.  [0]")  # fmt: skip
@click.option("--select", multiple=True, callback=_names, metavar="RULES",
              help="Compare only the findings of these rules: codes, prefixes "
              "or names.")  # fmt: skip
@click.option("--ignore", multiple=True, callback=_names, metavar="RULES",
              help="Do not compare the findings of these rules.")  # fmt: skip
@click.option("--rules", multiple=True, type=_FILE, metavar="PATH",
              help="Load additional rules from a file or a folder.")  # fmt: skip
@click.option("--config", type=_FILE, metavar="FILE",
              help="Configuration file for both models.  [that of NEW]")  # fmt: skip
@click.option("--trust-config", is_flag=True, envvar="ONNXLINT_TRUST_CONFIG",
              help="Trust a configuration that lies with the model.")  # fmt: skip
@click.option("--static-only", is_flag=True,
              help="Do not run the models; ranges and predictions are not compared.")  # fmt: skip
@click.option("--time-limit", type=click.FloatRange(0, LONGEST_TIME_LIMIT, min_open=True),
              metavar="SECONDS",
              help="Time limit for reading and running one model.  "
              f"[{DEFAULT_TIME_LIMIT:g}]")  # fmt: skip
@click.option("--memory-limit", metavar="SIZE",
              help="Memory limit for each process, e.g. 4GiB.")  # fmt: skip
@download_option
@click.option("--format", "-f", "format_", callback=_format, default="text",
              metavar="NAME[=FILE]", help="Format of the report: text, json, markdown, or html, "
              "which shows both models side by side.  [text]")  # fmt: skip
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Write the report to FILE instead of standard output.")  # fmt: skip
@click.option("--exit-code", is_flag=True,
              help="Exit with code 1 if anything changed, as git diff does.")  # fmt: skip
@click.option("--verbose", "-v", is_flag=True,
              help="Show every change, not only the first ones of a section.")  # fmt: skip
@color_option
def command(
    old: str, new: str, format_: tuple[str, Path | None], output: Path | None, exit_code: bool,
    verbose: bool, **given: Any,
) -> None:  # fmt: skip
    """Compare two releases of a model: what changed from OLD to NEW.

    Layers are matched by structure and weights, not by name. Both models are linted with the same
    settings and run on the same samples.

    \b
      onnxlint diff v1.onnx v2.onnx
      onnxlint diff v1.onnx v2.onnx --data test.csv --labels test.csv:target
      onnxlint diff v1.onnx v2.onnx -f markdown -o diff.md   for a pull request
      onnxlint diff v1.onnx v2.onnx -f html -o diff.html     side by side, to look at
      onnxlint diff v1.onnx v2.onnx --exit-code              fail if anything changed
    """
    require_working_directory()
    name, file = format_
    if file is not None and output is not None:
        raise click.UsageError("--format and --output both name a file; leave out one of them")
    output = file or output
    _check_format(name)
    planner = _planner(**given)
    planner.portrays = name == "html"
    _check_files(old, new, output, given, planner)
    from onnxlint.cli.output import write_report, write_to_terminal
    from onnxlint.diffing.releases import DiffError, planned_diff

    try:
        seen = planned_diff(planner, old, new)
    except DiffError as error:
        raise click.ClickException(str(error)) from error
    width = terminal_width() if output is None else None
    shown = _rendered(seen, planner, name, verbose=verbose, width=width)
    found = seen.diff
    if output is None:
        write_to_terminal(shown)
    else:
        write_report(shown, output, f"--output {str(output)!r}")
    if found.incomplete:
        raise SystemExit(2)
    raise SystemExit(int(exit_code and found.differs))


def _check_format(name: str) -> None:
    """Whether what a page needs is installed."""
    if name == "html":
        from onnxlint.reporters.registry import FormatError, check_format

        try:
            check_format(name)
        except FormatError as error:
            raise click.UsageError(f"--format: {error}") from error


def _planner(
    *, select: list[str], ignore: list[str], rules: tuple[Path, ...], config: Path | None,
    trust_config: bool, static_only: bool, labels: Path | None, memory_limit: str | None,
    **settings: Any,
) -> Planner:  # fmt: skip
    from onnxlint.planner import Planner
    from onnxlint.settings import LabelSource
    from onnxlint.toml_tables import parse_bytes

    overrides = settings | {
        "labels": labels and LabelSource.of(labels),
        "memory_limit": memory_limit and parse_bytes(memory_limit),
    }
    return Planner(
        config=config, trust_config=trust_config, rules=rules, select=tuple(select),
        ignore=tuple(ignore), static_only=static_only, overrides=overrides, accepts=False,
    )  # fmt: skip


def _check_files(
    old: str, new: str, output: Path | None, given: dict[str, Any], planner: Planner
) -> None:
    """Refuses what is not there, and a report that would overwrite what is read."""
    from onnxlint.cli.planning import check_data, check_labels
    from onnxlint.cli.read_files import named_files, of_jobs
    from onnxlint.settings import LabelSource

    data, labels = given["data"], given["labels"] and LabelSource.of(given["labels"])
    check_data(data)
    if labels is not None:
        check_labels(labels, data)
    if output is not None:
        models = [("OLD", Path(old)), ("NEW", Path(new))]
        _check_output(output, [*models, *named_files(given), *of_jobs([planner.job(new)])])


def _check_output(output: Path, read: list[tuple[str, Path]]) -> None:
    from onnxlint.cli.models import FOLDER_SUFFIXES
    from onnxlint.cli.output import check_replaceable
    from onnxlint.cli.read_files import check_unread

    named = f"--output {str(output)!r}"
    if output.suffix.lower() in FOLDER_SUFFIXES:
        raise click.UsageError(f"{named} is the name of a model: it is for the report")
    if not output.parent.is_dir():
        raise click.UsageError(f"{named}: folder {str(output.parent)!r} does not exist")
    check_unread(named, output, read)
    check_replaceable(output, named)


def _rendered(
    seen: Seen, planner: Planner, format_: str, *, verbose: bool, width: int | None
) -> str:
    found = seen.diff
    if format_ == "html":
        from onnxlint.reporters.html import diff

        return diff.render(found, seen.old, seen.new)
    if format_ == "json":
        from onnxlint.reporters import diff_json

        return diff_json.render(found, planner.packs)
    if format_ == "markdown":
        from onnxlint.reporters import diff_markdown

        return diff_markdown.render(found)
    from onnxlint.reporters import diff_text

    return diff_text.render(found, verbose=verbose, width=width)
