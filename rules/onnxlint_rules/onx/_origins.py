"""What defines a value, in words."""

from onnxlint import Origin, Value


def origin_of(value: Value) -> str:
    """What defines a value: `an input`, `an output of Relu #0`."""
    if value.origin is Origin.NODE:
        return f"an output of {value.place}"
    return f"an {value.origin}"
