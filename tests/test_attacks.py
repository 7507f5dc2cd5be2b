"""The quick attacks; `make attack` runs them all."""

from __future__ import annotations

import pytest
from attacks.harness import Case, linux_only, run
from attacks.run import checked_names, discovered, told

QUICK = [case for case in checked_names([*discovered()]) if not case.slow]
"""Of the others, nothing is kept: some are files of megabytes."""

pytestmark = pytest.mark.skipif(linux_only() is not None, reason="processes are watched in /proc")


@pytest.mark.parametrize("case", QUICK, ids=lambda case: case.full_name)
def test_attack_holds(case: Case):
    verdict = run(case)
    if verdict.broke:  # signals and figures hang on a machine that others use: a fault comes again
        verdict = run(case)
    if verdict.skipped is not None:
        pytest.skip(verdict.skipped)
    assert not verdict.broke, told(verdict)
