"""The child process that infers shapes, started before anybody has looked at the model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from itertools import count

from onnxlint.model.file.load import Model
from onnxlint.runtime.shape_inference.inferred import Inferred
from onnxlint.safety.forked import Crashed, Held, Isolated
from onnxlint.safety.limits import Budget

INFERENCE_BYTES = 1024**3
"""Memory that shape inference gets for any model; weights are not in it. A choice: the greediest of
our fixtures takes 0.3 GiB, most of it for onnxruntime's symbolic inference."""

INFERENCE_GROWTH = 200
"""And so many times the model's bytes without its weights: 100,000 nodes take 115 times."""

_MODELS = count()
"""Models whose shapes this process had inferred. For the first one the child loads what it needs,
while this process loads rules; the children of all others find it loaded."""


class InferenceProcess:
    """Inference under way: the child parses the model and prepares it while this process does so.

    Native code sees the model once `allow` says that it may. A child that is forked this early
    inherits little: what is built here later it neither holds nor has copied. It tells the types
    first, and then goes on to ask what onnx complains of.
    """

    def __init__(self, model: Model, budget: Budget) -> None:
        self._budget = budget
        serialized = model.proto.SerializeToString()
        self._child = Held(_prepared, serialized, *_limits(serialized, budget), parts=2)
        self._told: Inferred | None = None
        self._is_whole = False
        self.repeated_after: Crashed | None = None
        """Where it took too long or too much, so that constants were not followed."""
        self.unheard: Crashed | None = None
        """Why some complaints are not known."""

    @classmethod
    def build(cls, model: Model, budget: Budget) -> InferenceProcess:
        """Starts the child."""
        set_up_schemas()
        if next(_MODELS):
            _load_for_children()
        return cls(model, budget)

    def allow(self) -> None:
        """Lets native code see the model."""
        self._child.allow()

    @property
    def is_done(self) -> bool:
        """Whether nobody has to wait for the types; once they are taken, for the complaints."""
        return self._is_whole or self._child.is_done

    def close(self) -> None:
        """Ends inference that nobody asked for, or that is not to be."""
        self._child.close()

    def types(self) -> Inferred:
        """The types, once; where inference dies, what it tells of less.

        Native code crashes at some nodes: then of all others. It takes too long or too much: then
        without following constants.

        Raises:
            Crashed: that does not help either.
        """
        try:
            self._told = Inferred.decoded(self._child.result())
        except Crashed as error:
            self._told = self._repeated(error)
            self._is_whole = True
        return self._told

    def complaints(self) -> str:
        """What onnx complains of, after `types`; nodes at which native code crashes are in it."""
        if self._told is None:
            return ""
        if not self._is_whole:
            self._is_whole = True
            try:
                self._take_further_complaints(self._told)
            except Crashed as error:
                self.unheard = error
        return "\n".join([self._told.complaints, self._told.crashes])

    def _take_further_complaints(self, told: Inferred) -> None:
        try:
            told.complaints += "\n" + self._child.result().decode()
        except Crashed as error:
            if not error.is_native:
                raise
            told.crashes = self._repeated(error).crashes  # types behind them are known

    def _repeated(self, error: Crashed) -> Inferred:
        less = _without_constants
        if error.is_native:
            less = partial(_infer_past_crashes, budget=self._budget)
        elif not error.at_limit:
            raise error
        serialized = self._child.argument
        with suppress(Crashed):
            child = Isolated(less, serialized, *_limits(serialized, self._budget))
            told = Inferred.decoded(child.result())
            self.repeated_after = error if error.at_limit else None
            return told
        raise error


def remedy(error: Exception) -> str:
    """What to do about inference that failed so."""
    option = error.option if isinstance(error, Crashed) else ""
    first = f"raise {option}" if option else "report this to onnx with the model"
    if isinstance(error, Crashed) and error.at_limit and not option:
        return "store the shapes of intermediate values in the model (value_info)"
    return f"{first}, or store the shapes of intermediate values in the model (value_info)"


def set_up_schemas() -> None:
    """Rules ask for them, too: a child finds them, and does not take 20 ms to set up its own."""
    from onnx import defs

    defs.has("Relu")


def _load_for_children() -> None:
    import onnxlint.runtime.shape_inference.inference  # noqa: F401 - once, not in every child


def _limits(serialized: bytes, budget: Budget) -> tuple[Budget, int]:
    """What inference may take: what makes it grow without end leaves half the time to the rest."""
    growth = INFERENCE_BYTES + INFERENCE_GROWTH * len(serialized)
    return Budget(budget.left / 2, budget.memory), growth


def _prepared(serialized: bytes) -> Callable[[], Iterator[bytes]]:
    from onnxlint.runtime.shape_inference.inference import prepared

    return prepared(serialized).answers


def _without_constants(serialized: bytes) -> bytes:
    from onnxlint.runtime.shape_inference.inference import infer

    return infer(serialized, follows_constants=False)


def _infer_past_crashes(serialized: bytes, budget: Budget) -> bytes:
    from onnxlint.runtime.shape_inference.crashes import infer_past_crashes

    return infer_past_crashes(serialized, budget)
