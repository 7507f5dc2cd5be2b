"""`onnxlint.inspect`: a model layer by layer, for programs and notebooks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from onnxlint.inspection.choosing import Choice
from onnxlint.inspection.csv_rows import csv_text
from onnxlint.inspection.inspected import Inspected, Layer
from onnxlint.inspection.looking import look
from onnxlint.inspection.table import about, cells_of, feet, shown_layers, summary
from onnxlint.model.file.errors import ModelError
from onnxlint.model.file.source import InMemory, in_memory
from onnxlint.safety import markup
from onnxlint.settings import Settings


class Inspection:
    """What is seen of a model; `layers` are the nodes that were asked for, glue among them.

    `model` has what belongs to the whole: inputs, outputs, versions, and all layers. A notebook
    shows it as a table; `str` gives the table of the command line.
    """

    def __init__(
        self, model: Inspected, layers: Sequence[Layer], choice: Choice, unknown: int
    ) -> None:  # fmt: skip
        self.model, self.layers = model, tuple(layers)
        self._choice, self._unknown = choice, unknown

    def __len__(self) -> int:
        """How many layers were asked for."""
        return len(self.layers)

    def __repr__(self) -> str:
        """One line."""
        return f"<Inspection of {self.model.path!r}: {len(self)} of {len(self.model.layers)} nodes>"

    def __str__(self) -> str:
        """The table, as wide as it is."""
        lines = summary(self.model, self.layers, width=None, unfolds=self._choice.unfolds,
                        facts=self._choice.columns, told=self._told)  # fmt: skip
        return "\n".join(map(str, lines))

    def to_dict(self) -> dict[str, Any]:
        """What `--format json` has."""
        left_out = len(self.model.layers) - len(self)
        counts = {"left_out": left_out, "not_known": self._unknown}
        return {**self.model.document(self.layers), **counts}

    def to_csv(self) -> str:
        """What `--format csv` has."""
        return csv_text(self.layers)

    def _repr_html_(self) -> str:
        shown = shown_layers(self.layers, unfolds=self._choice.unfolds)
        every = cells_of(shown, self.model, self._choice.columns)
        columns = [(column, texts) for column, texts in every if any(texts)]
        rows = [*zip(*(texts for _, texts in columns), strict=True)]
        numbers = {at for at, (column, _) in enumerate(columns) if column.is_right}
        folded = len(self.layers) - len(shown)
        return "".join((
            markup.heading(self.model.path),
            markup.paragraph(about(self.model)),
            markup.table([column.heading for column, _ in columns], rows, numbers) if rows else "",
            *map(markup.paragraph, (*self._told, *feet(self.model, self.layers, folded))),
        ))  # fmt: skip

    @property
    def _told(self) -> list[str]:
        unobserved = self.model.unobserved
        missing = [] if unobserved is None else [f"no observed ranges: {unobserved}"]
        return [*missing, *self._choice.told(len(self), len(self.model.layers), self._unknown)]


def inspect(
    model: str | Path | InMemory,
    *,
    folder: Path | None = None,
    config: Path | None = None,
    trust_config: bool = False,
    settings: Settings | None = None,
    static_only: bool = False,
    bounds: bool = False,
    where: str | Iterable[str] = (),
    find: str | Iterable[str] = (),
    sort: str | None = None,
) -> Inspection:
    """Looks at one model layer by layer, as `onnxlint inspect` does.

    Args:
        model: as for `lint`: a path, or a model in memory.
        folder: where the external data of a model in memory lies.
        config: a configuration file; without it the nearest one holds.
        trust_config: whether one that lies with the model is trusted.
        settings: data, samples, seed, limits; without it the configuration's. Its inputs and
            outputs win over the configuration's where they are set.
        static_only: whether the model is not run; nothing is observed then.
        bounds: whether to compute what each value can be for any input in range.
        where: conditions that layers must meet, as of `--where`.
        find: common conditions, as of `--find`.
        sort: a fact to sort by, as of `--sort`.

    Raises:
        InspectionError: the model or the data cannot be read.
        ExpressionError: a condition cannot be read.
        ConfigError: the configuration cannot be used.
        TypeError: `model` is none of these.
    """
    choice = Choice.of(_texts(where), _texts(find), sort)
    bounds = bounds or choice.needs("bounds")
    is_path = isinstance(model, str | Path)
    used = _settings(str(model) if is_path else "-", config, settings, choice, trusted=trust_config)
    if isinstance(model, str | Path):
        seen = look(str(model), used, static_only=static_only, bounds=bounds)
    else:
        seen = _looked_at(model, folder, used, static_only=static_only, bounds=bounds)
    layers, unknown = choice.of_layers(seen.layers)
    return Inspection(seen, layers, choice, unknown)


def _looked_at(
    model: InMemory, folder: Path | None, settings: Settings, *, static_only: bool, bounds: bool
) -> Inspected:
    from onnxlint.inspection.looking import InspectionError

    try:
        with in_memory(model, folder) as source:
            return look(
                source.name, settings, static_only=static_only, bounds=bounds, source=source
            )  # fmt: skip
    except ModelError as error:
        raise InspectionError(str(error)) from error


def _settings(
    path: str, config: Path | None, given: Settings | None, choice: Choice, *, trusted: bool
) -> Settings:
    from onnxlint.config import load_for
    from onnxlint.job import contracted_settings

    settings = contracted_settings(load_for(path, config, trusts_all=trusted), path)
    if given is not None:
        inputs, outputs = given.inputs or settings.inputs, given.outputs or settings.outputs
        settings = replace(given, inputs=inputs, outputs=outputs)
    full = settings.full_trace or choice.needs("run")  # what is not recorded is not found
    return replace(
        settings, reference=None, compare_simple=False, integers=True, full_trace=full
    )  # fmt: skip


def _texts(given: str | Iterable[str]) -> Sequence[str]:
    return [given] if isinstance(given, str) else [*given]
