"""Another ONNX file on the same samples, beside the same labels: a baseline of one's own."""

from __future__ import annotations

from contextlib import ExitStack, closing
from pathlib import Path

from msgspec.structs import replace

from onnxlint.analyses import Analyses
from onnxlint.analyses.execution.worker import Worker
from onnxlint.analyses.predictions.scores import Scores
from onnxlint.model.file.errors import DataError, ModelError
from onnxlint.model.file.load import open_model
from onnxlint.model.graph.place import NotApplicable
from onnxlint.model.preflight import Preflight
from onnxlint.safety.limits import Budget
from onnxlint.settings import Settings


def scores_of(
    file: Path, like: Scores, settings: Settings, budget: Budget, worker: Worker
) -> Scores:
    """How well another model meets the labels, opened as carefully as the first.

    Raises:
        DataError: it cannot be read, does not run on the samples, or predicts something else.
    """
    told = f"--baseline {file}"
    alone = replace(
        settings, baselines=(), compare_simple=False, reference=None, series=None, train_data=None,
        train_labels=None, witnesses=None, full_trace=False, integers=False, layer=None,
        timed=False,
    )  # fmt: skip
    with ExitStack() as stack:
        try:
            model = stack.enter_context(open_model(str(file), budget))
            analyses = stack.enter_context(closing(Analyses(alone, model, budget, worker)))
            refusal = analyses.get(Preflight).refusal
            if refusal is not None:
                raise DataError(f"is not opened: {refusal}")
            scores = analyses.get(Scores)
        except ModelError as error:
            raise DataError(f"{told} {error.problem}; {error.remedy}") from error
        except (DataError, NotApplicable) as error:
            raise DataError(f"{told}: {error}") from error
    if (scores.task, scores.samples) != (like.task, like.samples):
        raise DataError(
            f"{told}: labels fit its output {scores.output.value.name!r} as {scores.task} of "
            f"{scores.samples:,} samples, that of the model as {like.task} of {like.samples:,}; "
            "give a model that predicts the same"
        )
    return scores
