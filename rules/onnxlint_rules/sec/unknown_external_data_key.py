"""SEC005 unknown-external-data-key."""

from collections.abc import Iterator

from onnxlint import External, ExternalData, Finding, Severity, counted, rule

KNOWN = frozenset({"location", "offset", "length", "checksum", "basepath"})
"""Keys of onnx and its documentation; onnxruntime adds `prepacked_0` and so on to its own files."""


@rule("SEC005", "unknown-external-data-key", severity=Severity.WARNING)
def unknown_external_data_key(external: ExternalData) -> Iterator[Finding]:
    """An external-data entry with an unknown key.

    Why: onnxruntime does not load such a model ("model format error!"), while onnx loads it with a
    warning; before 1.21 it took every key as an attribute of its own objects (CVE-2026-34445). Keys
    are case-sensitive: `Length` is not `length`. Once per key.
    Fix: load the model with onnx and save it anew, which only writes the known keys.

    Bad:
    net (float[2] x) => (float[2] y) <float[2] w = {1, 2}> { y = Add(x, w) }
    >>> weight = model.graph.initializer[0]
    >>> weight.ClearField("float_data")
    >>> weight.data_location = 1
    >>> weight.external_data.add(key="location", value="w.bin")
    >>> weight.external_data.add(key="Length", value="8")

    Good:
    # as onnxruntime writes it with session.save_external_prepacked_constant_initializers
    net (float[2] x) => (float[2] y) <float[2] w = {1, 2}> { y = Add(x, w) }
    >>> weight = model.graph.initializer[0]
    >>> weight.ClearField("float_data")
    >>> weight.data_location = 1
    >>> weight.external_data.add(key="location", value="w.bin")
    >>> weight.external_data.add(key="checksum", value="86f7e437faa5a7fce15d1ddcb9eaeaea377667b8")
    >>> weight.external_data.add(key="prepacked_0", value="MatMul+829|65536;65536;0")
    """
    users: dict[str, list[External]] = {}
    for tensors in external.files:
        for tensor in tensors:
            for key in tensor.entries:
                if key not in KNOWN and not key.startswith("prepacked"):
                    users.setdefault(key, []).append(tensor)
    for key, tensors in users.items():
        yield Finding(
            tensors[0],
            f"unknown external-data key {key[:40]!r} in {counted(len(tensors), 'tensor')}",
            measured=len(tensors),
            limit=0,
            unit="tensors",
            hint=f"did you mean {key.lower()!r}?"
            if key.lower() in KNOWN
            else "load the model with onnx and save it anew, which drops the key",
        )
