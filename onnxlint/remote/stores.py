"""The library that reads an address: fsspec's for its scheme, with time limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from onnxlint.remote.errors import RemoteError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

    from onnxlint.remote.address import Address

OURS = "pip install 'onnxlint[remote]'"

PACKAGES = {
    "abfs": "adlfs", "abfss": "adlfs", "adl": "adlfs", "az": "adlfs", "gcs": "gcsfs", "gs": "gcsfs",
    "hf": "huggingface_hub", "oci": "ocifs", "oss": "ossfs", "sftp": "paramiko", "ssh": "paramiko",
    "smb": "smbprotocol", "webhdfs": "requests", "hdfs": "pyarrow",
}  # fmt: skip
"""What reads a scheme beside fsspec, where the extra does not bring it."""

_S3_LIMITS = {"connect_timeout": 15, "read_timeout": 60, "retries": {"max_attempts": 3}}


def store(address: Address) -> AbstractFileSystem:
    """The file system that an address is of, as fsspec is configured.

    Raises:
        RemoteError: there is none, or its library is not installed.
    """
    scheme = address.scheme
    if "::" in address.url:
        raise RemoteError("is a chain of file systems", "name the file's own address")
    try:
        import fsspec
    except ImportError as error:
        raise RemoteError("fsspec is required to read it", OURS) from error
    try:
        return fsspec.filesystem(_web(scheme) or scheme, **_options(scheme, fsspec.config.conf))
    except ImportError as error:
        package = PACKAGES.get(scheme)
        remedy = f"pip install {package}" if package else OURS
        raise RemoteError(f"{scheme}:// is read by a library that is missing", remedy) from error
    except ValueError as error:
        if "not known" not in str(error):
            raise
        told = f"the scheme {scheme!r} is unknown to fsspec"
        raise RemoteError(told, "check the address, or install what reads it") from error


def _web(scheme: str) -> str | None:
    """Our own file system for the web, which is registered at the first use."""
    if scheme not in ("http", "https"):
        return None
    import fsspec

    from onnxlint.remote.http import Web

    fsspec.register_implementation("onnxlint-web", Web, clobber=True)
    return "onnxlint-web"


def _options(scheme: str, configured: dict[str, Any]) -> dict[str, Any]:
    """Time limits, where the user's configuration of fsspec sets none."""
    if scheme in ("s3", "s3a"):
        own = configured.get(scheme, {}).get("config_kwargs", {})
        return {"config_kwargs": _S3_LIMITS | own}
    return {}
