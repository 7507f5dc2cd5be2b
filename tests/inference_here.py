"""Shape inference of the tests' small models without a fork, which takes a hundred times as long.

It is done so wherever the platform cannot fork. What a fork protects from, hostile models and those
at which native code crashes, is tried in the files that are named here, and by every command.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from onnxlint.analyses.static import costs, expansions, inference_process
from onnxlint.safety.forked import Held, Isolated, _Call

APART = (
    "test_behaviour", "test_bounds", "test_expansions", "test_fuzz", "test_hostile_contents",
    "test_linear", "test_loader", "test_mutations", "test_processes", "test_same_answers",
    "test_shapes", "test_spec_rows", "test_within", "test_worker",
)  # fmt: skip
"""Files about what becomes of such a child, or with models at which native code may crash."""
ASKING = (costs, expansions, inference_process)
"""Who has it done."""

_owner = os.getpid()  # the commands and judges that it forks protect themselves


class InThisProcess(_Call):
    """The same call in this process."""

    def _fork(self) -> None:
        if os.getpid() != _owner:
            super()._fork()

    def result(self) -> bytes:
        """What the function returned; what it warns of, nobody would hear of a child."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return super().result()


class Here(InThisProcess, Isolated):
    """One that is made when its result is taken."""


class HeldHere(InThisProcess, Held):
    """One that is held until it is allowed: it is made when its result is taken."""


@contextmanager
def inference_here() -> Iterator[None]:
    """Has models inferred in this process meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        for module in ASKING:
            patch.setattr(module, "Isolated", Here)
        patch.setattr(inference_process, "Held", HeldHere)
        yield
