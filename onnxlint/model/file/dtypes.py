"""Element types of ONNX: names, sizes and their numpy counterparts."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

_OTHER_BITS = {"undefined": None, "string": None, "bool": 8, "float": 32, "double": 64}
"""Bits of one element where the name of the type has no number that says so."""

_FIRST_NUMBER = re.compile(r"\d+")


@cache
def dtype_name(element_type: int) -> str:
    """The specification's own name in lower case, e.g. `float16`; `undefined` for unknown ones."""
    from onnx import TensorProto

    names: dict[int, str] = {number: name.lower() for name, number in TensorProto.DataType.items()}
    return names.get(element_type, "undefined")


@cache
def bits(element_type: int) -> int | None:
    """Bits of one element in raw data, or None where elements have no fixed size (strings)."""
    name = dtype_name(element_type)
    if name in _OTHER_BITS:
        return _OTHER_BITS[name]
    return int(_FIRST_NUMBER.findall(name)[0])


_NUMPYS_OWN = frozenset({
    "bool", "float16", "double", "complex64", "complex128",
    "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
})  # fmt: skip
"""Types that numpy has by the same name."""


@cache
def numpy_dtype(element_type: int) -> np.dtype[Any]:
    """The numpy (or ml_dtypes) type that holds one element."""
    import numpy as np

    name = dtype_name(element_type)
    if name == "float":
        return np.dtype(np.float32)
    if name in _NUMPYS_OWN:
        return np.dtype(name)
    from onnx.helper import tensor_dtype_to_np_dtype  # loads ml_dtypes, which few models need

    return tensor_dtype_to_np_dtype(element_type)


@cache
def stored_dtype(element_type: int) -> np.dtype[Any]:
    """The same as raw data holds it: the low byte first, whatever the machine."""
    return numpy_dtype(element_type).newbyteorder("<")


@cache
def is_float(element_type: int) -> bool:
    """Whether elements are floating point numbers of any width."""
    return dtype_name(element_type).startswith(("float", "bfloat", "double"))


@cache
def is_integer(element_type: int) -> bool:
    """Whether elements are integers of any width; booleans are not."""
    return dtype_name(element_type).startswith(("int", "uint"))


@cache
def integer_range(element_type: int) -> tuple[int, int] | None:
    """The least and the largest number of an integer type that numpy has; None of other types."""
    found = _INTEGER.fullmatch(dtype_name(element_type))
    if found is None:
        return None
    width = int(found[2])
    return (0, 2**width - 1) if found[1] else (-(2 ** (width - 1)), 2 ** (width - 1) - 1)


_INTEGER = re.compile(r"(u?)int(8|16|32|64)")
