"""Folders that try to be read, written or shown as they must not: each makes one, and gives a path.

What lies in `folder / "model"` is what a stranger sent; `folder` itself is the user's.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, helper, numpy_helper

Layout = Callable[[Path], Path]

SECRET = b"what the user keeps to himself\n" * 64
"""Longer than any tensor here, so that no check of sizes stands in for one of places."""

HOSTILE = "a\x1b[31m\x1b]0;t\x07b\x9b2Jc\x7f\u202ed\u200b\u2066\ufeffe\x08\x00\n::error::f"
"""CSI, OSC, C1, DEL, a mark of direction, marks of no width, backspace, NUL, and a line's end."""

INERT = (
    "a\\x1b[31m\\x1b]0;t\\x07b\\x9b2Jc\\x7f\\u202ed\\u200b\\u2066\\ufeffe\\x08\\x00\\n::error::f"
)


def net(rows: int = 4, columns: int = 4, left_over: bool = True) -> ModelProto:
    """One MatMul, its weight, and an initializer that nobody reads, which --fix removes."""
    rng = np.random.default_rng(0)
    weights = [numpy_helper.from_array(rng.standard_normal((rows, columns)).astype("f4"), "w")]
    if left_over:
        weights.append(numpy_helper.from_array(np.ones(2, "f4"), "forgotten"))
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"], name="n")],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", rows])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", columns])],
        weights,
    )
    opset = helper.make_opsetid("", 17)
    return helper.make_model(
        graph, opset_imports=[opset], ir_version=8, producer_name="p", producer_version="1"
    )


def external(folder: Path, location: str = "w.bin", stored: str | None = None) -> Path:
    """A sound model with its weight in another file, which is `stored` under another name if so."""
    folder.mkdir(parents=True, exist_ok=True)
    model = net()
    weight = model.graph.initializer[0]
    data = folder / (location if stored is None else stored)
    data.parent.mkdir(parents=True, exist_ok=True)
    data.write_bytes(weight.raw_data)
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value=location)
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


# Links as a model hub's cache makes them: nothing is wrong with these.


def _into_blobs(path: Path, blobs: Path) -> None:
    """Moves a file to where it is named by a number, and leaves a link."""
    blobs.mkdir(exist_ok=True)
    blob = blobs / f"{len(list(blobs.iterdir())):064x}"
    path.rename(blob)
    path.symlink_to(os.path.relpath(blob, path.parent))


def hub_cache(folder: Path) -> Path:
    """Model and data are links into one folder of blobs."""
    path = external(folder / "model" / "snapshots" / "0123" / "onnx")
    for file in (path, path.with_name("w.bin")):
        _into_blobs(file, folder / "model" / "blobs")
    return path


def hub_cache_with_a_subfolder(folder: Path) -> Path:
    """The data is named in a folder below, and is a link from there."""
    path = external(folder / "model" / "snapshots" / "0123", "parts/w.bin")
    for file in (path, path.parent / "parts" / "w.bin"):
        _into_blobs(file, folder / "model" / "blobs")
    return path


def hub_cache_of_one_file(folder: Path) -> Path:
    """The model alone is a link, with a weight that is large enough to be read from the file."""
    path = folder / "model" / "snapshots" / "0123" / "model.onnx"
    path.parent.mkdir(parents=True)
    path.write_bytes(net(200, 100).SerializeToString())
    _into_blobs(path, folder / "model" / "blobs")
    return path


def hub_cache_of_both_kinds(folder: Path) -> Path:
    """A large weight in the model, which is a link, and another in a file, which is one, too."""
    path = folder / "model" / "snapshots" / "0123" / "model.onnx"
    path.parent.mkdir(parents=True)
    model = net(200, 100)
    bias = numpy_helper.from_array(np.arange(100, dtype="f4"), "b")
    path.with_name("b.bin").write_bytes(bias.raw_data)
    bias.ClearField("raw_data")
    bias.data_location = TensorProto.EXTERNAL
    bias.external_data.add(key="location", value="b.bin")
    model.graph.initializer.append(bias)
    model.graph.node[0].output[0] = "h"
    model.graph.node.append(helper.make_node("Add", ["h", "b"], ["y"], name="add"))
    path.write_bytes(model.SerializeToString())
    for file in (path, path.with_name("b.bin")):
        _into_blobs(file, folder / "model" / "blobs")
    return path


