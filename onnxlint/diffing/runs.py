"""Both models run on the same samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from onnxlint.analyses import Analyses
from onnxlint.analyses.execution.execution import Execution
from onnxlint.analyses.inputs.inputs import Inputs
from onnxlint.model.file.errors import DataError, MisfitError
from onnxlint.model.graph.nodes import Value
from onnxlint.model.graph.place import NotApplicable
from onnxlint.settings import Settings

if TYPE_CHECKING:
    from onnxlint.runtime.feeds.synthesis import Attempt
    from onnxlint.types import Feed


class NotCompared(Exception):  # noqa: N818 - it says what is not looked at, and is no failure
    """The models cannot be run on the same samples; the message says why."""


class SameRuns(Struct, frozen=True):
    """The runs of both models, on the same samples in the same order."""

    old: Execution
    new: Execution

    @property
    def samples(self) -> int:
        """How many samples both ran."""
        return min(self.old.samples, self.new.samples)

    @property
    def description(self) -> str:
        """What was fed, in a few words."""
        given = self.old if self.old.inputs.given is None else self.new
        return given.inputs.description


def run_both(old: Analyses, new: Analyses, inputs: Mapping[Value, Value]) -> SameRuns:
    """Runs both; `inputs` has the new model's input for each of the old one's.

    Each reads the user's data as it takes it. Where that fits only one of them, or samples are
    synthetic, the other is fed the same arrays.

    Raises:
        NotCompared: they do not take the same samples, or one does not run.
        DataError: the user's data cannot be read, or fits neither.
    """
    swapped = {like: value for value, like in inputs.items()}
    misfits = [_misfit(side) for side in (old, new)]
    if old.get(Settings).data is None or misfits[1] is not None:
        if misfits[0] is not None:
            data = old.get(Settings).data
            raise DataError(f"the data {data} fits neither model: {misfits[0]}")
        first = _ran(old, "the old model")
        _feed(new, first, inputs)
        return SameRuns(first, _ran(new, "the new model"))
    if misfits[0] is not None:
        second = _ran(new, "the new model")
        _feed(old, second, swapped)
        return SameRuns(_ran(old, "the old model"), second)
    runs = SameRuns(_ran(old, "the old model"), _ran(new, "the new model"))
    if runs.old.samples != runs.new.samples:
        counts = f"{runs.old.samples:,} and {runs.new.samples:,}"
        raise NotCompared(f"the two models read {counts} samples of the data")
    return runs


def _misfit(side: Analyses) -> MisfitError | None:
    """Why the user's data does not fit a model."""
    inputs = side.get(Inputs)
    if inputs.synthetic or inputs.obstacle is not None:
        return None
    try:
        _ = inputs.fed
    except MisfitError as misfit:
        return misfit
    return None


def _ran(side: Analyses, which: str) -> Execution:
    try:
        execution = side.get(Execution)
    except NotApplicable as reason:
        raise NotCompared(f"{which}: {reason}") from reason
    if not execution.ran:
        raise NotCompared(f"{which}: {execution.failure or 'it did not run'}")
    return execution


def _feed(side: Analyses, ran: Execution, inputs: Mapping[Value, Value]) -> None:
    """Lets a model be fed what another one ran on.

    Raises:
        NotCompared: it takes other inputs, types or shapes.
    """
    own = side.get(Inputs)
    if own.obstacle is not None:
        raise NotCompared(own.obstacle)
    names = {like.name: value.name for value, like in inputs.items()}
    missing = [slot.name for slot in own.slots if slot.name not in names]
    if missing:
        raise NotCompared(f"only one of the models has input {missing[0]!r}")
    try:
        given = _attempt(own, ran, names)
    except (MisfitError, LookupError) as misfit:
        raise NotCompared(f"the models take other samples: {misfit}") from misfit
    side.give(replace(own, given=given))


def _attempt(own: Inputs, ran: Execution, names: Mapping[str, str]) -> Attempt:
    """The feeds of another model under the names of this one, in its types and batches."""
    from onnxlint.analyses.inputs.dynamic_axes import Sizes
    from onnxlint.runtime.data.batching import batched, samples_in
    from onnxlint.runtime.data.fitting import fitted
    from onnxlint.runtime.feeds.synthesis import Attempt

    attempt = ran.attempt
    assert attempt is not None
    renamed = [{name: feed[like] for name, like in names.items()} for feed in attempt.feeds]
    try:
        feeds = [fitted(feed, own.slots, as_given=True).arrays for feed in renamed]
        samples = attempt.samples
    except MisfitError:
        whole = fitted(_together(renamed, names, ran), own.slots)
        fed = batched(whole, own.slots, ran.samples)
        feeds, samples = [*fed.feeds], fed.samples
    first = feeds[0]
    return Attempt(Sizes(own.slots, first).base, samples_in(first, own.slots), feeds, samples)


def _together(feeds: list[Feed], names: Mapping[str, str], ran: Execution) -> Feed:
    """All samples in one feed; what counts none is taken once."""
    import numpy as np

    from onnxlint.runtime.feeds.synthesis import batch_axes

    axes = batch_axes(ran.inputs.slots)
    return {
        name: feeds[0][name] if axes[like] is None
        else np.concatenate([feed[name] for feed in feeds], axes[like])
        for name, like in names.items()
    }  # fmt: skip
