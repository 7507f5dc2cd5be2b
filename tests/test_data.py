"""The user's data, format by format: what is read, what is refused, and that nothing is lost."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onnxlint.model.errors import DataError
from onnxlint.runtime.data import MisfitError, read
from onnxlint.runtime.data.batching import batched
from onnxlint.runtime.data.fitting import Fitted
from onnxlint.runtime.synthesis import Slot
from onnxlint.settings import InputContract

TABLE = [Slot("x", "float32", ("N", 2))]
IMAGE = [Slot("x", "float32", ("N", 3, 4, 6))]


@given(st.integers(1, 70), st.integers(1, 9) | st.none())
def test_batching_keeps_every_sample_once(count: int, batch: int | None) -> None:
    rows = np.arange(count * 2, dtype=np.float32).reshape(count, 2)
    fed = batched(Fitted({"x": rows}), [Slot("x", "float32", (batch or "N", 2))], 100)
    together = np.concatenate([feed["x"] for feed in fed.feeds])
    assert fed.samples == count
    assert np.array_equal(together[:count], rows)
    assert (together[count:] == rows[-1]).all()
    assert len(together) - count == (-count % batch if batch else 0)
    assert bool(fed.note) == (len(together) > count)


@pytest.mark.parametrize("text", ["a,b\n1,2\n3,\n", "1,2\n3,\n", "a;b\n1;2\n3;\n"])
def test_csv_with_and_without_header(text, tmp_path):
    (tmp_path / "d.csv").write_text(text)
    (feed,) = read(tmp_path / "d.csv", TABLE, 9, {}).feeds
    assert np.array_equal(feed["x"], np.float32([[1, 2], [3, np.nan]]), equal_nan=True)


def test_csv_columns_go_to_inputs_of_their_names(tmp_path):
    (tmp_path / "d.csv").write_text("city,age\nBonn,3\nRom,4\n")
    slots = [Slot("age", "int64", ("N", 1)), Slot("city", "str", ("N", 1))]
    (feed,) = read(tmp_path / "d.csv", slots, 1, {}).feeds
    assert feed["age"].tolist() == [[3]]
    assert feed["city"].tolist() == [["Bonn"]]


@pytest.mark.parametrize(
    ("text", "kind", "sentence"),
    [
        ("a,b,c\n1,2,3\n", MisfitError, "1 features too many (the label?)"),
        ("a,b\n1,x\n", MisfitError, "'b' holds text, and the model wants float32"),
        ("a,b\n1,2\n3\n", DataError, "row 2 has 1 cells, not 2"),
        ("", DataError, "is empty"),
    ],
)
def test_csv_that_does_not_do(text, kind, sentence, tmp_path):
    (tmp_path / "d.csv").write_text(text)
    with pytest.raises(kind) as caught:
        read(tmp_path / "d.csv", TABLE, 9, {})
    assert sentence in str(caught.value)


def test_parquet(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.table({"a": [1.0, 3.0], "b": [2, 4]}), tmp_path / "d.parquet")
    (feed,) = read(tmp_path / "d.parquet", TABLE, 9, {}).feeds
    assert feed["x"].tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_images_are_prepared_as_declared(layout, tmp_path):
    image = pytest.importorskip("PIL.Image")
    (tmp_path / "cats").mkdir()
    image.new("RGB", (12, 8), (255, 0, 51)).save(tmp_path / "cats" / "a.png")
    contract = InputContract(scale=1 / 255, mean=[0.5, 0, 0], size=(4, 6), layout=layout)
    dims = ("N", 3, 4, 6) if layout == "NCHW" else ("N", 4, 6, 3)
    (feed,) = read(tmp_path, [Slot("x", "float32", dims)], 9, {"x": contract}).feeds
    pixel = feed["x"][0, :, 2, 2] if layout == "NCHW" else feed["x"][0, 2, 2]
    assert pixel == pytest.approx([0.5, 0, 0.2])


@pytest.mark.parametrize(
    ("name", "module", "contracts"),
    [("a.png", "PIL", {"x": InputContract()}), ("a.parquet", "pyarrow", {})],
)
def test_a_missing_extra_is_told(name, module, contracts, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(DataError, match=r"pip install 'onnxlint\[data\]'"):
        read(tmp_path if module == "PIL" else tmp_path / name, IMAGE, 9, contracts)


def test_a_generator_is_asked_for_no_more_than_needed(tmp_path):
    (tmp_path / "gen_samples.py").write_text(
        "def rows():\n    yield [1, 2]\n    yield [3, 4]\n    raise ValueError\n"
        "def batches():\n    yield {'x': [[1, 2]]}\n    yield {'x': [[1, 2], [3, 4]]}\n"
    )
    (feed,) = read(tmp_path / "gen_samples:rows", TABLE, 2, {}).feeds
    assert feed["x"].tolist() == [[1, 2], [3, 4]]
    fed = read(tmp_path / "gen_samples:batches", TABLE, 9, {})
    assert ([len(feed["x"]) for feed in fed.feeds], fed.samples) == ([1, 2], 3)
    with pytest.raises(DataError, match="no such function"):
        read(tmp_path / "gen_samples:nothing", TABLE, 2, {})


def test_channels_last_is_recognised(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((2, 4, 6, 3), np.float32))
    with pytest.raises(MisfitError, match="looks like NHWC where NCHW is wanted"):
        read(tmp_path, IMAGE, 9, {})
