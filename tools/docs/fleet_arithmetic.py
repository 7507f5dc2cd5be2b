"""How long a hub of a million models takes: simulates it, and writes the tables of the page.

    python tools/docs/fleet_arithmetic.py

Writes docs/guides/fleets_arithmetic.md anew between its marks. What was measured comes from
benchmarks/remote_reads.py; everything else is an assumption, and named so on the page. Nothing is
drawn by chance but failures, and those by a seed.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import NormalDist

PAGE = Path(__file__).parents[2] / "docs" / "guides" / "fleets_arithmetic.md"

MODELS = 10**6
BYTES = 10**15

SPREAD = 2.0
"""Standard deviation of the logarithm of a size; an assumption: two thirds of all models lie within
a factor of 7 of the middle one."""

LARGEST = 8e11
"""Bytes of the largest model; an assumption, of weights that are published today."""

TENSORS = 200
"""Large tensors of a model; an assumption, of some hundred layers."""

GROUPS = 100
"""Equal parts of the fleet, of which the one with the largest model is simulated."""

MIB, GIB = 2**20, 2**30
CHUNK = 64 * 1024
READ_AT_ONCE = 16 * MIB
REQUEST = 8 * MIB
"""As `onnxlint/remote` and `onnxlint/model/file/remote_files.py` have them; a test compares."""

MAX_DOWNLOAD = 10 * GIB
CACHE_BYTES = 50 * GIB

LINK = 125e6
"""Bytes a second that one worker gets: 1 Gbit/s; an assumption."""

STORE = 12.5e9
"""Bytes a second that the store gives to all: 100 Gbit/s; an assumption."""

LATENCY = 0.03
"""Seconds until the first byte of a request; an assumption, of a store in the same region."""

CORE_HOUR, MILLION_REQUESTS = 0.05, 0.4
"""Dollars; assumptions, near what clouds ask for."""

FLEETS = (100, 1000)


@dataclass(frozen=True)
class Profile:
    """Rules, and what they take of one core: measured."""

    name: str
    options: str
    seconds: float
    seconds_per_gib: float
    reads_all: bool


PROFILES = (
    Profile("structure", "`--select SEC,GRA,ONX,ARC,PRT`", 0.9, 0.8, reads_all=False),
    Profile("static", "`--static-only`", 0.9, 5.0, reads_all=True),
    Profile("run", "all, models are run", 1.1, 10.5, reads_all=True),
)
"""Fitted to the table of benchmarks/remote_reads.py at 32, 128 and 512 MiB."""


@cache
def sizes() -> tuple[float, ...]:
    """The sizes of one group's models in bytes, the smallest first: every hundredth of all."""
    ranks = range(GROUPS - 1, MODELS, GROUPS)
    scores = [NormalDist().inv_cdf((rank + 0.5) / MODELS) for rank in ranks]
    wanted = BYTES / GROUPS
    low, high = 0.0, 40.0
    for _ in range(60):  # the middle size, by halving: the cap takes some of the mean
        middle = (low + high) / 2
        total = sum(min(LARGEST, math.exp(middle + SPREAD * score)) for score in scores)
        low, high = (middle, high) if total < wanted else (low, middle)
    return tuple(min(LARGEST, math.exp(low + SPREAD * score)) for score in scores)


@dataclass(frozen=True)
class Lint:
    """What one model takes."""

    read: float
    requests: float
    core: float

    def seconds(self, rate: float) -> float:
        """How long a worker is at it, which gets so many bytes a second."""
        return self.read / rate + self.requests * LATENCY + self.core


def lint(size: float, profile: Profile) -> Lint:
    """What a model of this size takes under a profile."""
    tensors = min(TENSORS, size / CHUNK)
    read, requests = size, tensors + size / REQUEST + 4
    if not profile.reads_all and size > READ_AT_ONCE:
        read, requests = min(size, 2 * CHUNK * tensors), tensors + 4
    if size <= READ_AT_ONCE:
        requests = 4 + size / REQUEST
    return Lint(read, requests, profile.seconds + profile.seconds_per_gib * size / GIB)


def makespan(seconds: Sequence[float], workers: int) -> float:
    """When the last of so many workers is done, if each takes the next model as it gets free.

    The largest models come first.
    """
    free = [0.0] * workers
    for each in sorted(seconds, reverse=True):
        heapq.heappush(free, heapq.heappop(free) + each)
    return max(free)


def rate(workers: int) -> float:
    """Bytes a second for each of them."""
    return min(LINK, STORE / workers)


def total(profile: Profile, largest: float = math.inf) -> Lint:
    """What all models up to a size take together."""
    each = [lint(size, profile) for size in sizes() if size <= largest]
    return Lint(*(GROUPS * sum(getattr(one, name) for one in each)
                  for name in ("read", "requests", "core")))  # fmt: skip


