"""What the classes of an output are called, and the class numbers that labels mean by it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from onnxlint.analyses.predictions.labels import Labels
from onnxlint.findings import counted
from onnxlint.model.file.errors import DataError
from onnxlint.model.file.mapped_files import TensorError
from onnxlint.model.graph.graph import Graph
from onnxlint.settings import Settings

if TYPE_CHECKING:
    from onnxlint.model.file.tensors import Tensor
    from onnxlint.types import Array

_NAMING = ("classlabels_strings", "classlabels_int64s", "classlabels_ints")
"""Attributes of ai.onnx.ml's classifiers and ZipMap that name the classes."""

_NAMED_BY = ("string", "int8", "int16", "int32", "int64")
"""The types of tables whose entries name classes."""

_KEYS = ("names", "classes", "class_names", "labels", "label_names", "id2label", "idx_to_class",
         "class_to_idx", "label2id", "categories")  # fmt: skip
"""Keys of a model's metadata under which exporters and people write the names of classes."""

_QUOTED = re.compile("('[^'\\\\]*'|\"[^\"\\\\]*\")")
_PAIR = re.compile(rf"(\d{{1,7}})\s*:\s*{_QUOTED.pattern}")
"""What stands in lists and dictionaries as Python writes them: its own parser has no limits."""

LARGEST_ENTRY = 1 << 20
"""Characters of such an entry; a choice, ten times those of ImageNet-21k's names."""


class Numbered(Struct, frozen=True, eq=False):
    """Labels as class numbers; `names` are those of the classes.

    `by` says what the numbers come from: `labels` are numbers themselves, or the names come from
    the `configuration`, the `model` or its `metadata`; names of folders are `numbers`, or without
    any names they count in their `order`.
    """

    numbers: Array
    names: Sequence[str] | None
    by: str


class ClassNames(Struct, frozen=True, eq=False):
    """The names that the configuration, the graph and its metadata give to classes."""

    graph: Graph
    settings: Settings
    labels: Labels

    def of(self, output: str, classes: int) -> tuple[Sequence[str] | None, str]:
        """The names of so many classes, by whom; one number is the second of two classes.

        Raises:
            DataError: the configuration lists other than so many.
        """
        return names_of(self.graph, self.settings, output, classes)

    def numbered(self, truths: Array, output: str, classes: int) -> Numbered | None:
        """Labels as numbers of the classes; None where they cannot be."""
        names, by = self.of(output, classes)
        if truths.dtype.kind == "i" and by != "model":
            declared = by == "configuration"
            return Numbered(truths, names if declared else None, "labels")
        texts = [str(label) for label in truths.reshape(-1).tolist()]
        folders = self.labels.folders
        number = {} if names is None else {name: at for at, name in enumerate(names)}
        if folders is not None and names is not None:
            number = _matched(folders, names)
        if not number and folders is not None:
            number, names, by = _of_folders(folders, max(2, classes), names)
        found = [number.get(text) for text in texts]
        if None in found:
            return None
        return Numbered(_integers(found, truths.shape), names, by)

    def by_itself(self, truths: Array, output: str) -> Numbered | None:
        """Names as numbers of the classes that an output gives as such; None where unknown."""
        contract, folders = self.settings.outputs.get(output), self.labels.folders
        if contract is not None and contract.classes:
            return self.numbered(truths, output, len(contract.classes))
        numbers = None if folders is None else whole_numbers(folders)
        if numbers is None:
            return None
        found = [numbers[str(label)] for label in truths.reshape(-1).tolist()]
        return Numbered(_integers(found, truths.shape), None, "numbers")

    def misfit(self, known: Mapping[str, int]) -> str | None:
        """Why folders are no classes of outputs with so many each; None where labels are a file."""
        folders, source = self.labels.folders, self.labels.source
        if folders is None or not known:
            return None
        output, classes = next(iter(known.items()))
        names, _ = self.of(output, classes)
        remedy = f'list the names in the order of the numbers: [outputs."{output}"] classes = […]'
        if names is not None:
            strange = sorted({*folders} - {*_matched(folders, names)}) or [*folders]
            told = f"no class of output {output!r} is called like {_shown(strange, 'folder')}"
            return f"{source}: {told} (classes: {_shown(names)}); rename folders, or {remedy}"
        told = f"{counted(len(folders), 'folder')} for {max(2, classes):,} classes of output"
        unknown = "which the model does not name, so that no folder's class is known"
        numbers = "name folders by class number (0, 1, …)"
        return f"{source}: {told} {output!r}, {unknown}; {numbers}, or {remedy}"


