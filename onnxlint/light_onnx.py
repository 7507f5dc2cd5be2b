"""The package `onnx` as a judge needs it: the classes of the format first, the rest when asked.

As it is, `import onnx` loads two text formats, the parser of a command line and the network's
modules before the first class can be used: a sixth of a static run. It is one and the same package
afterwards: what is missing is loaded by whoever names it first, and classes are never made twice.
So is the part of protobuf that makes classes in Python, where a compiled one makes them.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from contextlib import suppress
from types import ModuleType
from typing import Any

from onnxlint.later import fill, put_off

_CLASSES = "onnx.onnx_ml_pb2"
_ITS_OWN = ("__all__", "__version__")
_IN_PYTHON = "google.protobuf.internal.python_message"


class _Light(ModuleType):
    """The package, most of which is not loaded yet."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name not in _ITS_OWN:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        part = f"{self.__name__}.{name}"
        if name not in _ITS_OWN and importlib.util.find_spec(part) is not None:
            return importlib.import_module(part)
        fill(self)
        return getattr(self, name)


def use_light_onnx() -> None:
    """Stands in for `import onnx`, where nothing has imported it yet, in this whole process."""
    if "onnx" in sys.modules:
        return
    spec = importlib.util.find_spec("onnx")
    if spec is None or spec.loader is None:  # whoever imports it is told
        return
    light = sys.modules["onnx"] = importlib.util.module_from_spec(spec)
    light.__class__ = _Light
    _put_off_python_classes()
    try:
        classes = importlib.import_module(_CLASSES)
    except ImportError:  # another release may name its parts otherwise
        del sys.modules["onnx"]
        return
    own = {name: each for name, each in vars(classes).items() if not name.startswith("_")}
    vars(light).update(own)


def _put_off_python_classes() -> None:
    """Has the classes in Python loaded when something of them is used: protobuf imports them."""
    with suppress(ImportError):
        from google.protobuf.internal import api_implementation

        if api_implementation.Type() != "python":
            put_off(_IN_PYTHON)
