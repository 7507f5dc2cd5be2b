"""Which module and source line of the network a node came from, as exporters tell it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from typing import NamedTuple

LONGEST_SCOPES = 10_000
"""Characters of a list of modules that is read: of the deepest nets it has some hundreds."""

_NAME = r"""(?:'[^'\\]*'|"[^"\\]*")"""
_NAMES = rf"\[{_NAME}(?:, *{_NAME})*\]"
"""A list of quoted names, as Python prints it. It is not read as Python, which may be anything."""

LONGEST_TRACE = 100_000
"""Characters of a stack trace that are read, its end: of the deepest nets it has ten thousand."""

_FRAME = r'(?m)^[ \t]*File "([^"\n]+)", line (\d{1,9})'

_INSTALLED = frozenset({"site-packages", "dist-packages"})

_PYTHON = r"(?:python|pypy)\d\.\d+t?"
"""The folder of the standard library in a `lib`; on Windows its modules are right in a `Lib`."""

_FRAMEWORKS: Mapping[str, frozenset[str]] = {
    "torch": frozenset({
        "_decomp", "_dynamo", "_export", "_functorch", "_higher_order_ops", "_inductor",
        "_library", "_ops.py", "_prims", "_prims_common", "_refs", "_subclasses",
        "_tensor.py", "amp", "ao", "autograd", "distributed", "export", "functional.py",
        "fx", "jit", "nn", "onnx", "overrides.py", "utils",
    }),
    "functorch": frozenset({"_src", "experimental"}),
    "pytorch_lightning": frozenset({"core", "overrides", "strategies"}),
    "onnxscript": frozenset({"function_libs", "_internal"}),
    "tensorflow": frozenset({"python"}),
    "keras": frozenset({"src"}),
    "jax": frozenset({"_src"}),
    "flax": frozenset({"core", "linen", "nnx"}),
}  # fmt: skip
"""Folders and files of frameworks by the folder that they are in: a checkout or an archive of a
framework is not installed, and a user's folder may well be called `torch`."""

_CELLS = ("<ipython-input-", "<command-")
"""How the names of notebooks' cells begin; others in angle brackets name what is in no file."""


def module_path(node_name: str, metadata: Mapping[str, str]) -> str | None:
    """The dotted path of the module, e.g. `layer1.0.conv1`.

    PyTorch's newer exporter writes it into the metadata; its older one and TensorFlow's spell it
    into node names such as `/layer1/layer1.0/conv1/Conv`.
    """
    scopes = metadata.get("pkg.torch.onnx.name_scopes")
    if scopes is not None:
        return _module_from_scopes(scopes)
    if "/" not in node_name:
        return None
    *parts, _operator = node_name.strip("/").split("/")
    return _joined(parts) or None


def _module_from_scopes(scopes: str) -> str | None:
    """Of `['', 'layer1', 'layer1.0', 'conv2d']` the last module; the final entry is the call."""
    if len(scopes) > LONGEST_SCOPES or re.fullmatch(_NAMES, scopes) is None:
        return None
    names: list[str] = re.findall(_NAME, scopes)
    return names[-2][1:-1] or None if len(names) >= 2 else None


def _joined(parts: list[str]) -> str:
    """Joins nested names; a part that repeats its parent's (`layer1/layer1.0`) goes on from it."""
    path: list[str] = []
    for part in parts:
        if path and part.startswith(path[-1] + "."):
            path[-1] = part
        elif part:
            path.append(part)
    return ".".join(path)


class SourceLine(NamedTuple):
    """A line of the user's code: the file as the exporter wrote its path, and the line's number."""

    path: str
    line: int

    def __str__(self) -> str:
        return f"{_parts(self.path)[-1]}:{self.line}"


def source_line(metadata: Mapping[str, str]) -> SourceLine | None:
    """The innermost line of the user's own code in the stack trace of PyTorch's exporter."""
    return next(filter(_is_users, reversed([*_frames(metadata)])), None)


def _frames(metadata: Mapping[str, str]) -> Iterator[SourceLine]:
    trace = metadata.get("pkg.torch.onnx.stack_trace", "")[-LONGEST_TRACE:]
    return (SourceLine(path, int(line)) for path, line in re.findall(_FRAME, trace))


def _is_users(frame: SourceLine) -> bool:
    if frame.path.startswith("<"):
        return frame.path.startswith(_CELLS)
    folders = _parts(frame.path)
    return _INSTALLED.isdisjoint(folders) and not any(map(_is_foreign, folders, folders[1:]))


def _is_foreign(outer: str, inner: str) -> bool:
    """Whether a folder, and what is in it, are of a framework or of the standard library."""
    if outer == "Lib" and inner.removesuffix(".py") in sys.stdlib_module_names:
        return True
    of_python = outer in {"lib", "lib64"} and re.fullmatch(_PYTHON, inner) is not None
    return of_python or inner in _FRAMEWORKS.get(outer, ())


def _parts(path: str) -> list[str]:
    return re.split(r"[\\/]", path)
