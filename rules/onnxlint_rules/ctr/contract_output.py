"""CTR007 contract-output."""

from collections.abc import Iterator

from onnxlint import DeclaredContract, Finding, NotApplicable, Severity, Shapes, Value, rule
from onnxlint_rules.ctr._signature import broken


@rule("CTR007", "contract-output", severity=Severity.ERROR)
def contract_output(contract: DeclaredContract, shapes: Shapes) -> Iterator[Finding]:
    """An output of another dtype, shape or number of classes than the contract promises.

    Why: what reads the predictions relies on the number of classes, on the axis of the batch and on
    the dtype. `[outputs.NAME] shape` is written as that of inputs: sizes, names for dynamic
    dimensions, `"*"` for any. What the file leaves open is inferred from the graph. Scores have an
    axis with as many elements as `[outputs.NAME] classes` has names; of two classes a single score
    will do.
    Fix: export with the promised signature, or change it with the callers.

    Bad:
    # config: outputs.y.shape = ["N", 10]
    net (float[N, 3] x) => (float[N, 3] y)
    {
        y = Relu(x)
    }

    Bad:
    # config: outputs.y.dtype = "int64"
    net (float[N, 3] x) => (float[N, 3] y)
    {
        y = Relu(x)
    }

    Bad:
    # config: outputs.y.classes = ["cat", "dog"]
    net (float[N, 3] x) => (float[N, 3] y)
    {
        y = Relu(x)
    }

    Good:
    # config: outputs.y.classes = ["cat", "dog", "fox"]
    net (float[N, 3] x) => (float[N, 3] y)
    {
        y = Relu(x)
    }

    Good:
    # config: outputs.y = {dtype = "float32", shape = ["N", 3]}
    net (float[batch, 3] x) => (float[batch, 3] y)
    {
        y = Relu(x)
    }
    """
    promised = {
        value: each
        for value, each in contract.outputs.items()
        if each.dtype or each.shape is not None or each.classes
    }
    if not promised:
        raise NotApplicable("the contract promises no dtype, shape or classes of an output")
    for value, each in promised.items():
        yield from broken(shapes, value, "output", each)
        if each.classes:
            yield from _miscounted(shapes, value, len(each.classes))


def _miscounted(shapes: Shapes, value: Value, promised: int) -> Iterator[Finding]:
    """A finding for scores without an axis of so many classes; sizes that are open may be any."""
    shape = shapes.of(value)
    dims = None if shape is None else shape.dims
    if shape is None or dims is None or not shape.dtype.startswith(("float", "double", "bfloat")):
        return  # labels have no axis of classes
    sizes = dims[1:]  # the first axis counts samples
    is_open = not sizes or not all(isinstance(size, int) for size in sizes)
    if is_open or promised in sizes or (promised == 2 and 1 in sizes):
        return
    told = ", ".join(str(dim or "?") for dim in dims)
    yield Finding(
        value,
        f"output {value.name!r} is [{told}], without an axis of {promised:,} classes (promised)",
        evidence={"promise": "classes"},
        hint=f"list one name per class in outputs.{value.name}.classes, or change the head",
    )
