"""What the linter and its worker process say to each other: typed msgpack, never pickle.

The worker runs native code on files that nobody vouched for, so nothing it sends is executed.
"""

from __future__ import annotations

import os
import struct
from functools import cache
from typing import IO, Any, Literal, Protocol

import msgspec
import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

Level = Literal["all", "extended", "basic", "none"]
"""How much onnxruntime may optimise: its default is all; with none it runs what is written."""

_LENGTH = struct.Struct("<Q")

LARGEST_OUTPUTS = 1024**3
"""Bytes of outputs that one reply holds at most: a choice; reply and arrays are twice that."""

LONGEST_REPLY = 2 * 1024**3
"""Bytes of a reply that are believed: outputs and statistics are held far below it."""


Seen = tuple[str, tuple[int, ...]]
"""The dtype and shape of a tensor as it came."""


class Statistics(msgspec.Struct, kw_only=True):
    """What was seen of one tensor over all runs; exact, and merged exactly by `merge`.

    `minimum`, `maximum`, `mean` and `m2` (the sum of squared deviations) are over finite elements.
    Channel extrema are arrays over `channel_axis`, NaN ignored, infinities kept; None where the
    tensor has no channels. `exponents[e]` counts elements whose magnitude lies in
    [2^(e-150), 2^(e-149)) over a regular subset of the elements, `negative_exponents[e]` the
    negative ones among them. `samples` has a row for each of the first samples: the mean of its
    elements, then a regular subset of them; None where no axis counts samples, empty where theirs
    are not of one size. `signed_zeros` is 0 of a tensor of nothing but zeros if none is -0.0.
    `at_lowest` and `at_highest` count integers at the ends of their type's
    range; a quantised tensor's other numbers are those that its integers stand for.
    """

    dtype: str
    shape: tuple[int, ...]
    elements: int = 0
    nan: int = 0
    positive_infinite: int = 0
    negative_infinite: int = 0
    zeros: int = 0
    subnormal: int = 0
    signed_zeros: int = 0
    minimum: float = float("inf")
    maximum: float = float("-inf")
    mean: float = 0.0
    m2: float = 0.0
    channel_axis: int | None = None
    channel_minimum: Array | None = None
    channel_maximum: Array | None = None
    exponents: Array | None = None
    negative_exponents: Array | None = None
    samples: Array | None = None
    at_lowest: int = 0
    at_highest: int = 0

    @property
    def finite(self) -> int:
        """Elements that are neither NaN nor infinite."""
        return self.elements - self.nan - self.infinite

    @property
    def infinite(self) -> int:
        """Elements that are infinite, of either sign."""
        return self.positive_infinite + self.negative_infinite

    @property
    def variance(self) -> float:
        """Population variance of the finite elements; 0 where there are none."""
        return self.m2 / self.finite if self.finite else 0.0

    @property
    def rms(self) -> float:
        """Root of the mean square of the finite elements."""
        return float((self.variance + self.mean * self.mean) ** 0.5)


class Quantisation(msgspec.Struct, frozen=True):
    """What integers stand for: (integer - zero_point) * scale."""

    scale: float
    zero_point: int = 0


class Watch(msgspec.Struct, frozen=True):
    """A value to take statistics of, and the axis of its channels (None: it has none).

    `counts_samples` says that its first axis may count the samples; `sizes_only` that it is of
    interest only where it is empty; `quantisation` what its integers stand for, and `integers` that
    they, or booleans, count as they are.
    """

    name: str
    channel_axis: int | None = None
    counts_samples: bool = True
    sizes_only: bool = False
    quantisation: Quantisation | None = None
    integers: bool = False


class Load(msgspec.Struct, tag=True):
    """Create a session on a serialized model; external data is found in `folder`.

    The folder is given as text or bytes and travels as bytes: its name need not be UTF-8.
    `in_order` runs the nodes as they stand in the file, and keeps no memory for the next run.
    `taps` are the names of the values that taps in the model show, in the order of their numbers,
    each at most `most_shown` times in a run; 0 for always. `lanes` is how many runs are made side
    by side. `has_ours` says that there are nodes of our own operators in it. `expected` are types
    and shapes that values of the taps will have, as far as that is known: no harm if they have not.
    `jobs` is how many the machine's cores are shared by.
    """

    model: bytes
    folder: Any
    level: Level = "all"
    in_order: bool = False
    taps: list[str] = []
    most_shown: int = 0
    lanes: int = 1
    has_ours: bool = False
    expected: dict[str, Seen] = {}
    jobs: int = 1

    def __post_init__(self) -> None:
        self.folder = os.fsencode(self.folder)


class Signs(msgspec.Struct, frozen=True):
    """Random signs, a bit each: so many float32 of 1 and -1, of which a 32nd is sent."""

    bits: bytes
    count: int

    def array(self) -> Array:
        """What is fed."""
        drawn = np.unpackbits(np.frombuffer(self.bits, np.uint8), count=self.count)
        return 2 * drawn.astype(np.float32) - 1


class Run(msgspec.Struct, tag=True):
    """Run once: take statistics of `watched`, and send `kept` outputs back whole.

    What takes more than `room` bytes, with the outputs before it, is not sent: how large an output
    is may be known only when it is there. `samples` is how many are fed at once. With `adding` the
    statistics stay in the worker, together with those of the runs before, until it is asked for the
    `Total`. `signs` are fed beside the `feeds`, and so is what an earlier run of the same message
    is fed, number `like`. `held` are taps whose value is sent back, too: the first that is shown is
    0. With `only_finite` no statistics are taken: it is told whether all that is watched is finite.
    """

    feeds: dict[str, Array]
    watched: list[Watch]
    kept: list[str]
    room: int = LARGEST_OUTPUTS
    samples: int = 1
    adding: bool = False
    held: dict[str, int] = {}
    only_finite: bool = False
    signs: dict[str, Signs] = {}
    like: int | None = None


