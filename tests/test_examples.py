"""What the docstrings of the built-in rules show: Bad examples fire, Good ones do not."""

from __future__ import annotations

import pytest

from onnxlint.rules.packs import discover
from onnxlint.testing import problems


@pytest.mark.parametrize("made", discover().rules, ids=lambda made: f"{made.code}-{made.name}")
def test_examples_of_the_built_in_rules(made):
    found = problems(made)
    if found and all("pip install 'onnxlint[" in problem for problem in found):
        pytest.skip(found[0])  # a package of the extra `test` is not installed
    assert found == []
