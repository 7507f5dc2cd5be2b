"""ONX007 duplicate-metadata-key."""

from collections import Counter
from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, rule


@rule("ONX007", "duplicate-metadata-key", severity=Severity.ERROR)
def duplicate_metadata_key(graph: Graph) -> Iterator[Finding]:
    """A duplicate key in the model's metadata.

    Why: a reader keeps one of the two values, and readers differ in which one. onnx's checker
    rejects the model.
    Fix: keep one entry of each key in `metadata_props`.

    Bad:
    net (float[N] x) => (float[N] y)
    {
        y = Relu(x)
    }
    >>> model.metadata_props.add(key="labels", value="a,b")
    >>> model.metadata_props.add(key="labels", value="a,b,c")

    Good:
    net (float[N] x) => (float[N] y)
    {
        y = Relu(x)
    }
    >>> model.metadata_props.add(key="labels", value="a,b")
    >>> model.metadata_props.add(key="Labels", value="a,b")
    """
    counts = Counter(entry.key for entry in graph.model.proto.metadata_props)
    for key, count in counts.items():
        if count > 1:
            yield Finding(
                graph.main,
                f"key {key!r} occurs {count} times in metadata_props",
                measured=count,
                limit=1,
                unit="entries of the key",
                hint=f"keep one entry of {key!r}",
            )
