"""The drawing of a graph: what is a box, how boxes are grouped, and what is drawn between them."""

from __future__ import annotations

import json
import re
import sys
from collections import defaultdict

import drawn_models
import pytest
from drawn_pages import drawn, reported
from hypothesis import given, settings
from hypothesis import strategies as st
from test_formats import SPITEFUL, written
from test_html_report import Page

from onnxlint.findings import Diagnostic
from onnxlint.model.graph.place import NotApplicable, Place
from onnxlint.portrait.drawing import (
    ABOVE,
    BELOW,
    HEIGHT,
    PAST,
    SIZES,
    STUB,
    TO_UNUSED,
    WIDTH,
    Drawing,
    Group,
)
from onnxlint.portrait.parts import NotMade, plain
from onnxlint.portraying.drawing.drawing import MOST_BOXES
from onnxlint.portraying.drawing.folding import MOST, crossing, repetition
from onnxlint.portraying.drawing.order import ordered
from onnxlint.report import ModelReport
from onnxlint.reporters.html.sections.drawing import View
from onnxlint.severity import Severity

MAKERS = {
    "resnet": drawn_models.resnet, "unet": drawn_models.unet_with_its_mistake,
    "recurrent": drawn_models.recurrent, "decoder": drawn_models.decoder,
    "long": lambda: drawn_models.long(2_000),
}  # fmt: skip


@pytest.fixture(scope="module")
def drawings() -> dict[str, Drawing]:
    return {name: drawn(make()) for name, make in MAKERS.items()}


def titles(made: Drawing, group: Group) -> list[str]:
    return [
        made.groups[-1 - child].title if child < 0 else made.steps[child].name
        for child in group.children
    ]


def named(made: Drawing, title: str) -> Group:
    return next(group for group in made.groups if group.title == title)


def finding(place: Place, message: str = "m") -> Diagnostic:
    return Diagnostic("TST001", "odd-node", Severity.WARNING, message, place)


# What holds of every drawing


@pytest.mark.parametrize("name", MAKERS)
def test_every_step_is_in_one_group_and_every_group_fits_a_screen(drawings, name):
    made = drawings[name]
    shown = [child for group in made.groups for child in group.children if child >= 0]
    shown += [group.step for group in made.groups if group.step is not None]
    assert sorted(shown) == [*range(len(made.steps))]
    assert all(len(group.children) <= MOST for group in made.groups)
    for number, group in enumerate(made.groups):
        assert all(
            made.groups[-1 - child].parent == number for child in group.children if child < 0
        )


@pytest.mark.parametrize("name", MAKERS)
def test_boxes_of_a_group_do_not_overlap_and_data_flows_down(drawings, name):
    for group in drawings[name].groups:
        places = [*zip(group.x, group.y, strict=True)]
        for at, (x, y) in enumerate(places):
            assert WIDTH / 2 - 0.1 <= x <= group.width - WIDTH / 2 + 0.1
            assert all(abs(x - u) >= WIDTH or abs(y - v) >= HEIGHT for u, v in places[:at])
        for edge in group.edges:
            if edge.source >= 0 and edge.target >= 0:
                assert group.y[edge.source] < group.y[edge.target]


@pytest.mark.parametrize("name", MAKERS)
def test_every_value_can_be_followed_through_the_groups(drawings, name):
    made = drawings[name]
    into: defaultdict[int, set[int]] = defaultdict(set)
    for group in made.groups:
        for edge in group.edges:
            if edge.target >= 0:
                into[group.children[edge.target]].update(edge.values)
    shown = {group.step: -1 - number for number, group in enumerate(made.groups)}
    for number, step in enumerate(made.steps):
        assert {*step.reads, *step.sizes} <= into[shown.get(number, number)]


@pytest.mark.parametrize("name", MAKERS)
def test_what_is_unfolded_at_first_fits_a_screen(drawings, name):
    made = drawings[name]
    root = made.groups[0]
    boxes = len(root.children) + sum(len(made.groups[at].children) - 1 for at in made.opened
                                     if _root(made, at) == 0)  # fmt: skip
    assert boxes <= max(MOST_BOXES, len(root.children))


def _root(made: Drawing, number: int) -> int:
    while (parent := made.groups[number].parent) is not None:
        number = parent
    return number


# Modules, subgraphs, functions, inputs


def test_groups_are_the_modules_and_a_module_that_is_used_twice_makes_no_cycle(drawings):
    made = drawings["resnet"]
    assert titles(made, made.groups[0]) == [
        "image", "/conv1/Conv", "/relu/Relu", "layer1", "layer2", "layer3", "layer4",
        "/avgpool/Pool", "/Flatten", "/fc/Gemm", "/fc/Gemm",
    ]  # fmt: skip
    assert titles(made, named(made, "layer2")) == [f"layer2.{block}" for block in range(4)]
    inside = [name.rpartition("/layer1.0/")[2] for name in titles(made, named(made, "layer1.0"))]
    assert inside == ["conv1/Conv", "relu/Relu", "conv2/Conv", "relu/Relu_1", "conv3/Conv", "Add",
                      "relu/Relu_2"]  # fmt: skip


