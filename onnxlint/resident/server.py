"""The resident process: forks itself for each command that asks, and ends when none does."""

from __future__ import annotations

import contextlib
import gc
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

from onnxlint.resident import warmth
from onnxlint.resident.becoming import become
from onnxlint.resident.request import (
    ACCEPTED,
    EXITED,
    KILLED,
    LENGTH,
    REFUSED,
    Request,
    address,
    is_private,
)
from onnxlint.runtime.worker.ahead import end_ahead, start_ahead

LONGEST_REQUEST = 1 << 24
"""Bytes; Linux lets arguments and environment have a few million."""

_LOCALE = (b"LANG", b"LC_", b"PYTHON", b"TZ")
"""Variables that Python and C read when they start, so that a fork cannot take others."""


class ServerError(Exception):
    """Why there can be no resident process."""


class _Client:
    """A connection: what it told so far, and the command that runs for it."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.told, self.streams = b"", list[int]()
        self.child: int | None = None

    def close(self) -> None:
        self.connection.close()
        for stream in self.streams:
            os.close(stream)
        self.streams = []


class Server:
    """Serves commands at a socket of this user's, until none asked for `idle` seconds.

    A fork of it runs `command`, with the arguments and all else of the process that asked.
    """

    def __init__(self, idle: float, command: Callable[[], None]) -> None:
        self._idle, self._last, self._command = idle, time.monotonic(), command
        self._path = address()
        self._selector = selectors.DefaultSelector()
        self._clients: list[_Client] = []
        self._own = _started_with(dict(os.environb))
        self._is_over = False
        self._woken, self._wakes = socket.socketpair()
        self._listener = _listening(self._path)
        for each in (self._listener, self._woken):
            self._selector.register(each, selectors.EVENT_READ, None)
        self._heed_signals()

    @property
    def path(self) -> str:
        """The socket."""
        return self._path

    def run(self) -> None:
        """Serves until it is idle, stale, or told to end; the commands that run come to theirs."""
        warmth.load()
        self._known = warmth.state()
        gc.collect()
        gc.freeze()  # else every fork copies what it looks for garbage in
        self._last = time.monotonic()
        start_ahead()
        try:
            while self._clients or not self._is_over:
                left = self._last + self._idle - time.monotonic()
                if left <= 0 and not self._clients:
                    break
                for key, _ in self._selector.select(None if self._clients else left):
                    self._heed(key.fileobj, key.data)
        finally:
            self._end_listening()
            end_ahead()

    def _heed_signals(self) -> None:
        for each in (self._woken, self._wakes):
            each.setblocking(False)
        signal.set_wakeup_fd(self._wakes.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: self._end_listening())

    def _end_listening(self) -> None:
        """Takes no more commands."""
        if not self._is_over:
            self._is_over = True
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(self._listener)
            self._listener.close()
            with contextlib.suppress(OSError):
                Path(self._path).unlink()

    def _heed(self, source: object, client: _Client | None) -> None:
        self._last = time.monotonic()
        if client is not None:
            self._hear(client)
        elif source is self._woken:
            self._woken.recv(4096)
            self._reap()
        elif not self._is_over:
            with contextlib.suppress(OSError):  # it is gone already
                self._welcome(self._listener.accept()[0])

    def _welcome(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        client = _Client(connection)
        self._clients.append(client)
        self._selector.register(connection, selectors.EVENT_READ, client)

    def _hear(self, client: _Client) -> None:
        """Takes in a part of a request, or a signal for the command that runs."""
        try:
            data, streams, *_ = socket.recv_fds(client.connection, 1 << 16, 3)
        except OSError:
            data, streams = b"", []
        client.streams += streams
        if client.child is not None:
            self._pass_on(client, data)
            return
        client.told += data
        length = int.from_bytes(client.told[:LENGTH], "big")
        if not data or length > LONGEST_REQUEST:
            self._part(client)
        elif len(client.told) == LENGTH + length:
            self._serve(client)

    def _pass_on(self, client: _Client, data: bytes) -> None:
        assert client.child is not None
        for number in data or [signal.SIGTERM]:  # whoever asked is gone: nobody wants it
            with contextlib.suppress(OSError):
                os.kill(client.child, number)
        if not data:
            self._selector.unregister(client.connection)

    def _serve(self, client: _Client) -> None:
        """Runs what is asked for, where it would come out as it does without this process."""
        request = Request.decoded(client.told[LENGTH:])
        if warmth.has_changed(self._known):
            self._end_listening()
            request = None
        is_ours = request is not None and _started_with(request.environment) == self._own
        if request is None or not is_ours or len(client.streams) != 3:
            with contextlib.suppress(OSError):
                client.connection.send(REFUSED)
            self._part(client)
            return
        client.connection.send(ACCEPTED)
        client.child = os.fork()
        if client.child:
            for stream in client.streams:
                os.close(stream)
            client.streams = []
            return
        try:
            self._leave_to(client)
            become(request, client.streams)
            self._command()
        finally:
            os._exit(2)

    def _leave_to(self, client: _Client) -> None:
        """Closes, in a fork, all that is the resident process's."""
        signal.set_wakeup_fd(-1)
        self._selector.close()
        for each in (self._listener, self._woken, self._wakes, client.connection):
            each.close()
        for other in self._clients:
            if other is not client:
                other.close()

    def _reap(self) -> None:
        """Tells those whose commands have ended how they did; the next one finds a worker."""
        for client in [each for each in self._clients if each.child is not None]:
            assert client.child is not None
            child, status = os.waitpid(client.child, os.WNOHANG)
            if child:
                code = os.waitstatus_to_exitcode(status)
                told = EXITED + bytes([code]) if code >= 0 else KILLED + bytes([-code])
                with contextlib.suppress(OSError):
                    client.connection.send(told)
                self._part(client)
        if not self._is_over:
            start_ahead()

    def _part(self, client: _Client) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(client.connection)
        self._clients.remove(client)
        client.close()


def _started_with(environment: dict[bytes, bytes]) -> dict[bytes, bytes]:
    return {name: value for name, value in environment.items() if name.startswith(_LOCALE)}


def _listening(path: str) -> socket.socket:
    """The socket.

    Raises:
        ServerError: it cannot be made, or another resident process has it.
    """
    home = Path(path).parent
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not is_private(str(home)):
            raise ServerError(f"{home}: others may write or read there; remove it, or set "
                              "XDG_RUNTIME_DIR to a folder of yours")  # fmt: skip
        if is_served(path):
            raise ServerError(f"one runs already, at {path}")
        Path(path).unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(path)
        listener.listen()
    except OSError as error:
        raise ServerError(f"{path}: {error.strerror or error}") from error
    return listener


def is_served(path: str) -> bool:
    """Whether a resident process listens there."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asked:
        try:
            asked.connect(path)
        except OSError:
            return False
    return True
