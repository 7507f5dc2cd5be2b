"""`onnxlint report MODEL…`: one HTML page on a model, with its findings, to open or to attach."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from onnxlint.cli.check import command as check
from onnxlint.cli.sections import sectioned
from onnxlint.safety.printable import printable

DEFAULT_FILE = Path("onnxlint-report.html")

SECTIONS = {
    "Report": ("output", "opens", "record", "color"),
    "Page": ("time", "layer", "tsne"),
    "Input data": ("data", "samples", "seed", "labels", "train_data", "train_labels",
                   "compare_simple", "baseline", "reference"),
    "Rules": ("select", "ignore", "preview", "stage", "target", "rules", "config", "trust_config",
              "accepted", "no_accepted"),
    "Execution": ("static_only", "trace", "budget", "time_limit", "memory_limit", "jobs",
                  "no_cache", "cache_dir"),
}  # fmt: skip

_OWN = (*SECTIONS["Report"][:2], *SECTIONS["Page"])
_SHARED = {name for names in SECTIONS.values() for name in names} - {*_OWN}


@click.pass_context
def _report(
    ctx: click.Context, /, models: tuple[str, ...], output: Path, opens: bool, **given: Any
) -> None:
    """Write an HTML page on MODEL: findings, architecture, layers, predictions and data.

    The page is one file that needs no network. Of several models, it lists them, and each has a
    page of its own in a folder beside it. The exit code is 0 whatever is found.

    \b
      onnxlint report model.onnx
      onnxlint report model.onnx --data test.npz --labels test.npz:y -o release.html
      onnxlint report models/ -o models.html --jobs 2
    """
    needing_run = [name for name in SECTIONS["Page"] if given[name]]
    if needing_run and given["static_only"]:
        raise click.UsageError(f"--{needing_run[0]} runs the model; leave out --static-only")
    try:
        ctx.invoke(check, models=models, formats=("html",), output=output, **given)
    except SystemExit as done:
        told = "" if done.code in (0, 1) else "; not everything could be checked, as it says"
        click.echo(printable(f"wrote {output}{told}"), err=True)
        if opens:
            click.launch(str(output.resolve()))
        if done.code not in (0, 1):
            raise


command = sectioned(SECTIONS)(
    "report",
    callback=_report,
    help=_report.__doc__,
    params=[
        *(each for each in check.params if each.name in {"models", *_SHARED}),
        click.Option(
            ["--output", "-o"], type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
            default=DEFAULT_FILE, help=f"Write the page to FILE.  [{DEFAULT_FILE}]",
        ),
        click.Option(["--time"], is_flag=True,
                     help="Also show what the kernels of each layer take."),
        click.Option(["--layer"], metavar="NAME",
                     help="Show the samples as points by the output of this node or module, or "
                     "by this value.  "
                     "[the input of the last dense layer]"),
        click.Option(["--tsne"], is_flag=True,
                     help="Also show these points by t-SNE (needs scikit-learn)."),
        click.Option(["--open", "opens"], is_flag=True, help="Open the page in the browser."),
    ],
)  # fmt: skip
