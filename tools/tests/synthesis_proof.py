"""Runs what is made up for the conformance case of every operator.

    python tools/tests/synthesis_proof.py [--share N] [--only TEXT] [--show]

A case counts where onnxruntime runs it with the data that onnx gives for it. What we make up must
run, too, but for `UNTOLD`. `tests/test_synthesis_proof.py` tries a share in every test run; all
take some minutes. With onnx 1.23.2 and onnxruntime 1.32, of 1,884 cases 269 do not run with their
own data, as with types that numpy lacks, 18 read sequences and optionals, which are not made up,
and 1,593 of the other 1,597 run.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from onnx import numpy_helper

from onnxlint.analyses import Analyses
from onnxlint.analyses.execution.execution import Execution
from onnxlint.analyses.execution.worker import Workers
from onnxlint.analyses.inputs.inputs import Inputs
from onnxlint.model.file.load import open_model
from onnxlint.settings import Settings

UNTOLD = ("affine_grid_2d_expanded", "affine_grid_2d_align_corners_expanded",
          "affine_grid_3d_expanded", "affine_grid_3d_align_corners_expanded")  # fmt: skip
"""Cases that take a vector of sizes apart, in branches: one has to be another input's. They are
reported as not run, which is true."""


@dataclass(frozen=True)
class Outcome:
    """How a case ended: `ran`, `own data fails`, or how what we made up failed, and why."""

    name: str
    kind: str
    reason: str = ""

    @property
    def is_wrong(self) -> bool:
        """Whether it runs with its own data and not with ours, and no reason for it is known."""
        if self.kind == "no valid input" and self.name.removeprefix("test_") in UNTOLD:
            return False
        return self.kind not in ("ran", "own data fails", "not fed")


def all_cases() -> list[Any]:
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy's, while onnx computes the expected outputs
        return [case for case in collect_testcases(None) if case.model and case.data_sets]


def outcomes(cases: list[Any]) -> Iterator[Outcome]:
    with tempfile.TemporaryDirectory() as folder, closing(Workers()) as workers:
        path = Path(folder, "model.onnx")
        for case in cases:
            path.write_bytes(case.model.SerializeToString())
            reason = own_data_fails(case)
            if reason:
                yield Outcome(case.name, "own data fails", reason)
            else:
                yield Outcome(case.name, *made_up_runs(path, workers))


def own_data_fails(case: Any) -> str:
    """What onnxruntime has against a case with the data that onnx gives for it."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1  # others would wait busily
    try:
        session = onnxruntime.InferenceSession(case.model.SerializeToString(), options)
        given, _ = case.data_sets[0]
        names = [each.name for each in session.get_inputs()]
        session.run(None, dict(zip(names, map(_array, given), strict=True)))
    except Exception as error:  # onnxruntime's, and those of its conversion
        return f"{type(error).__name__}: {error}"
    return ""


def _array(given: Any) -> Any:
    """As onnxruntime takes it: some cases hold numpy's scalars."""
    if hasattr(given, "data_type"):
        return numpy_helper.to_array(given)
    return np.asarray(given) if isinstance(given, np.generic) else given


def made_up_runs(path: Path, workers: Workers) -> tuple[str, str]:
    settings = Settings(samples=2, time_limit=60)
    with open_model(str(path)) as model, closing(Analyses(settings, model)) as analyses:
        analyses.give(workers.with_limits(settings.time_limit, settings.memory_limit))
        execution = analyses.get(Execution)
        obstacle = analyses.get(Inputs).obstacle
    for kind, reason in (
        ("not fed", obstacle),
        ("does not load", execution.session_failure),
        ("fails", execution.execution_failure),
        ("crashes", execution.crash),
        ("no valid input", execution.no_valid_input),
    ):
        if reason is not None:
            return kind, str(reason)
    return "ran", ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=int, default=1, help="one case of so many")
    parser.add_argument("--only", default="", help="cases with this in their name")
    parser.add_argument("--show", action="store_true", help="name those that do not count")
    chosen = parser.parse_args()
    cases = [case for case in all_cases()[:: chosen.share] if chosen.only in case.name]
    counts: Counter[str] = Counter()
    wrong = 0
    for outcome in outcomes(cases):
        counts[outcome.kind] += 1
        wrong += outcome.is_wrong
        if outcome.is_wrong or (chosen.show and outcome.reason):
            print(f"{outcome.kind}: {outcome.name}: {outcome.reason[:300]}", flush=True)
    print(", ".join(f"{kind} {count}" for kind, count in counts.most_common()))
    return min(1, wrong)


if __name__ == "__main__":
    sys.exit(main())
