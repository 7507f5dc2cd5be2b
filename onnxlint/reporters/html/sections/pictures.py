"""The section of images: feature maps and weights of attention."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from onnxlint.portrait.pictures import Image, Pictures, Shown
from onnxlint.report import ModelReport
from onnxlint.reporters.summary import counted


class Picture(Struct, frozen=True):
    """An image as the template reads it."""

    image: Image
    alt: str
    name: str
    ends: str

    @property
    def source(self) -> str:
        """The file itself, as an address."""
        return f"data:image/png;base64,{self.image.png}"


class View(Struct, frozen=True):
    """What the template reads."""

    part: Pictures
    report: ModelReport

    @property
    def notes(self) -> Iterator[str]:
        """What is to be seen."""
        yield (f"The first sample of {self.part.data}. Black is the minimum of an image, white its "
               "maximum.")  # fmt: skip

    @property
    def groups(self) -> Iterator[tuple[str, tuple[Shown, ...], str]]:
        """Layers of a kind, with a heading and the word for one image."""
        part = self.part
        if part.maps:
            told = (
                f"Feature maps ({len(part.maps):,} of {counted(part.convolutions, 'convolution')})"
            )
            yield told, part.maps, "channel"
        if part.attention:
            of = counted(part.attentions, "layer")
            yield (f"Attention, queries down and keys across ({len(part.attention):,} of {of})",
                   part.attention, "head")  # fmt: skip

    @property
    def has_layers(self) -> bool:
        """Whether the page has a table of layers to link to."""
        return "layers" in ((self.report.portrait or {}).get("layers") or {})

    def pictures(self, shown: Shown, what: str) -> Iterator[Picture]:
        """The images of a layer."""
        of = counted(shown.of, what)
        for image in shown.images:
            name = f"all {of}" if image.number is None else f"{what} {image.number}"
            ends = f"all {image.low:.3g}" if image.low == image.high else (
                f"{image.low:.3g} … {image.high:.3g}")  # fmt: skip
            odd = f", {image.odd:,} NaN or infinite" if image.odd else ""
            alt = f"{shown.op} {shown.title}, {name}: {ends}{odd}"
            yield Picture(image, alt, name, f"{ends}{odd}")
