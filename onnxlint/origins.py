"""What a model's metadata can say of its origin: known facts, and the form that each has."""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct

from onnxlint.nearest import nearest

_SHA256 = r"(?!0{64})[0-9a-f]{64}"
_VERSIONED = r"[A-Za-z][\w.-]* \d[\w.+!-]*"

NO_BYTES = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
"""The SHA-256 of an empty file, which says that something was hashed that was not there."""

LONGEST_VALUE = 1_000
"""Characters of a value that are compared with a form: a choice, longer than any hash."""


class Fact(Struct, frozen=True):
    """One fact: the metadata keys that tell it, the first being ours, and the form of its value."""

    keys: tuple[str, ...]
    pattern: str
    form: str

    def told(self, metadata: Mapping[str, str]) -> tuple[str, str] | None:
        """The key and the value by which metadata tell it; None where they do not."""
        named = {_plain(key): (key, value.strip()) for key, value in metadata.items()}
        spelt = (named.get(_plain(key)) for key in self.keys)
        return next((each for each in spelt if each is not None and each[1]), None)

    def accepts(self, value: str) -> bool:
        """Whether a value has the form."""
        if value == NO_BYTES or len(value) > LONGEST_VALUE:
            return False
        return re.fullmatch(self.pattern, value, re.DOTALL | re.IGNORECASE) is not None


def _hash_of(what: str, *keys: str) -> Fact:
    return Fact((f"{what}-sha256", *keys), _SHA256, "a SHA-256 of 64 hex digits, not of no bytes")


FACTS: Mapping[str, Fact] = {
    "git-commit": Fact(
        ("git-commit", "commit", "git-sha", "git-hash", "git-revision", "commit-sha"),
        r"(?!0+$)([0-9a-f]{40}|[0-9a-f]{64})", "a whole commit hash of 40 or 64 hex digits",
    ),
    "git-clean": Fact(("git-dirty",), "false", "false: no tracked file was changed"),
    "seed": Fact(("seed", "random-seed"), r"-?\d+( *, *-?\d+)*", "an integer, or several"),
    "data-sha256": _hash_of("data", "dataset-sha256", "train-data-sha256"),
    "labels-sha256": _hash_of("labels"),
    "config-sha256": _hash_of("config"),
    "framework": Fact(
        ("framework", "framework-version"), rf"{_VERSIONED}( *, *{_VERSIONED})*",
        "names with versions, as in 'torch 2.5.1'",
    ),
    "date": Fact(
        ("date", "created", "training-date"),
        r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
        r"([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?",
        "a date, as in 2027-01-31, or a time of ISO 8601",
    ),
    "run": Fact(("run", "run-id", "training-run", "experiment-run"), ".+", "some text"),
    "license": Fact(
        ("license", "model_license", "licence", "model_licence", "licenses", "licences"),
        ".+", "some text",
    ),
}  # fmt: skip
"""The facts that `[provenance] require` may name, and `onnxlint.stamp` writes."""


SIGNATURE = "signature"
"""What `require` may name beside them: a signature, which lies beside the model."""


def check_names(names: list[str]) -> None:
    """Raises `ValueError` where a name is that of no known fact."""
    known = (*FACTS, SIGNATURE)
    for name in names:
        if name not in known:
            near = nearest(name, known)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise ValueError(
                f"require names {name!r}, which is not known; {hint}known are {', '.join(known)}; "
                "'required' takes keys of your own"
            )


def _plain(key: str) -> str:
    """A key as it is compared: exporters write it with hyphens, underscores, dots or capitals."""
    return re.sub(r"[-_. ]+", "-", key.strip().lower())
