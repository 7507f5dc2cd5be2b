"""What travels to the workers of a fleet, and what comes back: bytes, whoever carries them."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from onnxlint.code_hash import own_code
from onnxlint.job import Job
from onnxlint.report import ModelReport, encode, exit_code
from onnxlint.reporters.json import model_document
from onnxlint.rules.rule import Rule
from onnxlint.safety.printable import json_line
from onnxlint.version import __version__

VERDICTS = ("passed", "failed", "not linted")
"""How a model was judged, by the exit code that its report gives."""

State = tuple[int, int, dict[str, tuple[int, int]]]
"""Size and time of change of a model's file, and those of its external data, by its names."""


class Order(Struct, frozen=True):
    """One model to judge: its job without its rules, which a worker finds by their codes.

    `folder` is where relative paths count from; `versions` is what has to be installed there.
    `whole` asks for the report itself instead of its line.
    """

    job: Job
    codes: tuple[str, ...]
    folder: str
    versions: Mapping[str, str]
    whole: bool = False

    @classmethod
    def of(
        cls, job: Job, folder: str, versions: Mapping[str, str], *, whole: bool = False
    ) -> Order:
        """A job for a worker, with no more of what was accepted than concerns its model."""
        accepted = job.accepted
        if accepted is not None:
            accepted = replace(accepted, entries=accepted.of(job.path))
        codes = tuple(rule.code for rule in job.rules)
        return cls(replace(job, rules=(), accepted=accepted), codes, folder, versions, whole)

    def sealed(self) -> bytes:
        """The order as bytes. A worker takes them from whoever may run any code there anyhow."""
        return pickle.dumps(self)

    @classmethod
    def opened(cls, data: bytes) -> Order:
        """What `sealed` made."""
        found = pickle.loads(data)  # from our own command, over the executor's own way
        assert isinstance(found, cls)
        return found

    def job_with(self, rules: Mapping[str, Rule]) -> Job:
        """The job with its rules, of all that there are."""
        return replace(self.job, rules=tuple(rules[code] for code in self.codes))


class Answer(msgspec.Struct, array_like=True):
    """What came of an order: the line of its report, or the report whole, as `encode` makes it.

    `state` is what the model's files were; None where the report is not to be used again.
    `refusal` says why the worker judges no model at all.
    """

    line: bytes = b""
    state: State | None = None
    refusal: str | None = None
    report: bytes = b""

    @classmethod
    def to(cls, order: Order, report: ModelReport, state: State | None = None) -> Answer:
        """The answer to an order."""
        if order.whole:
            return cls(report=encode(report))
        return cls(line_of(report), state)

    def sealed(self) -> bytes:
        """The answer as bytes."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def opened(cls, data: bytes) -> Answer:
        """What `sealed` made."""
        return msgspec.msgpack.decode(data, type=cls)


def line_of(report: ModelReport) -> bytes:
    """A report on one line, as in `check --format jsonl`, with its verdict and its exporter."""
    exporter = report.exporter and dict(zip(("name", "version"), report.exporter, strict=True))
    told = {"verdict": VERDICTS[exit_code([report])], "exporter": exporter}
    return json_line({"type": "model", **model_document(report), **told}).encode()


@cache
def versions() -> dict[str, str]:
    """What decides, as installed here, on what is found: packages with versions, and our code."""
    from onnxlint.rules.packs import discover

    told = {"onnxlint": __version__}
    told |= {name: number for name, number in discover((), ()).packs.items() if number}
    for name in ("onnx", "onnxruntime", "onnxruntime-gpu"):
        with suppress(PackageNotFoundError):
            told[name] = version(name)
    return told | {CODE: own_code()}


CODE = "code"
"""Name of the hash of our code among the versions."""


def skew(wanted: Mapping[str, str], host: str) -> str | None:
    """Why this installation would not find what that of the command does."""
    here = versions()
    for name in sorted({*wanted, *here} - {CODE}):
        there, own = wanted.get(name), here.get(name)
        if there != own:
            told = f"has {name} {own}" if own else f"does not have {name}"
            asked = f"{name} {there}" if there else f"no {name}"
            return f"a worker on {host} {told}, and this command has {asked}; {_REMEDY}"
    if wanted.get(CODE) != here[CODE]:
        return f"a worker on {host} has other code of onnxlint or of a pack; {_REMEDY}"
    return None


_REMEDY = "install the same versions on all workers"