def hours(profile: Profile, workers: int, largest: float = math.inf) -> float:
    """How long the fleet takes; each group has its share of the workers."""
    speed = rate(workers)
    seconds = [lint(size, profile).seconds(speed) for size in sizes() if size <= largest]
    return makespan(seconds, workers // GROUPS) / 3600


def failed(profile: Profile, share: float, *, resumes: bool) -> tuple[float, float]:
    """Bytes and core seconds that are spent in vain where so many lints end in the middle.

    One that fails is tried again until it does not. What was read is kept, but for the requests
    under way, if the cache `resumes`.
    """
    chance = random.Random(18)
    lost_bytes = lost_seconds = 0.0
    for size in sizes():
        one = lint(size, profile)
        while chance.random() < share:
            done = chance.random()
            lost_seconds += done * one.core
            lost_bytes += min(8 * REQUEST, done * one.read) if resumes else done * one.read
    return GROUPS * lost_bytes, GROUPS * lost_seconds


def tables() -> dict[str, str]:
    """The tables of the page, by name."""
    rows = {
        "sizes": _sizes(), "pass": _pass(), "time": _time(), "limit": _limit(),
        "failures": _failures(), "nightly": _nightly(), "cache": _cache(),
    }  # fmt: skip
    return {name: "\n".join(_table([*each])) for name, each in rows.items()}


Rows = Iterator[Sequence[str]]


def _sizes() -> Rows:
    yield "size", "models", "bytes of all", "a model on average"
    edges = (0.0, READ_AT_ONCE, 128 * MIB, 2 * GIB, 10 * GIB, 100 * GIB, math.inf)
    names = ("up to 16 MiB", "to 128 MiB", "to 2 GiB", "to 10 GiB", "to 100 GiB", "larger")
    every = sum(sizes())
    for name, low, high in zip(names, edges, edges[1:], strict=False):
        within = [size for size in sizes() if low < size <= high]
        yield (name, f"{GROUPS * len(within):,}", _percent(sum(within) / every),
               _bytes(sum(within) / len(within)))  # fmt: skip


def _pass() -> Rows:
    yield "rules", "options", "bytes read", "of all", "requests", "core hours", "cost"
    for profile in PROFILES:
        used = total(profile)
        cost = used.core / 3600 * CORE_HOUR + used.requests / 1e6 * MILLION_REQUESTS
        yield (profile.name, profile.options, _bytes(used.read), _percent(used.read / BYTES),
               _count(used.requests), _count(used.core / 3600), f"${cost:,.0f}")  # fmt: skip


def _time() -> Rows:
    yield "rules", "workers", "a worker gets", "time", "of it, the largest model"
    for profile in PROFILES:
        for workers in FLEETS:
            alone = lint(sizes()[-1], profile).seconds(rate(workers)) / 3600
            yield (profile.name, f"{workers:,}", f"{rate(workers) / 1e6:.1f} MB/s",
                   _hours(hours(profile, workers)), _hours(alone))  # fmt: skip


def _limit() -> Rows:
    yield "rules", "`--max-download`", "models linted", "bytes read", "time, 1,000 workers"
    for profile in PROFILES[1:]:
        for name, most in (("10 GiB, the default", MAX_DOWNLOAD), ("1TiB", math.inf)):
            linted = GROUPS * sum(size <= most for size in sizes())
            yield (profile.name, name, f"{linted:,}", _bytes(total(profile, most).read),
                   _hours(hours(profile, 1000, most)))  # fmt: skip


def _failures() -> Rows:
    yield "rules", "lints that fail", "read twice, with the cache", "without it", "core hours lost"
    for profile in PROFILES:
        for share in (0.001, 0.01, 0.1):
            kept, core = failed(profile, share, resumes=True)
            lost, _ = failed(profile, share, resumes=False)
            yield (profile.name, f"{share:.1%}", _bytes(kept), _bytes(lost),
                   _count(core / 3600))  # fmt: skip


def _nightly() -> Rows:
    yield "rules", "changed since", "bytes read", "core hours", "time, 100 workers"
    for profile in PROFILES:
        whole = total(profile)
        for share in (0.001, 0.01):
            seconds = [lint(size, profile).seconds(rate(100)) for size in sizes()]
            taken = share * GROUPS * sum(seconds) / 100 / 3600
            yield (profile.name, f"{share:.1%}", _bytes(share * whole.read),
                   _count(share * whole.core / 3600), _hours(taken))  # fmt: skip


def _cache() -> Rows:
    yield "rules", "workers", "read by one worker", "its cache", "second pass, same models again"
    for profile in PROFILES:
        for workers in FLEETS:
            each = total(profile).read / workers
            fits = each <= CACHE_BYTES
            yield (profile.name, f"{workers:,}", _bytes(each), _bytes(CACHE_BYTES),
                   "all from the cache" if fits else "nothing from the cache")  # fmt: skip


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    head, *body = rows
    yield _row(head)
    yield "|" + "---|" * len(head)
    yield from map(_row, body)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _bytes(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 999.5:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} PB"


def _percent(share: float) -> str:
    return f"{share:.1%}"


def _count(number: float) -> str:
    return f"{number:.1f}" if number < 10 else f"{float(f'{number:.3g}'):,.0f}"


def _hours(number: float) -> str:
    if number < 1:
        return f"{number * 60:.0f} min"
    return f"{number:.1f} h" if number < 48 else f"{number / 24:.1f} days"


def written(page: str) -> str:
    """The page with its tables made anew."""
    for name, table in tables().items():
        begin, end = f"<!-- table: {name} -->\n", "<!-- end -->\n"
        head, _, rest = page.partition(begin)
        _, _, tail = rest.partition(end)
        page = f"{head}{begin}\n{table}\n\n{end}{tail}"
    return page


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
