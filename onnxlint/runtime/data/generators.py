"""`module:function`: a function that yields feeds: dicts, or arrays of the one input."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from onnxlint.model.file.errors import DataError
from onnxlint.runtime.data.arrays import LARGEST_BYTES, TEXT_BYTES
from onnxlint.runtime.data.batching import batched, fed_as_given
from onnxlint.runtime.data.files import is_there
from onnxlint.runtime.data.fitting import Fed, fitted
from onnxlint.runtime.data.wording import shortened
from onnxlint.runtime.feeds.synthesis import Slot
from onnxlint.runtime.protocol import Array

OVERHEAD_BYTES = 1024
"""What a feed takes beside its elements: without it, endless empty ones would take any memory."""


def is_one(path: Path) -> bool:
    """Whether this names a function and no file."""
    module, colon, function = path.name.rpartition(":")
    named = bool(colon) and function.isidentifier()
    return named and all(map(str.isidentifier, module.split("."))) and not is_there(path)


def read(path: Path, slots: list[Slot], samples: int) -> Fed:
    """What the function yields until `samples` are there.

    Single samples are put together to batches; a batch that the function made is a run as it is.

    Raises:
        MisfitError: what it yields does not fit the model.
        DataError: there is no such function, or it fails.
    """
    with importable(path.parent):
        return fed(path.name, lambda: _called(path), slots, samples)


def fed(source: str, make: Callable[[], Iterable[Any]], slots: list[Slot], samples: int) -> Fed:
    """What somebody's code makes until `samples` are there; `source` is how errors name it.

    Raises:
        MisfitError: it does not fit the model.
        DataError: it fails, or makes nothing.
    """
    ranks = {slot.name: len(slot.dims) for slot in slots}
    try:
        with contextlib.redirect_stdout(sys.stderr):
            items = list(_taken(source, make(), slots, samples))
    except (DataError, KeyboardInterrupt):
        raise
    except BaseException as error:  # SystemExit, and whatever else the user's code may raise
        told = f"{type(error).__name__}: {shortened(str(error))}"
        raise DataError(f"{source}: {told}") from error
    if not items:
        raise DataError(f"{source}: yielded nothing")
    names = items[0].keys()
    alike = all(item.keys() == names for item in items) and all(
        len({item[name].shape for item in items}) == 1 for name in names
    )
    if alike and all(items[0][name].ndim == ranks.get(name, 0) - 1 for name in names):
        stacked = {name: np.stack([item[name] for item in items]) for name in names}
        return batched(fitted(stacked, slots), slots, samples)
    return fed_as_given(items, slots)


@contextlib.contextmanager
def importable(folder: Path) -> Iterator[None]:
    """Modules of the folder can be imported meanwhile."""
    entry = str(folder)
    sys.path.insert(0, entry)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # the module took it away
            sys.path.remove(entry)


def named(path: Path) -> Callable[..., Any]:
    """What `module:function` names, imported; modules that it needs are looked for as it is.

    Raises:
        DataError: there is no such function.
    """
    module_name, _, function_name = path.name.rpartition(":")
    try:
        function = getattr(importlib.import_module(module_name), function_name, None)
    except ImportError as error:
        raise DataError(f"{path.name}: cannot be imported ({error})") from error
    if not callable(function):
        raise DataError(f"{path.name}: the module has no such function")
    return function  # type: ignore[no-any-return]


def _called(path: Path) -> Iterable[Any]:
    made = named(path)()
    if not isinstance(made, Iterable):
        raise DataError(f"{path.name}: must yield arrays, or dicts of them")
    return made


def _taken(
    source: str, items: Iterable[Any], slots: list[Slot], samples: int
) -> Iterator[dict[str, Array]]:
    """Items until they hold `samples`; an empty one counts as one, or some generators never end."""
    ranks = {slot.name: len(slot.dims) for slot in slots}
    count = size = 0
    for item in items:
        feed = _feed(source, item, slots)
        size += OVERHEAD_BYTES + sum(_taken_bytes(array) for array in feed.values())
        if size > LARGEST_BYTES:
            told = f"{source}: yielded more than {LARGEST_BYTES / 1024**3:.0f} GiB"
            raise DataError(f"{told} for {samples:,} samples; give fewer (--samples)")
        yield feed
        single = any(array.ndim == ranks.get(name, 0) - 1 for name, array in feed.items())
        first = next(iter(feed.values()), None)
        count += 1 if single or first is None or not first.ndim else max(1, len(first))
        if count >= samples:
            return


def _taken_bytes(array: Array) -> int:
    return array.nbytes + (TEXT_BYTES * array.size if array.dtype.hasobject else 0)


def _feed(source: str, item: Any, slots: list[Slot]) -> dict[str, Array]:
    named = item if isinstance(item, Mapping) else {slots[0].name if slots else "": item}
    try:
        return {str(name): np.asarray(array) for name, array in named.items()}
    except (ValueError, TypeError) as error:  # e.g. (images, labels) of a data loader
        remedy = "yield arrays, or dicts of them by input"
        told = f"{source}: yielded a {type(item).__name__}, which is not an array"
        raise DataError(f"{told}; {remedy}") from error
