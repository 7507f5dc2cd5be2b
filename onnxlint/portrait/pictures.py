"""Values of one sample as images: the feature maps of convolutions, the weights of attention."""

from __future__ import annotations

from msgspec import Struct


class Image(Struct, frozen=True):
    """A grey PNG, in base64: black is `low`, white is `high`.

    `number` is that of the channel or the head, None where the rows are channels.
    `odd` counts elements that are NaN or infinite, and black.
    """

    png: str
    width: int
    height: int
    number: int | None
    low: float
    high: float
    odd: int = 0


class Shown(Struct, frozen=True):
    """What one layer puts out; `of` is how many channels or heads it has.

    `shape` is that of the value, of which an image may be a smaller copy.
    """

    layer: int
    title: str
    op: str
    shape: tuple[int, ...]
    of: int
    images: tuple[Image, ...]


class Pictures(Struct, frozen=True):
    """Of some layers of each kind, as many as are looked at; `data` is what the sample is of."""

    data: str
    maps: tuple[Shown, ...] = ()
    attention: tuple[Shown, ...] = ()
    convolutions: int = 0
    attentions: int = 0
