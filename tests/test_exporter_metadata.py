"""What exporters write beside nodes: the line of the user's code among all frames of a trace."""

from __future__ import annotations

import json

import onnx
import pytest
from conftest import FLAWED

from onnxlint.model.graph.exporter_metadata import LONGEST_TRACE, source_line

KEY = "pkg.torch.onnx.stack_trace"
USER = "/home/alice/project/net.py"


def trace(*files: str) -> dict[str, str]:
    frames = [f'  File "{file}", line {41 + k}, in forward\n    y = f(x)\n' for k, file in
              enumerate(files)]  # fmt: skip
    return {KEY: "".join(frames)}


FOREIGN = [
    "/usr/lib/python3.12/contextlib.py",
    "/usr/lib/python3/dist-packages/torch/nn/functional.py",
    "/opt/conda/lib/python3.11/site-packages/torch/nn/modules/conv.py",
    "/opt/conda/lib/python3.11/site-packages/timm/layers/norm.py",
    "/home/alice/.venv/lib/python3.13t/site-packages/transformers/models/bert/modeling_bert.py",
    r"C:\Python312\Lib\site-packages\torch\nn\modules\linear.py",
    r"C:\miniconda3\envs\onnx\Lib\contextlib.py",
    "/home/alice/src/pytorch/torch/nn/modules/conv.py",
    "/opt/pytorch/torch/_dynamo/eval_frame.py",
    "/home/alice/src/pytorch/torch/functional.py",
    "/app/bundle.pex/.deps/torch-2.9.whl/torch/fx/graph_module.py",
    "/home/alice/src/keras/keras/src/layers/layer.py",
    "/usr/lib/pypy3.10/functools.py",
    "<frozen runpy>",
    "<string>",
    "<eval_with_key>.12",
]


@pytest.mark.parametrize("file", FOREIGN)
def test_frames_of_frameworks_are_passed_over(file):
    assert source_line(trace("/srv/train.py", USER, file)) == (USER, 42)
    assert source_line(trace(file, USER)) == (USER, 42)
    assert source_line(trace(file)) is None


@pytest.mark.parametrize(
    ("file", "shown"),
    [
        ("nets.py", "nets.py:41"),
        ("/home/alice/torch/nets.py", "nets.py:41"),
        ("/home/alice/keras/torch/lib/net.py", "net.py:41"),
        ("/home/alice/site-packages-of-mine/net.py", "net.py:41"),
        (r"C:\Users\alice\net.py", "net.py:41"),
        (r"D:\work\Lib\net.py", "net.py:41"),
        ("/home/alice/lib/python/net.py", "net.py:41"),
        ("/tmp/ipykernel_17/3274.py", "3274.py:41"),
        ("<ipython-input-3-5e1d>", "<ipython-input-3-5e1d>:41"),
        ("<command-1234>", "<command-1234>:41"),
    ],
)  # fmt: skip
def test_users_files_are_shown(file, shown):
    found = source_line(trace(file))
    assert (found.path, str(found)) == (file, shown)


def test_the_innermost_of_the_users_frames_is_shown():
    assert source_line(trace("/a/train.py", "/a/net.py", "/a/block.py", FOREIGN[2])).line == 43
    assert source_line({}) is None
    assert source_line({KEY: "nothing of the kind"}) is None


def test_a_line_of_code_is_no_frame():
    told = trace(USER)[KEY] + "    text = 'File \"/tmp/other.py\", line 3'\n"
    assert source_line({KEY: told}) == (USER, 41)


def test_the_line_is_shown_and_json_has_the_path(onnxlint, write_model):
    path = write_model(FLAWED)
    model = onnx.load(path)
    for node in model.graph.node:
        entries = trace("/srv/train.py", USER, FOREIGN[2]).items()
        node.metadata_props.extend(onnx.StringStringEntryProto(key=k, value=v) for k, v in entries)
    onnx.save(model, path)
    asked = (path, "--static-only", "--select", "ARC001")
    assert "Softmax #2 (net.py:42): " in onnxlint(*asked).stdout
    (finding,) = json.loads(onnxlint(*asked, "--format", "json").stdout)["models"][0]["findings"]
    assert (finding["place"]["source"], finding["place"]["source_path"]) == ("net.py:42", USER)


@pytest.mark.parametrize("part", ['File "', "\n", " ", '"', 'File "/a/torch/nn/b.py", line 3\n'])
def test_a_hostile_trace_is_read_in_one_pass(part):
    assert source_line({KEY: part * LONGEST_TRACE}) is None
