"""SEC009 local-path-leak."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from onnxlint import Draft, Finding, Fix, Graph, Place, Severity, counted, rule
from onnxlint_rules.sec._texts import Text, texts

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
        re.compile(rf"(?<![\w.~:/\\-])(?:file:/{{2,3}}?)?{_HOME}[^\s\"]*"),
    ),
    "paths of source files": (
        (".py",),
        re.compile(
            rf"(?:File \"|^)(?!{_HOME}){_OWN}(?:/|[A-Za-z]:\\)[^\"]*(?:\", line \d+|\.py\(\d+\))"
        ),
    ),
    "host names": (
        ("://", "@", "\\\\"),
        re.compile(
            r"(?:://|@)(?:[\w-]+\.)+(?:corp|intra|intranet|internal|lan|local)\b"
            r"|://(?:10|192\.168|172\.(?:1[6-9]|2\d|3[01]))(?:\.\d{1,3}){2,3}\b"
            r"|(?<![\w:\\])\\\\[A-Za-z][\w.-]{2,}\\[A-Za-z][\w.$-]*\\"
        ),
    ),
    "secrets": (
        ("PRIVATE KEY", "AKIA", "ASIA", "ghp_", "github_pat_", "hf_", "://"),
        re.compile(
            r"-----BEGIN [A-Z ]*PRIVATE KEY-----"
            r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"
            r"|\b(?:ghp_[A-Za-z0-9]{36}|github_pat_\w{22}|hf_[A-Za-z0-9]{30})"
            r"|\b[a-z]+://[^\s/:@]+:[^\s/:@]+@"
        ),
    ),
}
"""What should not be published: letters that each must contain, and how it is written. Names of
machines and images identify nobody, and installed libraries are in the same place everywhere."""


_PERSONAL = {"user directories", "secrets"}
"""Kinds that name a person, or give access to something."""

LONGEST = 4096
"""Characters of a line that are read: a path has no more on Linux, and some searches would take
quadratic time on a line that is made for it."""


@rule("SEC009", "local-path-leak", severity=Severity.WARNING)
def local_path_leak(graph: Graph) -> Iterator[Finding]:
    """Documentation or metadata that leaks paths, hosts or secrets of the exporting machine.

    Why: PyTorch's exporter writes the stack trace of every operator into the model, paths and lines
    of source included (`pkg.torch.onnx.stack_trace`), and tools note where they read their data.
    The model then discloses the names of users, projects and machines, and sometimes a token
    (PyTorch issue 18882, Keras issue 20826). A warning where a user's directory or a secret is
    named; an info for paths that many machines have (`/workspace/net.py`, as in a container) and
    for hosts. Not reported are installed libraries and relative paths. Once per model; of a secret
    only the beginning is shown.
    Fix: clear `doc_string` and `metadata_props` of the model, its graphs, functions, nodes and
    values before it ships; change a secret that was published. `--fix` keeps the last part of a
    path, removes hosts, and clears a text that contains a secret.

    Bad:
    net (float[N] x) => (float[N] y) { y = Relu(x) }
    >>> trace = 'File "/home/alice/secret_project/net.py", line 41, in forward'
    >>> model.graph.node[0].metadata_props.add(key="pkg.torch.onnx.stack_trace", value=trace)

    Bad:
    # the path of a container, an info
    net (float[N] x) => (float[N] y) { y = Relu(x) }
    >>> trace = 'File "/workspace/net.py", line 41, in forward'
    >>> model.graph.node[0].metadata_props.add(key="pkg.torch.onnx.stack_trace", value=trace)

    Bad:
    net (float[N] x) => (float[N] y) { y = Relu(x) }
    >>> model.metadata_props.add(key="data", value="https://bob:hunter2@data.example.com/train")

    Good:
    net (float[N] x) => (float[N] y) { y = Relu(x) }
    >>> library = "/opt/conda/lib/python3.11/site-packages/torch/nn/modules/activation.py"
    >>> trace = f'File "net.py", line 41, in forward\\n  File "{library}", line 144, in forward'
    >>> model.graph.node[0].metadata_props.add(key="pkg.torch.onnx.stack_trace", value=trace)
    >>> model.doc_string = "Trained on https://example.com/home/data/"
    """
    known: dict[str, dict[str, str]] = {}
    told: dict[str, list[tuple[Text, str]]] = defaultdict(list)
    leaking = 0
    for text in texts(graph):
        samples: dict[str, str] = {}
        for line in text[2].splitlines():
            if line not in known:
                known[line] = _samples(line)
            samples |= known[line]
        leaking += bool(samples)
        for kind, sample in samples.items():
            told[kind].append((text, sample))
    kinds = [kind for kind in KINDS if kind in told]
    if kinds:
        yield Finding(
            Place(),
            "; ".join(_told(kind, told[kind]) for kind in kinds),
            measured=leaking,
            limit=0,
            unit="texts",
            severity=None if _PERSONAL.intersection(kinds) else Severity.INFO,
            evidence={kind: len(told[kind]) for kind in kinds},
            fix=Fix("remove them from the texts", _clean, *kinds),
            hint="change the secret, and clear doc_string and metadata_props before shipping"
            if "secrets" in kinds
            else "clear doc_string and metadata_props before shipping",
        )


def _told(kind: str, found: list[tuple[Text, str]]) -> str:
    (holder, field, _), sample = found[0]
    count = counted(len(found), "text field")
    return f"{kind} found in {count} (first: {field} of {holder.place}: {sample!r})"


def _samples(line: str) -> dict[str, str]:
    """The kinds that a line contains, each with a part of it that may be shown."""
    samples, line = {}, line[:LONGEST]
    for kind, (letters, pattern) in KINDS.items():
        match = pattern.search(line) if any(part in line for part in letters) else None
        if match is not None:
            samples[kind] = match[0][:5] + "…" if kind == "secrets" else match[0][:60]
    return samples


def _clean(draft: Draft, *kinds: str) -> None:
    """Cleans every text in the model's protobuf, wherever it stands."""
    pending: list[Any] = [draft.model]
    while pending:
        proto = pending.pop()
        for field, content in proto.ListFields():
            if field.name == "doc_string":
                proto.doc_string = _without(kinds, content)
            elif field.name == "metadata_props":
                for entry in content:
                    entry.value = _without(kinds, entry.value)
            elif field.type == field.TYPE_MESSAGE:
                pending += [content] if hasattr(content, "ListFields") else content


def _without(kinds: tuple[str, ...], text: str) -> str:
    for kind in kinds:
        lines = text.splitlines(keepends=True)
        if not any(kind in _samples(line) for line in lines):
            continue
        if kind == "secrets":
            return ""
        find, short = KINDS[kind][1], _SHORT[kind]
        text = "".join(find.sub(short, line[:LONGEST]) + line[LONGEST:] for line in lines)
    return text


_SHORT: dict[str, Callable[[re.Match[str]], str]] = {
    "user directories": lambda match: re.split(r"[\\/]", match[0])[-1] or "…",
    "paths of source files": lambda match: re.sub(r"^(File \")?.*[\\/]", r"\1", match[0]),
    "host names": lambda _: "…",
}
"""What stays of a match."""
