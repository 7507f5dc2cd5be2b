"""Paths, hosts and secrets in texts: how they are recognised, and removed."""

import re
from collections.abc import Callable

from onnxlint import Draft
from onnxlint.model.file.messages import messages

_NOBODY = (
    r"(?!(?i:circleci|container|default|docker|ec2-user|jenkins|jovyan|public|runner|runneradmin|"
    r"sagemaker-user|shared|travis|ubuntu|user|vscode|vsts)[\\/])"
)


_OWN = r"(?![^\"]*(?:(?:site|dist)-packages|[\\/]lib[\\/]python3))"


_HOME = (
    rf"(?:(?:[A-Za-z]:[\\/]+[Uu]sers|(?:/[\w.-]+){{0,4}}?/(?:home|Users))[\\/]+{_NOBODY}"
    rf"[^\\/:*?\"<>|]+[\\/]|/root/{_OWN})"
)


KINDS = {
    "user directories": (
        ("/home/", "Users", "\\users", "/users/", "/root/"),
        rf"(?<![\w.~:/\\-])(?:file:/{{2,3}}?)?{_HOME}[^\s\"]*",
    ),
    "paths of source files": (
        (".py",),
        (rf"(?:File \"|^)(?!{_HOME}){_OWN}(?:/|[A-Za-z]:\\)[^\"]*(?:\", line \d+|\.py\(\d+\))"),
    ),
    "host names": (
        ("://", "@", "\\\\"),
        (
            r"(?:://|@)(?:[\w-]+\.)+(?:corp|intra|intranet|internal|lan|local)\b"
            r"|://(?:10|192\.168|172\.(?:1[6-9]|2\d|3[01]))(?:\.\d{1,3}){2,3}\b"
            r"|(?<![\w:\\])\\\\[A-Za-z][\w.-]{2,}\\[A-Za-z][\w.$-]*\\"
        ),
    ),
    "secrets": (
        ("PRIVATE KEY", "AKIA", "ASIA", "ghp_", "github_pat_", "hf_", "://"),
        (
            r"-----BEGIN [A-Z ]*PRIVATE KEY-----"
            r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"
            r"|\b(?:ghp_[A-Za-z0-9]{36}|github_pat_\w{22}|hf_[A-Za-z0-9]{30})"
            r"|\b[a-z]+://[^\s/:@]+:[^\s/:@]+@"
        ),
    ),
}
"""What should not be published: letters that each must contain, and a pattern of how it is written,
which is compiled for those who have the letters. Names of machines and images identify nobody, and
installed libraries are in the same place everywhere."""


PERSONAL = {"user directories", "secrets"}
"""Kinds that name a person, or give access to something."""


LONGEST = 4096
"""Characters of a line that are read: a path has no more on Linux, and some searches would take
quadratic time on a line that is made for it."""


def kinds_in(line: str) -> dict[str, str]:
    """The kinds that a line contains, each with a part of it that may be shown."""
    samples, line = {}, line[:LONGEST]
    for kind, (letters, pattern) in KINDS.items():
        match = re.search(pattern, line) if any(part in line for part in letters) else None
        if match is not None:
            samples[kind] = match[0][:5] + "…" if kind == "secrets" else match[0][:60]
    return samples


def clean(draft: Draft, *kinds: str) -> None:
    """Cleans every text in the model's protobuf, wherever it stands."""
    for message, fields in messages(draft.model):
        for field, content in fields:
            if field.name == "doc_string":
                message.doc_string = _without(kinds, content)
            elif field.name == "metadata_props":
                for entry in content:
                    entry.value = _without(kinds, entry.value)


def _without(kinds: tuple[str, ...], text: str) -> str:
    for kind in kinds:
        lines = text.splitlines(keepends=True)
        if not any(kind in kinds_in(line) for line in lines):
            continue
        if kind == "secrets":
            return ""
        find, short = KINDS[kind][1], _SHORT[kind]
        text = "".join(re.sub(find, short, line[:LONGEST]) + line[LONGEST:] for line in lines)
    return text


_SHORT: dict[str, Callable[[re.Match[str]], str]] = {
    "user directories": lambda match: re.split(r"[\\/]", match[0])[-1] or "…",
    "paths of source files": lambda match: re.sub(r"^(File \")?.*[\\/]", r"\1", match[0]),
    "host names": lambda _: "…",
}
"""What stays of a match."""
