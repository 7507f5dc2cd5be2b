"""`onnxlint`: the group of commands, of which `check` is the default."""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import signal
import sys
from typing import Any

import click

from onnxlint.bundle import keep_bundle
from onnxlint.cli.streams import leave, prepare_streams
from onnxlint.runtime.worker.ahead import end_ahead
from onnxlint.safety.memory import is_out_of_memory
from onnxlint.safety.printable import printable_lines
from onnxlint.safety.unfinished import Terminated, remove_unfinished

COMMANDS = {
    "check": "Lint models (the default command).",
    "init": "Write what models promise into onnxlint.toml, from what is seen.",
    "accept": "Accept the findings of models: later runs report only new ones.",
    "rules": "List the rules.",
    "explain": "Explain a rule: what it finds, why it matters, how to fix it.",
    "report": "Write an HTML page on a model, to look at or to attach.",
    "inspect": "Summarise a model layer by layer.",
    "view": "Open a model in Netron.",
    "diff": "Compare two releases of a model.",
    "series": "Judge a training run by its checkpoints.",
    "fleet": "Lint many models, on this machine or a cluster, into a dataset.",
    "history": "Show recorded runs: trends, and which findings came and went.",
    "serve": "Keep onnxlint loaded, for editors and hooks.",
    "targets": "List the known deployment targets.",
    "new": "Start a pack of rules, or a rule.",
    "test-rules": "Run the Bad and Good examples of rules.",
    "schema": "Print the JSON Schema of the configuration or of a JSON report.",
}


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
    epilog="Exit codes: 0 no finding at or above --fail-on, 1 findings, 2 a usage error, a model "
    "that could not be linted or nothing checked, 130 interrupted.",
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
      onnxlint model.onnx --format json       JSON for tools

    Run 'onnxlint check --help' for all lint options.
    """


def main() -> None:
    """The entry point: every error is one sentence on standard error and exit code 2.

    An interrupted command exits with 130; one that a signal ends tidies up first, and ends by it.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # its threads spin on beside the worker's
    try:
        _heed_signals()
        prepare_streams()
        cli.main(standalone_mode=False)
        status = 0
    except SystemExit as done:  # what a command decided
        status = done.code if isinstance(done.code, int) else 2
    except click.exceptions.Exit as done:
        status = done.exit_code
    except BaseException as error:
        status = _status_of(_origin(error))
        if status == 2 and os.environ.get("ONNXLINT_DEBUG"):
            raise
    end_ahead(waits=False)
    if status < INTERRUPTED:
        keep_bundle()
    if "mpi4py.MPI" in sys.modules:  # its other processes end when Python does
        sys.exit(status)
    leave(status)


def _origin(error: BaseException) -> BaseException:
    """What ended the command: a signal, where it came while something was loaded or tidied up."""
    behind: BaseException | None = error
    while behind is not None:
        if isinstance(behind, KeyboardInterrupt | click.Abort | Terminated):
            return behind
        behind = behind.__cause__ or behind.__context__
    return error


def _status_of(error: BaseException) -> int:
    """Says what ended the command, or ends it by the signal that did."""
    if isinstance(error, KeyboardInterrupt | click.Abort):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        return _told("interrupted", INTERRUPTED)
    if isinstance(error, Terminated):
        remove_unfinished()
        end_ahead()
        signal.signal(error.number, signal.SIG_DFL)
        os.kill(os.getpid(), error.number)
        return 128 + error.number
    return _told(_sentence(error), 2)


INTERRUPTED = 130
"""What shells make of a process that Ctrl-C ended: 128 + SIGINT."""


def _heed_signals() -> None:
    def end(number: int, _frame: object) -> None:
        raise Terminated(number)

    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # as of a script's background
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # as of nohup
            signal.signal(number, end)
    usual = sys.unraisablehook

    def heed(lost: sys.UnraisableHookArgs) -> None:
        order = lost.exc_value
        if isinstance(order, KeyboardInterrupt | Terminated) and hasattr(signal, "setitimer"):
            _raise_later(order)
        else:
            usual(lost)

    sys.unraisablehook = heed


def _raise_later(order: BaseException) -> None:
    """Has a signal heeded where Python dropped what it raised, as it does in callbacks of imports.

    Raised there once more, it would be dropped once more.
    """

    def again(*_: object) -> None:
        raise order

    signal.signal(signal.SIGALRM, again)
    signal.setitimer(signal.ITIMER_REAL, 0.01)


def _told(sentence: str, status: int) -> int:
    """Says one sentence where standard error can, and gives the exit status."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        click.echo(printable_lines(sentence), err=True)
    return status


def _sentence(error: BaseException) -> str:
    """What went wrong, for a person."""
    if isinstance(error, click.UsageError) and error.ctx is not None:
        usage = error.ctx.get_usage()
        hint = f"Try '{error.ctx.command_path} --help' for help."
        return f"{usage}\n{hint}\n\nError: {error.format_message()}"
    if isinstance(error, click.ClickException):
        return f"Error: {error.format_message()}"
    if isinstance(error, BrokenPipeError):
        return "Error: the output was closed by its reader; the report is incomplete"
    if isinstance(error, OSError):
        return f"Error: {_system(error)}"
    if is_out_of_memory(error):
        return "Error: out of memory; lint fewer models in parallel (--jobs)"
    if isinstance(error, ImportError) and not isinstance(error, ModuleNotFoundError):
        cause = "the installation is damaged, or the limit of memory or open files is too low"
        return f"Error: {error}; {cause}"
    if isinstance(error, Exception) and error_is_told(error):
        return f"Error: {error}"
    from onnxlint.rules.diagnosis import words

    return f"Error: this is a bug in onnxlint: {words(error)}; please report it"


def _system(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    remedy = {
        errno.EMFILE: "; raise the limit of open files (ulimit -n)",
        errno.ENOSPC: "; free some space, or write to another disk",
    }.get(error.errno or 0, "")
    return f"{where}{error.strerror or error}{remedy}"


def error_is_told(error: Exception) -> bool:
    """Whether an error's message is already the sentence that a person needs."""
    told: list[Any] = []
    for module, name in (("toml_tables", "ConfigError"), ("rules.packs", "PackError")):
        loaded = sys.modules.get(f"onnxlint.{module}")
        told += [getattr(loaded, name)] if loaded is not None else []
    errors = sys.modules.get("onnxlint.model.file.errors")
    told += [errors.ModelError, errors.DataError] if errors is not None else []
    return isinstance(error, tuple(told))
