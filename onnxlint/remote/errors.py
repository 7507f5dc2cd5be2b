"""What can go wrong with a remote address, as one sentence for a person."""

from __future__ import annotations

import errno
from collections.abc import Iterator

from onnxlint.remote.address import redacted


class RemoteError(Exception):
    """Something at an address cannot be read: what is wrong, and what to do about it."""

    def __init__(self, problem: str, remedy: str, *, is_passing: bool = False) -> None:
        super().__init__(f"{problem}; {remedy}")
        self.problem = problem
        self.remedy = remedy
        self.is_passing = is_passing
        """Whether the same may succeed a moment later."""


class MissingError(RemoteError):
    """There is no such file."""


_PASSING_NAMES = {
    "ConnectionError", "EOFError", "ClientPayloadError", "ServerDisconnectedError",
    "IncompleteRead", "ConnectionClosedError", "ReadTimeoutError", "ResponseStreamingError",
    "HTTPClientError", "ClientOSError", "ClientConnectionResetError", "RemoteProtocolError",
    "ConnectError",
}  # fmt: skip
"""Exceptions of the libraries behind fsspec for a connection that failed, or was lost."""

_TIMEOUT_NAMES = {"TimeoutError", "FSTimeoutError", "ConnectTimeoutError", "ReadTimeoutError",
                  "ReadTimeout", "ServerTimeoutError", "ConnectTimeout"}  # fmt: skip

_UNSIGNED_NAMES = {"NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError",
                   "TokenRetrievalError", "DefaultCredentialsError"}  # fmt: skip

CREDENTIALS = "give credentials by environment variables, or by fsspec's configuration"


def explained(error: BaseException) -> RemoteError:
    """An exception of fsspec, or of a library behind it, as one of ours."""
    if isinstance(error, RemoteError):
        return error
    chain = [*_chain(error)]
    names = {kind.__name__ for each in chain for kind in type(each).__mro__}
    told = (getattr(each, "status", None) for each in chain)
    status = next((each for each in told if isinstance(each, int)), None)
    if status in (401, 403) or any(isinstance(each, PermissionError) for each in chain):
        return RemoteError("access is refused", CREDENTIALS)
    if names & _UNSIGNED_NAMES:
        return RemoteError("there are no credentials to read it with", CREDENTIALS)
    if status in (404, 410) or isinstance(error, FileNotFoundError | IsADirectoryError):
        return MissingError("does not exist", "check the address")
    if status is not None and status >= 400:
        is_passing = status in (429, 500, 502, 503, 504)
        return RemoteError(f"the server answers {status}", "try again", is_passing=is_passing)
    if any(isinstance(each, OSError) and each.errno == errno.ENOSPC for each in chain):
        return RemoteError(
            "the cache of remote files has no room left",
            "free some, or name another folder by ONNXLINT_REMOTE_CACHE",
        )
    return _unconnected(chain, names) or _unknown(error)


def _unconnected(chain: list[BaseException], names: set[str]) -> RemoteError | None:
    """Where no connection was had, or none that lasted."""
    if names & {"gaierror", "ClientConnectorDNSError"}:
        return RemoteError("the host is unknown", "check the address")
    if names & {"SSLCertVerificationError", "ClientConnectorCertificateError"}:
        return RemoteError("its certificate cannot be verified", "check the address")
    if "SSLError" in names:
        return RemoteError("the server does not speak TLS", "check the address, http or https")
    if names & _TIMEOUT_NAMES:
        return RemoteError("the server does not answer in time", "try again", is_passing=True)
    if any(isinstance(each, ConnectionRefusedError) for each in chain) or (
        "EndpointConnectionError" in names
    ):
        return RemoteError("no server answers there", "check the address")
    if names & _PASSING_NAMES:
        return RemoteError(
            "the connection was lost", "run again: what was read is kept", is_passing=True
        )
    return None


def _unknown(error: BaseException) -> RemoteError:
    text = redacted(str(error).strip().partition("\n")[0])
    told = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return RemoteError(f"cannot be read ({told})", "check the address")


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An exception and those that led to it."""
    seen: set[int] = set()
    pending: list[BaseException | None] = [error]
    while pending:
        each = pending.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        inner = getattr(each, "os_error", None)  # aiohttp's
        pending += [each.__cause__, each.__context__]
        pending.append(inner if isinstance(inner, BaseException) else None)
