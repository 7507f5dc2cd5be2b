"""What the configuration promises of a model, beside what the model has of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cached_property
from typing import ClassVar

from msgspec import Struct

from onnxlint.analyses.static.layers import Layers
from onnxlint.analyses.static.named_layers import NamedLayer, named_layers
from onnxlint.analyses.static.trained_parameters import Parameters
from onnxlint.model.graph.crossings import in_order
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Value
from onnxlint.model.graph.place import Place, shortened
from onnxlint.nearest import nearest
from onnxlint.origins import FACTS, Fact
from onnxlint.promises import (
    LONGEST_PATTERN,
    Architecture,
    Budgets,
    Provenance,
    ValuePromise,
)
from onnxlint.settings import InputContract, OutputContract, Settings

MOST_COMPARED = 5_000
"""Names among which a misspelt one is looked for: a choice, a tenth of a second."""


LONGEST_SPELT = 200
"""Characters of a name that is compared with others, which takes the square of them."""


class PromisedValue(Struct, frozen=True):
    """An entry of `[values]`: its name or glob, what it promises, and the values that it is of."""

    name: str
    promise: ValuePromise
    values: tuple[Value, ...]


class UnknownName(Struct, frozen=True):
    """A name of the contract that the model does not have: the table, and a name that is near."""

    table: str
    name: str
    near: str | None

    @property
    def place(self) -> Place:
        """The line of the contract."""
        return Contract.line(self.table, self.name)


class Contract:
    """The promises of the configuration, by what they are about.

    `architecture`, `budgets` and `provenance` are as they were written; `inputs` and `outputs` are
    those that the model has. What it does not have is in `unknown`.
    """

    def __init__(self, graph: Graph, layers: Layers, settings: Settings) -> None:
        self._graph, self._layers, self._settings = graph, layers, settings
        self.architecture: Architecture = settings.architecture
        self.budgets: Budgets = settings.budgets
        self.provenance: Provenance = settings.provenance

    @classmethod
    def build(cls, graph: Graph, layers: Layers, settings: Settings) -> Contract:
        """Takes the declarations as they are; names are looked up when somebody asks."""
        return cls(graph, layers, settings)

    @property
    def required_facts(self) -> Mapping[str, Fact]:
        """What is required of the model's origin by name, each with its keys and its form."""
        return {name: FACTS[name] for name in self.provenance.require if name in FACTS}

    @staticmethod
    def line(*keys: str) -> Place:
        """The place of a finding about the model as a whole: the line of the contract."""
        return Place(value=shortened(".".join(keys)))

    @cached_property
    def inputs(self) -> Mapping[Value, InputContract]:
        """What is declared of each input that the model has."""
        declared, values = self._settings.inputs, self._inputs
        return {values[name]: each for name, each in declared.items() if name in values}

    @cached_property
    def outputs(self) -> Mapping[Value, OutputContract]:
        """What is declared of each output that the model has."""
        declared, values = self._settings.outputs, {v.name: v for v in self._graph.outputs}
        return {values[name]: each for name, each in declared.items() if name in values}

    @cached_property
    def values(self) -> list[PromisedValue]:
        """What is promised of inner values."""
        return [
            PromisedValue(name, promise, tuple(self._named(name)))
            for name, promise in self._settings.values.items()
        ]

    @cached_property
    def layers(self) -> list[NamedLayer]:
        """The layers that the model has, in the order of the file."""
        return named_layers(self._graph, self._layers)

    @cached_property
    def operators(self) -> Counter[str]:
        """How many nodes each operator has, in all scopes."""
        return Counter(node.op for node in self._graph.nodes())

    @cached_property
    def parameters(self) -> int:
        """How many numbers of the model were learnt."""
        return Parameters.build(self._graph).total

    @cached_property
    def symbols(self) -> frozenset[str]:
        """The names of the inputs' dynamic dimensions."""
        types = (value.type for value in self._graph.inputs if value.type is not None)
        dims = (dim for kind in types for dim in kind.tensor_type.shape.dim)
        return frozenset(dim.dim_param for dim in dims if dim.dim_param)

    @property
    def is_empty(self) -> bool:
        """Whether no promise is about anything by its name."""
        settings = self._settings
        return not (settings.inputs or settings.outputs or settings.values or self.budgets.sizes)

    @property
    def unknown(self) -> Iterator[UnknownName]:
        """The names that the model does not have, in the order of the file."""
        settings = self._settings
        outputs = [value.name for value in self._graph.outputs]
        yield from _unknown("inputs", settings.inputs, self._inputs)
        yield from _unknown("outputs", settings.outputs, outputs)
        lost = [each.name for each in self.values if not each.values]
        yield from _unknown("values", lost, self._values_by_name)
        yield from _unknown("budgets.sizes", self.budgets.sizes, self.symbols)

    def name_of(self, value: Value) -> str | None:
        """The name by which `[values]` best tells a value: its module, else its own.

        None where neither leads to it.
        """
        module = None if value.producer is None else value.producer.place.module
        for name in (module, value.name):
            if name and len(name) <= LONGEST_PATTERN and self._values_by_name.get(name) is value:
                return name
        return None

    @cached_property
    def _inputs(self) -> Mapping[str, Value]:
        known = self._graph.main.values.values()
        return {value.name: value for value in known if value.is_input} | {
            value.name: value for value in self._graph.inputs
        }

    def _named(self, name: str) -> Iterable[Value]:
        """The values of this name, or that a glob matches, each once."""
        known = self._values_by_name
        if name in known:
            return (known[name],)
        matched = (value for each, value in known.items() if fnmatchcase(each, name))
        return dict.fromkeys(matched) if set(name) & set("*?[") else ()

    @cached_property
    def _values_by_name(self) -> Mapping[str, Value]:
        """Values by their own name, by their node's, and by the module that ends with them."""
        own: dict[str, Value] = {value.name: value for value in self._graph.inputs}
        by_node: dict[str, Value] = {}
        by_module: dict[str, Value] = {}
        for node in in_order(self._graph.main):
            if node.output is None or node.op == "Constant":
                continue
            for value in filter(None, node.outputs):
                own.setdefault(value.name, value)
            by_node.setdefault(node.name, node.output)
            for module in _with_parents(node.place.module):
                by_module[module] = node.output
        by_node.pop("", None)
        return by_module | by_node | own


class DeclaredContract(Contract):
    """The contract, where the configuration promises anything: what rules hold a model to."""

    asked_by: ClassVar = ("promises", "the configuration promises nothing of the model")


def _with_parents(module: str | None) -> Iterator[str]:
    """`layer1.0.conv1`, `layer1.0`, `layer1`."""
    while module:
        yield module
        module = module.rpartition(".")[0]


def _unknown(table: str, names: Iterable[str], known: Iterable[str]) -> Iterator[UnknownName]:
    names, known = list(names), set(known)
    for name in (name for name in names if name not in known):
        yield UnknownName(table, name, _nearest(name, known))


def _nearest(name: str, known: set[str]) -> str | None:
    """A name that is spelt nearly so; longer ones than `LONGEST_SPELT` are nobody's typing."""
    if len(name) > LONGEST_SPELT:
        return None
    alike = [each for each in known if abs(len(each) - len(name)) <= 1 + len(name) // 3]
    near = nearest(name, sorted(alike)[:MOST_COMPARED])
    return near[0] if near else None
