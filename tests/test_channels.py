"""Channels of an output that are broken while the output as a whole agrees."""

from __future__ import annotations

import numpy as np
import pytest

from onnxlint.analyses.comparison.broken_channels import ChannelComparison

EPSILON = float(np.finfo(np.float32).eps)


def boxes(shape: tuple[int, ...], axis: int, seed: int = 0) -> np.ndarray:
    """Coordinates up to 640, the last two channels scores up to 1."""
    array = np.random.default_rng(seed).uniform(0, 1, shape).astype(np.float32)
    sizes = np.ones(shape[axis], np.float32)
    sizes[:-2] = 640
    return array * sizes.reshape([-1 if at == axis else 1 for at in range(len(shape))])


def taken(array: np.ndarray, axis: int, channels: list[int]) -> np.ndarray:
    return np.moveaxis(array, axis, 0)[channels]


def broken(got: np.ndarray, wanted: np.ndarray, *, quantised: bool = False, runs: int = 1):
    channels = ChannelComparison()
    for _ in range(runs):
        channels.add(got, wanted)
    return channels.broken(EPSILON, quantised=quantised)


@pytest.mark.parametrize(("shape", "axis"), [((4, 6, 9), 1), ((4, 9, 6), 2), ((8, 6), 1),
                                             ((2, 6, 8, 8), 1), ((2, 8, 8, 6), 3)])  # fmt: skip
@pytest.mark.parametrize("value", [0.0, 0.5])
@pytest.mark.parametrize("quantised", [False, True])
def test_constant_scores_are_named(shape, axis, value, quantised):
    wanted = boxes(shape, axis)
    got = wanted.copy()
    np.moveaxis(got, axis, 0)[4:] = value
    found = broken(got, wanted, quantised=quantised)
    assert (found.axis, found.channels, found.size) == (axis, [4, 5], 6)
    assert found.constant == value


def test_shuffled_scores_are_named():
    wanted = boxes((4, 6, 9), 1)
    got = wanted.copy()
    got[:, 5] = boxes((4, 6, 9), 1, seed=1)[:, 5] - 0.5
    found = broken(got, wanted)
    assert (found.channels, found.constant) == ([5], None)
    assert found.error > found.limit


def rounded(array: np.ndarray, step: float) -> np.ndarray:
    return (np.round(array / step) * step).astype(np.float32)


WANTED = boxes((4, 6, 9), 1)
NOISE = np.where(np.arange(6)[:, None] == 5, 1e-6, 1.0).astype(np.float32)


@pytest.mark.parametrize(
    ("got", "wanted", "quantised"),
    [
        (WANTED, WANTED, False),
        (WANTED * np.float32(1.01), WANTED, False),
        (WANTED * NOISE * 0, WANTED, False),  # all are gone, which the whole tells
        (WANTED * (NOISE > 0.5), WANTED * NOISE, False),
        (WANTED * (NOISE > 0.5), WANTED * NOISE, True),
        (rounded(WANTED[:, :4], 2.5), WANTED[:, :4], True),
        (WANTED * 0, WANTED * 0, False),
        (np.where(NOISE > 0.5, WANTED, 0.25), np.where(NOISE > 0.5, WANTED, 0.25), False),
        (WANTED.astype(np.float32) + np.float32(1e-6), WANTED, False),
        (WANTED[:1, :, :1] * 0, WANTED[:1, :, :1], False),  # one number a channel
        (np.where(NOISE > 0.5, WANTED, np.nan), WANTED, False),  # the whole is infinite
    ],
)  # fmt: skip
def test_what_is_no_broken_channel(got, wanted, quantised):
    assert broken(got.astype(np.float32), wanted.astype(np.float32), quantised=quantised) is None


def test_a_free_axis_holds_no_channels():
    channels = ChannelComparison()
    for size in (6, 7):
        wanted = boxes((4, size, 9), 1)
        got = wanted.copy()
        got[:, -2:] = 0
        channels.add(got, wanted)
    assert channels.broken(EPSILON, quantised=False) is None
