"""Networks of images with random weights, in the sizes that are in use: U-Net, YOLO, VGG-16."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from builder import Builder
from onnx import ModelProto, TensorProto, save_model

LEVELS = 4


class _Images(Builder):
    """Blocks that such networks are made of."""

    def rectified(self, x: str, channels: int, filters: int) -> str:
        return self.op("Relu", self.conv(x, channels, filters))

    def double(self, x: str, channels: int, filters: int) -> str:
        return self.rectified(self.rectified(x, channels, filters), filters, filters)

    def pool(self, x: str) -> str:
        return self.op("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])

    def silu(self, x: str, channels: int, filters: int, kernel: int = 3, stride: int = 1) -> str:
        made = self.conv(x, channels, filters, kernel, stride)
        return self.op("Mul", made, self.op("Sigmoid", made))

    def stage(self, x: str, channels: int, blocks: int) -> str:
        """As C3 of YOLOv5: half of the channels goes through residual blocks, half beside them."""
        half = channels // 2
        through, beside = (self.silu(x, channels, half, 1) for _ in range(2))
        for _ in range(blocks):
            inner = self.silu(self.silu(through, half, half, 1), half, half)
            through = self.op("Add", through, inner)
        return self.silu(self.op("Concat", through, beside, axis=1), channels, channels, 1)

    def doubled(self, x: str) -> str:
        scales = self.constant(np.array([1, 1, 2, 2], np.float32))
        return self.op("Resize", x, "", scales, mode="nearest")

    def sized_as(self, x: str, other: str, channels: int) -> str:
        """As interpolation to the size of a tensor is exported: through floats."""
        size = self.op("Slice", self.op("Shape", other), self.shape(2), self.shape(4))
        wide = self.op("Cast", self.op("Floor", self.op("Cast", size, to=TensorProto.FLOAT)),
                       to=TensorProto.INT64)  # fmt: skip
        batch = self.op("Slice", self.op("Shape", x), self.shape(0), self.shape(1))
        sizes = self.op("Concat", batch, self.shape(channels), wide, axis=0)
        return self.op("Resize", x, "", "", sizes, mode="linear")


def unet(batch: int | str = "batch", size: int | str = 512, width: int = 36) -> ModelProto:
    """44 MB, 11 million weights; what is upsampled has sizes that inference does not know."""
    net = _Images()
    x, channels, passed = "x", 3, []
    for level in range(LEVELS):
        x = net.double(x, channels, width << level)
        channels = width << level
        passed.append((x, channels))
        x = net.pool(x)
    x = net.double(x, channels, 2 * channels)
    channels *= 2
    for skip, filters in reversed(passed):
        wide = net.rectified(net.sized_as(x, skip, channels), channels, filters)
        x = net.double(net.op("Concat", skip, wide, axis=1), 2 * filters, filters)
        channels = filters
    logits = net.conv(x, channels, 2, 1)
    return net.model("unet", [batch, 3, size, size], {logits: [batch, 2, size, size]})


def yolo(size: int = 640, width: int = 32) -> ModelProto:
    """As YOLOv5s: 4 million weights, three sizes of boxes, scores through a sigmoid."""
    net = _Images()
    x, passed = net.silu("x", 3, width, 3, 2), []
    for level, blocks in enumerate((1, 2, 3, 1)):
        channels = width << level
        x = net.stage(net.silu(x, channels, 2 * channels, 3, 2), 2 * channels, blocks)
        passed.append(x)
    found = []
    for level in (2, 1, 0):
        channels = width << (level + 2)
        if level < 2:
            wide = net.doubled(net.silu(x, 2 * channels, channels, 1))
            joined = net.op("Concat", wide, passed[level + 1], axis=1)
            x = net.stage(net.silu(joined, 2 * channels, channels, 1), channels, 1)
        else:
            x = passed[3]
        rows = net.op("Reshape", net.conv(x, channels if level < 2 else 16 * width, 255, 1),
                      net.shape(1, 85, -1))  # fmt: skip
        found.append(net.op("Transpose", rows, perm=[0, 2, 1]))
    boxes = net.op("Sigmoid", net.op("Concat", *found, axis=1))
    return net.model("yolo", [1, 3, size, size], {boxes: [1, "boxes", 85]})


def vgg16(batch: int | str = "batch") -> ModelProto:
    """138 million weights, 553 MB."""
    net = _Images()
    x, channels = "x", 3
    for filters, layers in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(layers):
            x = net.rectified(x, channels, filters)
            channels = filters
        x = net.pool(x)
    x = net.op("Flatten", x)
    for rows in (7 * 7 * 512, 4096):
        x = net.op("Relu", net.dense(x, rows, 4096, gain=2.0))
    scores = net.dense(x, 4096, 1000)
    return net.model("vgg16", [batch, 3, 224, 224], {scores: [batch, 1000]})


NETWORKS: dict[str, Callable[[], ModelProto]] = {"unet": unet, "yolo": yolo, "vgg16": vgg16}


def write(path: Path) -> None:
    """Writes the network that the file is named after, with its weights inside."""
    save_model(NETWORKS[path.stem](), path)
