"""Inputs that make operands fail by what they are: constant, nearly constant, one-hot, huge …

In the order of how plain they are: the first that shows a fault is the one that is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice, product
from typing import TYPE_CHECKING

import numpy as np

from onnxlint.analyses.counterexamples.trials import Candidate

if TYPE_CHECKING:
    from onnxlint.analyses.counterexamples.domains import Domain, Samples
    from onnxlint.analyses.inputs.dynamic_axes import Sizes
    from onnxlint.types import Array, Feed

CONSTANTS = (1.0, -1.0, 0.5, 2.0, -2.0, 3.0, 0.1, 0.7, -0.3, 4.0, -4.0, 10.0, 100.0, -100.0, 255.0)
"""Numbers that are fed throughout: whole ones, fractions that sums round, and large ones where
they are declared."""

NEARLY = (1e-4, 1e-5, 1e-6, 1e-3)
"""How far nearly equal numbers lie apart, relative to the largest."""

FACTORS = (-1.0, 10.0, -10.0, 100.0, -100.0, 1000.0, -1000.0)
"""By what usual samples are multiplied where no range is declared."""

HOT = (1.0, -1.0, 10.0, 100.0)
"""Numbers that stand alone in rows of zeros."""

SCATTERED = 96
"""So many constants and nearly constant samples are drawn: whether a mean of equal numbers rounds
below them depends on the last bits."""

MOST_INPUTS = 8
"""Inputs that are changed one at a time."""

MOST_COMBINED = 3
"""Inputs whose ends are combined in every way."""

MOST_SYMBOLS = 3
"""Free sizes that are changed one at a time."""

LARGEST_RESIZED = 1 << 18
"""Elements of a sample that is made larger."""

Maker = Callable[["Domain", "Array"], "Array | float"]


class Aimed:
    """Candidates that are made of one sample, which is valid."""

    def __init__(self, samples: Samples, seed: int, base: Feed | None = None) -> None:
        self._samples = samples
        self._base = samples.base if base is None else base
        self._rng = np.random.default_rng([seed, 16])

    def all(self) -> Iterator[Candidate]:
        """Every candidate of usual numbers, the plainest first."""
        yield from self._constant()
        yield from self._ends()
        yield from self._masked()
        yield from self._one_input_alone()
        yield from self._combined()
        yield from self._equal_inputs()
        yield from self._nearly_constant()
        yield from self._rows()
        yield from self._one_hot()
        yield from self._scattered()

    def few(self) -> Iterator[Candidate]:
        """The likeliest of each kind, where few can be run."""
        yield from islice(self._constant(), 2)
        yield from self._ends()
        yield from islice(self._masked(), 1)
        yield from islice(self._nearly_constant(), 1)
        yield from islice(self._one_hot(), 1)

    def resized(self, sizes: Sizes, larger: int | None) -> Iterator[Candidate]:
        """Samples of one step, and of one more than a table has rows."""
        for symbol in sizes.others[:MOST_SYMBOLS]:
            for size in (1, *([larger] if larger is not None else [])):
                feed = sizes.resized(self._base, {symbol: size})
                if sum(array.size for array in feed.values()) <= LARGEST_RESIZED:
                    told = f"a sample with {symbol} = {size:,}"
                    yield Candidate(self._samples.stacked([feed]), told, resized=True)

    def together(self) -> Iterator[Candidate]:
        """Two samples in a batch: equal ones, and nearly equal ones."""
        if not self._samples.any_number:
            return
        one = self._base
        yield Candidate(self._samples.stacked([one, one]), "two equal samples")
        for apart in NEARLY:
            feed = self._samples.stacked([one, self._shaken(self._samples.content, apart)])
            yield Candidate(feed, f"two samples {apart:.0e} apart")

    def _made(self, names: Sequence[str], make: Maker) -> Feed:
        """The usual sample with some inputs replaced."""
        made = dict(self._base)
        for name in names:
            domain = self._samples.domains[name]
            made[name] = domain.put(np.broadcast_to(make(domain, made[name]), made[name].shape))
        return made

    def _filled(self, names: Sequence[str], number: float) -> Feed:
        return self._made(names, lambda domain, array: number)

    def _near(self, names: Sequence[str], number: float, apart: float) -> Feed:
        return self._made(names, lambda domain, array: number * self._noise(array, apart))

    def _shaken(self, names: Sequence[str], apart: float) -> Feed:
        return self._made(names, lambda domain, array: self._beside(domain, array, apart))

    def _noise(self, array: Array, apart: float) -> Array:
        return np.asarray(1 + apart * self._rng.uniform(-1, 1, array.shape))

    def _beside(self, domain: Domain, array: Array, apart: float) -> Array:
        """Nearly the same numbers."""
        if array.dtype.kind not in "fiub" or domain.whole:
            return array
        wide = array.astype(np.float64)
        largest = float(np.abs(wide).max(initial=0.0)) or 1.0
        return np.asarray(wide + largest * (self._noise(array, apart) - 1))

    def _holding(self, number: float, names: Sequence[str] | None = None) -> list[str]:
        """The inputs that may have a number throughout."""
        names = self._samples.content if names is None else names
        return [name for name in names if self._samples.domains[name].is_usual(number)]

    def _fractional(self, names: Sequence[str]) -> list[str]:
        return [name for name in names if not self._samples.domains[name].whole]

    def _constant(self) -> Iterator[Candidate]:
        for number in (0.0, *CONSTANTS):
            names = self._holding(number)
            if names:
                told = "an all-zero sample" if number == 0 else f"a constant sample of {number:g}"
                if len(names) < len(self._samples.content):
                    told = f"{_inputs(names)} all {number:g}"
                yield Candidate(self._filled(names, number), told)

    def _ends(self) -> Iterator[Candidate]:
        content = self._samples.content
        if content:
            lows, highs = (self._made(content, end) for end in (_low, _high))
            yield Candidate(lows, "a sample of the minimum values")
            yield Candidate(highs, "a sample of the maximum values")
            turns = self._made(content, lambda d, a: np.where(_is_even(a), d.low, d.high))
            yield Candidate(turns, "a sample of the minimum and maximum values")

    def _masked(self) -> Iterator[Candidate]:
        """Masks that leave nothing, of usual content and of its ends, or one element."""
        names = [name for name, domain in self._samples.domains.items() if domain.is_mask]
        if not names:
            return
        yield Candidate(self._filled(names, 0.0), f"{_inputs(names)} all 0")
        for told, end in ENDS.items() if self._samples.content else ():
            feed = self._made(self._samples.content, end) | self._part(names, 0.0)
            yield Candidate(feed, f"{_inputs(names)} all 0, all else at its {told}")
        for name in names if len(names) > 1 else ():
            yield Candidate(self._filled([name], 0.0), f"{_inputs([name])} all 0")
        feed = self._made(names, lambda d, a: np.arange(a.size).reshape(a.shape) == 0)
        yield Candidate(feed, f"{_inputs(names)} with a single 1")

    def _part(self, names: Sequence[str], number: float) -> Feed:
        """Some inputs alone, of one number."""
        made = self._filled(names, number)
        return {name: made[name] for name in names}

    def _one_input_alone(self) -> Iterator[Candidate]:
        """One input constant, the others as usual."""
        content = self._samples.content
        for name in content[:MOST_INPUTS] if len(content) > 1 else ():
            for number in (0.0, 1.0, -1.0):
                if self._holding(number, [name]):
                    told = f"{_inputs([name])} all {number:g}"
                    yield Candidate(self._filled([name], number), told)
            for told, end in (("minimum", _low), ("maximum", _high)):
                yield Candidate(self._made([name], end), f"{_inputs([name])} at its {told}")

    def _combined(self) -> Iterator[Candidate]:
        """Some inputs at their least, others at their largest, or in the middle."""
        names = self._samples.content[:MOST_COMBINED]
        for chosen in product(ENDS, repeat=len(names)) if len(names) > 1 else ():
            if len(set(chosen)) == 1:
                continue
            feed = dict(self._base)
            for name, end in zip(names, chosen, strict=True):
                feed |= {name: self._made([name], ENDS[end])[name]}
            told = (f"'{name}' at its {end}" for name, end in zip(names, chosen, strict=True))
            yield Candidate(feed, f"inputs {', '.join(told)}")

    def _equal_inputs(self) -> Iterator[Candidate]:
        """Inputs of one shape equal and nearly equal: distances and similarities."""
        base, content = self._base, self._samples.content[:4]
        for at, name in enumerate(content):
            like = [other for other in content[at + 1 :] if base[other].shape == base[name].shape]
            for other in like:
                for apart in (0.0, *NEARLY):
                    told = f"inputs '{name}' and '{other}' {apart:.0e} apart"
                    if not apart:
                        told = f"equal inputs '{name}' and '{other}'"
                    yield Candidate(self._alike(other, base[name], apart), told)

    def _alike(self, name: str, array: Array, apart: float) -> Feed:
        return self._made([name], lambda domain, _: self._beside(domain, array, apart))

    def _nearly_constant(self) -> Iterator[Candidate]:
        for number in (1.0, -1.0, 0.5, 3.0, 100.0):
            names = self._fractional(self._holding(number))
            for apart in NEARLY if names else ():
                told = f"a sample within {apart:.0e} of {number:g}"
                yield Candidate(self._near(names, number, apart), told)

    def _rows(self) -> Iterator[Candidate]:
        """Along each axis: equal parts, nearly equal ones, and one of zeros."""
        base = self._base
        most = max((base[name].ndim for name in self._samples.content), default=0)
        for axis in range(1, most):
            names = [name for name in self._samples.content
                     if axis < base[name].ndim and base[name].shape[axis] > 1]  # fmt: skip
            for apart in (0.0, *NEARLY[:2]) if names else ():
                told = f"a sample whose parts along axis {axis} are {apart:.0e} apart"
                if not apart:
                    told = f"a sample that is equal along axis {axis}"
                yield Candidate(self._repeated(names, axis, apart), told)
            zeroable = self._holding(0.0, names)
            if zeroable:
                told = f"a sample whose first part along axis {axis} is 0"
                yield Candidate(self._first_zeroed(zeroable, axis), told)

    def _repeated(self, names: Sequence[str], axis: int, apart: float) -> Feed:
        def make(domain: Domain, array: Array) -> Array:
            first = np.repeat(array.take([0], axis), array.shape[axis], axis)
            return self._beside(domain, first, apart)

        return self._made(names, make)

    def _first_zeroed(self, names: Sequence[str], axis: int) -> Feed:
        def make(domain: Domain, array: Array) -> Array:
            wide = array.astype(np.float64)
            wide[(slice(None),) * axis + (0,)] = 0
            return wide

        return self._made(names, make)

    def _one_hot(self) -> Iterator[Candidate]:
        for number in HOT:
            names = self._holding(number, self._holding(0.0))
            arrays = [self._base[name] for name in names]
            last = max((array.shape[-1] for array in arrays if array.ndim), default=0) - 1
            for at in sorted({0, last // 2, last}) if last >= 0 else ():
                yield Candidate(self._hot(names, number, at), f"rows of 0 with one {number:g}")

    def _hot(self, names: Sequence[str], number: float, at: int) -> Feed:
        return self._made(names, lambda domain, array: number * _hot(array, at))

    def far(self) -> Iterator[Candidate]:
        """Multiples of what is usual, of inputs whose range is not declared."""
        domains, content = self._samples.domains, self._samples.content
        free = [name for name in content if not domains[name].is_bounded]
        for factor in FACTORS if free else ():
            told = f"a usual sample times {factor:,g}"
            yield Candidate(self._multiplied(free, factor, 1), told)
            kind = "positive" if factor > 0 else "negative"
            told = f"a sample of {kind} numbers, the usual ones times {abs(factor):,g}"
            yield Candidate(self._multiplied(free, factor, 0), told)

    def _multiplied(self, names: Sequence[str], factor: float, signs: int) -> Feed:
        def make(domain: Domain, array: Array) -> Array:
            wide = array.astype(np.float64)
            return np.asarray(factor * (wide if signs else np.abs(wide)))

        return self._made(names, make)

    def _scattered(self) -> Iterator[Candidate]:
        """Constants that are no round numbers, and samples near them."""
        names = self._fractional(self._samples.content)
        for turn in range(SCATTERED if names else 0):
            apart = (0.0, 1e-4, 0.0, 1e-5, 0.0, 1e-3)[turn % 6]
            feed = self._between(names, self._rng.random(), apart)
            number = feed[names[0]].reshape(-1)[:1].astype(np.float64)
            about = f"{number.item():.6g}" if number.size else "one number"
            told = f"a sample within {apart:.0e} of" if apart else "a constant sample of"
            yield Candidate(feed, f"{told} {about}")

    def _between(self, names: Sequence[str], share: float, apart: float) -> Feed:
        """A number between the ends."""

        def make(domain: Domain, array: Array) -> Array:
            number = domain.low * (1 - share) + domain.high * share
            return np.asarray(number * self._noise(array, apart))

        return self._made(names, make)


def _low(domain: Domain, array: Array) -> Array:
    return domain.low


def _high(domain: Domain, array: Array) -> Array:
    return domain.high


def _middle(domain: Domain, array: Array) -> Array:
    return np.asarray((domain.low + domain.high) / 2)


def _inputs(names: Sequence[str]) -> str:
    """What inputs are called in a sentence."""
    told = " and ".join(f"'{name}'" for name in names)
    return f"input {told}" if len(names) == 1 else f"inputs {told}"


def _is_even(array: Array) -> Array:
    return np.asarray(np.arange(array.size).reshape(array.shape) % 2 == 0)


def _hot(array: Array, at: int) -> Array:
    """1 at one place of every row, else 0."""
    if not array.ndim or not array.shape[-1]:
        return np.ones(array.shape)
    row = np.arange(array.shape[-1]) == min(at, array.shape[-1] - 1)
    return np.broadcast_to(row, array.shape).astype(np.float64)


ENDS: dict[str, Maker] = {"minimum": _low, "maximum": _high, "middle": _middle}
"""Names of numbers that every input has."""
