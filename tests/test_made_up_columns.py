"""Columns of tables hold what the model says of them, however the columns came together."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass

import numpy as np
from conftest import tries
from hypothesis import given
from hypothesis import strategies as st

from onnxlint.analyses import Analyses
from onnxlint.analyses.inputs.inputs import Inputs
from onnxlint.model.file.load import open_model
from onnxlint.settings import Settings
from onnxlint.testing import Example, saved

SAMPLES = 64
FARTHEST = 6.0
"""Standard deviations that no number of some hundreds lies away from the mean."""

HEAD = '<ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]>\n'


@dataclass(frozen=True)
class Table:
    """Two inputs beside each other, of whose columns some are picked for what reads them."""

    widths: tuple[int, int]
    picked: list[int]
    pick: str

    def text(self, reader: str, constants: str = "") -> str:
        one, two = self.widths
        which = ", ".join(map(str, self.picked))
        return f"""{HEAD} g (float[N, {one}] a, float[N, {two}] b) => (float[N, K] y)
        <int64[{len(self.picked)}] which = {{{which}}}{constants}> {{
            all = Concat<axis = 1>(a, b)
            t = {self.pick}(all, which)
            {reader}
        }}"""

    def read(self, feed: dict[str, np.ndarray]) -> np.ndarray:
        return np.concatenate([feed["a"], feed["b"]], axis=1)[:, self.picked]


@st.composite
def tables(draw: st.DrawFn) -> Table:
    widths = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    columns = st.sampled_from(range(sum(widths)))
    picked = draw(st.lists(columns, min_size=1, unique=True))
    picks = ["Gather<axis = 1>", "Gather<axis = -1>", "ai.onnx.ml.ArrayFeatureExtractor"]
    return Table(widths, picked, draw(st.sampled_from(picks)))


def fed(text: str) -> list[dict[str, np.ndarray]]:
    with (
        saved(Example.parse(text)) as path,
        open_model(str(path)) as opened,
        closing(Analyses(Settings(samples=SAMPLES), opened)) as analyses,
    ):
        return [*next(analyses.get(Inputs).attempts()).feeds]


def listed(numbers: list[float]) -> str:
    return ", ".join(f"{number:.3f}" for number in numbers)


SCALERS = {
    "y = ai.onnx.ml.Scaler<offset = [{means}], scale = [{inverses}]>(t)": "",
    "c = Sub(t, mean) y = Div(c, by)": ", float[{n}] mean = {{{means}}}, float[{n}] by = {{{by}}}",
    "c = Sub(t, mean) y = Mul(c, by)":
        ", float[{n}] mean = {{{means}}}, float[{n}] by = {{{inverses}}}",
}  # fmt: skip


@tries(25)
@given(tables(), st.sampled_from([*SCALERS]), st.data())
def test_what_is_scaled_comes_near_one(table: Table, reader: str, data: st.DataObject) -> None:
    count = len(table.picked)
    numbers = st.floats(-500, 500).map(lambda number: round(number, 3))
    means = data.draw(st.lists(numbers, min_size=count, max_size=count))
    exponents = st.lists(st.integers(-3, 6), min_size=count, max_size=count)
    spreads = [2.0**exponent for exponent in data.draw(exponents)]
    named = {"n": count, "means": listed(means), "by": listed(spreads),
             "inverses": listed([1 / spread for spread in spreads])}  # fmt: skip
    rounded = np.array([float(f"{1 / spread:.3f}") for spread in spreads])
    feeds = fed(table.text(reader.format(**named), SCALERS[reader].format(**named)))
    scaled = np.concatenate([(table.read(feed) - means) * rounded for feed in feeds])
    assert (np.abs(scaled) < FARTHEST * rounded * spreads).all()
    assert (scaled.std(axis=0) > 0.5).all()


@tries(25)
@given(tables(), st.data())
def test_trees_see_both_sides_of_every_threshold(table: Table, data: st.DataObject) -> None:
    features = st.integers(0, len(table.picked) - 1)
    splits = st.tuples(features, st.integers(-40, 40).map(float))
    branches = data.draw(st.lists(splits, min_size=1, max_size=4))
    rows = np.concatenate([table.read(feed) for feed in fed(table.text(chained(branches)))])
    for feature, threshold in branches:
        assert (rows[:, feature] <= threshold).any()
        assert (rows[:, feature] > threshold).any()


def chained(branches: list[tuple[int, float]]) -> str:
    """A tree whose right child is the next branch each time, and whose left one is a leaf."""
    count = len(branches)
    nodes, leaves = range(2 * count + 1), range(count + 1)
    right = [*range(1, count), 2 * count]
    left = [count + at for at in range(count)]
    modes = ['"BRANCH_LEQ"'] * count + ['"LEAF"'] * (count + 1)
    unused = [0] * (count + 1)
    features = [feature for feature, _ in branches] + unused
    values = [threshold for _, threshold in branches] + [0.0] * (count + 1)
    return f"""y = ai.onnx.ml.TreeEnsembleRegressor<n_targets = 1,
        nodes_nodeids = {[*nodes]}, nodes_treeids = {[0 for _ in nodes]},
        nodes_featureids = {features}, nodes_values = {values},
        nodes_modes = [{", ".join(modes)}], nodes_truenodeids = {[*left, *unused]},
        nodes_falsenodeids = {[*right, *unused]}, target_ids = {[0 for _ in leaves]},
        target_nodeids = {[count + at for at in leaves]}, target_treeids = {[0 for _ in leaves]},
        target_weights = {[float(at) for at in leaves]}>(t)"""
