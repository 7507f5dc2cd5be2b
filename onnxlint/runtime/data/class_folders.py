"""Folders of images, a folder a class: what their names say of each sample."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from onnxlint.model.file.errors import DataError
from onnxlint.runtime.data import images
from onnxlint.runtime.data.wording import listed
from onnxlint.runtime.protocol import Array

_SPLITS = {"train", "training", "val", "valid", "validation", "test", "testing", "dev", "eval"}
"""Names of folders that part a data set, and are no classes."""


def folders(path: Path) -> list[str]:
    """The folders right in one, sorted by name as torchvision's ImageFolder does, hidden ones not.

    Empty ones count: they had a number in training, too.
    """
    with os.scandir(path) as found:
        shown = sorted(each.name for each in found if each.is_dir() and each.name[:1] != ".")
    return [images.in_utf8(name) for name in shown]


def labels(path: Path) -> Array:
    """Of each image in the order of the samples, the name of the folder right below `path`.

    Raises:
        DataError: these are no folders of classes.
    """
    if not images.files(path):
        told = "is a folder without images by class; give the file that contains the labels"
        raise DataError(f"{path}: {told}")
    names = folders(path)
    parts = [name.split("/") for name in images.names(path, images.in_turns(path))]
    beside = [part[0] for part in parts if len(part) == 1]
    if beside:
        where = f"not in a folder of a class: {listed(beside)}"
        told = "move each into the folder of its class, or give a file of labels"
        raise DataError(f"{path}: images lie {where}; {told}")
    if {name.lower() for name in names} <= _SPLITS:
        told = f"folders {listed(names)} are parts of a data set, not classes"
        one = path / names[0]
        raise DataError(f"{path}: {told}; give one of them: --data {one} --labels {one}")
    return np.array([part[0] for part in parts], object)
