"""The sections of predictions, data and representations on the page, and in a browser."""

from __future__ import annotations

import base64
import re

import numpy as np
import pytest
from conftest import tries
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from pages import fed, reported
from test_formats import NAMES, written
from test_html_report import Page, browser, observed

from onnxlint.portrait.numbers import Histogram, Sample, Shown
from onnxlint.portrait.parts import NotMade, plain
from onnxlint.portrait.predictions import (
    Bin,
    ClassScore,
    Count,
    Head,
    Judged,
    Labelled,
    Pair,
    Predictions,
    Target,
)
from onnxlint.portrait.representations import Group, Plane, Representations
from onnxlint.portrait.samples import Feature, Fed, Samples, Texts
from onnxlint.report import Metrics, ModelReport
from onnxlint.reporters.html.sections.figures import bars, line, spans

__all__ = ["browser"]  # a fixture

MLP = """
<ir_version: 8, opset_import: ["" : 17]>
g (float[N, 40] x) => (float[N, 3] p)
<float[40, 3] w = {WEIGHTS}> { r = Relu(x) z = MatMul(r, w) p = Softmax(z) }
"""
PNG = base64.b64encode(b"no picture").decode()


def portrait(name: str, number: float = 1.5) -> dict:
    """Every part, with this name wherever a text may stand."""
    seen = Histogram(0.0, number, (1, 0, 3))
    items = (
        Shown(name, "image", png=PNG, height=4, width=6), Shown(name, "text", texts=(name,)),
        Shown(name, "row", names=(name,), texts=(name,), left_out=2),
        Shown(name, "tokens", texts=(name, "2")), Shown(name, "series", points=(0.0, number)),
    )  # fmt: skip
    sample = Sample(3, name, items)
    judged = (Judged(sample, ((name, name),)),)
    head = Head(name, "softmax", 4, 4, 3, 3, entropy=0.5, marginal=0.6, expected=1.1,
                entropies=seen, top=(Count(name, 3),), unsure=judged)  # fmt: skip
    labelled = Labelled(
        name, "classification", 4, classes=40, names=(name, "b"), confusion=((3, 1), (0, 2)),
        scores=(ClassScore(name, 4, 3, 0.5, None),), pairs=(Pair(name, name, 2),),
        bins=(Bin(0.0, 0.5, 0, None, None), Bin(0.5, 1.0, 4, 0.8, 0.75)), calibration_error=0.05,
        targets=(Target(name, ((0.0, number), (1.0, 1.0)), seen, 0.1, 0.0, 0.2),), of_targets=3,
        worst=judged, worst_by="loss",
    )  # fmt: skip
    feature = Feature(name, 4, 1, 1, False, 0.0, number, 0.5, 0.1, (0.0, 0.1, 0.2, 0.3, 0.4), seen,
                      (0.0, 1.0), 2)  # fmt: skip
    inputs = (
        Fed(name, name, "feature", (feature,), 9, expects=(name,), is_subset=True),
        Fed(name, "string[N]", "text", texts=Texts(4, 2, 1, ((name, 3), ("", 1)))),
    )
    plane = Plane("PCA", ((0.0, 0.0), (number, 1.0)), (0, 1), (0.7, 0.2), (name,))
    points = Representations(name, "all elements", 2, 5, (plane, replace(plane, explained=None)),
                             name, "label", (Group(name, 1), Group(name, 1)), (0, 1),
                             (name, name), not_made=name)  # fmt: skip
    parts = {
        "predictions": Predictions((head,), labelled), "representations": points,
        "samples": Samples(name, True, 5, 4, inputs, (sample,), ((name, 0.0, 1.0),)),
    }  # fmt: skip
    return {each: plain(made) for each, made in parts.items()}


METRICS = Metrics("p", "classification", 4, 0.75, {"cat": 0.5, "dog": 1.0}, log_loss=0.5)


def page(name: str) -> Page:
    report = ModelReport("m.onnx", metrics=METRICS, portrait=portrait(name))
    return Page(written("html", [report]))


PLAIN = page("a name")
TAGS = [tag for tag, _ in PLAIN.elements]
ATTRIBUTES = {name for _, given in PLAIN.elements for name in given}


@tries(16)
@given(name=NAMES)
def test_hostile_names_of_classes_columns_and_values_stay_text(name):
    seen = page(name or "n")
    assert [tag for tag, _ in seen.elements] == TAGS
    assert {name for _, given in seen.elements for name in given} == ATTRIBUTES
    assert "style" not in ATTRIBUTES
    assert not [each for each in ATTRIBUTES if each.startswith("on")]


