"""What the rules print is what was reviewed: tests/snapshots."""

from __future__ import annotations

import pytest
from snapshots import FOLDER, FORMS, are_comparable, builtin_rules, examples


@pytest.mark.skipif(
    not are_comparable(), reason="recorded with other releases of onnx and onnxruntime: other words"
)
@pytest.mark.parametrize("rule", builtin_rules(), ids=lambda rule: rule.code)
def test_bad_examples_print_what_was_reviewed(rule):
    reviewed = (FOLDER / f"{rule.code}.txt").read_text().partition(FORMS)[0]
    assert "\n".join(examples(rule)) == reviewed


def test_every_snapshot_is_of_a_rule():
    assert {file.stem for file in FOLDER.glob("*.txt")} == {rule.code for rule in builtin_rules()}
