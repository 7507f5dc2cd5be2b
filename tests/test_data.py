"""The user's data, format by format: what is read, what is refused, and that nothing is lost."""

from __future__ import annotations

import pickle
import sys
import zipfile

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onnxlint.config import load
from onnxlint.model.file.errors import DataError, MisfitError
from onnxlint.runtime.data import delimited
from onnxlint.runtime.data.batching import batched
from onnxlint.runtime.data.fitting import Fitted
from onnxlint.runtime.data.reading import read
from onnxlint.runtime.feeds.synthesis import Slot
from onnxlint.settings import InputContract
from onnxlint.toml_tables import ConfigError

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
        ("a,b,c\n1,2,3\n", MisfitError, "1 extra feature (is the label included?)"),
        ("a,b\n1,x\n", MisfitError, "column 'b' contains 'x' in row 1"),
        ("a,b\n1,2\n3\n", DataError, "line 3 has 1 cells, not 2"),
        ("a,b\n1,2\n1_0,2\n", MisfitError, "column 'a' contains '1_0' in row 2"),
        ("a;b\n1,5;2\n", MisfitError, "write decimals with a point"),
        ("a,a\n1,2\n", DataError, "two columns have the name 'a'"),
        ("a,b\n", DataError, "has a header but no rows"),
        ("a,b\n\0,2\n", MisfitError, "column 'a' contains"),
        ("a,b\n1,\xff\n", DataError, "save it as UTF-8"),
        ("", DataError, "is empty"),
        ("\n \n", DataError, "is empty"),
    ],
)
def test_csv_that_does_not_do(text, kind, sentence, tmp_path):
    (tmp_path / "d.csv").write_text(text, encoding="latin-1")
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
    with pytest.raises(MisfitError, match="appears to be NHWC instead of NCHW"):
        read(tmp_path, IMAGE, 9, {})


def test_a_csv_line_without_end_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(delimited, "LONGEST_ROW", 10)
    (tmp_path / "d.csv").write_text("1,2\n" + "3," * 99)
    with pytest.raises(DataError, match="a row has more than 10 characters"):
        read(tmp_path / "d.csv", TABLE, 9, {})


def test_text_of_a_table_stays_as_it_stands(tmp_path):
    (tmp_path / "d.csv").write_text("code,age\n007,1\n1.50,\n")
    slots = [Slot("code", "str", ("N", 1)), Slot("age", "float32", ("N", 1))]
    (feed,) = read(tmp_path / "d.csv", slots, 9, {}).feeds
    assert feed["code"].tolist() == [["007"], ["1.50"]]
    assert np.array_equal(feed["age"], np.float32([[1], [np.nan]]), equal_nan=True)


