"""Which formats there are: ours, and those that installed packs bring by entry point."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from importlib.util import find_spec
from typing import cast

from onnxlint.installed import Brought, brought
from onnxlint.nearest import nearest
from onnxlint.reporters.protocol import MakeReporter
from onnxlint.rules.diagnosis import words
from onnxlint.rules.packs import PackError
from onnxlint.safety.contained import contained
from onnxlint.safety.unfinished import Terminated

ENTRY_POINT_GROUP = "onnxlint.reporters"

FORMATS: Mapping[str, str] = {
    "full": "text:Text",
    "concise": "concise:Concise",
    "json": "json:Json",
    "jsonl": "jsonl:JsonLines",
    "sarif": "sarif:Sarif",
    "code-scanning": "sarif:CodeScanning",
    "junit": "junit:JUnit",
    "github": "github:GitHub",
    "gitlab": "gitlab:GitLab",
    "markdown": "markdown:Markdown",
    "card": "card:Card",
    "html": "html.reporter:Html",
}
"""Our formats: module of this folder and class."""

NEEDS: Mapping[str, tuple[str, str]] = {"html": ("jinja2", "report")}
"""Formats that need a library beyond those of every installation: its name, and our extra."""

WITH_PORTRAITS = frozenset({"html"})
"""Formats that show portraits of models: inputs, layers, a drawing, beside the findings."""

ALIASES: Mapping[str, str] = {"text": "full"}

FOR_PEOPLE = frozenset({"full", "concise"})
"""Formats that are read on a terminal, and show what `--show` and its kind ask for."""


class FormatError(ValueError):
    """A format that cannot be written; the message says why, and what to do."""


class UnknownFormatError(FormatError):
    """There is no such format; the message names those that there are."""


class MissingLibraryError(FormatError):
    """A library that a format needs is not installed; the message says how to install it."""


def check_format(name: str) -> None:
    """Whether there is such a format; that of a pack is loaded.

    Raises:
        UnknownFormatError: there is none.
        MissingLibraryError: what it needs is not installed.
        PackError: formats of packs clash with others, or this one does not load.
    """
    brought = _brought()
    if name in brought:
        _loaded(brought[name])
    elif name not in FORMATS:
        known = [*FORMATS, *brought]
        near = nearest(name, [*known, *ALIASES])
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
        raise UnknownFormatError(f"unknown format {name!r}; {hint}")
    elif name in NEEDS:
        _check_library(name, *NEEDS[name])


def _check_library(name: str, library: str, extra: str) -> None:
    """Before any model is linted: the report is written at the end."""
    if find_spec(library) is None:
        raise MissingLibraryError(
            f"format {name!r} requires {library}: pip install 'onnxlint[{extra}]'"
        )


def reporter_class(name: str) -> MakeReporter:
    """The reporter of a format that there is.

    Raises:
        PackError: a pack's reporter does not load.
    """
    if name not in FORMATS:  # no need to look for those of packs
        return _loaded(_brought()[name])
    module, _, kind = FORMATS[name].partition(":")
    loaded = importlib.import_module(f"onnxlint.reporters.{module}")
    return cast(MakeReporter, getattr(loaded, kind))


def _brought() -> dict[str, Brought]:
    """Formats of installed packs, by name."""
    found: dict[str, Brought] = {}
    for entry in brought(ENTRY_POINT_GROUP):
        owner = "onnxlint" if entry.name in {*FORMATS, *ALIASES} else None
        if entry.name in found:
            owner = f"pack {_pack(found[entry.name])!r}"
        if owner is not None:
            raise PackError(
                f"pack {_pack(entry)!r} brings format {entry.name!r}, which {owner} has; "
                "uninstall one of them, or give it another name"
            )
        found[entry.name] = entry
    return found


def _pack(entry: Brought) -> str:
    return entry.distribution or entry.value


def _loaded(entry: Brought) -> MakeReporter:
    label = f"format {entry.name!r} of pack {_pack(entry)!r} ({entry.value})"
    try:
        with contained():  # what a pack prints is no part of the report
            found = entry.load()
    except (KeyboardInterrupt, Terminated):
        raise
    except BaseException as error:  # sys.exit, too
        raise PackError(f"cannot load {label}: {words(error)}; fix or uninstall it") from error
    if not callable(found):
        raise PackError(f"cannot load {label}: it is not a class or function; fix or uninstall it")
    return _guarded(cast(MakeReporter, found), label)


def _guarded(make: MakeReporter, label: str) -> MakeReporter:
    from onnxlint.reporters.guarded import Guarded

    return lambda run: Guarded(make, run, label)
