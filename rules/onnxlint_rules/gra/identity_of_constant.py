"""GRA018 identity-of-constant."""

from collections.abc import Iterator

from onnxlint import Draft, Finding, Fix, Graph, Node, Severity, rule, together
from onnxlint.model.graph.operators import BIAS_SLOT, CONSTANT_SLOTS
from onnxlint.model.graph.traversal import behind


@rule("GRA018", "identity-of-constant", severity=Severity.WARNING)
def identity_of_constant(graph: Graph) -> Iterator[Finding]:
    """An Identity or Cast between an initializer and an operand that should be constant.

    Why: converters and mobile runtimes require such operands (weights, scales, pads, shapes) to be
    constants, and do not look past the node: TensorRT rejects the model (issue 2803), and fusion
    and quantisation skip the layer. An info for a bias: PyTorch's TorchScript exporter stores equal
    ones once and passes them on through an Identity, which importers see through there; and for
    weights that are cast, which are stored in a narrow type to save space. Exempt are parameters of
    normalisations, which PyTorch shares like biases. Once per model and severity.
    Fix: fold the node: give the operand the initializer itself, cast beforehand. `--fix` folds an
    Identity; a cast changes values, and stays.

    Bad:
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] w = {1, 2, 3, 4}>
    {
        v = Identity(w)
        y = Gemm(x, v)
    }

    Good:
    # added like any other tensor
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2] w = {1, 2}>
    {
        v = Identity(w)
        y = Add(x, v)
    }
    """
    yield from together(_between(graph), "nodes")


def _between(graph: Graph) -> Iterator[Finding]:
    """A finding for every node that stands between a constant and an operand."""
    layers, told = set(graph.layers()), set[Node]()
    for node in graph.nodes(*CONSTANT_SLOTS):
        for slot in CONSTANT_SLOTS[node.op]:
            maker = behind(node.input(slot), {"Identity", "Cast"}, ())
            source = None if maker is None else maker.input(0)
            if maker is None or source is None or source.tensor_proto is None or maker in told:
                continue
            told.add(maker)
            casts = maker.op == "Cast"
            is_harmless = (casts and node in layers) or slot == BIAS_SLOT.get(node.op)
            yield Finding(
                maker,
                f"separates initializer {source.name!r} from input {slot} of {node.place}",
                severity=Severity.INFO if is_harmless else None,
                fix=_folding(maker),
                hint=f"connect {node.place} to {source.name!r}{', cast beforehand' * casts}",
            )


def _folding(identity: Node) -> Fix | None:
    made = identity.output
    if identity.op != "Identity" or made is None or made.is_output or made.yielded_to:
        return None
    return Fix("connect its consumers to the initializer directly", _fold, identity)


def _fold(draft: Draft, identity: Node) -> None:
    source, made = identity.input(0), identity.output
    if source is not None and made is not None:
        draft.redirect(made, source)
        draft.remove(identity)
