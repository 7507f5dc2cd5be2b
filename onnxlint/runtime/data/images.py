"""Folders of images, prepared as the configuration declares: `[inputs.NAME] layout, scale, …`."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from pathlib import Path

import numpy as np

from onnxlint.model.errors import DataError
from onnxlint.runtime.messages import Array
from onnxlint.runtime.synthesis import Slot
from onnxlint.settings import InputContract

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff")

_MODES = {"RGB": "RGB", "BGR": "RGB", "GREY": "L"}


def files(path: Path) -> bool:
    """Whether the folder holds images, itself or in folders a class each, and no arrays."""
    if not path.is_dir() or any(path.glob("*.npy")):
        return False
    return any(file.suffix.lower() in SUFFIXES for file in path.rglob("*"))


def read(
    path: Path, slots: list[Slot], rows: int, contracts: Mapping[str, InputContract]
) -> dict[str, Array]:
    """The first `rows` images, in the order of their names, as one array.

    Raises:
        DataError: Pillow is missing, nothing is declared, or an image cannot be read.
    """
    declared = [slot for slot in slots if slot.name in contracts]
    if len(slots) != 1 or not declared:
        name = slots[0].name if slots else "NAME"
        table = f'[inputs.{name}] layout = "NCHW", scale = 0.00392, size = [224, 224]'
        raise DataError(f"{path}: images need one input with a declared preparation, like {table}")
    try:
        from PIL import Image
    except ImportError as error:
        remedy = "pip install 'onnxlint[data]'"
        raise DataError(f"{path}: images need Pillow: {remedy}") from error
    contract = contracts[slots[0].name]
    layout = contract.layout or _layout(slots[0])
    found = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES)
    prepared = []
    for file in islice(found, rows):
        try:
            with Image.open(file) as image:
                converted = image.convert(_MODES[contract.colour])
                if contract.size:
                    height, width = contract.size
                    converted = converted.resize((width, height), Image.Resampling.BILINEAR)
                pixels = np.asarray(converted)
        except (OSError, ValueError, Image.DecompressionBombError) as error:
            raise DataError(f"{file}: is no image that Pillow reads ({error})") from error
        prepared.append(_prepared(pixels, contract, layout))
    if len({pixels.shape for pixels in prepared}) != 1:
        raise DataError(f"{path}: images of several sizes; declare size = [height, width]")
    return {slots[0].name: np.stack(prepared)}


def _prepared(pixels: Array, contract: InputContract, layout: str) -> Array:
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    if contract.colour == "BGR":
        pixels = pixels[..., ::-1]
    if contract.scale is not None or contract.mean or contract.std:
        pixels = pixels.astype(np.float32) * np.float32(contract.scale or 1)
        pixels = (pixels - np.array(contract.mean or [0], np.float32)) / np.array(
            contract.std or [1], np.float32
        )
    return np.moveaxis(pixels, -1, 0) if layout == "NCHW" else pixels


def _layout(slot: Slot) -> str:
    last = slot.dims[-1] if len(slot.dims) == 4 else None
    return "NHWC" if last in (1, 3) and slot.dims[1] not in (1, 3) else "NCHW"
