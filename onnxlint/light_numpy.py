"""numpy as a judge and a worker need it: a fifth of what loads it is for other readers.

Two of its modules do nothing but write the docstrings of what is written in C, function by
function; `python -OO` leaves these out, too. Its types for annotations are loaded when something of
them is used that is not the one name which numpy's own annotations use.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import GenericAlias, ModuleType
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from importlib.abc import Loader

_DOCSTRINGS = ("numpy._core._add_newdocs", "numpy._core._add_newdocs_scalars")
"""Other releases may name them otherwise: they are then loaded as they are."""

_ANNOTATIONS = "numpy._typing"


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


class _Finder:
    """Finds what is put off, once."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Where it lies, as usual; how it is loaded is not."""
        if name != _ANNOTATIONS:
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Later(spec.loader)  # type: ignore[assignment]  # one but for its base
        return spec
