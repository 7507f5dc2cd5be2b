"""INT009 missing-provenance."""

from collections.abc import Iterator

from onnxlint import Finding, Model, Place, Severity, rule


@rule("INT009", "missing-provenance", severity=Severity.INFO)
def missing_provenance(model: Model) -> Iterator[Finding]:
    """A model without provenance: no producer, version or metadata.

    Why: when a released model misbehaves, the first question is which training run and which code
    produced it, and a file alone cannot answer.
    Fix: write the commit or the run into the model: `onnx.helper.set_model_props(model, {...})`.

    Bad:
    net (float[N] x) => (float[N] y)
    {
        y = Relu(x)
    }

    Good:
    net (float[N] x) => (float[N] y)
    {
        y = Relu(x)
    }
    >>> model.metadata_props.add(key="commit", value="1f3a9c0")
    """
    proto = model.proto
    if not (proto.producer_name or proto.model_version or proto.metadata_props):
        yield Finding(
            Place(),
            "producer name, model version and metadata are all empty",
            hint="add the commit or the training run with onnx.helper.set_model_props",
        )
