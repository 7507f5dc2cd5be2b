"""RUN010 no-valid-input."""

from collections.abc import Iterator

from onnxlint import Execution, Finding, Graph, Place, Severity, rule


@rule("RUN010", "no-valid-input", severity=Severity.INFO)
def no_valid_input(graph: Graph, execution: Execution) -> Iterator[Finding]:
    """A model that was not run because no valid input could be synthesised.

    Why: defects that only a run shows (NaN, dead units, collapsed predictions) are not found, so a
    clean report covers less than it seems to.
    Fix: supply real samples with `--data`; declare sizes in the model's input shapes.

    Bad:
    net (seq(float[N]) xs) => (float[M] y)
    {
        y = ConcatFromSequence <axis = 0> (xs)
    }

    Good:
    net (float[N] x) => (float[N] y)
    {
        xs = SequenceConstruct(x)
        y = ConcatFromSequence <axis = 0> (xs)
    }
    """
    if execution.no_valid_input is None:
        return
    remedy = f"supply samples: onnxlint {graph.model.path} --data samples.npz"
    if execution.inputs.obstacle is not None and not execution.inputs.slots:
        remedy = "declare the inputs as tensors of common dtypes: --data takes no others either"
    yield Finding(Place(), execution.no_valid_input, hint=remedy)
