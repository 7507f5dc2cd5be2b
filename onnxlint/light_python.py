"""Python and msgspec as our processes need them: what no run uses of them is loaded when asked for.

Addresses in numbers, the words of Python's own source, a platform's name in all its forms, JSON
Schema and others take a tenth of the time until a model is read. Each is one and the same module
afterwards, loaded by whoever uses it first.

Some libraries take one function of such a module as they are loaded: the module hands it out, and
is loaded when it is called. What libraries call while they are loaded is written here once more.
"""

import os
import typing
import urllib  # noqa: F401 - else its part that is put off were not found in it
from collections.abc import Callable

from onnxlint.later import filled, put_off


def use_light_python() -> None:
    """Puts them off, where nothing has imported them yet, in this whole process."""
    for name in ("ast", "calendar", "hashlib", "ipaddress", "linecache", "pickle", "textwrap",
                 "tokenize", "msgspec.inspect"):  # fmt: skip
        put_off(name)
    put_off("urllib.parse", quote_from_bytes=_later("urllib.parse", "quote_from_bytes"))
    put_off("gettext", gettext=_untranslated, ngettext=_one_or_many)
    put_off("inspect", cleandoc=_without_indentation)
    put_off("secrets", randbits=_random_bits)
    if hasattr(os, "uname"):
        put_off("platform", system=_system)
    put_off("typing_extensions", get_type_hints=typing.get_type_hints,
            Required=typing.Required, NotRequired=typing.NotRequired)  # fmt: skip


def _later(module: str, function: str) -> Callable[..., typing.Any]:
    """The function of a module that is loaded when it is called."""

    def call(*given: typing.Any, **named: typing.Any) -> typing.Any:
        return getattr(filled(module), function)(*given, **named)

    return call


def _untranslated(message: str) -> str:
    """As `gettext.gettext` where there is no catalogue, as there is none of click's sentences."""
    return message


def _one_or_many(one: str, many: str, count: int) -> str:
    """As `gettext.ngettext` where there is no catalogue."""
    return one if count == 1 else many


def _without_indentation(doc: str) -> str:
    """As `inspect.cleandoc`, which click calls for each option."""
    first, *others = doc.expandtabs().split("\n")
    margins = [len(line) - len(line.lstrip()) for line in others if line.lstrip()]
    margin = min(margins, default=0)
    lines = [first.lstrip(), *(line[margin:] for line in others)]
    return "\n".join(lines).strip("\n")


def _random_bits(count: int) -> int:
    """As `secrets.randbits`, from which numpy seeds a generator that nobody uses."""
    length = -(-count // 8)
    return int.from_bytes(os.urandom(length), "big") >> (8 * length - count)


def _system() -> str:
    return os.uname().sysname