def names_of(
    graph: Graph, settings: Settings, output: str, classes: int
) -> tuple[Sequence[str] | None, str]:
    """The names of so many classes, by whom; one number is the second of two classes.

    Raises:
        DataError: the configuration lists other than so many.
    """
    count = max(2, classes)
    contract = settings.outputs.get(output)
    if contract is not None and contract.classes:
        listed = len(contract.classes)
        if listed != count:
            told = f"lists {listed:,} names, and the output has {count:,} classes"
            raise DataError(f"[outputs.{output}] classes {told}; list one name per class")
        return contract.classes, "configuration"
    in_graph = _names_in_graph(graph, count)
    if in_graph is not None:
        return in_graph, "model"
    entries = graph.model.proto.metadata_props
    found = {entry.key.lower(): entry.value for entry in entries}
    told_names = (_listed(found[key]) for key in _KEYS if key in found)
    named = next((names for names in told_names if len(names) == count), None)
    return named, "metadata" if named else ""


def _integers(numbers: Sequence[Any], shape: tuple[int, ...]) -> Array:
    import numpy as np

    return np.array(numbers, np.int64).reshape(shape)


def _of_folders(
    folders: Sequence[str], count: int, names: Sequence[str] | None
) -> tuple[dict[str, int], Sequence[str] | None, str]:
    """What folders mean that are not called like classes: numbers, or as many in their order."""
    numbers = whole_numbers(folders)
    if numbers is not None and max(numbers.values()) < count:
        return numbers, names, "numbers"
    if names is None and len(folders) == count:
        return {name: at for at, name in enumerate(folders)}, folders, "order"
    return {}, names, ""


def whole_numbers(folders: Sequence[str]) -> dict[str, int] | None:
    """Names of folders as the numbers that they are, each another one; None where one is none."""
    if not folders or not all(name.isascii() and name.isdigit() for name in folders):
        return None
    numbers = {name: int(name) for name in folders if len(name) < 10}
    return numbers if len({*numbers.values()}) == len(folders) else None


def _matched(folders: Sequence[str], names: Sequence[str]) -> dict[str, int]:
    """The class of each folder by its name, as it is, else but for case, `_`, `-` and spaces.

    Folders that are called like no class are left out.
    """
    best: dict[str, int] = {}
    for spelt in (str, _plain):
        number = {spelt(name): at for at, name in enumerate(names)}
        found = {each: number[spelt(each)] for each in folders if spelt(each) in number}
        is_clear = len(number) == len(names) and len({*found.values()}) == len(found)
        if is_clear and len(found) > len(best):
            best = found
    return best


def _plain(name: str) -> str:
    return "".join(name.casefold().replace("_", " ").replace("-", " ").split())


def _shown(names: Sequence[str], kind: str = "") -> str:
    from onnxlint.runtime.data.wording import listed

    return f"{kind} {listed(names)}".strip()


def _names_in_graph(graph: Graph, count: int) -> Sequence[str] | None:
    """The names that classifiers and tables of labels give to so many classes."""
    for node in graph.main.nodes:
        for attribute in _NAMING if node.domain == "ai.onnx.ml" else ():
            named = node.attribute(attribute, [])
            if len(named) == count:
                return [_text(name) for name in named]
        if node.op == "ai.onnx.ml::ArrayFeatureExtractor":
            table = graph.tensor(node.input(0))
            if table is not None and table.size == count and table.dtype in _NAMED_BY:
                return [_text(name) for name in _entries(table)] or None
    return None


def _entries(table: Tensor) -> list[Any]:
    try:
        return list(table.array().reshape(-1).tolist())
    except TensorError:
        return []


def _text(name: Any) -> str:
    return name.decode(errors="replace") if isinstance(name, bytes) else str(name)


def _listed(entry: str) -> list[str]:
    """The names in an entry: a list, numbers with names or names with numbers; else none.

    They are JSON or, as Ultralytics writes them, Python's literals; plain text has commas.
    """
    value = _parsed(entry)
    if isinstance(value, dict):
        pairs = [*value.items()]
        if all(type(each) is int for each in value.values()):
            pairs = [(at, name) for name, at in pairs]
        value = _in_order(pairs)
    is_list = isinstance(value, list | tuple) and all(isinstance(name, str) for name in value)
    names = [str(name) for name in value] if is_list else []
    return names if len({*names}) == len(names) > 1 else []


def _parsed(entry: str) -> Any:
    if len(entry) > LARGEST_ENTRY:
        return None
    try:
        return json.loads(entry)
    except (ValueError, RecursionError):
        entry = entry.strip()
    within, brackets = entry[1:-1], entry[:1] + entry[-1:]
    if brackets == "{}":
        return {at: quoted[1:-1] for at, quoted in _PAIR.findall(within)}
    if brackets in ("[]", "()"):
        return [quoted[1:-1] for quoted in _QUOTED.findall(within)]
    return [name.strip() for name in entry.split(",")]


def _in_order(pairs: Iterable[tuple[Any, Any]]) -> list[Any]:
    """What stands at 0, 1, …; nothing where a number is missing."""
    by_number = {int(at): name for at, name in pairs if str(at).isdecimal() and len(str(at)) < 8}
    numbers = range(len(by_number))
    return [by_number[at] for at in numbers] if {*by_number} == {*numbers} else []
