"""Folders of images, prepared as the configuration declares: `[inputs.NAME] layout, scale, …`."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from onnxlint.model.file.errors import DataError
from onnxlint.runtime.data.arrays import LARGEST_BYTES
from onnxlint.runtime.data.files import is_folder, opened, size_of, tree
from onnxlint.runtime.data.files import names as listing
from onnxlint.runtime.data.fitting import slot_dtype
from onnxlint.runtime.data.wording import shortened
from onnxlint.runtime.feeds.synthesis import Slot
from onnxlint.runtime.protocol import Array
from onnxlint.settings import InputContract

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff")

FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "TIFF")
"""What a file of these endings may hold: for some of its other formats Pillow starts programs."""

LARGEST_FILE_BYTES = 256 * 1024**2
"""Bytes of an image's file: some of Pillow's readers take in all of it at once."""

MOST_PIXELS = 50_000_000
"""Pixels of an image: a choice. Three copies of so many take 600 MB, and few cameras give more."""

_DEEP_MODES = ("I", "F")
"""Pillow's modes of more than 8 bits; as bytes they would be clipped. `I;16` begins so, too."""


def files(path: Path) -> bool:
    """Whether the folder holds images, itself or in folders a class each, and no arrays.

    Raises:
        DataError: a folder cannot be listed.
    """
    if not is_folder(path) or any(name.endswith(".npy") for name in listing(path)):
        return False
    return any(_is_image(file, path) for file in tree(path))


def read(
    path: Path, chosen: Sequence[Path], slots: list[Slot], contracts: Mapping[str, InputContract]
) -> dict[str, Array]:
    """The chosen images of a folder as one array.

    They are upright, as viewers show them, and without transparency.

    Raises:
        DataError: Pillow is missing, nothing is declared, or an image cannot be read.
    """
    declared = [slot for slot in slots if slot.name in contracts]
    if len(slots) != 1 or not declared:
        name = slots[0].name if slots else "NAME"
        table = f'[inputs.{name}] layout = "NCHW", scale = 0.00392, size = [224, 224]'
        raise DataError(
            f"{path}: images need one input with declared preprocessing; write in onnxlint.toml, "
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
    together: Array | None = None
    for at, file in enumerate(chosen):
        image = _prepared(_pixels(file, contract), contract, layout)
        if together is None:
            together = _room(path, len(chosen), image, slot)
        if image.shape != together.shape[1:]:
            raise DataError(
                f"{path}: images of several sizes; declare [inputs.{slot.name}] size = "
                f"[height, width]"
            )
        together[at] = image
    assert together is not None
    return {slot.name: together}


def _room(path: Path, count: int, image: Array, slot: Slot) -> Array:
    """An array for so many images.

    Raises:
        DataError: they are too large.
    """
    width = max(image.dtype.itemsize, slot_dtype(slot).itemsize)
    if count * image.size * width > LARGEST_BYTES:
        told = f"{count:,} images of shape {list(image.shape)} need more than"
        remedy = "give fewer (--samples), or declare a smaller size"
        raise DataError(f"{path}: {told} {LARGEST_BYTES / 1024**3:.0f} GiB; {remedy}")
    return np.empty((count, *image.shape), image.dtype)


def _is_image(file: str, top: Path) -> bool:
    if not file.lower().endswith(SUFFIXES):
        return False
    return f"{os.sep}." not in file[len(str(top)) :]


def in_turns(path: Path) -> list[Path]:
    """The samples' order: of every folder the first image, then the second; by name, both.

    A folder is often a class.
    """
    turns: Counter[str] = Counter()
    found = []
    for file in sorted(file for file in tree(path) if _is_image(file, path)):
        folder = file.rpartition(os.sep)[0]
        found.append((turns[folder], file))
        turns[folder] += 1
    return [Path(file) for _, file in sorted(found)]


def names(path: Path, files: Iterable[Path]) -> list[str]:
    """Files by their paths within a folder, with slashes."""
    return [in_utf8(file.relative_to(path).as_posix()) for file in files]


def in_utf8(name: str) -> str:
    """A file's name as text: bytes that are none are escaped."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _pixels(file: Path, contract: InputContract) -> Array:
    """Bytes, [height, width, channels].

    Raises:
        DataError: it is not an image, or too large a one.
    """
    from PIL import Image, UnidentifiedImageError

    with opened(file) as stream:
        if size_of(stream) > LARGEST_FILE_BYTES:
            told = f"is larger than {LARGEST_FILE_BYTES / 1024**2:.0f} MiB"
            raise DataError(f"{file}: {told}; give a smaller image, or an array")
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", module="PIL")
                warnings.simplefilter("error", Image.DecompressionBombWarning)
                with Image.open(stream, formats=FORMATS) as image:
                    pixels = np.asarray(_converted(image, contract))
        except UnidentifiedImageError as error:
            raise DataError(f"{file}: is not {', '.join(FORMATS)}; save it as one") from error
        except Exception as error:  # Pillow raises many kinds
            reason = shortened(str(error)) or type(error).__name__
            raise DataError(f"{file}: is not a supported image ({reason})") from error
    return pixels[..., None] if pixels.ndim == 2 else pixels


def _converted(image: Picture, contract: InputContract) -> Picture:
    from PIL import Image, ImageOps

    if image.width * image.height > MOST_PIXELS:
        raise ValueError(f"{image.width:,} x {image.height:,} pixels (limit {MOST_PIXELS:,})")
    if image.mode.startswith(_DEEP_MODES):
        raise ValueError("more than 8 bits per channel; save the image with 8, or give arrays")
    ImageOps.exif_transpose(image, in_place=True)
    converted = image.convert("L" if contract.colour == "GREY" else "RGB")
    if contract.size:
        height, width = contract.size
        return converted.resize((width, height), Image.Resampling.BILINEAR)
    return converted


def _prepared(pixels: Array, contract: InputContract, layout: str) -> Array:
    if contract.colour == "BGR":
        pixels = pixels[..., ::-1]
    if contract.scale is not None or contract.mean or contract.std:
        scale = 1 if contract.scale is None else contract.scale
        with np.errstate(all="ignore"):  # what overflows is seen in the data
            pixels = pixels.astype(np.float32) * np.float32(scale)
            pixels = (pixels - np.array(contract.mean or [0], np.float32)) / np.array(
                contract.std or [1], np.float32
            )
    return np.moveaxis(pixels, -1, 0) if layout == "NCHW" else pixels


def _layout(slot: Slot) -> str:
    last = slot.dims[-1] if len(slot.dims) == 4 else None
    return "NHWC" if last in (1, 3) and slot.dims[1] not in (1, 3) else "NCHW"
