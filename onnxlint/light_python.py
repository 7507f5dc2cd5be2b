"""Python and msgspec as our processes need them: what no run uses of them is loaded when asked for.

Addresses in numbers, the words of Python's own source, a platform's name in all its forms, JSON
Schema and others take a tenth of the time until a model is read. Each is one and the same module
afterwards, loaded by whoever uses it first.
"""

import os
import typing

from onnxlint.later import put_off


def use_light_python() -> None:
    """Puts them off, where nothing has imported them yet, in this whole process."""
    for name in ("hashlib", "ipaddress", "linecache", "pickle", "textwrap", "tokenize",
                 "msgspec.inspect"):  # fmt: skip
        put_off(name)
    if hasattr(os, "uname"):
        put_off("platform", system=_system)
    put_off("typing_extensions", get_type_hints=typing.get_type_hints,
            Required=typing.Required, NotRequired=typing.NotRequired)  # fmt: skip


def _system() -> str:
    return os.uname().sysname
