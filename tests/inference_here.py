"""Shape inference of the tests' small models without a fork, which takes a hundred times as long.

It is done so wherever the platform cannot fork. What a fork protects from, hostile models and those
at which native code crashes, is tried in the files that are not named here, and by every command.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from onnxlint.analyses.static import shapes
from onnxlint.safety.forked import Isolated

HERE = (
    "test_act_rules", "test_data_rules", "test_design_rules", "test_examples", "test_flow_rules",
    "test_gra_rules", "test_interface_rules", "test_layer_rules", "test_onx_rules",
    "test_prt_rules", "test_qnt_rules", "test_report_rules", "test_runtime_rules",
    "test_snapshots", "test_tensor_rules", "test_wgt_rules",
)  # fmt: skip
"""Files of rules, each tried on many small models, whose inference is done here."""

_owner = os.getpid()  # the commands and judges that it forks protect themselves


class Here(Isolated):
    """The same call in this process."""

    def _fork(self) -> None:
        if os.getpid() != _owner:
            super()._fork()

    def result(self) -> bytes:
        """What the function returned; what it warns of, nobody would hear of a child."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return super().result()


@contextmanager
def inference_here() -> Iterator[None]:
    """Has models inferred in this process meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shapes, "Isolated", Here)
        yield
