"""numpy as a judge and a worker need it: a fifth of what loads it is for other readers.

Two of its modules do nothing but write the docstrings of what is written in C, function by
function; `python -OO` leaves these out, too. Its types for annotations are loaded when something of
them is used that is not the one name which numpy's own annotations use. The signatures of functions
in C, which it takes from Python's `inspect`, are left out: nobody asks for them.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import GenericAlias, ModuleType
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from importlib.abc import Loader

_DOCSTRINGS = ("numpy._core._add_newdocs", "numpy._core._add_newdocs_scalars")
"""Other releases may name them otherwise: they are then loaded as they are."""

_ANNOTATIONS = "numpy._typing"
_DRESSING = "numpy._core.overrides"


def use_light_numpy() -> None:
    """Leaves them out, where nothing has imported numpy yet, in this whole process."""
    if "numpy" not in sys.modules:
        sys.modules.update({name: ModuleType(name) for name in _DOCSTRINGS})
        sys.meta_path.insert(0, _Finder())


class _NDArray:
    """Stands in for the annotation of numpy's own functions."""

    def __class_getitem__(cls, item: Any) -> GenericAlias:
        return GenericAlias(cls, item)


class _Annotations(ModuleType):
    """The types for annotations, none of which is loaded yet."""

    NDArray: ClassVar[Any] = _NDArray

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__all__":
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        self.__class__ = ModuleType  # type: ignore[assignment]  # an ordinary module from now on
        loader = self.__loader__
        assert isinstance(loader, _Later)
        loader.usual.exec_module(self)
        return getattr(self, name)


class _Later:
    """Makes the module, and leaves it to the usual loader to fill it."""

    def __init__(self, usual: Loader) -> None:
        self.usual = usual

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """One that fills itself."""
        return _Annotations(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Not yet."""


class _WithoutSignatures(ModuleType):
    """Python's `inspect` as numpy uses it to dress its functions in C."""

    signature = staticmethod(lambda function: None)

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(self.__name__), name)


class _Dressing:
    """Loads the module that dresses functions, and gives it nothing to take signatures with."""

    def __init__(self, usual: Loader) -> None:
        self._usual = usual

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """An ordinary one."""
        return self._usual.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """As usual."""
        self._usual.exec_module(module)
        vars(module)["inspect"] = _WithoutSignatures("inspect")


class _Finder:
    """Finds what is loaded in another way, each once."""

    def __init__(self) -> None:
        self._left: dict[str, Callable[[Loader], Any]] = {
            _ANNOTATIONS: _Later, _DRESSING: _Dressing
        }  # fmt: skip

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Where it lies, as usual; how it is loaded is not."""
        loader = self._left.pop(name, None)
        if loader is None:
            return None
        if not self._left:
            sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = loader(spec.loader)
        return spec
