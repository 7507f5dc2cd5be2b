"""SEC009 local-path-leak."""

from collections import defaultdict
from collections.abc import Iterator

from onnxlint import Finding, Fix, Place, Severity, Text, Texts, counted, rule
from onnxlint_rules.sec._leaks import KINDS, PERSONAL, clean, kinds_in


@rule("SEC009", "local-path-leak", severity=Severity.WARNING)
def local_path_leak(texts: Texts) -> Iterator[Finding]:
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
    for text in texts:
        samples: dict[str, str] = {}
        for line in text.content.splitlines():
            if line not in known:
                known[line] = kinds_in(line)
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
            severity=None if PERSONAL.intersection(kinds) else Severity.INFO,
            evidence={kind: len(told[kind]) for kind in kinds},
            fix=Fix("remove them from the texts", clean, *kinds),
            hint="change the secret, and clear doc_string and metadata_props before shipping"
            if "secrets" in kinds
            else "clear doc_string and metadata_props before shipping",
        )


def _told(kind: str, found: list[tuple[Text, str]]) -> str:
    text, sample = found[0]
    count = counted(len(found), "text field")
    return f"{kind} found in {count} (first: {text.field} of {text.holder.place}: {sample!r})"
