"""The diff of two listings says what difflib's says, and takes no minutes for a large one."""

from __future__ import annotations

import difflib

from hypothesis import given, settings
from hypothesis import strategies as st

from onnxlint.model.edit.text_diff import unified

LINES = st.lists(st.sampled_from("abcdefgh"), max_size=12)


def patched(before: list[str], diff: list[str]) -> list[str]:
    """What a diff makes of the text it was made from."""
    made, position = [], 0
    for line in diff[2:]:
        if line.startswith("@@"):
            first, count = map(int, line.split()[1][1:].split(","))
            start = first - (count > 0)
            made += before[position:start]
            position = start
        elif line[0] == "+":
            made.append(line[1:])
        else:
            assert before[position] == line[1:]
            position += 1
            made += [line[1:]] if line[0] == " " else []
    return made + before[position:]


@settings(deadline=None)
@given(LINES, LINES)
def test_a_diff_makes_one_text_of_the_other(before, after):
    diff = list(unified(before, after, ("a", "b")))
    assert bool(diff) == (before != after)
    assert patched(before, diff) == after


def test_it_looks_as_usual():
    before = [f"line {number}" for number in range(20)]
    after = [*before[:5], "new", *before[6:12], *before[13:]]
    usual = difflib.unified_diff(before, after, "a", "b", n=2, lineterm="")
    assert list(unified(before, after, ("a", "b"))) == list(usual)


def test_a_changed_line_in_every_second_place():
    before = [f"line {number}" for number in range(50_000)]
    after = [f"{line} changed" if number % 2 else line for number, line in enumerate(before)]
    diff = list(unified(before, after, ("a", "b")))
    assert sum(line.startswith("-line") for line in diff) == 25_000