def linked_data(folder: Path) -> Path:
    """The data alone is a link, to a file of the same folder."""
    path = external(folder / "model", stored="real.bin")
    path.with_name("w.bin").symlink_to("real.bin")
    return path


def linked_version(folder: Path) -> Path:
    """Model and data are seen through a folder that is a link, as mounted configurations are."""
    external(folder / "model" / "..2024")
    (folder / "model" / "..data").symlink_to("..2024")
    for name in ("model.onnx", "w.bin"):
        (folder / "model" / name).symlink_to(f"..data/{name}")
    return folder / "model" / "model.onnx"


def linked_folder(folder: Path) -> Path:
    """The folder of the model is a link."""
    external(folder / "real")
    (folder / "model").symlink_to("real")
    return folder / "model" / "model.onnx"


LINKED: tuple[Layout, ...] = (
    hub_cache, hub_cache_with_a_subfolder, hub_cache_of_one_file, hub_cache_of_both_kinds,
    linked_data, linked_version, linked_folder,
)  # fmt: skip


# External data that must be neither opened nor copied.


def _secret(folder: Path) -> Path:
    file = folder / "secret.bin"
    file.write_bytes(SECRET)
    return file


def data_above(folder: Path) -> Path:
    """The location climbs out of the folder."""
    _secret(folder)
    return external(folder / "model", "../secret.bin", stored="unused.bin")


def data_at_an_absolute_path(folder: Path) -> Path:
    """The location is a path from the root."""
    return external(folder / "model", str(_secret(folder)), stored="unused.bin")


def data_behind_a_link(folder: Path) -> Path:
    """The data is a link to a file of the user's."""
    path = external(folder / "model", stored="unused.bin")
    path.with_name("w.bin").symlink_to(_secret(folder))
    return path


def data_behind_a_linked_folder(folder: Path) -> Path:
    """The data is in a folder that is a link to one of the user's."""
    _secret(folder)
    path = external(folder / "model", "parts/secret.bin", stored="unused.bin")
    path.with_name("parts").symlink_to(folder)
    return path


def data_beside_a_linked_model(folder: Path) -> Path:
    """The model is a link into a store, and its data one to the user's file outside of both."""
    path = external(folder / "model" / "here", stored="unused.bin")
    _into_blobs(path, folder / "model" / "blobs")
    path.with_name("w.bin").symlink_to(_secret(folder))
    return path


def data_in_a_loop(folder: Path) -> Path:
    """The data is a link to itself."""
    path = external(folder / "model", stored="unused.bin")
    path.with_name("w.bin").symlink_to("w.bin")
    return path


def data_is_a_pipe(folder: Path) -> Path:
    """Who reads the data waits for ever."""
    path = external(folder / "model", stored="unused.bin")
    os.mkfifo(path.with_name("w.bin"))
    return path


def data_is_a_socket(folder: Path) -> Path:
    """The data is where a process would listen."""
    path = external(folder / "model", stored="unused.bin")
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(path.parent)  # for a socket's path is short
        listener.bind("w.bin")
        os.chdir(here)
    return path


def data_is_endless(folder: Path) -> Path:
    """Who copies the data fills the disk."""
    path = external(folder / "model", stored="unused.bin")
    path.with_name("w.bin").symlink_to("/dev/zero")
    return path


def data_is_a_folder(folder: Path) -> Path:
    """The data is no file."""
    path = external(folder / "model", stored="unused.bin")
    path.with_name("w.bin").mkdir()
    return path


def data_is_missing(folder: Path) -> Path:
    """The data was left behind."""
    return external(folder / "model", stored="unused.bin")


def data_is_short(folder: Path) -> Path:
    """The data ends too early."""
    path = external(folder / "model")
    path.with_name("w.bin").write_bytes(bytes(8))
    return path


def one_of_two(folder: Path) -> Path:
    """What comes first may be copied, what comes second may not."""
    _secret(folder)
    path = external(folder / "model")
    model = onnx.load(path, load_external_data=False)
    other = model.graph.initializer[1]
    other.ClearField("raw_data")
    other.data_location = TensorProto.EXTERNAL
    other.external_data.add(key="location", value="../secret.bin")
    path.write_bytes(model.SerializeToString())
    return path


