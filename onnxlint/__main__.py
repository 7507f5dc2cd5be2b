"""The command, also as `python -m onnxlint`: Ctrl-C ends it with 130 while it still loads, too."""

import _signal as signal  # type: ignore[import-not-found]  # loads in no time
import gc
import os
import sys

HELP = os.path.join(os.path.dirname(__file__), "cli", "help.txt")  # noqa: PTH118, PTH120 - as fast
"""What `onnxlint --help` says where 80 columns are free: written by `tools/docs/help_text.py`."""
COLUMNS = 80

_WITHOUT_RUNS = frozenset({"--static-only", "--help", "-h", "--version"})
"""Options with which no model runs."""

_WITHOUT_JUDGE = frozenset({"--help", "-h", "--version", "--fix", "--diff", "--executor"})
"""Options with which this process has no models judged, or in another way."""

SELDOM = 200_000
"""New objects between two searches for garbage. A model's graph is one web of living objects: to
search it at every 700 of them takes a fifth of the time on 100,000 nodes, and what is loaded stays.
"""


def _leave(*_: object) -> None:
    os._exit(128 + signal.SIGINT)


def main() -> None:
    """Loads the command, and runs it; for help alone nothing needs to be loaded."""
    arguments = sys.argv[1:]
    if arguments in (["--help"], ["-h"]) and _columns() >= COLUMNS and _helped():
        return
    from onnxlint.resident.client import run_there

    run_there(arguments)
    gc.set_threshold(SELDOM, 20, 100)
    from onnxlint.bundle import use_bundle

    use_bundle()
    from onnxlint.light_python import use_light_python

    use_light_python()
    _start_ahead(arguments)
    from onnxlint.cli.main import main as run

    run()


def _start_ahead(arguments: list[str]) -> None:
    """Starts what will be wanted, as it seems, and takes long to load."""
    from onnxlint.recent import are_reported

    if are_reported(arguments):
        return
    if _runs_models(arguments):
        from onnxlint.runtime.worker.ahead import start_ahead

        start_ahead()
    if _judges_models(arguments):
        from onnxlint.judge_ahead import start_judge
        from onnxlint.pipeline import lint_model

        start_judge(lint_model)


def _runs_models(arguments: list[str]) -> bool:
    """Whether the command is to lint models, as it seems, and to run them."""
    from onnxlint.resident.client import is_check

    return is_check(arguments) and _WITHOUT_RUNS.isdisjoint(arguments)


def _judges_models(arguments: list[str]) -> bool:
    """Whether the command is to lint models, as it seems, in the usual way."""
    from onnxlint.resident.client import is_check

    return is_check(arguments) and _WITHOUT_JUDGE.isdisjoint(arguments)


def _columns() -> int:
    try:
        return int(os.environ.get("COLUMNS") or 0) or os.get_terminal_size(1).columns or COLUMNS
    except ValueError:
        return 0
    except OSError:  # no terminal
        return COLUMNS


def _helped() -> bool:
    """Whether the help is written out."""
    try:
        with open(HELP, "rb") as text:  # noqa: PTH123 - pathlib takes as long as the rest
            told = text.read()
        return told.isascii() and os.write(1, told) == len(told)
    except OSError:  # no such file or no output: the command tells
        return False


if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, _leave)
if __name__ == "__main__":
    main()
