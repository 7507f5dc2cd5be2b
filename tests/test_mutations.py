"""What onnx's checker rejects gets an error of ours, at the right place: a sample of it.

`python tools/tests/mutation_proof.py` runs the whole set. docs/checker.md tells what is beyond the
checker; each of its rows is tried here.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import chain
from pathlib import Path

import pytest
from mutation_proof import (
    LESSER,
    TEXTS,
    VALID,
    Base,
    Outcome,
    chosen,
    file_bases,
    judge,
    operator_bases,
    written,
)

PAGE = Path(__file__).parent.parent / "docs" / "checker.md"
ROWS = re.findall(
    r"^\| ([A-Z]{3}\d{3}) \| \d+ \| `(\w+)` `(\w+)` \|", PAGE.read_text(), re.MULTILINE
)
"""Rule, model and kind of damage of each row of the page's table."""
NAMES = (*TEXTS, "raw", "sparse", "external", "documented")
SHARDS = 8


@cache
def base(name: str) -> Base:
    return next(base for base in chain(written(), operator_bases()) if base.name == name)


def assert_proved(outcome: Outcome) -> None:
    assert not outcome.missed, "\n".join(outcome.missed)
    assert not outcome.crashed
    undocumented = set(outcome.beyond) - {code for code, *_ in ROWS}
    assert not undocumented, {code: outcome.beyond[code][:3] for code in undocumented}


@pytest.mark.parametrize("name", NAMES)
def test_damage_to_written_models(name):
    outcome = judge(base(name), chosen(base(name), 15))
    assert outcome.rejected > 0
    assert_proved(outcome)


@pytest.mark.parametrize(
    "shard",
    [0, 1, 2, *(pytest.param(number, marks=pytest.mark.slow) for number in range(3, SHARDS))],
)
def test_damage_to_operator_cases(shard):
    total = Outcome()
    for case in operator_bases()[shard :: 10 * SHARDS]:
        total.add(judge(case, chosen(case, 25)))
    assert total.rejected > 20
    assert_proved(total)


def test_damage_to_exports_with_subgraphs_and_functions():
    total = Outcome()
    for export in file_bases():
        if export.model.functions or any(
            attribute.HasField("g") for n in export.model.graph.node for attribute in n.attribute
        ):
            total.add(judge(export, chosen(export, 90)))
    assert total.rejected > 10
    assert_proved(total)


def test_where_the_checker_crashes_we_tell_where():
    outcome = judge(base("test_split_equal_parts_1d_opset18"), ["append_node_output"])
    outcome.add(judge(base("test_gathernd_example_int32_batch_dim1"), ["attribute_negative"]))
    assert outcome.ended
    assert_proved(outcome)


def test_a_branch_that_changes_its_type_is_told_at_its_if():
    case = base("test_affine_grid_2d_expanded")
    for kind in ("drop_node_input", "input_to_int64"):
        assert_proved(judge(case, [kind]))


def test_shapes_are_judged_as_strictly_as_by_the_checker():
    outcome = judge(base("test_layer_normalization_4d_axis0_expanded"), ["tensor_dims_dropped"])
    outcome.add(judge(base("test_rotary_embedding_3d_input_expanded"), ["input_higher_rank"]))
    assert outcome.rejected > 3
    assert_proved(outcome)


@pytest.mark.parametrize(("code", "name", "kind"), ROWS)
def test_what_is_beyond_the_checker(code, name, kind):
    assert code in judge(base(name), [kind]).beyond


def test_every_exception_is_needed():
    kinds = ["ir_version", "input_no_shape", "output_no_shape", "value_info_lower_rank",
             "change_domain"]  # fmt: skip
    outcome = judge(base("chain"), kinds)
    outcome.add(judge(base("function_ir8"), ["damage_function"]))
    outcome.add(judge(base("older"), ["change_import"]))
    outcome.add(judge(base("gru"), ["value_info_unname"]))
    assert not outcome.missed
    assert set(outcome.lesser) == {lesser.code for lesser in LESSER} | {"valid"}
    assert len(VALID) == 1
