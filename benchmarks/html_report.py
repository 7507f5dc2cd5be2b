"""What the HTML page costs beside the lint that it is on: seconds, and bytes.

python benchmarks/html_report.py
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import onnx
from measuring import LIGHT, MIB, watched
from networks import unet
from transformer import write_transformer

ROUNDS = 3
MOST_SECONDS, MOST_BYTES = 1.0, 3 * MIB
"""The page of ResNet-50 may take so much more than its lint, and so many bytes."""


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        resnet = LIGHT / "light_resnet50.onnx"
        paths = [resnet, *_written(folder)]
        results = {path: _measured(path, folder / "page.html") for path in paths}
    print("| model | lint | lint and page | ratio | page |\n|---|--:|--:|--:|--:|")
    for path, (lint, page, size) in results.items():
        seconds = f"{lint:.2f} s | {page:.2f} s | {page / lint:.2f}"
        print(f"| {path.stem} | {seconds} | {size / MIB:.2f} MiB |")
    lint, page, size = results[resnet]
    sys.exit(page - lint > MOST_SECONDS or size > MOST_BYTES)


def _written(folder: Path) -> list[Path]:
    attending, convolving = (folder / f"{name}.onnx" for name in ("transformer", "unet"))
    write_transformer(attending)
    onnx.save(unet(batch=1, size=64), convolving)
    return [attending, convolving]


def _measured(model: Path, page: Path) -> tuple[float, float, int]:
    """Seconds of the lint, and with the page, taken in turns: the least of some; and its bytes."""
    command = [sys.executable, "-m", "onnxlint"]
    lint, both = [], []
    for _ in range(ROUNDS):
        lint.append(watched([*command, str(model), "-q"]).wall)
        both.append(watched([*command, "report", str(model), "-o", str(page)]).wall)
    return min(lint), min(both), page.stat().st_size


if __name__ == "__main__":
    main()
