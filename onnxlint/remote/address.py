"""What a remote address is, how reports name it, and the secrets in it that they leave out."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from msgspec import Struct

SCHEMES = frozenset((
    "abfs", "abfss", "adl", "az", "ftp", "gcs", "gs", "hdfs", "hf", "http", "https", "memory",
    "oci", "oss", "s3", "s3a", "sftp", "smb", "ssh", "webdav", "webhdfs",
))  # fmt: skip
"""Schemes that are known where a path has swallowed a slash: `s3:/bucket/model.onnx`."""

WEB = ("http", "https")

HERE = ("file", "local")
"""Schemes of files of this machine."""

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):(//?)(?=[^/])")
_IN_TEXT = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://[^\s'\"<>]+")

MASK = "***"
"""What reports show in the place of a secret."""

_known: dict[str, str] = {}
"""Addresses with secrets, by how they are shown: children of this process inherit them."""


def is_remote(text: str | Path) -> bool:
    """Whether it is an address, and not a path of this machine; `s3:/…` is one with its slash lost.

    A single letter in front of a colon is a drive.
    """
    match = _ADDRESS.match(str(text))
    if match is None or match[1].lower() in HERE:
        return False
    return match[2] == "//" or match[1].lower() in SCHEMES


def local_path(text: str) -> str:
    """The path that `file:///…` names; any other text as it is."""
    scheme, mark, rest = text.partition("://")
    is_file = mark and scheme.lower() in HERE
    return rest.removeprefix("localhost") if is_file else text


def entered(text: str) -> str:
    """What a user names, as reports may name it; its secrets are kept in memory only.

    Two addresses that differ only in these get different names.
    """
    if not is_remote(text):
        return local_path(text)
    whole = _restored(text)
    name = shown = redacted(whole)
    number = 2
    while shown != whole and _known.get(name, whole) != whole:
        name, number = f"{shown}#{number}", number + 1
    if name != whole:
        _known[name] = whole
    return name


def _restored(text: str) -> str:
    """With both slashes."""
    return text if "://" in text[:40] else text.replace(":/", "://", 1)


def redacted(text: str) -> str:
    """A text whose addresses have no user, no password and no values in their query."""
    return _IN_TEXT.sub(lambda found: _without_secrets(found[0]), text)


def _without_secrets(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:  # brackets that are no IPv6 address
        return url.partition("?")[0]
    host = parts.netloc
    if "@" in host:
        host = f"{MASK}@{host.rpartition('@')[2]}"
    asked = parts.query
    if asked:
        asked = "&".join(f"{key.partition('=')[0]}={MASK}" for key in asked.split("&"))
    return urlunsplit((parts.scheme, host, parts.path, asked, parts.fragment))


_SIGNING = (
    r"(?i)x-(amz|goog|oss|ms)-|(sig|signature|expires|policy|token|key-pair-id|awsaccesskeyid|"
    r"googleaccessid|ossaccesskeyid|se|sp|sr|st|sv|spr|ske|skt|sks|skv|skoid|sktid|access_token)$"
)
"""Keys of a query that say who may read, and not what: they change from one link to the next."""


class Address(Struct, frozen=True):
    """Where a file is. `shown` is how reports name it, `url` how it is read."""

    shown: str
    url: str

    @classmethod
    def of(cls, text: str) -> Address:
        """What a user, or a report, calls it."""
        name = entered(text)
        return cls(name, _known.get(name, name))

    @property
    def scheme(self) -> str:
        """In small letters."""
        return self.url.partition("://")[0].lower()

    @property
    def identity(self) -> str:
        """The same for each link to one file, whoever signed it."""
        if self.scheme not in WEB:
            return self.url
        parts = urlsplit(self.url)
        kept = [pair for pair in parse_qsl(parts.query, keep_blank_values=True)
                if not re.match(_SIGNING, pair[0])]  # fmt: skip
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit((parts.scheme, host, parts.path, urlencode(kept), ""))

    @property
    def path(self) -> str:
        """Without query and fragment, which only the web has."""
        return re.split(r"[?#]", self.url, maxsplit=1)[0] if self.scheme in WEB else self.url

    @property
    def name(self) -> str:
        """The file's own name; readers look at its ending."""
        last = PurePosixPath(self.path.partition("://")[2]).name
        safe = re.sub(r"[^A-Za-z0-9._-]+", "_", last)[-100:].lstrip(".")
        return safe or "file"

    @property
    def is_folder(self) -> bool:
        """Whether it says so itself."""
        return self.path.endswith("/")

    def beside(self, location: str) -> Address:
        """A file of the same folder, or below it; nothing of a query goes along."""
        folder = self.path.rpartition("/")[0]
        named = quote(location) if self.scheme in WEB else location
        return Address(f"{redacted(folder)}/{named}", f"{folder}/{named}")
