"""The table of layers as one file for a browser: no script, nothing that loads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from onnxlint.inspection.columns import Column
from onnxlint.inspection.inspected import Inspected, Layer
from onnxlint.inspection.table import about, cells_of, feet, shown_layers

TEMPLATES = Path(__file__).parent / "templates"


class Heading(Struct, frozen=True):
    """The head of a column; `is_number` sets it, and what is below, to the right."""

    text: str
    is_number: bool


class Page(Struct, frozen=True):
    """All that the template reads."""

    path: str
    about: str
    ports: Sequence[tuple[str, str, str, str]]
    headings: Sequence[Heading]
    rows: Sequence[Sequence[str]]
    feet: Sequence[str]


def html_text(
    model: Inspected, layers: Sequence[Layer], *, unfolds: bool, facts: Sequence[str] = (),
    told: Sequence[str] = (),
) -> str:  # fmt: skip
    """The page, with what the table in a wide terminal has."""
    from markupsafe import Markup

    from onnxlint.reporters.html.printing import environment, policy

    style = (TEMPLATES / "inspect.css").read_text(encoding="utf-8")
    page = _page(model, layers, unfolds=unfolds, facts=facts, told=told)
    template = environment(TEMPLATES).get_template("inspect.html.jinja")
    return template.render(page=page, policy=policy(style), style=Markup(style))


def _page(
    model: Inspected, layers: Sequence[Layer], *, unfolds: bool, facts: Sequence[str],
    told: Sequence[str],
) -> Page:  # fmt: skip
    shown = shown_layers(layers, unfolds=unfolds)
    columns = [(column, texts) for column, texts in cells_of(shown, model, facts) if any(texts)]
    ports = [("Input", each) for each in model.inputs] + [
        ("Output", each) for each in model.outputs
    ]
    return Page(
        path=model.path,
        about=about(model),
        ports=[
            (kind, port.name, port.type, "" if port.layer is None else f"#{port.layer}")
            for kind, port in ports
        ],
        headings=[_heading(column) for column, _ in columns],
        rows=[*zip(*(texts for _, texts in columns), strict=True)],
        feet=[*told, *feet(model, layers, len(layers) - len(shown))],
    )


def _heading(column: Column) -> Heading:
    return Heading(column.heading, column.is_right)
