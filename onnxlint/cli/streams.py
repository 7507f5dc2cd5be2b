"""The command's own streams: whatever became of them, a report is lost with a sentence only."""

from __future__ import annotations

import contextlib
import io
import os
import sys

import click

CLOSED = "standard output is closed; write the report to a file with --output"


def prepare_streams() -> None:
    """Makes standard streams that can be used, whatever they were when the command began."""
    for number in (0, 1, 2):  # else the next file that is opened takes the place of a closed one
        try:
            os.fstat(number)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name that the encoding lacks is no reason
            stream.reconfigure(errors="backslashreplace")


def require_working_directory() -> None:
    """Paths and configurations are looked for from there.

    Raises:
        click.ClickException: it was deleted meanwhile.
    """
    try:
        os.getcwd()  # noqa: PTH109
    except OSError as error:
        told = "the working directory no longer exists; change to another"
        raise click.ClickException(told) from error


def leave(status: int) -> None:
    """Ends the process with this status, or with 2 if what was printed did not arrive."""
    for stream in (sys.stdout, sys.stderr):
        if stream is None:
            continue
        try:
            stream.flush()
        except OSError as error:
            with contextlib.suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            if stream is sys.stdout and status != 2:  # else that has been told
                with contextlib.suppress(OSError, AttributeError):
                    sys.stderr.write(f"Error: standard output: {error.strerror}\n")
                status = 2
    os._exit(status)  # whatever rules registered for the end, the status is this
