"""The compiled pass beside numpy's passes over weights, by dtype: how many times as fast?

    python benchmarks/statistics_passes.py

One thread measures 64 Mi elements, as the weight rules do: in blocks, with channels. The best of
some rounds, by processor time; numpy takes the same way where no C compiler was at hand.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from unittest.mock import patch

import ml_dtypes
import numpy as np

from onnxlint.runtime.protocol import Array, Statistics
from onnxlint.runtime.statistics import measure
from onnxlint.runtime.statistics.compiled import compiled
from onnxlint.runtime.statistics.measure import Measurement

ELEMENTS = 1 << 24
TIMES = 4
CHANNELS = 4096
ROUNDS = 3
DTYPES = ("float32", "float16", ml_dtypes.bfloat16, "int8")


def main() -> None:
    if compiled() is None:
        print("the passes are not compiled here")
        return
    drawn = np.random.default_rng(0).normal(0, 0.02, ELEMENTS).astype(np.float32)
    for dtype in map(np.dtype, DTYPES):
        array = (drawn * 1000).astype(dtype) if dtype.kind == "i" else drawn.astype(dtype)
        ours = _seconds(lambda a=array: _measured(a))
        with patch.object(measure, "compiled", lambda: None):
            numpys = _seconds(lambda a=array: _measured(a))
        size = array.nbytes * TIMES / 1e9
        print(f"{dtype.name:<10}compiled {size / ours:5.2f} GB/s, numpy {size / numpys:5.2f} GB/s: "
              f"{numpys / ours:4.1f} times as fast")  # fmt: skip


def _measured(array: Array) -> Statistics:
    shape = CHANNELS, TIMES * array.size // CHANNELS
    seen = Measurement(array.dtype, shape, 0)
    for _ in range(TIMES):
        for start in range(0, array.size, seen.step):
            seen.add(array[start : start + seen.step])
    return seen.result


def _seconds(action: Callable[[], object]) -> float:
    spent = []
    for _ in range(ROUNDS):
        start = time.process_time()
        action()
        spent.append(time.process_time() - start)
    return min(spent)


if __name__ == "__main__":
    main()