class Together(msgspec.Struct, tag=True):
    """Make runs that know nothing of each other, side by side in the lanes of the session."""

    runs: list[Run]


class Total(msgspec.Struct, tag=True):
    """Send the statistics of all runs since the last one, merged, and forget them."""


class Profile(msgspec.Struct, tag=True):
    """Load a model, run it and time its kernels; nothing of it stays in the worker.

    `folder` is that of its external data, `scratch` an empty one for files that whoever asks takes
    away. With `keeps_graph` the optimised model is looked at, too, which is written there first.
    """

    model: bytes
    folder: Any
    level: Level
    feeds: dict[str, Array]
    runs: int
    scratch: str
    keeps_graph: bool = True

    def __post_init__(self) -> None:
        self.folder = os.fsencode(self.folder)


class Kernel(msgspec.Struct):
    """A kernel that ran, with its time in each run, and what it reads and puts out, if known.

    The time is without that of kernels that ran inside it.
    """

    name: str
    op: str
    microseconds: list[float]
    inputs: list[str] = []
    outputs: list[str] = []


class Profiled(msgspec.Struct, tag=True):
    """What onnxruntime's profiler told of so many runs, the warm-up left out."""

    kernels: list[Kernel]
    runs: int


class Loaded(msgspec.Struct, tag=True):
    """The session exists."""


class Ran(msgspec.Struct, tag=True):
    """What one run gave.

    `types` tells dtype and shape of everything watched, `fed` the shapes of the inputs, `withheld`
    the names of outputs that were too large to send.
    `statistics` are empty where they are added up; `is_finite` says that none of them counts NaN
    or infinities. `peak` is the most memory, in bytes, that the worker took so far; 0 where the
    platform does not tell. `seconds` are those that onnxruntime took: rules of latency alone look.
    `shown` tells how often taps showed their value, where more than once: one more than they may
    where there was more to show.
    """

    statistics: dict[str, Statistics]
    outputs: dict[str, Array]
    types: dict[str, Seen] = {}
    fed: dict[str, tuple[int, ...]] = {}
    withheld: list[str] = []
    is_finite: bool = True
    peak: int = 0
    seconds: float = 0.0
    shown: dict[str, int] = {}


class Totalled(msgspec.Struct, tag=True):
    """The merged statistics of runs."""

    statistics: dict[str, Statistics]


class Failed(msgspec.Struct, tag=True):
    """onnxruntime refused: its own message."""

    message: str


class AllRan(msgspec.Struct, tag=True):
    """What each of several runs gave, in their order."""

    replies: list[Ran | Failed]


Request = Load | Run | Together | Total | Profile
Reply = Loaded | Ran | AllRan | Totalled | Profiled | Failed


def _encode_array(value: Any) -> Any:
    if not isinstance(value, np.ndarray):
        raise NotImplementedError(f"cannot send {type(value).__name__}")
    if value.dtype.kind in "OUS":
        return ["str", value.shape, [str(text) for text in value.reshape(-1).tolist()]]
    data = np.ascontiguousarray(value).reshape(-1).view(np.uint8).data  # not copied twice
    return [value.dtype.str, value.shape, data]


def _decode_array(kind: type, value: Any) -> Any:
    dtype, shape, data = value
    if dtype == "str":
        return np.array(data, dtype=object).reshape(shape)
    if np.dtype(dtype).kind not in "biufc":
        raise ValueError(f"unexpected dtype {dtype!r}")
    return np.frombuffer(data, dtype).reshape(shape)


_ENCODER = msgspec.msgpack.Encoder(enc_hook=_encode_array)


@cache
def _requests() -> msgspec.msgpack.Decoder[Request]:
    return msgspec.msgpack.Decoder(Request, dec_hook=_decode_array)


@cache
def _replies() -> msgspec.msgpack.Decoder[Reply]:
    return msgspec.msgpack.Decoder(Reply, dec_hook=_decode_array)


class Writable(Protocol):
    """What messages are written to."""

    def write(self, data: bytes, /) -> int:
        """Writes all of it."""
        ...

    def flush(self) -> None:
        """Sends what is still held back."""
        ...


def send(stream: Writable, message: Request | Reply) -> None:
    """Writes one message."""
    data = _ENCODER.encode(message)
    stream.write(_LENGTH.pack(len(data)))
    stream.write(data)
    stream.flush()


def read_request(stream: IO[bytes]) -> Request | None:
    """The next request; None where the stream ends."""
    data = _frame(stream)
    return None if data is None else _requests().decode(data)


class Readable(Protocol):
    """What messages are read from."""

    def read(self, size: int, /) -> bytes:
        """So many bytes; fewer where it ends."""
        ...


def read_reply(stream: Readable) -> Reply | None:
    """The next reply; None where the stream ends."""
    data = _frame(stream, LONGEST_REPLY)
    return None if data is None else _replies().decode(data)


def _frame(stream: Readable, longest: int | None = None) -> bytes | None:
    header = stream.read(_LENGTH.size)
    if len(header) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(header)
    if longest is not None and length > longest:
        raise ValueError(f"a reply of {length:,} bytes (limit {longest:,})")
    data = stream.read(length)
    return data if len(data) == length else None
