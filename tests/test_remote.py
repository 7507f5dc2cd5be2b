"""What an address is, what is shown of it, and what goes wrong with it in words."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import closing
from pathlib import Path

import pytest

from onnxlint.remote import cache
from onnxlint.remote.address import Address, entered, is_remote, redacted
from onnxlint.remote.allowance import Allowance, most
from onnxlint.remote.errors import MissingError, RemoteError, explained
from onnxlint.remote.stores import store
from onnxlint.settings import LabelSource


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s3://bucket/model.onnx", True),
        ("s3:/bucket/model.onnx", True),  # as a path has it
        ("https://host/model.onnx?x=1", True),
        ("nosuch://bucket/model.onnx", True),
        ("model.onnx", False),
        ("/models/s3:/model.onnx", False),
        ("C:\\models\\model.onnx", False),
        ("C://models/model.onnx", False),
        ("notes:/model.onnx", False),
        ("package.module:function", False),
        ("file:///models/model.onnx", False),
        ("-", False),
    ],
)
def test_what_is_an_address(text, expected):
    assert is_remote(text) is expected


def test_a_file_address_is_a_path():
    assert entered("file:///models/model.onnx") == "/models/model.onnx"
    assert entered("file://localhost/model.onnx") == "/model.onnx"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://h/m.onnx", "https://h/m.onnx"),
        ("https://me:pw@h:8/m.onnx", "https://***@h:8/m.onnx"),
        (
            "https://h/m.onnx?X-Amz-Signature=a%20b&v=2",
            "https://h/m.onnx?X-Amz-Signature=***&v=***",
        ),
        ("https://h/m.onnx?token", "https://h/m.onnx?token=***"),
        ("s3://key:secret@bucket/m.onnx", "s3://***@bucket/m.onnx"),
        (
            "403 for https://h/m?sig=1, not 200",
            "403 for https://h/m?sig=***, not 200".replace(",", ""),
        ),
    ],
)
def test_secrets_are_not_shown(text, shown):
    assert redacted(text).replace(",", "") == shown.replace(",", "")


def test_an_address_is_found_by_how_it_is_shown():
    secret = "https://h/found.onnx?sig=one"
    name = entered(secret)
    assert Address.of(name).url == secret
    assert Address.of(str(Path(name))).url == secret  # with a slash lost
    other = entered("https://h/found.onnx?sig=two")
    assert other != name
    assert Address.of(other).url.endswith("two")
    assert Address.of(name).url == secret


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        (
            "https://h/m.onnx?X-Amz-Signature=a&X-Amz-Date=1",
            "https://h/m.onnx?X-Amz-Signature=b",
            True,
        ),
        ("https://a:b@h/m.onnx", "https://h/m.onnx", True),
        ("https://h/m.onnx?id=1", "https://h/m.onnx?id=2", False),
        ("s3://b/m.onnx", "s3://b/n.onnx", False),
    ],
)
def test_what_is_one_file_whoever_signed_the_link(one, other, is_same):
    assert (Address.of(one).identity == Address.of(other).identity) is is_same


def test_what_lies_beside_a_model_takes_nothing_of_the_link_along():
    model = Address.of("https://me:pw@h/models/m.onnx?sig=1")
    beside = model.beside("sub/w 1%2e.bin")
    assert beside.url == "https://me:pw@h/models/sub/w%201%252e.bin"
    assert "pw" not in beside.shown
    assert Address.of("s3://b/models/m.onnx").beside("w 1.bin").url == "s3://b/models/w 1.bin"


@pytest.mark.parametrize(
    ("text", "file", "key"),
    [
        ("s3:/b/y.npz:y", "s3:/b/y.npz", "y"),
        ("s3:/b/y.npy", "s3:/b/y.npy", None),
        ("http:/h:80/y.npy", "http:/h:80/y.npy", None),
        ("data.csv:target", "data.csv", "target"),
    ],
)
def test_labels_at_an_address(text, file, key):
    assert LabelSource.of(Path(text)) == LabelSource(Path(file), key)


class ClientPayloadError(Exception):
    """As aiohttp's."""


class Refused(Exception):  # noqa: N818 - as a library names it
    """With a status, as aiohttp's ClientResponseError."""

    status = 403


