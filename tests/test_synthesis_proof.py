"""A share of synthesis_proof: what is made up for the operators' conformance cases runs."""

from __future__ import annotations

from collections import Counter

from synthesis_proof import all_cases, outcomes

SHARE = 32
"""One case of so many: all of them take minutes."""


def test_what_is_made_up_for_conformance_cases_runs():
    counts: Counter[str] = Counter()
    for outcome in outcomes(all_cases()[::SHARE]):
        assert not outcome.is_wrong, outcome
        counts[outcome.kind] += 1
    assert counts["ran"] > 40
    assert counts["not fed"] < 10
