"""What a command tells the resident process: all that makes a process, but for its files.

Loaded by every command, so it needs modules only that Python has loaded anyway.
"""

from __future__ import annotations

import os
import sys

from onnxlint.version import __version__

LENGTH = 8
"""Bytes of the number that says how long a request is."""

ACCEPTED, REFUSED, EXITED, KILLED = b"y", b"n", b"e", b"k"
"""What is answered: first one of two, then, with a byte of status or signal, how it ended."""

_LIMITS = ("AS", "CORE", "CPU", "DATA", "FSIZE", "NOFILE", "STACK")
"""Limits of a process that a command may have been started with."""


class Request:
    """A command: its arguments, folder and environment, and what limits it."""

    def __init__(
        self, arguments: list[bytes], folder: bytes, environment: dict[bytes, bytes],
        limits: dict[str, tuple[int, int]], mask: int, niceness: int, cores: list[int],
    ) -> None:  # fmt: skip
        self.arguments, self.folder, self.environment = arguments, folder, environment
        self.limits, self.mask, self.niceness, self.cores = limits, mask, niceness, cores

    @classmethod
    def of_this_process(cls, arguments: list[str]) -> Request:
        """This process's own.

        Raises:
            OSError: its folder is gone.
        """
        mask = os.umask(0o077)
        os.umask(mask)
        cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        return cls([*map(os.fsencode, arguments)], os.getcwdb(), dict(os.environb),  # noqa: PTH109
                   limits_here(), mask, os.nice(0), cores)  # fmt: skip

    def encoded(self) -> bytes:
        """As bytes, which `decoded` understands in the same version and interpreter alone."""
        limits = [f"{name}={low}={high}" for name, (low, high) in self.limits.items()]
        texts = [
            *_interpreter(), " ".join(limits), str(self.mask), str(self.niceness),
            " ".join(map(str, self.cores)), str(len(self.arguments)),
        ]  # fmt: skip
        variables = [name + b"=" + value for name, value in self.environment.items()]
        parts = [*map(os.fsencode, texts), self.folder, *self.arguments, *variables]
        whole = b"\0".join(parts)
        return len(whole).to_bytes(LENGTH, "big") + whole

    @classmethod
    def decoded(cls, whole: bytes) -> Request | None:
        """What a command told; None where it runs in another Python than this process."""
        parts, here = whole.split(b"\0"), [*map(os.fsencode, _interpreter())]
        if parts[: len(here)] != here:
            return None
        limits, mask, niceness, cores, count, folder, *rest = parts[len(here) :]
        bounds = [each.split("=") for each in limits.decode().split()]
        variables = [each.partition(b"=") for each in rest[int(count) :]]
        return cls(
            rest[: int(count)], folder, {name: value for name, _, value in variables},
            {name: (int(low), int(high)) for name, low, high in bounds},
            int(mask), int(niceness), [*map(int, cores.split())],
        )  # fmt: skip


def _interpreter() -> list[str]:
    """Our version, and all that Python was started with: what the same command runs in."""
    return [__version__, sys.version, str(sys.flags), str(sys.warnoptions), str(sys.path)]


def limits_here() -> dict[str, tuple[int, int]]:
    """The limits of this process that a command may be started with."""
    import resource

    return {
        name: resource.getrlimit(getattr(resource, f"RLIMIT_{name}"))
        for name in _LIMITS
        if hasattr(resource, f"RLIMIT_{name}")
    }


def address() -> str:
    """The socket of this installation's resident process, of this user."""
    package, prefix = os.stat(os.path.dirname(__file__)), os.stat(sys.prefix)  # noqa: PTH116, PTH120
    return os.path.join(_home(), f"{prefix.st_ino:x}-{package.st_ino:x}")  # noqa: PTH118


def _home() -> str:
    base = os.environ.get("XDG_RUNTIME_DIR")
    if base and os.path.isabs(base):  # noqa: PTH117
        return os.path.join(base, "onnxlint")  # noqa: PTH118
    return f"/tmp/onnxlint-{os.geteuid()}"


def is_private(folder: str) -> bool:
    """Whether nobody but this user can put anything into a folder."""
    try:
        found = os.lstat(folder)
    except OSError:
        return False
    is_folder = found.st_mode & 0o170000 == 0o040000
    return is_folder and found.st_uid == os.geteuid() and not found.st_mode & 0o077
