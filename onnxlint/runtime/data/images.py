"""Folders of images, prepared as the configuration declares: `[inputs.NAME] layout, scale, …`."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from onnxlint.model.errors import DataError
from onnxlint.runtime.data.arrays import LARGEST_BYTES
from onnxlint.runtime.messages import Array
from onnxlint.runtime.synthesis import Slot
from onnxlint.settings import InputContract

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff")

_DEEP_MODES = ("I", "F")
"""Pillow's modes of more than 8 bits; as bytes they would be clipped. `I;16` begins so, too."""


def files(path: Path) -> bool:
    """Whether the folder holds images, itself or in folders a class each, and no arrays."""
    if not path.is_dir() or any(path.glob("*.npy")):
        return False
    return any(map(_is_image, path.rglob("*")))


def read(
    path: Path, slots: list[Slot], rows: int, contracts: Mapping[str, InputContract]
) -> dict[str, Array]:
    """`rows` images as one array: of every folder the first, of every folder the second, and so on.

    They are upright, as viewers show them, and without transparency.

    Raises:
        DataError: Pillow is missing, nothing is declared, or an image cannot be read.
    """
    declared = [slot for slot in slots if slot.name in contracts]
    if len(slots) != 1 or not declared:
        name = slots[0].name if slots else "NAME"
        table = f'[inputs.{name}] layout = "NCHW", scale = 0.00392, size = [224, 224]'
        raise DataError(
            f"{path}: images need one input with a declared preparation; write in onnxlint.toml, "
            f"like {table}"
        )
    try:
        import PIL.Image  # noqa: F401 - to tell that it is missing
    except ImportError as error:
        remedy = "pip install 'onnxlint[data]'"
        raise DataError(f"{path}: images need Pillow: {remedy}") from error
    (slot,) = slots
    contract = contracts[slot.name]
    layout = contract.layout or _layout(slot)
    prepared: list[Array] = []
    for file in _in_turns(path)[:rows]:
        prepared.append(_prepared(_pixels(file, contract), contract, layout))
        if prepared[-1].shape != prepared[0].shape:
            raise DataError(
                f"{path}: images of several sizes; declare [inputs.{slot.name}] size = "
                f"[height, width]"
            )
        if len(prepared) * prepared[0].nbytes > LARGEST_BYTES:
            raise DataError(f"{path}: the images take too much memory; give fewer (--samples)")
    return {slot.name: np.stack(prepared)}


def _is_image(file: Path) -> bool:
    return file.suffix.lower() in SUFFIXES and not file.name.startswith(".")


def _in_turns(path: Path) -> list[Path]:
    """Of every folder the first image, then the second: a folder is often a class."""
    turns: Counter[Path] = Counter()
    found = []
    for file in sorted(filter(_is_image, path.rglob("*"))):
        found.append((turns[file.parent], file))
        turns[file.parent] += 1
    return [file for _, file in sorted(found)]


def _pixels(file: Path, contract: InputContract) -> Array:
    """Bytes, [height, width, channels]."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="PIL")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file) as image:
                pixels = np.asarray(_converted(image, contract))
    except Exception as error:  # Pillow raises many kinds
        raise DataError(f"{file}: is no image that can be fed ({error})") from error
    return pixels[..., None] if pixels.ndim == 2 else pixels


def _converted(image: Picture, contract: InputContract) -> Picture:
    from PIL import Image, ImageOps

    if image.mode.startswith(_DEEP_MODES):
        raise ValueError("it has more than 8 bits a channel; save it with 8, or give arrays")
    upright = ImageOps.exif_transpose(image)
    converted = upright.convert("L" if contract.colour == "GREY" else "RGB")
    if contract.size:
        height, width = contract.size
        return converted.resize((width, height), Image.Resampling.BILINEAR)
    return converted


def _prepared(pixels: Array, contract: InputContract, layout: str) -> Array:
    if contract.colour == "BGR":
        pixels = pixels[..., ::-1]
    if contract.scale is not None or contract.mean or contract.std:
        scale = 1 if contract.scale is None else contract.scale
        pixels = pixels.astype(np.float32) * np.float32(scale)
        pixels = (pixels - np.array(contract.mean or [0], np.float32)) / np.array(
            contract.std or [1], np.float32
        )
    return np.moveaxis(pixels, -1, 0) if layout == "NCHW" else pixels


def _layout(slot: Slot) -> str:
    last = slot.dims[-1] if len(slot.dims) == 4 else None
    return "NHWC" if last in (1, 3) and slot.dims[1] not in (1, 3) else "NCHW"
