"""The way of a command to the resident process: it sends what it is, and waits for the end."""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # the whole module loads for long
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # the module `typing` takes as long to load as all that this does
    from typing import Any, NoReturn

OPT_OUT = "ONNXLINT_NO_SERVER"
"""Set to anything but 0 or nothing, no command asks a resident process."""

_FORWARDED = ("SIGINT", "SIGTERM", "SIGHUP")


def run_there(arguments: list[str]) -> None:
    """Has a resident process run the command, and leaves with its status.

    Comes back where there is none, or it would not do exactly as this process does.
    """
    if not _may_be_served(arguments):
        return
    from onnxlint.resident.request import ACCEPTED, Request, address, is_private

    try:
        place = address()
        if not is_private(os.path.dirname(place)):  # noqa: PTH120
            return
        import _socket

        server: Any = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        server.connect(place)
        streams = b"".join(fd.to_bytes(4, sys.byteorder) for fd in (0, 1, 2))
        rights = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)
        told = memoryview(Request.of_this_process(arguments).encoded())
        sent = server.sendmsg([told], [rights])
        server.sendall(told[sent:])
        if server.recv(1) != ACCEPTED:
            return
    except OSError:
        return
    _await(server)


def _may_be_served(arguments: list[str]) -> bool:
    """Whether a resident process may run the command."""
    is_wanted = os.environ.get(OPT_OUT, "0") in ("", "0")
    return is_wanted and is_check(arguments) and hasattr(os, "environb")


def is_check(arguments: list[str]) -> bool:
    """Whether the command seems to be `check`."""
    first = arguments[0] if arguments else ""
    return first == "check" or first.startswith("-") or "." in first or "/" in first


def _await(server: Any) -> NoReturn:
    """Passes signals on, and ends as the command did."""
    from onnxlint.resident.request import EXITED

    def forward(number: int, _frame: object) -> None:
        server.sendall(bytes([number]))

    for name in _FORWARDED:
        number = getattr(signal, name)
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, forward)
    told = server.recv(2)
    if len(told) < 2:
        told += server.recv(1)
    if len(told) < 2:
        os.write(2, b"Error: the resident onnxlint ended; run the command again\n")
        os._exit(2)
    if told[:1] == EXITED:
        os._exit(told[1])
    signal.signal(told[1], signal.SIG_DFL)
    os.kill(os.getpid(), told[1])
    os._exit(128 + told[1])
