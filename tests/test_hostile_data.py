"""Data that lies, explodes or is none: a sentence each, soon, and in a gigabyte of memory."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from attacks import data_files
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from onnxlint.model.file.errors import DataError, MisfitError
from onnxlint.runtime.data import (
    cells,
    csv_parquet,
    delimited,
    files,
    generators,
    headers,
    images,
    labels,
)
from onnxlint.runtime.data.batching import batched
from onnxlint.runtime.data.fitting import Fitted, paired
from onnxlint.runtime.data.reading import read
from onnxlint.runtime.feeds.synthesis import Slot, attempts
from onnxlint.runtime.metrics import scoring
from onnxlint.settings import MOST_SAMPLES, LabelSource, Settings
from onnxlint.testing import run_rule
from onnxlint_rules.dat.duplicate_samples import duplicate_samples

if sys.platform != "linux":
    pytest.skip("pipes, devices and limits of memory as Linux has them", allow_module_level=True)
for package in ("pyarrow", "PIL"):  # not imported: each fork of the tests would carry them
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed", allow_module_level=True)

TABLE = [Slot("x", "float32", ("N", 2))]
TEXT = [Slot("x", "str", ("N", 2))]

LONGEST_SECONDS = 30.0
"""The widest table takes 5 s on a quiet machine, and all others less than 2."""

MOST_MEMORY = 700
"""MiB; the reader alone, with numpy and pyarrow, takes 150."""

READ_AS_LABELS = {"digits.csv", "digits_label.csv", "million_rows.csv", "text.parquet",
                  "bomb.parquet", "repeated_text.parquet", "bomb_behind.npz"}  # fmt: skip
ODD_NAMES = [*data_files.names()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    made = tmp_path_factory.mktemp("hostile")
    yield made
    subprocess.run(["rm", "-rf", made], check=True)  # no Python recurses so deep


def outcomes(kind: str, folder: Path, names: list[str]) -> Mapping[str, Any]:
    """What a reader of limited memory says of files, by their names."""
    script = Path(__file__).parent / "attacks" / "read_limited.py"
    paths = [folder / name for name in names]
    for path in paths:
        if not path.exists() and not path.is_symlink():
            data_files.FILES[path.name](path)
    done = subprocess.run(
        [sys.executable, script, kind, *paths], capture_output=True, timeout=300, check=False
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, len(lines)) == (0, len(names)), done.stderr[-2000:]
    return {Path(line["path"]).name: line for line in lines}


@pytest.fixture(scope="module")
def as_data(folder: Path) -> Mapping[str, Any]:
    return outcomes("data", folder, [*data_files.FILES])


SAME = {"rows_of_quotes.csv", "empty_lines.csv", "empty_lines_between.csv", "quotes.csv",
        "commas.csv", "too_many_columns.csv", "one_line.csv", "wide.csv"}  # fmt: skip
"""Slow ones that the same lines read."""
AS_LABELS = [name for name in data_files.FILES if "." in name and name not in SAME]


@pytest.fixture(scope="module")
def as_labels(folder: Path) -> Mapping[str, Any]:
    return outcomes("labels", folder, AS_LABELS)


def check(line: Mapping[str, Any], readable: bool) -> None:
    assert not line["crash"]
    assert bool(line["told"]) is not readable, line["told"]
    assert len(line["told"]) < 600 + len(line["path"])
    assert "\n" not in line["told"]
    assert line["seconds"] < LONGEST_SECONDS
    assert line["peak"] < MOST_MEMORY


@pytest.mark.parametrize("name", data_files.FILES)
def test_hostile_file_as_data(name: str, as_data: Mapping[str, Any]) -> None:
    check(as_data[name], name in data_files.READABLE)


@pytest.mark.parametrize("name", AS_LABELS)
def test_hostile_file_as_labels(name: str, as_labels: Mapping[str, Any]) -> None:
    check(as_labels[name], name in READ_AS_LABELS)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("header_4_gib.npz", "the header declares 4,294,901,760 bytes (limit 65,536)"),
        ("bomb_4_gib.npz", "8 samples need 4.0 GiB; give fewer"),
        ("sizes_lie_up.npz", "the list of members declares 4,294,967,294 bytes in"),
        ("directory_claims_2_gib.npz", "the list of members declares 2,147,483,648 bytes"),
        ("lzma.npz", "a method that numpy does not use"),
        ("header_no_character.npy", "the text contains invalid characters"),
        ("digits.csv", "contains '999999999999999999999999999999999999999999999999999999999999'…"),
        ("one_line.csv", "a row has more than 16,777,216 characters"),
        ("nested.parquet", "column 'a' contains a list<element: double> in a cell"),
        ("image_bomb", "could be decompression bomb"),
        ("image_of_54_megapixels", "9,000 x 6,000 pixels (limit 50,000,000)"),
        ("image_postscript", "is not PNG, JPEG, BMP, WEBP, TIFF; save it as one"),
        ("image_pipe", "is a pipe, not a regular file"),
        ("set_promises", "dimensions [1048576, 1048576] need 4,398,046,511,104 bytes"),
        ("set_external", "in another file, which is not followed"),
        ("set_external_unnamed", "in another file, which is not followed"),
        ("zero.csv", "is a device, not a regular file"),
        ("socket.npz", "is a socket, not a regular file"),
        ("loop.npz", "Too many levels of symbolic links"),
    ],
)
def test_sentence_says_what_is_wrong(name, sentence, as_data):
    told = as_data[name]["told"]
    assert sentence in told
    assert name in told or told.startswith("column")


@pytest.mark.parametrize("name", ODD_NAMES, ids=range(len(ODD_NAMES)))
def test_name_that_no_file_has(name, tmp_path):
    for reading in (lambda path: read(path, TABLE, 8, {}), lambda path: labels.read(path, None)):
        with pytest.raises(DataError, match=r"cannot be opened|does not exist"):
            reading(tmp_path / name)
    assert LabelSource.of(Path(f"{name}:y")).key == "y"


def test_unreadable_file_is_told(tmp_path, monkeypatch):
    (tmp_path / "x.npy").write_bytes(b"1")

    def refused(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(DataError, match=r"cannot be opened \(Permission denied\); check the path"):
        read(tmp_path / "x.npy", TABLE, 8, {})
    monkeypatch.setattr(os, "scandir", refused)
    with pytest.raises(DataError, match=r"cannot be opened \(Permission denied\); check the path"):
        read(tmp_path, TABLE, 8, {})


def test_file_that_is_swapped_for_a_pipe_is_not_waited_for(tmp_path, monkeypatch):
    path = tmp_path / "x.csv"
    os.mkfifo(path)
    monkeypatch.setattr(files, "_mode", lambda _: 0o100644)
    with pytest.raises(DataError, match="is a pipe, not a regular file"):
        read(path, TABLE, 8, {})


def test_folder_of_too_many_files(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MOST_ENTRIES", 5)
    for number in range(6):
        (tmp_path / f"{number}.txt").touch()
    with pytest.raises(
        DataError, match="contains more than 5 files; give a folder with the samples"
    ):
        read(tmp_path, TABLE, 8, {})


def mutants() -> Iterator[tuple[str, bytes]]:
    """Sound files of every small format, of which some bytes are changed or cut off."""
    text, whole = io.BytesIO(), io.BytesIO()
    np.save(text, np.array([["ab", "c"]] * 40))
    np.savez_compressed(whole, x=np.ones((40, 2), np.float32), y=np.arange(40))
    tensor = onnx.helper.make_tensor("x", 1, [3, 2], [1.0] * 6).SerializeToString()
    sound = [("a.npz", whole.getvalue()), ("b.npy", text.getvalue()),
             ("c.csv", b'a,y\n1.5,"2"\n' * 40), ("test_data_set_0", tensor)]  # fmt: skip
    for seed in range(600):
        name, content = sound[seed % len(sound)]
        changed = data_files.mutated(content, seed)
        cut = seed * 7919 % len(changed) if seed % 5 == 0 else len(changed)
        yield name, changed[:cut]


def test_mutants_are_read_or_refused(tmp_path):
    counts = {True: 0, False: 0}
    (tmp_path / "test_data_set_0").mkdir()
    for name, content in mutants():
        path = tmp_path / name
        (path / "input_0.pb" if path.is_dir() else path).write_bytes(content)
        for slots in (TABLE, TEXT):
            try:
                read(path, slots, 8, {})
                counts[True] += 1
            except DataError as error:
                counts[False] += 1
                assert len(str(error)) < 600
    assert min(counts.values()) > 50


# What is sound stays readable


@settings(deadline=None)
@given(
    arrays.arrays(
        st.sampled_from(["<f4", ">f8", "<i8", "|u1", "|b1", "<c8", "<U3", "|S4", "<f2"]),
        arrays.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=4),
    ),
    st.booleans(),
)
def test_headers_are_read_as_numpy_reads_them(array: np.ndarray, fortran: bool) -> None:
    file = io.BytesIO()
    np.save(file, np.array(array, order="F") if fortran else array)
    file.seek(0)
    shape, by_column, dtype = headers.read_header(file)
    assert (shape, dtype) == (array.shape, array.dtype)
    order = "F" if by_column else "C"
    again = np.frombuffer(file.read(), dtype).reshape(shape, order=order)
    assert again.tobytes() == array.tobytes()


@pytest.mark.parametrize(
    "text",
    [
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (4, 2), }   \n",
        b"{'shape':(4,2),'fortran_order':False,'descr':'<f4'}",
        b'{"descr": "<f4", "fortran_order": False, "shape": (4L, 2L)}',
        b"  { 'descr' : '<f4' , 'fortran_order' : False , 'shape' : ( 4 , 2 , ) , } ",
    ],
)
@pytest.mark.parametrize("version", [1, 2, 3])
def test_headers_of_other_writers(text, version, tmp_path):
    rows = np.arange(8, dtype=np.float32).reshape(4, 2)
    (tmp_path / "x.npy").write_bytes(data_files.npy(text, rows.tobytes(), version))
    assert np.array_equal(read(tmp_path / "x.npy", TABLE, 8, {}).feeds[0]["x"], rows)


def test_arrays_numbered_by_numpy_go_in_order_and_names_win():
    slots = [Slot(name, "float32", ("N",)) for name in "abcdefghijkl"]
    numbered = [f"arr_{at}" for at in range(12)]
    assert [*paired(sorted(numbered), slots).values()] == numbered
    turned = [Slot("arr_1", "float32", ("N",)), Slot("arr_0", "float32", ("N",))]
    assert paired(["arr_0", "arr_1"], turned) == {"arr_1": "arr_1", "arr_0": "arr_0"}


def test_wide_table_is_cheap_to_look_at(tmp_path, monkeypatch):
    data_files.wide(tmp_path / "d.csv", 1000, rows=50)
    slots = [Slot("x", "float32", ("N", 1000))]
    assert read(tmp_path / "d.csv", slots, 8, {}).more
    monkeypatch.setattr(delimited, "LOOKED_AT_BYTES", 8 * 1000 * 9)
    fed = read(tmp_path / "d.csv", slots, 8, {})
    assert sum(len(run["x"]) for run in [*fed.feeds, *fed.more]) == 9
    monkeypatch.setattr(delimited, "MOST_NUMBERS", 7000)
    with pytest.raises(DataError, match="8 samples have more than"):
        read(tmp_path / "d.csv", slots, 8, {})


@pytest.mark.parametrize("columns", [50_000, 200_000])
def test_time_of_a_table_grows_with_its_columns(columns, tmp_path):
    data_files.wide(tmp_path / "d.csv", columns)
    start = time.process_time()
    read(tmp_path / "d.csv", [Slot("x", "float32", ("N", columns))], 8, {})
    assert (time.process_time() - start) / columns < 50e-6  # quadratic, it was 225e-6 of 40,000


def test_texts_of_a_column_are_kept_once(tmp_path):
    (tmp_path / "d.csv").write_text("x,y\n" + "1,one class\n2,another\n" * 100)
    found = csv_parquet.column(tmp_path / "d.csv", {"y"}, "y")
    assert len({id(cell) for cell in found}) == 2
    numbers = csv_parquet.column(tmp_path / "d.csv", {"y"}, "x")
    assert numbers.dtype == np.int64


def test_a_column_of_text_is_limited(tmp_path, monkeypatch):
    monkeypatch.setattr(delimited, "LARGEST_BYTES", 5_000)
    (tmp_path / "d.csv").write_text("x,y\n" + "".join(f"1,name {n}\n" for n in range(100)))
    with pytest.raises(DataError, match="takes more than 0 GiB as text"):
        csv_parquet.column(tmp_path / "d.csv", {"y"}, "y")


@pytest.mark.parametrize(
    ("cell", "number"),
    [("9" * 5_000, None), ("1e999", None), ("-1e999", None), ("inf", np.inf), ("-Inf", -np.inf),
     ("1" * 300, float("1" * 300)), ("0." + "3" * 9_000, 1 / 3), ("1_0", None)],
    ids=range(8),
)  # fmt: skip
def test_cells_of_many_digits(cell, number):
    assert cells.number(cell) == number


# Numbers that are absurd


@pytest.mark.parametrize("samples", [10**7, 10**20, 2**63, 10**400])
def test_any_number_of_samples_costs_nothing_before_they_are_there(samples, tmp_path):
    rows = np.ones((3, 2), np.float32)
    np.save(tmp_path / "x.npy", rows)
    (tmp_path / "x.csv").write_text("1,2\n3,4\n")
    for name in ("x.npy", "x.csv"):
        assert read(tmp_path / name, TABLE, samples, {}).samples in (2, 3)
    (tmp_path / "many_samples.py").write_text("def rows():\n    yield [1, 2]\n")
    assert read(tmp_path / "many_samples:rows", TABLE, samples, {}).samples == 1
    for slots in (TABLE, [Slot("x", "float32", (1, 2))]):
        attempt = next(attempts(slots, samples, 0))
        assert len(attempt.feeds) * attempt.samples_per_run < 2 * MOST_SAMPLES
        assert attempt.feeds[len(attempt.feeds) - 1]["x"].shape[1] == 2


def test_a_huge_fixed_batch_is_not_filled():
    slots = [Slot("x", "float32", (1 << 40, 2))]
    with pytest.raises(MisfitError, match="expects 1,099,511,627,776 samples per run"):
        batched(Fitted({"x": np.ones((3, 2), np.float32)}), slots, 8)


def test_a_generator_of_too_much_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(generators, "LARGEST_BYTES", 100_000)
    text = "import numpy\ndef rows():\n    while True:\n        yield numpy.ones((0, 2))\n"
    (tmp_path / "gen_endless.py").write_text(text)
    with pytest.raises(DataError, match=r"gen_endless:rows: yielded more than .* give fewer"):
        read(tmp_path / "gen_endless:rows", TABLE, 10**6, {})


@pytest.mark.parametrize("raised", ["GeneratorExit", "SystemExit(0)", "BaseException('x' * 9999)"])
def test_a_generator_that_ends_everything(raised, tmp_path):
    name = f"gen_ends_{abs(hash(raised))}"
    (tmp_path / f"{name}.py").write_text(f"def rows():\n    yield [1, 2]\n    raise {raised}\n")
    with pytest.raises(DataError) as caught:
        read(tmp_path / f"{name}:rows", TABLE, 8, {})
    assert len(str(caught.value)) < 400


def test_images_are_counted_before_they_are_kept(tmp_path, monkeypatch):
    from PIL import Image

    for number in range(3):
        Image.new("RGB", (6, 4)).save(tmp_path / f"{number}.png")
    monkeypatch.setattr(images, "LARGEST_BYTES", 4 * 6 * 3 * 4 * 2)
    slots, contract = [Slot("x", "float32", ("N", 3, 4, 6))], {"x": images.InputContract()}
    with pytest.raises(DataError, match=r"3 images of shape \[3, 4, 6\] need more than"):
        read(tmp_path, slots, 3, contract)
    assert read(tmp_path, slots, 2, contract).samples == 2


# Text


def test_text_that_is_no_utf8_is_a_misfit(tmp_path):
    np.save(tmp_path / "x.npy", np.array([["a", "\udcff"]]))
    with pytest.raises(MisfitError, match=r"contains '\\udcff', which is not valid UTF-8"):
        read(tmp_path / "x.npy", TEXT, 8, {})


def test_text_of_one_axis_is_compared(tmp_path, write_model):
    model = write_model("net (string[N] x) => (string[N] y) { y = Identity(x) }")
    (tmp_path / "d.csv").write_text("x\na\nb\na\n")
    report = run_rule(duplicate_samples, model, settings=Settings(data=tmp_path / "d.csv"))
    assert report.complete
    assert "sample 2 equals sample 0" in report.findings[0].message


def test_recall_of_classes_with_names():
    truths, found = (np.array(classes, object) for classes in (list("aabb"), list("abbb")))
    assert scoring.recalls(found, truths) == {"a": 0.5, "b": 1.0}


def test_one_long_label_does_not_widen_the_others(tmp_path):
    (tmp_path / "d.csv").write_text("x,y\n" + "1,a\n" * 200_000 + "1," + "b" * 100_000 + "\n")
    found = labels.read(tmp_path / "d.csv", "y")
    assert found.dtype == object
    assert len(found[-1]) == 100_000
