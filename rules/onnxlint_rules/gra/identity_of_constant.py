"""GRA018 identity-of-constant."""

from collections.abc import Iterator

from onnxlint import Draft, Finding, Fix, Graph, Node, Severity, rule, together

_CONSTANT_SLOTS = {
    "Conv": (1, 2), "ConvTranspose": (1, 2), "Gemm": (1, 2), "MatMul": (0, 1),
    "LSTM": (1, 2, 3), "GRU": (1, 2, 3), "RNN": (1, 2, 3),
    "Resize": (1, 2, 3), "Upsample": (1,), "Pad": (1, 2), "Clip": (1, 2), "Slice": (1, 2, 3, 4),
    "Reshape": (1,), "Expand": (1,), "Tile": (1,), "Squeeze": (1,), "Unsqueeze": (1,),
    "Split": (1,), "TopK": (1,), "ReduceMean": (1,), "ReduceSum": (1,),
}  # fmt: skip
"""Operands that converters (TensorRT's among them) accept only as constants."""

_BIAS_SLOTS = {"Conv": 2, "ConvTranspose": 2, "Gemm": 2, "LSTM": 3, "GRU": 3, "RNN": 3}
"""Which of them is the bias."""


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
    layers = set(graph.layers())
    told = set()
    for node in graph.nodes(*_CONSTANT_SLOTS):
        for slot in _CONSTANT_SLOTS[node.op]:
            value = node.input(slot)
            maker = value.producer if value is not None else None
            if maker is not None and maker.op in ("Identity", "Cast"):
                source = maker.input(0)
                if source is not None and source.tensor_proto is not None and maker not in told:
                    told.add(maker)
                    message = (
                        f"separates initializer {source.name!r} from input {slot} of {node.place}"
                    )
                    stored_small = maker.op == "Cast" and node in layers
                    harmless = stored_small or slot == _BIAS_SLOTS.get(node.op)
                    severity = Severity.INFO if harmless else None
                    cast = ", cast beforehand" * (maker.op == "Cast")
                    hint = f"connect {node.place} to {source.name!r}{cast}"
                    fix = _folding(maker)
                    yield Finding(maker, message, severity=severity, fix=fix, hint=hint)


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
