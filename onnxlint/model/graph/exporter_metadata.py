"""Which module of the source network a node came from, as exporters tell it."""

from __future__ import annotations

import re
from collections.abc import Mapping

LONGEST_SCOPES = 10_000
"""Characters of a list of modules that is read: of the deepest nets it has some hundreds."""

_NAME = r"""(?:'[^'\\]*'|"[^"\\]*")"""
_NAMES = re.compile(rf"\[{_NAME}(?:, *{_NAME})*\]")
"""A list of quoted names, as Python prints it. It is not read as Python, which may be anything."""

_FRAME = re.compile(r'File "([^"]+)", line (\d+)')


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
    if len(scopes) > LONGEST_SCOPES or _NAMES.fullmatch(scopes) is None:
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


def source_line(metadata: Mapping[str, str]) -> str | None:
    """`net.py:41`: the innermost frame of the stack trace that PyTorch's exporter wrote."""
    frames = _FRAME.findall(metadata.get("pkg.torch.onnx.stack_trace", ""))
    if not frames:
        return None
    file, line = frames[-1]
    basename = re.split(r"[\\/]", file)[-1]
    return f"{basename}:{line}"
