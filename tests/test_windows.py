"""The windows of convolutions and poolings, and how they stand to the input."""

from __future__ import annotations

import pytest

from onnxlint import Windows
from onnxlint.analyses import Analyses
from onnxlint.safety.limits import Budget

OLD = '<ir_version: 8, opset_import: ["" : 17]>\n'
NEW = OLD.replace("17", "22")


@pytest.fixture
def window_of(graph_of):
    def found(node, dims="N, 1, 8", weight="float[1, 1, 3] w", *, head=""):
        text = f"{head}net (float[{dims}] x, {weight}) => (float[N, 1, L] y) {{ y = {node} }}"
        if "Conv" in node:
            text = f"{head}net (float[{dims}] x) => (y) <{weight} = {{1, 2, 3}}> {{ y = {node} }}"
        with graph_of(text) as graph:
            windows = Analyses(graph.model, graph, Budget(60, None)).get(Windows)
            return [*windows.of(graph.main.nodes[0])]

    return found


def test_a_convolution_has_the_kernel_of_its_weight(window_of):
    (window,) = window_of("Conv <dilations = [2], strides = [2], pads = [1, 2]>(x, w)")
    assert (window.axis, window.size, window.extent, window.stride) == (2, 3, 5, 2)
    assert (window.length, window.padded) == (8, 11)


def test_a_pooling_has_one_for_each_axis(window_of):
    found = window_of("MaxPool <kernel_shape = [2, 3]>(x)", "N, 1, 8, W")
    assert [(each.axis, each.size, each.padded) for each in found] == [(2, 2, 8), (3, 3, None)]


@pytest.mark.parametrize(("auto_pad", "padded"), [("VALID", 8), ("SAME_UPPER", None)])
def test_padding_that_an_attribute_decides(window_of, auto_pad, padded):
    (window,) = window_of(f'AveragePool <kernel_shape = [2], auto_pad = "{auto_pad}">(x)')
    assert window.padded == padded


@pytest.mark.parametrize(
    ("attributes", "fits", "unread"),
    [
        ("kernel_shape = [2], strides = [3]", True, 1),
        ("kernel_shape = [2], strides = [2]", True, 0),
        ("kernel_shape = [8], strides = [16]", True, 0),
        ("kernel_shape = [9]", False, 0),
        ("kernel_shape = [2], dilations = [8]", False, 0),
    ],
)
def test_windows_fit_and_leave_gaps(window_of, attributes, fits, unread):
    (window,) = window_of(f"MaxPool <{attributes}>(x)")
    assert (window.fits, window.unread) == (fits, unread)


@pytest.mark.parametrize(
    ("attributes", "head", "ends"),
    [
        ("kernel_shape = [2], strides = [2], pads = [0, 1], ceil_mode = 1", OLD, True),
        ("kernel_shape = [2], strides = [2], pads = [0, 1], ceil_mode = 1", NEW, False),
        ("kernel_shape = [2], strides = [2], pads = [0, 1]", OLD, False),
        ("kernel_shape = [3], strides = [2], ceil_mode = 1", OLD, False),
        ("kernel_shape = [2], strides = [0], pads = [0, 1], ceil_mode = 1", OLD, False),
    ],
)
def test_a_last_window_behind_the_data(window_of, attributes, head, ends):
    (window,) = window_of(f"MaxPool <{attributes}>(x)", head=head)
    assert window.ends_in_padding is ends


@pytest.mark.parametrize(
    ("attributes", "within", "over"),
    [
        ("kernel_shape = [2], pads = [2, 0]", True, False),
        ("kernel_shape = [3], pads = [2, 2]", False, False),
        ("kernel_shape = [2], dilations = [9], pads = [1, 1]", False, True),
        ("kernel_shape = [2], dilations = [8], pads = [1, 1]", False, False),
        ("kernel_shape = [2], dilations = [9], pads = [1, 1], strides = [0]", False, False),
    ],
)
def test_windows_that_only_cover_padding(window_of, attributes, within, over):
    (window,) = window_of(f"MaxPool <{attributes}>(x)")
    assert (window.fits_into_padding, window.steps_over_input) == (within, over)