def test_the_mistake_of_the_article_is_marked_and_unfolded(drawings):
    made = drawings["unet"]
    (unused,) = [step for step in made.steps if step.unused]
    assert unused.name == "/enc1/conv1/Conv"
    group = named(made, "enc1")
    assert made.groups.index(group) in made.opened
    marks = {titles(made, group)[edge.target]: edge.marks for edge in group.edges
             if edge.source == ABOVE}  # fmt: skip
    assert marks == {"/enc1/conv1/Conv": TO_UNUSED, "/enc1/conv2/Conv": PAST}


def test_subgraphs_are_groups_and_functions_are_pictures_of_their_own(drawings):
    made = drawings["recurrent"]
    loop, choice = named(made, "Loop"), named(made, "If")
    assert made.steps[loop.step].name == "looped"
    assert titles(made, loop) == ["go", "state", "keep", "state_out", "go_on", "state_out"]
    assert titles(made, choice) == ["else_branch", "then_branch"]
    captured = [edge for edge in loop.edges if edge.source == ABOVE]
    assert [made.values[value].name for edge in captured for value in edge.values] == ["last"]
    assert [made.groups[root].kind for root in made.roots] == ["graph", "function"]
    (call,) = [step for step in made.steps if step.calls is not None]
    assert titles(made, made.groups[call.calls]) == ["a", "sum", "b"]


def test_inputs_of_a_cache_are_one_box_each_kind(drawings):
    made = drawings["decoder"]
    assert titles(made, made.groups[0]) == [
        "tokens", "past_key_values.#.key", "past_key_values.#.value", "layers",
        "/model/layers.11/Add", "present.#.key", "present.#.value",
    ]  # fmt: skip


def test_glue_and_weights_are_no_boxes_but_facts(graph_text):
    made = drawn(
        graph_text("""net (float[N, 4] x, float[N, 6] z) => (float[N, 2, 2] y)
        <float[6, 4] w = {1}> {
        s = Shape(z) two = Constant <value = int64[2] {2, 2}>() n = Slice(s, zero, one)
        zero = Constant <value = int64[1] {0}>() one = Constant <value = int64[1] {1}>()
        to = Concat <axis = 0>(n, two) h = Relu(x) y = Reshape(h, to) }""")
    )
    assert [step.op for step in made.steps if step.op] == ["Relu", "Reshape"]
    reshape = next(step for step in made.steps if step.op == "Reshape")
    assert [name.split()[0] for _, name in reshape.glue][-1] == "Concat"
    assert [made.values[value].name for value in reshape.sizes] == ["z"]
    (sized,) = [edge for edge in made.groups[0].edges if edge.marks & SIZES]
    assert made.values[sized.values[0]].name == "z"


@pytest.fixture
def graph_text():
    from onnxlint.testing import model_from_text

    def read(text: str):
        head = '<ir_version: 8, opset_import: ["" : 17]>\n'
        return model_from_text(head + text.replace("n = Slice(s, zero, one)", "").replace(
            "to = Concat", "n = Slice(s, zero, one) to = Concat"))  # fmt: skip

    return read


def test_of_what_is_read_everywhere_only_the_ends_are_drawn(drawings):
    layers = named(drawings["decoder"], "layers")
    into = {edge.target: bool(edge.marks & STUB) for edge in layers.edges if edge.source == ABOVE}
    out = {edge.source: bool(edge.marks & STUB) for edge in layers.edges if edge.target == BELOW}
    assert into == {0: False, **dict.fromkeys(range(1, 12), True)}
    assert out == {**dict.fromkeys(range(11), True), 11: False}
    assert layers.width == WIDTH


# Without modules


def test_repeated_blocks_of_a_long_graph_are_groups_of_one_structure(drawings):
    made = drawings["long"]
    assert named(made, "Part 1 of 12").parent == 0
    blocks = [group for group in made.groups if group.kind in ("block", "repeat")]
    sizes = [group.size for group in blocks]
    assert sizes.count(max(set(sizes), key=sizes.count)) > 20


@pytest.mark.parametrize(("signs", "found"), [
    ([1, 2, 3, 4] * 8, (0, 4, 8)),
    ([9, 9, *[1, 2] * 13, 8], (2, 2, 13)),
    ([1] * 40, None),
    ([*range(40)], None),
])  # fmt: skip
def test_repetitions(signs, found):
    assert repetition(signs, [1] * len(signs)) == found


