"""Looks at a model in a process of its own: it may be anybody's."""

from __future__ import annotations

import json
import os
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

from onnxlint.inspection.inspected import Inspected
from onnxlint.remote.names import renamed
from onnxlint.safety.forked import Crashed, Isolated
from onnxlint.safety.limits import Budget
from onnxlint.settings import Settings

if TYPE_CHECKING:
    from onnxlint.model.file.source import Source


class InspectionError(Exception):
    """A model cannot be inspected; the message says which, why and what to do."""


def look(
    path: str, settings: Settings, *, static_only: bool, bounds: bool = False, time: bool = False,
    source: Source | None = None,
) -> Inspected:  # fmt: skip
    """What there is to show of a model; one that is not a file is read from its `source`.

    Raises:
        InspectionError: the model or the data cannot be read, or reading it ends the process.
    """
    import msgspec

    looked = partial(_looked, settings=settings, static_only=static_only, bounds=bounds, time=time,
                     source=source)  # fmt: skip
    try:
        found = json.loads(Isolated(looked, os.fsencode(path), Budget.build(settings)).result())
    except Crashed as error:
        raise InspectionError(f"{path}: cannot be inspected: {error}") from error
    if "error" in found:
        raise InspectionError(renamed(found["error"]))
    return msgspec.convert({**renamed(found), "path": path}, Inspected)


def _looked(
    path: bytes,
    *,
    settings: Settings,
    static_only: bool,
    bounds: bool,
    time: bool,
    source: Source | None,
) -> bytes:
    """What is seen, as JSON, or an error."""
    from onnxlint.analyses import Analyses
    from onnxlint.analyses.execution.worker import Workers
    from onnxlint.inspection.collecting import inspected
    from onnxlint.model.file.errors import DataError, ModelError
    from onnxlint.model.file.load import open_model

    model, budget = os.fsdecode(path), Budget.build(settings)
    with closing(Workers()) as workers, closing(Analyses(settings, budget)) as analyses:
        if not static_only:
            worker = workers.with_limits(settings.time_limit, settings.memory_limit)
            worker.serve(budget)
            analyses.give(worker)
        try:
            with open_model(source or model, budget) as opened:
                analyses.give(opened)
                found = inspected(analyses, "", static_only=static_only, bounds=bounds, time=time)
        except (ModelError, DataError) as error:
            return json.dumps({"error": str(error)}).encode()
    return json.dumps(found.document(found.layers)).encode()
