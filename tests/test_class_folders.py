"""Images in a folder a class: what the folders' names say of the samples, and to whom."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from onnx import numpy_helper

from onnxlint.analyses.predictions.class_names import _listed as listed
from onnxlint.analyses.predictions.class_names import whole_numbers
from onnxlint.cli.main import cli as main
from onnxlint.runtime.data.reading import read
from onnxlint.runtime.feeds.synthesis import Slot
from onnxlint.settings import InputContract

image = pytest.importorskip("PIL.Image")

COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]

CONFIG = "[inputs.x]\nscale = 0.00392156862745098\nsize = [1, 1]\n"


def model(path: Path, classes: int = 3, head: str = "Softmax", **metadata: str) -> None:
    """Predicts class 0 for red, 1 for green, 2 for blue."""
    after = {"Softmax": "y = Softmax(z)", "ArgMax": "y = ArgMax<axis = 1, keepdims = 0>(z)"}[head]
    kind = f"float[N, {classes}] y" if head == "Softmax" else "int64[N] y"
    made = onnx.parser.parse_model(
        f'<ir_version: 8, opset_import: ["" : 17]> net (float[N, 3, 1, 1] x) => ({kind}) '
        f"{{ f = Flatten(x)\n z = MatMul(f, w)\n {after} }}"
    )
    weight = 4 * np.eye(3, classes, dtype=np.float32)
    made.graph.initializer.append(numpy_helper.from_array(weight, "w"))
    onnx.helper.set_model_props(made, metadata)
    onnx.save(made, path)


def images(folder: Path, **colours: int) -> None:
    """Two images of a colour in each folder."""
    for name, colour in colours.items():
        (folder / name.replace("__", "/")).mkdir(parents=True)
        for number in range(2):
            shade = tuple(max(0, part - 9 * number) for part in COLOURS[colour])
            image.new("RGB", (2, 2), shade).save(folder / name.replace("__", "/") / f"{number}.png")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "onnxlint.toml").write_text(CONFIG)
    return tmp_path


def linted(*options: str) -> dict:
    """The report of a run, and its exit code."""
    command = ["m.onnx", "--no-cache", "-f", "json", "--select", "PRD005,PRD012,DAT", *options]
    result = CliRunner().invoke(main, command)
    assert result.stdout, result.output
    (report,) = json.loads(result.stdout)["models"]
    return report | {"exit": result.exit_code}


def metrics(*options: str) -> dict:
    report = linted("--data", "imgs", "--labels", "imgs", *options)
    assert report["error"] is None
    return report["metrics"]


def infos(report: dict) -> list[str]:
    return [each["message"] for each in report["findings"] if each["code"] == "LNT002"]


def test_folders_without_names_are_classes_in_their_order_and_that_is_told(here):
    model(here / "m.onnx")
    images(here / "imgs", a=0, b=1, c=2)
    report = linted("--data", "imgs", "--labels", "imgs")
    assert report["metrics"]["accuracy"] == 1
    assert report["metrics"]["numbered_by"] == "order"
    assert report["metrics"]["classes"] == ["a", "b", "c"]
    assert report["metrics"]["recall"] == {"a": 1, "b": 1, "c": 1}
    (told,) = infos(report)
    assert "folders 'a', 'b', 'c' are the classes 0 to 2 of output 'y'" in told
    assert "ImageFolder" in told
    (hint,) = [each["hint"] for each in report["findings"] if each["code"] == "LNT002"]
    assert hint.endswith('[outputs."y"] classes = ["a", "b", "c"]')
    text = CliRunner().invoke(main, ["m.onnx", "--data", "imgs", "--labels", "imgs"]).output
    assert "6 labels; folders are classes in sorted order)" in text


def test_an_empty_folder_has_its_number_as_in_training(here):
    model(here / "m.onnx")
    images(here / "imgs", a=0, c=2)
    (here / "imgs" / "b").mkdir()
    (here / "imgs" / ".hidden").mkdir()
    assert metrics()["accuracy"] == 1


@pytest.mark.parametrize(
    "metadata",
    [
        {"names": "{0: 'rouge', 1: 'blue green', 2: 'azure'}"},
        {"class_names": '["rouge", "blue green", "azure"]'},
        {"id2label": '{"0": "rouge", "2": "azure", "1": "blue green"}'},
        {"class_to_idx": '{"azure": 2, "rouge": 0, "blue green": 1}'},
        {"Labels": "rouge, blue green, azure"},
    ],
)
def test_names_in_the_metadata_number_the_folders(metadata, here):
    model(here / "m.onnx", **metadata)
    images(here / "imgs", azure=2, Blue_Green=1, rouge=0)
    report = linted("--data", "imgs", "--labels", "imgs")
    assert report["metrics"]["accuracy"] == 1
    assert report["metrics"]["numbered_by"] == "metadata"
    assert not infos(report)


def test_the_configuration_lists_the_classes(here):
    model(here / "m.onnx", classes=5, names="['v', 'w', 'x', 'y', 'z']")
    (here / "onnxlint.toml").write_text(
        CONFIG + '[outputs.y]\nclasses = ["z", "m", "a", "q", "r"]\n'
    )
    images(here / "imgs", a=2, m=1, z=0)
    found = metrics()
    assert (found["accuracy"], found["numbered_by"]) == (1, "configuration")
    assert set(found["recall"]) == {"a", "m", "z"}


def test_folders_called_like_numbers_are_these(here):
    model(here / "m.onnx", classes=12)
    images(here / "imgs", **{"02": 2, "0": 0, "1": 1})
    found = metrics()
    assert (found["accuracy"], found["numbered_by"]) == (1, "numbers")


def test_years_are_no_numbers_of_classes(here):
    model(here / "m.onnx")
    images(here / "imgs", **{"2021": 0, "2022": 1, "2023": 2})
    assert metrics()["numbered_by"] == "order"


def test_a_model_that_gives_classes_itself(here):
    model(here / "m.onnx", head="ArgMax")
    images(here / "imgs", **{"0": 0, "2": 2})
    assert metrics()["accuracy"] == 1
    (here / "imgs" / "2").rename(here / "imgs" / "blue")
    report = linted("--data", "imgs", "--labels", "imgs")
    assert report["exit"] == 2 and "match no output" in report["error"]
    (here / "onnxlint.toml").write_text(CONFIG + '[outputs.y]\nclasses = ["0", "green", "blue"]\n')
    assert metrics()["accuracy"] == 1


def test_nested_folders_are_of_the_class_above(here):
    model(here / "m.onnx")
    images(here / "imgs", a__day=0, a__night=0, b=1, c__day__left=2)
    images(here / "imgs" / ".thumbnails", a=1)
    assert metrics()["accuracy"] == 1


@pytest.mark.parametrize(
    ("folders", "told"),
    [
        ({"cat": 0, "dog": 1}, "2 folders for 3 classes of output 'y', which the model does not"),
        ({"only": 0}, "1 folder for 3 classes of output 'y'"),
        ({"1": 0, "3": 1}, "2 folders for 3 classes"),
        ({"train": 0, "val": 1}, "'train', 'val' are parts of a data set, not classes; give one"),
    ],
)
def test_what_cannot_be_known_is_said(folders, told, here):
    model(here / "m.onnx")
    images(here / "imgs", **folders)
    report = linted("--data", "imgs", "--labels", "imgs")
    assert report["exit"] == 2
    assert told in report["error"]


def test_a_folder_that_is_no_class_is_named(here):
    model(here / "m.onnx", names="['red', 'green', 'blue']")
    images(here / "imgs", red=0, grey=1)
    report = linted("--data", "imgs", "--labels", "imgs")
    assert report["exit"] == 2
    assert "no class of output 'y' is called like folder 'grey' (classes: 'red'," in report["error"]


def test_images_beside_the_folders_have_no_class(here):
    model(here / "m.onnx")
    images(here / "imgs", a=0, b=1, c=2)
    image.new("RGB", (2, 2)).save(here / "imgs" / "z.png")
    report = linted("--data", "imgs", "--labels", "imgs")
    assert report["exit"] == 2 and "not in a folder of a class: 'z.png'" in report["error"]


def test_other_folders_than_those_of_the_data_are_refused(here):
    model(here / "m.onnx")
    images(here / "imgs", a=0, b=1, c=2)
    images(here / "others", a=0)
    report = linted("--data", "imgs", "--labels", "others")
    assert report["exit"] == 2 and "give --data others (now imgs)" in report["error"]
    report = linted("--data", "imgs", "--labels", "imgs:a")
    assert report["exit"] == 2 and "leave ':a' out" in report["error"]


def test_folders_are_no_labels_unless_asked_for_and_how_is_told(here):
    model(here / "m.onnx")
    images(here / "imgs", monday=0, tuesday=0)
    report = linted("--data", "imgs")
    assert report["metrics"] is None and not infos(report)
    assert report["summary"]["data"] == "data imgs (if its folders are classes: --labels imgs)"


def test_classes_listed_must_be_as_many_and_different(here):
    model(here / "m.onnx")
    images(here / "imgs", a=0, b=1)
    (here / "onnxlint.toml").write_text(CONFIG + '[outputs.y]\nclasses = ["a", "b"]\n')
    report = linted("--data", "imgs", "--labels", "imgs")
    assert "classes lists 2 names, and the output has 3 classes" in report["error"]
    (here / "onnxlint.toml").write_text(CONFIG + '[outputs.y]\nclasses = ["a", "a", "b"]\n')
    result = CliRunner().invoke(main, ["m.onnx"])
    assert result.exit_code == 2 and "classes has 'a' twice" in result.output


def test_findings_name_the_files_of_samples(here):
    model(here / "m.onnx")
    images(here / "imgs", a=0, b=0)
    report = linted("--data", "imgs")
    assert report["summary"]["sample_files"] == ["a/0.png", "b/0.png", "a/1.png", "b/1.png"]
    (found,) = [each for each in report["findings"] if each["code"] == "DAT006"]
    assert "sample 1 (b/0.png) equals sample 0 (a/0.png)" in found["message"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_names_of_any_bytes_are_labels(here):
    model(here / "m.onnx")
    images(here / "imgs", **{"a\x1b[31m": 0, "b": 1, "c\udcff": 2})
    report = linted("--data", "imgs", "--labels", "imgs")
    assert report["error"] is None and report["metrics"]["accuracy"] == 1
    assert report["metrics"]["classes"] == ["a\x1b[31m", "b", "c\\xff"]
    assert report["summary"]["sample_files"][2] == "c\\xff/0.png"
    text = CliRunner().invoke(main, ["m.onnx", "--data", "imgs", "--labels", "imgs"]).output
    assert "\x1b" not in text and "accuracy 1" in text


def test_a_diff_names_the_files_of_flipped_samples(here):
    model(here / "m.onnx")
    changed = onnx.load(here / "m.onnx")
    (weight,) = changed.graph.initializer
    flipped = numpy_helper.to_array(weight)[:, [0, 2, 1]]
    weight.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(flipped), "w"))
    onnx.save(changed, here / "new.onnx")
    images(here / "imgs", a=0, b=1, c=2)
    command = ["diff", "m.onnx", "new.onnx", "--data", "imgs", "--labels", "imgs"]
    assert "4 predictions: 1 (b/0.png), 2 (c/0.png)" in CliRunner().invoke(main, command).output
    told = json.loads(CliRunner().invoke(main, [*command, "-f", "json"]).stdout)
    assert told["score"]["files"]["4"] == "b/1.png"


def test_samples_come_of_each_folder_in_turn(tmp_path):
    images(tmp_path, b=0, a__x=1)
    image.new("RGB", (2, 2)).save(tmp_path / "b" / "z.png")
    (tmp_path / ".cache").mkdir()
    image.new("RGB", (2, 2)).save(tmp_path / ".cache" / "a.png")
    slots = [Slot("x", "float32", ("N", 3, 2, 2))]
    fed = read(tmp_path, slots, 9, {"x": InputContract()})
    assert fed.names == ["a/x/0.png", "b/0.png", "a/x/1.png", "b/1.png", "b/z.png"]


@pytest.mark.parametrize(
    ("entry", "names"),
    [
        ("{0: 'a', 1: \"b's\"}", ["a", "b's"]),
        ("('a', 'b')", ["a", "b"]),
        ("{0: 'a', 2: 'b'}", []),
        ("['a', 'a']", []),
        ("[1, 2]", []),
        ('{"a": [1]}', []),
        ("[" * 100_000, []),
        ("{" * 100_000 + "}", []),
        ("a" * (1 << 21), []),
    ],
)
def test_names_in_metadata_are_read_with_care(entry, names):
    assert listed(entry) == names


def test_numbers_are_each_another_one():
    assert whole_numbers(["0", "10", "2"]) == {"0": 0, "10": 10, "2": 2}
    for folders in (["1", "01"], ["0", "a"], ["²"], ["-1", "0"], [], ["9" * 5000]):
        assert whole_numbers(folders) is None


# A network that was trained on pictures, in each command


FIXTURES = Path(__file__).parent.parent / "fixtures"
SHAPES = runpy.run_path(str(FIXTURES / "drawn_shapes.py"))


def drawn(folder: Path, count: int, seed: int = 9, moved: int = 0) -> None:
    """Pictures in a folder for each shape; the first of circles may be moved to the squares."""
    random = np.random.default_rng(seed)
    for name in SHAPES["SHAPES"]:
        for number in range(count):
            called = "square" if name == "circle" and number < moved else name
            (folder / called.capitalize()).mkdir(parents=True, exist_ok=True)
            picture = image.fromarray(SHAPES["drawn"](name, random))
            picture.save(folder / called.capitalize() / f"{name}{number}.png")


@pytest.fixture
def shapes(here):
    (here / "onnxlint.toml").write_text(CONFIG.replace("size = [1, 1]", 'colour = "GREY"'))
    (here / "m.onnx").write_bytes((FIXTURES / "labelled" / "shapes.onnx").read_bytes())
    drawn(here / "imgs", 24)
    return here


GIVEN = ("--data", "imgs", "--labels", "imgs", "--no-cache")


def test_check_judges_pictures_by_their_folders(shapes):
    result = CliRunner().invoke(main, ["m.onnx", *GIVEN, "--select", "PRD,DAT"])
    assert result.exit_code == 0
    assert "classes by their names in the model's metadata" in result.output
    assert "confusion (labels down, predictions across):" in result.output
    found = linted(*GIVEN)["metrics"]
    assert found["accuracy"] > 0.95
    assert found["confusion"]["classes"] == ["circle", "cross", "square"]
    assert sum(map(sum, found["confusion"]["matrix"])) == 72


def test_the_page_judges_pictures_by_their_folders(shapes):
    result = CliRunner().invoke(main, ["report", "m.onnx", *GIVEN[:4], "-o", "page.html"])
    assert result.exit_code == 0, result.output
    page = (shapes / "page.html").read_text(encoding="utf-8")
    assert 'class="confusion' in page
    assert "72 labels" in page


def test_a_series_judges_pictures_by_their_folders(shapes):
    trained = onnx.load(shapes / "m.onnx")
    onnx.save(trained, shapes / "s_20.onnx")
    random = np.random.default_rng(0)
    for weight in trained.graph.initializer:
        if weight.data_type == onnx.TensorProto.FLOAT and len(weight.dims) > 1:
            noisy = numpy_helper.to_array(weight) + random.normal(0, 0.4, tuple(weight.dims))
            weight.CopyFrom(numpy_helper.from_array(noisy.astype(np.float32), weight.name))
    onnx.save(trained, shapes / "s_10.onnx")
    command = ["series", "s_10.onnx", "s_20.onnx", *GIVEN[:4], "-f", "json"]
    result = CliRunner().invoke(main, command)
    (report,) = json.loads(result.stdout)["models"]
    (scores,) = report["series"]["scores"]
    assert (scores["measure"], scores["samples"]) == ("accuracy", 72)
    assert scores["figure"][0] < 0.9 < scores["figure"][1]
    assert report["metrics"]["confusion"]["labels"] == [24, 24, 24]


def test_two_sets_of_folders(shapes):
    drawn(shapes / "train", 24, seed=4)
    found = metrics("--train-data", "train", "--train-labels", "train")
    assert found["train"]["confusion"]["labels"] == [24, 24, 24]


def test_pictures_in_the_folder_of_another_class_are_seen(shapes):
    drawn(shapes / "mixed", 24, moved=24)
    report = linted("--data", "mixed", "--labels", "mixed", "--select", "PRD")
    assert report["metrics"]["recall"]["square"] == pytest.approx(0.5, abs=0.05)
    drawn(shapes / "swapped", 24)
    for old, new in (("Circle", "x"), ("Square", "Circle"), ("x", "Square")):
        (shapes / "swapped" / old).rename(shapes / "swapped" / new)
    report = linted("--data", "swapped", "--labels", "swapped", "--select", "PRD")
    (found,) = (each for each in report["findings"] if each["code"] == "PRD012")
    assert found["evidence"]["map"] == {"circle": "square", "square": "circle"}
