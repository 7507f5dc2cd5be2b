"""Layers on codes: integer products, and what their scales make of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from onnxlint.analyses.ranges.at import At
from onnxlint.analyses.ranges.range import Range
from onnxlint.analyses.ranges.registry import transfer
from onnxlint.analyses.ranges.transfers import contraction, stored
from onnxlint.analyses.ranges.transfers.affine import MICROSOFT, by_matrix, inner
from onnxlint.analyses.ranges.transfers.convolution import (
    by_channel,
    grouped,
    is_unpadded,
    with_zero,
)
from onnxlint.analyses.ranges.transfers.quantised import laid, padded, to_codes
from onnxlint.model.file.dtypes import dtype_name

if TYPE_CHECKING:
    from onnxlint.types import Array

INT32 = 6
"""int32 as onnx numbers it, in which products of codes are added up."""


@transfer("MatMulInteger", MICROSOFT + "MatMulInteger16")
def whole_product(at: At) -> Range | None:
    """The matrix product of codes less their zero points, in int32."""
    return _product(at, 0, 1, 2, 3)


def _product(at: At, one: int, other: int, zero_one: int, zero_other: int,
             turned: bool = False) -> Range | None:  # fmt: skip
    """The sums of products of codes less zero points."""
    a = _centred(at, one, zero_one, other)
    weights = _weights(at, other, zero_other, -1, turned)
    if weights is None or weights.ndim < 2:
        b = _centred(at, other, zero_other, None)
        terms = inner(at, one, other, False, turned)
        sums = contraction.by_corners(*_ends(a), *_ends(b), terms)
        return contraction.ranged(at, sums, a, b, element_type=INT32, loose=True)
    rank = at.rank(one)
    if rank is None or rank < 2 or a.low.ndim > rank:
        low, high = a.low.min().reshape(1, 1), a.high.max().reshape(1, 1)
    else:
        shape = (1,) * (rank - a.low.ndim) + a.low.shape
        low, high = (end.reshape(shape) for end in np.broadcast_arrays(a.low, a.high))
    if rank == 1:
        return None
    return contraction.ranged(at, by_matrix((low, high), weights), a, element_type=INT32)


def _ends(one: Range) -> tuple[Array, Array]:
    return np.asarray(one.least), np.asarray(one.most)


def _centred(at: At, slot: int, zero: int, other: int | None) -> Range:
    """Codes less their zero point; smaller where a kernel may have saturated their products.

    Kernels of x86 without VNNI add pairs of products of uint8 and int8 in int16, cut off at its
    ends, so that each product counts by half at least.
    """
    x, offset = at[slot].without_parts(), laid(at, zero, slot, 0).hull
    low, high = x.low, x.high
    if other is not None and _saturates(at, slot, other):
        low, high = np.minimum(low, low / 2), np.maximum(high, high / 2)
    return at.made(low - offset.high, high - offset.low, x, offset, integer=True)


def _saturates(at: At, one: int, other: int) -> bool:
    kinds = at.element_type(one), at.element_type(other)
    return (
        None not in kinds
        and [dtype_name(kind or 0) for kind in kinds] == ["uint8", "int8"]
        and at[other].magnitude > 64
        and at[one].most > 127
    )


def _weights(at: At, slot: int, zero: int, axis: int, turned: bool = False) -> Array | None:
    """Constant codes less their zero points, those of channels along an axis."""
    codes = stored.weights(at, slot)
    if codes is None or not codes.size:
        return None
    found = codes.astype(np.float32 if codes.dtype.itemsize < 4 else np.float64)
    if at.has(zero):
        offset = stored.weights(at, zero)
        if offset is None:
            return None
        along = (0 if axis == -1 else -1) if turned else axis
        lined = offset if offset.ndim == codes.ndim else stored.aligned(
            offset, codes.shape, along, 0
        )  # fmt: skip
        if lined is None:
            return None
        found = found - lined.astype(found.dtype)
    return found.swapaxes(-1, -2) if turned else found


@transfer("ConvInteger")
def whole_convolution(at: At) -> Range | None:
    """The convolution of codes less their zero points, in int32; padding is the zero point."""
    return _convolved(at, 0, 1, 2, 3)


def _convolved(at: At, data: int, kernel: int, zero_data: int, zero_kernel: int) -> Range | None:
    x = _centred(at, data, zero_data, kernel)
    x = x if is_unpadded(at) else replace(with_zero(x), integer=True)
    weights = _weights(at, kernel, zero_kernel, 0)
    groups = max(int(at.attribute("group", 1) or 1), 1)
    if weights is None or weights.ndim < 3 or weights.shape[0] % groups:
        w, dims = _centred(at, kernel, zero_kernel, None), at.dims(kernel)
        sizes = [size for size in (dims or [None])[1:] if isinstance(size, int)]
        known = dims is not None and len(sizes) == len(dims) - 1
        terms = int(np.prod(sizes)) if known else None
        sums = contraction.by_corners(*_ends(x), *_ends(with_zero(w)), terms)
        return contraction.ranged(at, sums, x, w, element_type=INT32, loose=True)
    last = bool(at.attribute("channels_last", 0))
    low, high = by_channel(at, data, x.hull if last else x, groups * weights.shape[1])
    sums = grouped(low, high, weights.reshape(*weights.shape[:2], -1), groups)
    axes = (1,) * (weights.ndim - 2)
    rows, columns = sums.low.shape
    sums = sums.moved((rows, *axes, columns) if last else (rows, columns, *axes))
    return contraction.ranged(at, sums, x, element_type=INT32)


def _rescaled(at: At, sums: Range, *scales: Range) -> Range | None:
    """Sums of codes as real numbers; None where int32 may have wrapped around."""
    if not sums.is_finite or sums.magnitude >= 2.0**31:
        return None
    for scale in scales:
        a, b = contraction.combined(sums, scale)
        ends = np.array(np.broadcast_arrays(*(p * q for p in (a.low, a.high)
                                              for q in (b.low, b.high))))  # fmt: skip
        low, high = ends.min(axis=0), ends.max(axis=0)
        sums = at.made(low - np.abs(low) * 1e-6, high + np.abs(high) * 1e-6, a, b)
    return sums


def _scale(at: At, slot: int, channels: int | None) -> Range:
    """A scale of columns (channels: None), or of channels before so many axes."""
    found = at[slot].without_parts()
    if found.low.ndim == 1 and found.low.size > 1 and channels is not None:
        shape = (-1, *(1,) * channels)
        return replace(found, low=found.low.reshape(shape), high=found.high.reshape(shape))
    return found if found.low.ndim == 1 and found.low.size > 1 else found.hull


def _coded(at: At, real: Range | None, scale: int, zero: int, kind: int | None) -> Range | None:
    if real is None or kind is None or not real.is_finite:
        return None
    return padded(to_codes(at, real, at.hull(scale), laid(at, zero, 0, 0).hull, kind), kind)


@transfer("QLinearMatMul", MICROSOFT + "QLinearMatMul")
def product_of_codes(at: At) -> Range | None:
    """The product of what two codes stand for, as codes of a third scale."""
    sums = _product(at, 0, 3, 2, 5)
    if sums is None:
        return None
    real = _rescaled(at, sums, at.hull(1), _scale(at, 4, None))
    return _coded(at, real, 6, 7, at.element_type_out())


@transfer("QLinearConv", MICROSOFT + "QLinearConv")
def convolution_of_codes(at: At) -> Range | None:
    """Conv of what codes stand for; its bias is in steps of both scales."""
    sums, last = _convolved(at, 0, 3, 2, 5), bool(at.attribute("channels_last", 0))
    if sums is None:
        return None
    axes = max((at.rank(3) or 2) - 2, 0) if at.rank(3) is not None and not last else None
    if at.has(8):
        sums = contraction.plus(at, sums, _scale(at, 8, axes))
    scales = [_scale(at, 4, axes) if at.rank(3) is not None else at.hull(4)]
    return _coded(at, _rescaled(at, sums, at.hull(1), *scales), 6, 7, at.element_type_out())


@transfer(MICROSOFT + "QGemm", ulps=8)
def gemm_of_codes(at: At) -> Range | None:
    """alpha · A · B + C of codes, as codes or, without a scale, as floats."""
    if at.attribute("transA", 0):
        return None
    sums = _product(at, 0, 3, 2, 5, bool(at.attribute("transB", 0)))
    if sums is None:
        return None
    if at.has(6):
        sums = contraction.plus(at, sums, at[6].without_parts())
    alpha = float(at.attribute("alpha", 1.0))
    real = _rescaled(at, sums, at.hull(1), _scale(at, 4, None), Range.of(alpha, alpha))
    return _coded(at, real, 7, 8, at.element_type_out()) if at.has(7) else real


@transfer(MICROSOFT + "MatMulIntegerToFloat", ulps=8)
def product_to_floats(at: At) -> Range | None:
    """The product of what two codes stand for, plus a bias."""
    sums = _product(at, 0, 1, 4, 5)
    real = None if sums is None else _rescaled(at, sums, at.hull(2), _scale(at, 3, None))
    if real is None:
        return None
    return contraction.plus(at, real, at[6].without_parts()) if at.has(6) else real


@transfer(MICROSOFT + "DynamicQuantizeMatMul", ulps=8)
def quantised_on_the_way(at: At) -> Range | None:
    """The product with x in 255 steps from its least to its largest number, 0 among them."""
    x = at.hull(0)
    codes = _weights(at, 1, 3, -1)
    if codes is None or codes.ndim != 2 or not x.is_finite:
        return None
    step = (max(x.most, 0.0) - min(x.least, 0.0)) / 255.0
    low, high = (
        np.full((1, 1), end) for end in (min(x.least, 0.0) - step, max(x.most, 0.0) + step)
    )
    sums = by_matrix((low, high), codes).moved((-1,))
    found = contraction.ranged(at, sums, x, loose=True)
    real = _rescaled(at, found, _scale(at, 2, None)) if found.magnitude < 2.0**31 else None
    if real is None:
        return None
    return contraction.plus(at, real, at[4].without_parts()) if at.has(4) else real


@transfer(MICROSOFT + "MatMulNBits", ulps=8)
def packed_product(at: At) -> Range | None:
    """x times weights of a few bits, a scale and a zero point for each block of a column."""
    packed = _Packed.of(at)
    if packed is None or at.has(4):
        return None
    low, high = _features(at, packed.size)
    if int(at.attribute("accuracy_level", 0) or 0) >= 2:  # x is rounded to eight bits at most
        room = at[0].magnitude / 120
        low, high = low - room, high + room
    rows = max(1, contraction.CHUNK // packed.size)
    sums = contraction.concatenated([
        contraction.by_weights(low, high, packed.columns(start, start + rows), packed.size)
        for start in range(0, len(packed.codes), rows)
    ]).moved((-1,))  # fmt: skip
    return contraction.ranged(at, sums, at[0], added=at[5].without_parts() if at.has(5) else None)


def _features(at: At, size: int) -> tuple[Array, Array]:
    """The ends of the first input along its last axis, as one row."""
    ends = contraction.grid(at, 0)
    if ends is None or not ends[0].ndim or ends[0].shape[-1] not in (1, size):
        low, high = _ends(at[0])
        return low.reshape(1, 1), high.reshape(1, 1)
    low, high = contraction.merged(ends, tuple(range(ends[0].ndim - 1)))
    return low.reshape(1, -1), high.reshape(1, -1)


class _Packed(Struct, frozen=True, eq=False):
    """Weights of a few bits by column, unpacked as they are asked for."""

    codes: Array
    scales: Array
    zeros: Array
    bits: int
    size: int

    @classmethod
    def of(cls, at: At) -> _Packed | None:
        """The constants of MatMulNBits; None where their sizes do not fit."""
        bits, block = int(at.attribute("bits", 4) or 4), int(at.attribute("block_size", 0) or 0)
        columns, size = int(at.attribute("N", 0) or 0), int(at.attribute("K", 0) or 0)
        data, scales = at.constant(1), at.constant(2)
        if data is None or scales is None or bits not in (2, 4, 8) or min(block, columns, size) < 1:
            return None
        blocks = -(-size // block)
        if data.size * 8 != columns * blocks * block * bits or scales.size != columns * blocks:
            return None
        zeros = cls._zeros(at, columns, blocks, bits)
        if zeros is None:
            return None
        scales = scales.astype(np.float32).reshape(columns, blocks)
        return cls(data.reshape(columns, -1), scales, zeros, bits, size)

    @staticmethod
    def _zeros(at: At, columns: int, blocks: int, bits: int) -> Array | None:
        if not at.has(3):
            return np.full((columns, blocks), 2.0 ** (bits - 1), np.float32)
        zeros = at.constant(3)
        if zeros is None:
            return None
        if zeros.dtype != np.uint8:
            return (zeros.astype(np.float32).reshape(columns, blocks)
                    if zeros.size == columns * blocks else None)  # fmt: skip
        if zeros.size * 8 < columns * blocks * bits or zeros.size % columns:
            return None
        return _fields(zeros, bits).reshape(columns, -1)[:, :blocks].astype(np.float32)

    def columns(self, start: int, end: int) -> Array:
        """Some columns as numbers: (K, columns)."""
        scales, zeros = self.scales[start:end], self.zeros[start:end]
        codes = _fields(self.codes[start:end], self.bits).astype(np.float32)
        codes = codes.reshape(*scales.shape, -1)
        numbers = (codes - zeros[..., None]) * scales[..., None]
        return numbers.reshape(len(scales), -1)[:, : self.size].T


def _fields(data: Array, bits: int) -> Array:
    """Numbers of so many bits, the first in the lowest bits of a byte."""
    if bits == 8:
        return data.reshape(-1)
    shifts = np.arange(0, 8, bits, dtype=np.uint8)
    fields = (data.reshape(-1, 1).astype(np.uint8) >> shifts) & (2**bits - 1)
    return np.asarray(fields).reshape(-1)


@transfer(MICROSOFT + "MatMulBnb4", ulps=8)
def product_by_blocks(at: At) -> Range | None:
    """x times weights that are at most the largest magnitude of their block."""
    x, most = at.hull(0), at.hull(2)
    size = int(at.attribute("K", 0) or 0)
    ends = np.asarray(-most.most), np.asarray(most.most)
    sums = contraction.by_corners(x.low, x.high, *ends, size or None)
    return contraction.ranged(at, sums, x, loose=True)
