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
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, TypeVar

M = TypeVar("M", bound=ModuleType)

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
        _load_all(self)
        return getattr(self, name)


class _Later(ModuleType):
    """A module that is loaded when something of it is asked for."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        _load_all(self)
        return getattr(self, name)


def use_light_onnx() -> None:
    """Stands in for `import onnx`, where nothing has imported it yet, in this whole process."""
    if "onnx" in sys.modules:
        return
    spec = importlib.util.find_spec("onnx")
    if spec is None or spec.loader is None:  # whoever imports it is told
        return
    sys.modules["onnx"] = _made(_Light, spec)
    _put_off_python_classes()
    try:
        classes = importlib.import_module(_CLASSES)
    except ImportError:  # another release may name its parts otherwise
        del sys.modules["onnx"]
        return
    own = {name: each for name, each in vars(classes).items() if not name.startswith("_")}
    vars(sys.modules["onnx"]).update(own)


def _put_off_python_classes() -> None:
    """Has the classes in Python loaded when something of them is used: protobuf imports them."""
    with suppress(ImportError):
        from google.protobuf.internal import api_implementation

        spec = importlib.util.find_spec(_IN_PYTHON)
        is_needed = api_implementation.Type() == "python" or _IN_PYTHON in sys.modules
        if spec is not None and spec.loader is not None and not is_needed:
            sys.modules[_IN_PYTHON] = _made(_Later, spec)


def _made(kind: type[M], spec: ModuleSpec) -> M:
    made = kind(spec.name)
    made.__spec__, made.__loader__, made.__file__ = spec, spec.loader, spec.origin
    made.__package__ = spec.parent
    if spec.submodule_search_locations is not None:
        made.__path__ = [*spec.submodule_search_locations]
    return made


def _load_all(light: ModuleType) -> None:
    """Runs the package's own code in the same module, which is an ordinary one from now on."""
    light.__class__ = ModuleType
    spec = light.__spec__
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(light)