def test_pictures_are_in_the_page_and_say_what_they_are():
    (image, *_) = [given for tag, given in PLAIN.elements if tag == "img"]
    assert image["src"] == f"data:image/png;base64,{PNG}"
    assert image["alt"] == "Sample 3 (a name), a name: 6 by 4 pixels"
    drawn = [given for tag, given in PLAIN.elements if tag == "svg"]
    assert all(given.get("aria-label") or given.get("aria-hidden") for given in drawn)
    assert "PCA of 2 samples, by label: a name (1), a name (1)" in {
        given.get("aria-label") for given in drawn
    }


def test_the_measures_stand_once_on_the_page_and_where_the_predictions_are():
    whole = PLAIN.text
    assert whole.count("Log loss0.5") == 1
    assert "Predictions against labels" not in whole
    report = ModelReport("m.onnx", metrics=METRICS)
    without = Page(written("html", [report])).text
    assert "Predictions against labels" in without
    assert without.count("Log loss0.5") == 1
    failed = replace(report, portrait={"predictions": plain(NotMade("<no> reason"))})
    text = Page(written("html", [failed])).text
    assert "Not shown: <no> reason" in text
    assert "Predictions against labels" in text


@pytest.mark.parametrize(("told", "of"), [("ln 3", "p"), ("ln 2", "another")])
def test_equal_probabilities_are_those_of_the_classes_of_the_output(told, of):
    head = Head(of, "softmax", 4, 4, 3, 3, entropy=0.5, marginal=0.6, expected=1.1)
    portrait = {"predictions": plain(Predictions((head,), Labelled("p", "classification", 4)))}
    report = ModelReport("m.onnx", metrics=METRICS, portrait=portrait)
    assert f"Log loss of equal probabilities, {told}" in Page(written("html", [report])).text


@tries(40)
@given(counts=st.lists(st.integers(0, 10**9), min_size=1, max_size=30).filter(any),
       low=st.floats(-1e30, 1e30), width=st.floats(0, 1e30))  # fmt: skip
def test_every_histogram_can_be_drawn(counts, low, width):
    drawn = bars(Histogram(low, low + width, tuple(counts)), "values", (low, None))
    numbers = [float(each) for each in re.findall(r"-?[\d.]+(?:e[+-]?\d+)?", drawn.path)]
    assert all(-1 <= each <= 241 for each in numbers)
    assert drawn.path.count("M") == sum(map(bool, counts))


def test_a_plane_of_one_point_and_a_level_line_can_be_drawn():
    assert spans([(1.0, 2.0)])[0].at(1.0, 100) == 50
    assert line([2.0, 2.0]) == "0,28 240,28"


# In a browser

STEPS = """
seen.beyond = page.documentElement.scrollWidth - page.documentElement.clientWidth;
seen.sections = [...page.querySelectorAll(".part")].map(each => each.className);
seen.dots = page.querySelectorAll(".representations g.dots > circle").length;
const ends = (each) => each.getBoundingClientRect();
const drawn = page.querySelectorAll(":is(.predictions, .samples, .representations) svg[role]");
seen.drawn = [...drawn].every(each => each.closest("details") || ends(each).width > 40);
seen.coloured = new Set([...page.querySelectorAll(".representations g.dots")]
  .map(each => view.getComputedStyle(each).fill)).size;
const cells = [...page.querySelectorAll(".confusion td.right")];
seen.shaded = cells.every(each =>
  view.getComputedStyle(each).backgroundColor !== view.getComputedStyle(page.body).backgroundColor);
"""


@pytest.mark.docs
@pytest.mark.parametrize("width", [1440, 390])
def test_the_sections_fit_a_window_and_a_phone(browser, tmp_path, width):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 40)).astype(np.float32)
    weights = ", ".join(f"{each:.3f}" for each in rng.normal(size=120))
    text = MLP.replace("WEIGHTS", weights)
    settings = fed(tmp_path, x, rng.integers(0, 3, 30))
    report = reported(tmp_path, text, settings)
    hostile = ModelReport("m" * 200, metrics=METRICS, portrait=portrait("<b>" + "n" * 200))
    file = tmp_path / "report.html"
    file.write_text(written("html", [report, hostile]), encoding="utf-8")
    seen, complaints = observed(browser, file, width, STEPS)
    assert complaints == []
    names = ("predictions", "samples", "representations")
    assert {f"part {each}" for each in names} <= {*seen["sections"]}
    assert {**seen, "sections": None} == {
        "beyond": 0, "sections": None, "dots": 34, "drawn": True, "coloured": 3,
        "shaded": True, "loaded": [],
    }  # fmt: skip
