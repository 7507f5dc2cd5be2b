"""The command, also as `python -m onnxlint`: Ctrl-C ends it with 130 while it still loads, too."""

import _signal as signal  # type: ignore[import-not-found]  # loads in no time
import os


def _leave(*_: object) -> None:
    os._exit(128 + signal.SIGINT)


def main() -> None:
    """Loads the command, and runs it."""
    from onnxlint.cli.main import main as run

    run()


if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, _leave)
if __name__ == "__main__":
    main()
