"""RUN010 no-valid-input."""

from collections.abc import Iterator

from onnxlint import Execution, Finding, Graph, Place, Severity, rule


@rule("RUN010", "no-valid-input", severity=Severity.INFO)
def no_valid_input(graph: Graph, execution: Execution) -> Iterator[Finding]:
    """A model that was not run, because no valid input could be made up.

    Why: what only a run shows (NaN, dead units, collapsed predictions) stays unseen, and a clean
    report says less than it seems to.
    Fix: supply real samples with `--data`; name sizes in the model's input shapes.

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
    file = graph.model.path
    remedy = f"supply samples: onnxlint {file} --data samples.npz"
    if execution.inputs.obstacle is not None and not execution.inputs.slots:
        remedy = "only tensors of the usual types can be fed, from --data, too"
    yield Finding(Place(), f"{execution.no_valid_input}; {remedy}")
