"""HTTP as fsspec has it, and what a model needs beside: exact ranges, of one version."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
from fsspec.implementations.http import HTTPFileSystem

from onnxlint.remote.errors import RemoteError

CONNECT_SECONDS = 15.0
SILENT_SECONDS = 60.0
"""So long a server may say nothing."""

MOST_REDIRECTS = 10

PLAIN = {"Accept-Encoding": "identity"}
"""Bytes as they are stored: a range of what was compressed on the way is of no use."""


class Web(HTTPFileSystem):  # type: ignore[misc]
    """Files of a web server, asked for with GET alone, which is all that a signed link allows."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        client = {"timeout": aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS,
                                                   sock_read=SILENT_SECONDS)}  # fmt: skip
        options["client_kwargs"] = client | options.get("client_kwargs", {})
        options.setdefault("get_client", _client)
        super().__init__(*arguments, **options)
        self._marks: dict[str, str] = {}

    async def _info(self, url: str, **_: Any) -> dict[str, Any]:
        async with await self._got(url, {"Range": "bytes=0-0"}) as answer:
            if answer.status != 416:  # an empty file has no range
                self._raise_not_found_for_status(answer, url)
            size, is_ranged = _size(answer)
            told = answer.headers
            mark = told.get("ETag", "")
            if mark and not mark.startswith("W/"):
                self._marks[url] = mark
            return {"name": url, "size": size, "type": "file", "partial": is_ranged,
                    "ETag": mark, "LastModified": told.get("Last-Modified", "")}  # fmt: skip

    async def _cat_file(
        self, url: str, start: int | None = None, end: int | None = None, **kwargs: Any
    ) -> bytes:
        if start is None or end is None:
            whole: bytes = await super()._cat_file(url, start, end, **kwargs)
            return whole
        asked = {"Range": f"bytes={start}-{end - 1}"}
        if url in self._marks:
            asked["If-Match"] = self._marks[url]
        async with await self._got(url, asked) as answer:
            if answer.status == 412:
                raise RemoteError("changed while it was read", "run again")
            self._raise_not_found_for_status(answer, url)
            if answer.status != 206:
                raise RemoteError("the server does not give the bytes that are asked for",
                                  "download the file, and name the copy")  # fmt: skip
            data: bytes = await answer.content.readexactly(end - start)  # whatever more there is
            return data

    async def _streamed(self, url: str, take: Callable[[bytes], None]) -> None:
        """All bytes, one piece after the other, where a server knows no ranges."""
        async with await self._got(url, {}) as answer:
            self._raise_not_found_for_status(answer, url)
            async for piece in answer.content.iter_chunked(1 << 20):
                take(piece)

    async def _got(self, url: str, headers: dict[str, str]) -> Any:
        session = await self.set_session()
        options = {"max_redirects": MOST_REDIRECTS} | self.kwargs
        own = options.pop("headers", {})
        return await session.get(self.encode_url(url), headers=own | PLAIN | headers, **options)


def _size(answer: aiohttp.ClientResponse) -> tuple[int | None, bool]:
    """The size of the whole file, if the server tells, and whether it gives parts of it."""
    total = answer.headers.get("Content-Range", "").rpartition("/")[2]
    if answer.status in (206, 416) and total.isdigit():
        return int(total), True
    length = answer.headers.get("Content-Length", "")
    return (int(length) if length.isdigit() else None), False


async def _client(**options: Any) -> aiohttp.ClientSession:
    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(_check_redirect)
    given: dict[str, Any] = {"trust_env": True, "trace_configs": [trace]}
    return aiohttp.ClientSession(**given | options)


_Hook = Callable[[Any, Any, aiohttp.TraceRequestRedirectParams], Awaitable[None]]


async def _check_redirect(
    _session: Any, _context: Any, seen: aiohttp.TraceRequestRedirectParams
) -> None:
    """A server may send us elsewhere, but neither off encryption nor into a network of the user's.

    Raises:
        RemoteError: it does.
    """
    answer = seen.response
    target = answer.url.join(answer.url.__class__(answer.headers.get("Location", "")))
    if answer.url.scheme == "https" and target.scheme == "http":
        raise RemoteError("is redirected from https to http", "name the file's own address")
    if _is_internal(target.host) and not _is_internal(answer.url.host):
        told = "is redirected to an address of this machine or its network"
        raise RemoteError(told, "name the file's own address")


def _is_internal(host: str | None) -> bool:
    name = (host or "").strip("[]").rstrip(".").lower()
    try:
        found = ipaddress.ip_address(name)
    except ValueError:
        return name == "localhost" or name.endswith((".localhost", ".internal", ".local"))
    return not found.is_global