def test_all_rows_of_a_parquet_file_in_groups(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pyarrow.table({"a": range(10), "__index_level_0__": range(10), "b": range(10)})
    parquet.write_table(table, tmp_path / "d.parquet", row_group_size=3)
    (feed,) = read(tmp_path / "d.parquet", TABLE, 8, {}).feeds
    assert feed["x"].tolist() == [[n, n] for n in range(8)]
    lists = pyarrow.table({"a": [[1.0], [2.0]], "b": [1, 2]})
    parquet.write_table(lists, tmp_path / "d.parquet")
    with pytest.raises(DataError, match=r"column 'a' contains a list<.*> in a cell"):
        read(tmp_path / "d.parquet", TABLE, 8, {})
    (tmp_path / "d.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        read(tmp_path / "d.parquet", TABLE, 8, {})


def test_rows_that_are_not_run_are_looked_at(tmp_path):
    np.savez(tmp_path / "d.npz", x=np.arange(5000.0, dtype=np.float32).reshape(2500, 2))
    fed = read(tmp_path / "d.npz", TABLE, 40, {})
    assert [len(feed["x"]) for feed in fed.feeds] == [32, 8]
    together = np.concatenate([feed["x"] for feed in [*fed.feeds, *fed.more]])
    assert together.reshape(-1).tolist() == list(range(2000))


def _header(shape: str, descr: str = "'<f4'") -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (_header("(9999999999999999, 2)") + b"\0" * 64, "the file is truncated"),
        (_header("(4, 9999999999999999)"), "declares .* bytes of 0: the file is truncated"),
        (_header("(-4, -2)") + b"\0" * 64, "invalid header"),
        (_header("(4, 2)", "'|O'") + pickle.dumps([1] * 8), "Python objects, which are not loaded"),
        (_header("(4, 2)", "'|V0'"), "invalid header"),
        (_header("(4, 2)")[:40], "not an array saved by numpy|cannot be read"),
        (b"PK", "not an array saved by numpy"),
        (b"", "not an array saved by numpy|is empty"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_hostile_arrays(content, sentence, packed, tmp_path):
    path = tmp_path / ("x.npz" if packed else "x.npy")
    if packed:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("x.npy", content)
    else:
        path.write_bytes(content)
    with pytest.raises(DataError, match=sentence):
        read(path, TABLE, 4, {})


def test_damaged_archives(tmp_path):
    path = tmp_path / "x.npz"
    np.savez_compressed(path, x=np.random.default_rng(0).random((99, 2), np.float32))
    whole = path.read_bytes()
    for broken in (whole[:-30], whole[:80] + b"#" * 40 + whole[120:], b""):
        path.write_bytes(broken)
        with pytest.raises(DataError, match=r"cannot be read as numpy arrays|is empty"):
            read(path, TABLE, 99, {})
    (tmp_path / "x.pkl").write_bytes(pickle.dumps({"x": 1}))
    with pytest.raises(DataError, match="unsupported data format; give"):
        read(tmp_path / "x.pkl", TABLE, 4, {})


def test_arrays_without_names_are_taken_in_order(tmp_path):
    slots = [Slot("a", "float32", ("N", 2)), Slot("b", "float32", ("N",))]
    np.savez(tmp_path / "d.npz", np.ones((3, 2)), np.zeros(3))
    (feed,) = read(tmp_path / "d.npz", slots, 9, {}).feeds
    assert [feed["a"].shape, feed["b"].shape] == [(3, 2), (3,)]


def test_samples_lie_along_the_axis_of_the_batch(tmp_path):
    slots = [Slot("x", "float32", ("batch", 5)), Slot("state", "float32", (2, "batch", 3)),
             Slot("rate", "int64", ())]  # fmt: skip
    state = np.arange(2 * 70 * 3).reshape(2, 70, 3)
    np.savez(tmp_path / "d.npz", x=np.ones((70, 5)), state=state, rate=np.int64(16000))
    fed = read(tmp_path / "d.npz", slots, 40, {})
    assert [feed["x"].shape[0] for feed in fed.feeds] == [32, 8]
    assert {int(feed["rate"]) for feed in fed.feeds} == {16000}
    assert np.array_equal(np.concatenate([f["state"] for f in fed.feeds], 1), state[:, :40])
    assert fed.samples == 40


@pytest.mark.parametrize(
    ("slot", "array", "sentence"),
    [
        (Slot("x", "float16", ("N", 2)), np.full((3, 2), 1e6), "1e+06 is out of range"),
        (Slot("x", "int8", ("N", 2)), np.full((3, 2), 200, np.uint8), "shift it by 128"),
        (Slot("x", "uint8", ("N", 2)), np.ones((3, 2)), "may already be scaled"),
        (Slot("x", "float32", ("N", 2)), np.ones((3, 2), complex), "convert it"),
        (Slot("x", "float32", ("N", 2)), np.ones((2, 3)), "appears to be transposed"),
        (Slot("x", "float32", ("N", 3, 8, 8)), np.ones((2, 3, 8, 9)), "axis 3 has size 9, not 8"),
        (Slot("x", "float32", ("N", 3, 8, 8)), np.ones((2, 1, 8, 8)), "1 channels instead of 3"),
        (Slot("x", "float32", ("N", 3, 8, 8)), np.ones((3, 8, 8)), "the batch axis is missing"),
        (Slot("x", "float32", ("N", 2)), np.array([["a", "b"]]), "encode it as in training"),
        (Slot("x", "float32", ("N", 2)), np.ones((0, 2)), "the data has no samples"),
    ],
)
def test_the_likely_cause_of_a_misfit(slot, array, sentence, tmp_path):
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(MisfitError) as caught:
        read(tmp_path / "x.npy", [slot], 4, {})
    assert sentence in str(caught.value)


def test_a_test_set_leads_to_no_other_file(tmp_path):
    tensor = onnx.numpy_helper.from_array(np.ones((1, 2), np.float32), "another name")
    folder = tmp_path / "test_data_set_0"
    folder.mkdir()
    (folder / "input_0.pb").write_bytes(tensor.SerializeToString())
    assert read(tmp_path, TABLE, 4, {}).feeds[0]["x"].tolist() == [[1, 1]]
    onnx.external_data_helper.set_external_data(tensor, "/etc/hostname")
    tensor.ClearField("raw_data")
    (folder / "input_0.pb").write_bytes(tensor.SerializeToString())
    with pytest.raises(DataError, match="in another file, which is not followed"):
        read(tmp_path, TABLE, 4, {})


PLAIN = InputContract(size=(4, 6))


@pytest.mark.parametrize(
    ("mode", "colour", "pixel"),
    [
        ("P", (255, 0, 51), [255, 0, 51]),
        ("RGBA", (255, 0, 51, 0), [255, 0, 51]),
        ("LA", (51, 0), [51, 51, 51]),
        ("1", 1, [255, 255, 255]),
        ("CMYK", (0, 255, 0, 0), [255, 0, 255]),
    ],
)
def test_images_of_every_mode(mode, colour, pixel, tmp_path):
    image = pytest.importorskip("PIL.Image")
    made = image.new("RGB" if mode == "P" else mode, (12, 8), colour)
    made.convert(mode).save(tmp_path / ("a.tif" if mode == "CMYK" else "a.png"))
    (feed,) = read(tmp_path, IMAGE, 9, {"x": PLAIN}).feeds
    assert feed["x"][0, :, 2, 2].tolist() == pixel


def test_images_are_upright_and_of_every_class(tmp_path):
    image = pytest.importorskip("PIL.Image")
    for name, colour in (("a", 10), ("b", 20)):
        (tmp_path / name).mkdir()
        for number in range(2):
            made = image.new("L", (4, 6), colour + number)
            made.putpixel((0, 0), 99)
            exif = image.Exif()
            exif[0x0112] = 6  # turned by a quarter
            made.save(tmp_path / name / f"{number}.png", exif=exif)
    (tmp_path / "a" / "._0.png").write_bytes(b"of macOS")
    slots = [Slot("x", "float32", ("N", 1, 4, 6))]
    (feed,) = read(tmp_path, slots, 4, {"x": InputContract(colour="GREY")}).feeds
    assert feed["x"][:, 0, 2, 2].tolist() == [10, 20, 11, 21]
    assert feed["x"][0, 0, 0, 5] == 99


def test_images_that_do_not_do(tmp_path, monkeypatch):
    image = pytest.importorskip("PIL.Image")
    file = tmp_path / "a.png"
    image.new("I;16", (6, 4), 40000).save(file)
    with pytest.raises(DataError, match="more than 8 bits per channel"):
        read(tmp_path, IMAGE, 9, {"x": PLAIN})
    image.new("RGB", (6, 4)).save(file)
    with pytest.raises(DataError, match=r"images need one input .* like \[inputs.x\]"):
        read(tmp_path, IMAGE, 9, {})
    monkeypatch.setattr(image, "MAX_IMAGE_PIXELS", 20)
    with pytest.raises(DataError, match="could be decompression bomb"):
        read(tmp_path, IMAGE, 9, {"x": PLAIN})
    monkeypatch.undo()
    file.write_bytes(file.read_bytes()[:45])
    with pytest.raises(DataError, match="is not a supported image"):
        read(tmp_path, IMAGE, 9, {"x": PLAIN})
    image.new("RGB", (6, 4)).save(file)
    image.new("RGB", (7, 4)).save(tmp_path / "b.png")
    with pytest.raises(DataError, match="images of several sizes; declare"):
        read(tmp_path, IMAGE, 9, {"x": InputContract()})


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ("mean = [1, 2]", "mean must be one number, or 3 for RGB"),
        ("std = [0.0]", "std must not be 0"),
        ("scale = 0.0", "scale must be a number other than 0"),
        ("size = [0, 9]", "size must be"),
        ("range = [1, 0]", "range must be [lowest, highest]"),
        ("size = [9]", "length 2"),
        ('layout = "HWC"', "layout"),
    ],
)
def test_a_preparation_that_makes_no_sense(table, sentence, tmp_path):
    (tmp_path / "onnxlint.toml").write_text(f"[inputs.x]\n{table}\n")
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "onnxlint.toml")
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("return 3", "must yield arrays"),
        ("yield ([1, 2], 3)", "yielded a tuple, which is not an array; yield arrays, or dicts"),
        ("raise SystemExit(1)", "SystemExit"),
        ("yield from ()", "yielded nothing"),
        ("yield [1, 2, 3]", "1 extra feature"),
        ("import nonsense_module; yield 1", "nonsense_module"),
    ],
)
def test_generators_that_do_not_do(body, sentence, tmp_path):
    name = f"gen_{abs(hash(body))}"
    (tmp_path / f"{name}.py").write_text(f"def rows():\n    {body}\n")
    with pytest.raises(DataError) as caught:
        read(tmp_path / f"{name}:rows", TABLE, 2, {})
    assert sentence in str(caught.value)


def test_a_generator_without_end_or_rows_is_left(tmp_path, capsys):
    text = "import numpy\ndef rows():\n    while True:\n        print('made')\n"
    (tmp_path / "gen_empty.py").write_text(text + "        yield numpy.ones((0, 2))\n")
    fed = read(tmp_path / "gen_empty:rows", TABLE, 3, {})
    assert len(fed.feeds) == 3
    assert capsys.readouterr().out == ""


def test_what_cannot_be_read_ends_with_2_and_without_a_traceback(write_model, onnxlint, tmp_path):
    path = write_model()
    (tmp_path / "d.npz").write_bytes(b"nonsense")
    done = onnxlint(path, "--data", "d.npz")
    assert done.returncode == 2
    assert "incomplete: d.npz: cannot be read as numpy arrays" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
