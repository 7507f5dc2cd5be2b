"""Looks at a model for viewers in a process of its own: it may be anybody's."""

from __future__ import annotations

import json
import os
from contextlib import closing
from functools import partial
from pathlib import Path

from onnxlint.inspection.looking import InspectionError
from onnxlint.safety.forked import Crashed, Isolated
from onnxlint.safety.limits import Budget
from onnxlint.settings import Settings
from onnxlint.viewers.picture import Picture


def look(path: str, settings: Settings, *, static_only: bool, time: bool = False) -> Picture:
    """All of a model, with every value that can be recorded.

    Raises:
        InspectionError: the model or the data cannot be read, or reading it ends the process.
    """
    import msgspec
    from msgspec.structs import replace

    full = replace(settings, full_trace=True)
    looked = partial(_looked, settings=full, static_only=static_only, time=time)
    try:
        found = json.loads(Isolated(looked, os.fsencode(path), Budget.build(settings)).result())
    except Crashed as error:
        raise InspectionError(f"{path}: cannot be inspected: {error}") from error
    if "error" in found:
        raise InspectionError(found["error"])
    drawn = msgspec.convert(found, Picture)
    return replace(
        drawn, model=replace(drawn.model, path=path), modified=Path(path).stat().st_mtime
    )


def _looked(path: bytes, *, settings: Settings, static_only: bool, time: bool) -> bytes:
    """What is seen, as JSON, or an error."""
    import msgspec

    from onnxlint.analyses import Analyses
    from onnxlint.analyses.execution.worker import Workers
    from onnxlint.model.file.errors import DataError, ModelError
    from onnxlint.model.file.load import open_model
    from onnxlint.viewers.collecting import picture

    budget = Budget.build(settings)
    with closing(Workers()) as workers, closing(Analyses(settings, budget)) as analyses:
        if not static_only:
            worker = workers.with_limits(settings.time_limit, settings.memory_limit)
            worker.serve(budget)
            analyses.give(worker)
        try:
            with open_model(os.fsdecode(path), budget) as opened:
                analyses.give(opened)
                drawn = picture(analyses, static_only=static_only, time=time)
        except (ModelError, DataError) as error:
            return json.dumps({"error": str(error)}).encode()
    return json.dumps(msgspec.to_builtins(drawn)).encode()
