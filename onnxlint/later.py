"""Modules that are loaded when something of them is asked for, and not where they are imported."""

import _thread
import importlib
import importlib.util
import sys
from collections import defaultdict
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

_ITS_OWN = ("__all__", "__version__")
"""Names like those that Python asks for by itself, and which are the module's."""


class Later(ModuleType):
    """A module that fills itself at the first look at what it does not have yet."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__") and name not in _ITS_OWN:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        fill(self)
        return getattr(self, name)


def put_off(name: str, **known: object) -> None:
    """Has a module loaded later, where it is not loaded yet; `known` of it is there at once.

    What is known takes the place of the module's own until that is loaded.
    """
    if name in sys.modules:
        return
    spec = _spec(name)
    if spec is not None and spec.loader is not None:
        module = importlib.util.module_from_spec(spec)
        module.__class__ = Later
        vars(module).update(known)
        sys.modules[name] = module
        package, _, part = name.rpartition(".")
        if package in sys.modules:  # as if it had been imported
            setattr(sys.modules[package], part, module)


def filled(name: str) -> ModuleType:
    """The module, loaded by now."""
    module = importlib.import_module(name)
    if isinstance(module, Later):
        fill(module)
    return module


def _spec(name: str) -> ModuleSpec | None:
    """Where a module lies; the package that it lies in is not loaded."""
    package = name.rpartition(".")[0]
    if not package:
        return importlib.util.find_spec(name)
    around = _spec(package)
    return around and PathFinder.find_spec(name, around.submodule_search_locations)


_locks: dict[str, _thread.RLock] = defaultdict(_thread.RLock)
_filling: set[str] = set()


def fill(module: ModuleType) -> None:
    """Runs the module's own code in the same module, which is an ordinary one from then on.

    Other threads that ask for it meanwhile wait; where its code fails, whoever asks next runs it.

    Raises:
        AttributeError: its own code asks for what is not there yet.
    """
    name = module.__name__
    with _locks[name]:
        if name in _filling:
            raise AttributeError(f"module {name!r} is being loaded")
        spec = module.__spec__
        if module.__class__ is not ModuleType and spec is not None and spec.loader is not None:
            _filling.add(name)
            try:
                spec.loader.exec_module(module)
            finally:
                _filling.discard(name)
        module.__class__ = ModuleType
