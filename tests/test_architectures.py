"""Parameters and multiplications of well-known architectures, against what PyTorch counts."""

from __future__ import annotations

import gzip
import struct
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import onnx
import pytest

from onnxlint import Costs, Parameters
from onnxlint.analyses import Analyses
from onnxlint.model.file.load import open_model
from onnxlint.safety.limits import Budget
from onnxlint.settings import Settings

FOLDER = Path(__file__).parents[1] / "fixtures" / "architectures"
COUNTS = tomllib.loads((FOLDER / "counts.toml").read_text(encoding="utf-8"))


def written(name: str, folder: Path) -> Path:
    """The model beside a sparse file of data, whose tensors differ in their first element alone.

    Those that `make_architectures.py` saw to be the same are the same.
    """
    data = gzip.decompress((FOLDER / f"{name}.onnx.gz").read_bytes())
    path = folder / "model.onnx"
    path.write_bytes(data)
    leader = {each: names[0] for names in COUNTS[name].get("same", ()) for each in names}
    numbers: dict[str, float] = {}
    end = 0
    with (folder / "weights.data").open("wb") as file:
        for tensor in onnx.ModelProto.FromString(data).graph.initializer:
            place = {entry.key: entry.value for entry in tensor.external_data}
            if not place:
                continue
            number = numbers.setdefault(leader.get(tensor.name, tensor.name), len(numbers) + 1.5)
            file.seek(int(place["offset"]))
            file.write(struct.pack("<f", number))
            end = max(end, int(place["offset"]) + int(place["length"]))
        file.truncate(end)
    return path


@contextmanager
def analysed(path: Path) -> Iterator[Analyses]:
    settings = Settings()
    budget = Budget.build(settings)
    with open_model(str(path), budget) as model:
        yield Analyses(settings, budget, model)


@pytest.mark.parametrize("name", COUNTS)
def test_parameters_and_macs_are_those_of_pytorch(name: str, tmp_path: Path) -> None:
    expected = COUNTS[name]
    with analysed(written(name, tmp_path)) as analyses:
        parameters, costs = analyses.get(Parameters), analyses.get(Costs)
        assert parameters.total == expected["parameters"]
        assert costs.uncounted == ()
        assert costs.macs == expected["macs"]


LIGHT = Path(onnx.__file__).parent / "backend/test/data/light"


@pytest.mark.parametrize(("name", "parameters"), [
    ("resnet50", 25_557_032), ("vgg19", 143_667_240), ("squeezenet", 1_235_496),
])  # fmt: skip
def test_weights_that_a_node_fills_are_weights(name: str, parameters: int) -> None:
    with analysed(LIGHT / f"light_{name}.onnx") as analyses:
        assert analyses.get(Parameters).total == parameters
