"""The whole model, as it ships, on a counterexample."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxlint.analyses.execution.probed_session import runnable
from onnxlint.runtime.protocol import Run, Watch

if TYPE_CHECKING:
    from onnxlint.analyses.counterexamples.subject import Subject
    from onnxlint.types import Feed


def outputs_reached(subject: Subject, feed: Feed) -> tuple[str, ...]:
    """The outputs that hold NaN or infinity.

    Raises:
        RunFailure: onnxruntime cannot run the model on it.
        WorkerDied: it ends the worker.
    """
    graph, execution, worker = subject.graph, subject.execution, subject.worker
    data, folder = runnable(graph.model, [], synthetic=execution.synthetic)
    worker.start()
    worker.load(data, folder, execution.level)
    shapes = {value.name: subject.shapes.of(value) for value in graph.outputs}
    names = [name for name, shape in shapes.items()
             if shape is not None and shape.dtype in ("float", "float16", "double")]  # fmt: skip
    import numpy as np

    fed = {name: np.asarray(array) for name, array in feed.items()}
    ran = worker.run(Run(fed, [Watch(name) for name in names], []), whole=False)
    seen = ((name, ran.statistics.get(name)) for name in names)
    return tuple(name for name, each in seen if each is not None and (each.nan or each.infinite))