def test_a_repetition_begins_where_least_passes():
    width = [1, 3, 3, 3] * 9
    assert repetition([1, 2, 3, 4] * 9, width) == (1, 4, 8)
    assert crossing(4, [(0, 1), (0, 3), (1, 2), (2, 3)]) == [1, 2, 2, 0]


@given(st.data())
def test_the_order_follows_the_data(data):
    count = data.draw(st.integers(1, 12))
    paths = [tuple(data.draw(st.text("ab", max_size=3))) for _ in range(count)]
    edges = [(a, b) for a in range(count) for b in range(a + 1, count)
             if data.draw(st.booleans())]  # fmt: skip
    order = ordered(paths, edges)
    assert sorted(order) == [*range(count)]
    assert all(order.index(a) < order.index(b) for a, b in edges)


def test_steps_on_a_cycle_come_last():
    assert ordered([(), (), ()], [(0, 1), (1, 0)]) == [2, 0, 1]


# On the page


def test_places_of_findings_are_boxes(drawings):
    made = drawings["unet"]
    view = View(made, reported(made))
    first = made.steps.index(next(step for step in made.steps if step.name == "/enc1/conv1/Conv"))
    enc1 = made.groups.index(named(made, "enc1"))
    for place, box in {
        Place(node="any", node_index=0, op_type="Conv"): f"n{first}",
        Place(value="enc1/conv1.weight"): f"n{first}",
        Place(value="image"): "n0",
        Place(module="enc1"): f"g{enc1}",
        Place(): None,
        Place(scope="lost", node_index=3): None,
    }.items():
        assert view.anchor(place) == box, place


def test_a_finding_leads_to_its_box_and_the_box_to_it(drawings):
    made = drawings["unet"]
    page = Page(written("html", [reported(made, finding(Place(node_index=0), "<b>odd</b>"))]))
    links = [given["href"] for _, given in page.elements if given.get("class") == "place"]
    assert links == ["#drawing-1-n1"]
    data = data_of(written("html", [reported(made, finding(Place(node_index=0), "<b>odd</b>"))]))
    ((severity, code, message, target),) = data["findings"]["n1"]
    assert (severity, code, message) == ("warning", "TST001", "<b>odd</b>")
    assert target in {given.get("id") for _, given in page.elements}


def data_of(text: str) -> dict:
    (data,) = re.findall(r'<script type="application/json" class="data">(.*?)</script>', text)
    return json.loads(data)


def test_the_list_says_the_same_as_the_picture(drawings):
    made = drawings["recurrent"]
    page = Page(written("html", [reported(made)]))
    links = [given["href"] for tag, given in page.elements
             if tag == "a" and given.get("href", "").startswith("#drawing-1-n")]  # fmt: skip
    assert sorted(links) == sorted(f"#drawing-1-n{number}" for number in range(len(made.steps)))


def test_colours_tell_findings_and_costs_of_steps_and_groups(drawings):
    made = drawings["unet"]
    view = View(made, reported(made, finding(Place(node_index=0))))
    shown = view.colours.all
    assert [*shown] == ["Findings", "Cost (share of MACs)"]
    assert shown["Findings"][1] == "02" + "0" * 10
    assert shown["Findings"][2][made.groups.index(named(made, "enc1"))] == "2"
    assert shown["Cost (share of MACs)"][2][0] == "5"


def test_without_the_library_a_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "fast_sugiyama", None)
    with pytest.raises(NotApplicable, match=r"requires fast-sugiyama: pip install 'onnxlint\[rep"):
        drawn(drawn_models.unet_with_its_mistake())


NAMES = st.lists(
    st.one_of(st.sampled_from([each for each in SPITEFUL if each.isprintable()]),
              st.text(st.characters(exclude_categories=["Cs"]), max_size=20)), max_size=3,
).map("".join)  # fmt: skip
PLAIN = Page(written("html", [
    reported(drawn(drawn_models.named(["a", "b"])), finding(Place(module="a")))
]))  # fmt: skip


@settings(max_examples=8, deadline=None)
@given(names=st.lists(NAMES, min_size=1, max_size=4, unique=True))
def test_hostile_names_make_no_element_and_no_attribute(names):
    made = drawn(drawn_models.named(names))
    text = written("html", [reported(made, finding(Place(module=names[0]), names[-1]))])
    page = Page(text)
    own = {name for _, given in PLAIN.elements for name in given}
    assert {tag for tag, _ in page.elements} <= {tag for tag, _ in PLAIN.elements}
    assert {name for _, given in page.elements for name in given} <= own
    assert [tag for tag, _ in page.elements].count("script") == 2
    assert len(data_of(text)["steps"]) == len(made.steps)


def test_a_part_that_was_not_made_gives_its_reason():
    text = written("html", [ModelReport("m", portrait={"drawing": plain(NotMade("no <reason>"))})])
    assert "Not shown: no &lt;reason&gt;" in text