REFUSED: tuple[Layout, ...] = (
    data_above, data_at_an_absolute_path, data_behind_a_link, data_behind_a_linked_folder,
    data_beside_a_linked_model, data_in_a_loop, data_is_a_pipe, data_is_a_socket, data_is_endless,
    data_is_a_folder, data_is_missing, data_is_short, one_of_two,
)  # fmt: skip


# Places to write into, of a stranger who knows what will be written. They give that place.


def link_in_place_of_the_data(folder: Path) -> Path:
    """The data would be written through a link to a file of the user's."""
    place = folder / "out"
    place.mkdir()
    (place / "w.bin").symlink_to(_secret(folder))
    return place


def dangling_link_in_place_of_the_data(folder: Path) -> Path:
    """The data would make a file elsewhere."""
    place = folder / "out"
    place.mkdir()
    (place / "w.bin").symlink_to(folder / "made.bin")
    return place


def link_in_place_of_the_model(folder: Path) -> Path:
    """The model would be written through a link to a file of the user's."""
    place = folder / "out"
    place.mkdir()
    (place / "model.onnx").symlink_to(_secret(folder))
    return place


def dangling_link_in_place_of_the_model(folder: Path) -> Path:
    """The model would make a file elsewhere."""
    place = folder / "out"
    place.mkdir()
    (place / "model.onnx").symlink_to(folder / "made.onnx")
    return place


def pipe_in_place_of_the_data(folder: Path) -> Path:
    """Who looks at what is there waits for ever."""
    place = folder / "out"
    place.mkdir()
    os.mkfifo(place / "w.bin")
    return place


def pipe_in_place_of_the_model(folder: Path) -> Path:
    """Who writes the model ends another's pipe."""
    place = folder / "out"
    place.mkdir()
    os.mkfifo(place / "model.onnx")
    return place


def other_data(folder: Path) -> Path:
    """A file of the data's name and size is there, which is another's."""
    place = folder / "out"
    place.mkdir()
    (place / "w.bin").write_bytes(bytes(64))
    return place


PLANTED: tuple[Layout, ...] = (
    link_in_place_of_the_data, dangling_link_in_place_of_the_data, link_in_place_of_the_model,
    dangling_link_in_place_of_the_model, pipe_in_place_of_the_data, pipe_in_place_of_the_model,
    other_data,
)  # fmt: skip


# Names that a terminal would obey.


def hostile_names(folder: Path) -> Path:
    """Every text of a model holds what a terminal obeys, and something is left to fix."""
    (folder / "model").mkdir()
    model = net()
    model.producer_name = model.producer_version = model.doc_string = HOSTILE
    model.graph.name = model.graph.doc_string = HOSTILE
    model.opset_import.add(domain=HOSTILE, version=1)
    model.metadata_props.add(key=HOSTILE, value=HOSTILE)
    model.graph.node.add(
        op_type="Relu", name="::error::n ##[error]m ::n", input=["y"], output=["::z"]
    )
    node = model.graph.node[0]
    node.name = node.doc_string = HOSTILE
    for key in ("pkg.torch.onnx.name_scopes", "pkg.torch.onnx.class_hierarchy"):
        node.metadata_props.add(key=key, value=repr(["", HOSTILE]))
    node.output[0] = model.graph.output[0].name = model.graph.node[1].input[0] = HOSTILE
    node.input[0] = model.graph.input[0].name = f"{HOSTILE}x"
    node.input[1] = model.graph.initializer[0].name = f"{HOSTILE}w"
    model.graph.initializer[1].name = f"{HOSTILE}forgotten"
    for info in (*model.graph.input, *model.graph.output):
        info.type.tensor_type.shape.dim[0].dim_param = HOSTILE
    made = helper.make_function(
        HOSTILE, HOSTILE, ["a"], ["b"], [helper.make_node("Relu", ["a"], ["b"], name=HOSTILE)],
        model.opset_import[:1],
    )  # fmt: skip
    model.functions.append(made)
    path = folder / "model" / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path
