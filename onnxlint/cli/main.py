"""`onnxlint`: the group of commands, of which `check` is the default."""

from __future__ import annotations

import gc
import importlib
import os
import sys
from typing import Any

import click

from onnxlint.printable import printable

COMMANDS = {
    "check": "Lint models (the default command).",
    "rules": "List the rules.",
    "explain": "Say what a rule finds, why it matters and how to mend it.",
    "inspect": "Show what the linter sees in a model.",
    "targets": "List where a model can be said to run, and what is known of it.",
    "test-rules": "Run the examples of rules.",
}


SELDOM = 200_000
"""New objects between two searches for garbage. A model's graph is one web of living objects: to
search it at every 700 of them takes a fifth of the time on 100,000 nodes."""


class _Commands(click.Group):
    """Loads a command when it is called, and takes anything else for models to check."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"onnxlint.cli.{name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        own = {"--help", "-h", "--version"}
        if args and args[0] not in own and args[0] not in COMMANDS:
            args = ["check", *args]
        return super().parse_args(ctx, args)


def _show_version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from onnxlint import __version__

        click.echo(f"onnxlint {__version__}")
        ctx.exit()


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 nothing at or above --fail-on, 1 findings, 2 the job could not be done.",
)
@click.option("--version", is_flag=True, expose_value=False, is_eager=True,
              callback=_show_version, help="Show the version and exit.")  # fmt: skip
def cli() -> None:
    """Is this ONNX model fit to ship, and if not, where exactly and why?

    \b
      onnxlint model.onnx                     lint one model
      onnxlint exports/ 'heads/*.onnx'        folders and globs
      onnxlint model.onnx --data samples.npz  on your own samples
      onnxlint model.onnx --stage init        before training: is entropy near ln k?
      onnxlint model.onnx --format json       for machines

    'onnxlint check --help' shows all options of linting.
    """


def main() -> None:
    """The entry point: every error is one sentence on standard error and exit code 2."""
    gc.set_threshold(SELDOM, 20, 100)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # its threads spin on beside the worker's
    try:
        cli.main(standalone_mode=False)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.ClickException as error:
        error.message = printable(error.message)  # type: ignore[misc]  # to click's hints alone
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(2)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(2)
    except Exception as error:
        if error_is_told(error):
            click.echo(f"Error: {printable(str(error))}", err=True)
        else:
            _tell_bug(error)
        sys.exit(2)


def error_is_told(error: Exception) -> bool:
    """Whether an error's message is already the sentence that a person needs."""
    told: list[Any] = []
    for module, name in (("config", "ConfigError"), ("packs", "PackError")):
        loaded = sys.modules.get(f"onnxlint.{module}")
        told += [getattr(loaded, name)] if loaded is not None else []
    errors = sys.modules.get("onnxlint.model.errors")
    told += [errors.ModelError, errors.DataError] if errors is not None else []
    return isinstance(error, tuple(told))


def _tell_bug(error: Exception) -> None:
    what = f"{type(error).__name__}: {error}"
    click.echo(f"Error: this is a bug in onnxlint: {what}; please report it", err=True)
    if os.environ.get("ONNXLINT_DEBUG"):
        raise error