@pytest.mark.parametrize(
    ("error", "told", "passing"),
    [
        (FileNotFoundError("x"), "does not exist", False),
        (PermissionError("x"), "access is refused", False),
        (Refused(), "access is refused", False),
        (TimeoutError(), "the server does not answer in time", True),
        (ConnectionResetError(), "the connection was lost", True),
        (ClientPayloadError(), "the connection was lost", True),
        (
            OSError(28, "No space left on device"),
            "the cache of remote files has no room left",
            False,
        ),
        (
            ValueError("odd https://a:b@h/x"),
            "cannot be read (ValueError: odd https://***@h/x)",
            False,
        ),
    ],
)
def test_errors_of_libraries_in_words(error, told, passing):
    seen = explained(error)
    assert (seen.problem, seen.is_passing) == (told, passing)
    assert isinstance(seen, MissingError) == isinstance(error, FileNotFoundError)


def test_what_is_not_installed_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(RemoteError, match=r"fsspec is required.*pip install 'onnxlint\[remote\]'"):
        store(Address.of("s3://bucket/model.onnx"))


def test_chains_of_file_systems_are_refused():
    with pytest.raises(RemoteError, match="is a chain of file systems"):
        store(Address("x", "https://h/x::s3://b/y"))


@pytest.mark.parametrize(
    ("source", "target", "refused"),
    [
        ("https://example.org/m", "http://example.org/m", "from https to http"),
        (
            "https://example.org/m",
            "https://169.254.169.254/latest",
            "of this machine or its network",
        ),
        ("http://example.org/m", "http://localhost:8080/m", "of this machine or its network"),
        ("http://example.org/m", "http://[::1]/m", "of this machine or its network"),
        ("http://example.org/m", "https://cdn.example.com/m", None),
        ("http://example.org/m", "/elsewhere", None),
        ("http://127.0.0.1/m", "http://127.0.0.1:8080/m", None),
    ],
)
def test_redirects(source, target, refused):
    yarl = pytest.importorskip("yarl")
    http = pytest.importorskip("onnxlint.remote.http")

    class Answer:
        url = yarl.URL(source)
        headers = {"Location": target}  # noqa: RUF012

    class Seen:
        response = Answer

    check = http._check_redirect(None, None, Seen)
    if refused is None:
        asyncio.run(check)
        return
    with pytest.raises(RemoteError, match=refused):
        asyncio.run(check)


def test_what_may_be_read(monkeypatch):
    allowance = Allowance(100)
    allowance.take(60)
    with pytest.raises(
        RemoteError, match=r"a download of 110 bytes \(limit 100\); raise --max-down"
    ):
        allowance.take(50)
    allowance.take(40)
    monkeypatch.setenv("ONNXLINT_MAX_DOWNLOAD", "2K")
    assert most() == 2048
    monkeypatch.setenv("ONNXLINT_MAX_DOWNLOAD", "much")
    with pytest.raises(RemoteError, match="ONNXLINT_MAX_DOWNLOAD: 'much' is not a valid size"):
        most()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty cache."""
    monkeypatch.setenv("ONNXLINT_REMOTE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_an_entry_of_the_cache_is_of_one_version(folder):
    size = 3 * cache.CHUNK + 5

    def entry(version: str) -> cache.Entry:
        with closing(cache.entry("s3://b/m", version, size, "m.onnx")) as made:
            return made

    one = entry("1")
    assert one.file.stat().st_size == size
    assert one.read_marks(0, 4) == b"\0\0\0\0"
    one.marks.write_bytes(b"\1\1\1\1")
    assert one.is_whole(size)
    assert entry("1").is_whole(size)
    assert not entry("2").is_whole(size)
    with one.file.open("r+b") as file:  # somebody has cut it
        file.truncate(7)
    assert not entry("1").is_whole(size)


def test_what_is_in_use_stays_in_a_full_cache(folder, monkeypatch):
    monkeypatch.setenv("ONNXLINT_REMOTE_CACHE_SIZE", "1")
    entries = [cache.entry("s3://b/m", str(version), 4096, "m") for version in range(2)]
    for each in entries:
        each.file.write_bytes(os.urandom(4096))
        cache.link(folder / "views" / each.file.parent.name / "m", each.file)
    entries[0].close()
    cache.trim()
    assert [each.file.exists() for each in entries] == [False, True]
    assert len([*(folder / "views").iterdir()]) == 1
    entries[1].close()


def test_a_cache_that_cannot_be_written(folder, monkeypatch):
    monkeypatch.setenv("ONNXLINT_REMOTE_CACHE", "/dev/null/cache")
    with pytest.raises(RemoteError, match=r"cannot be written .*; name another folder"):
        cache.entry("s3://b/m", "1", 10, "m")
