"""Issue threads that rules cite: "onnxruntime issues 5849 and 6004" as addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator

REPOSITORIES = {
    "burn": "tracel-ai/burn",
    "coremltools": "apple/coremltools",
    "fastembed-rs": "Anush008/fastembed-rs",
    "espnet_onnx": "espnet/espnet_onnx",
    "fairseq": "facebookresearch/fairseq",
    "keras": "keras-team/keras",
    "onnx": "onnx/onnx",
    "onnx-mlir": "onnx/onnx-mlir",
    "onnx-tensorrt": "onnx/onnx-tensorrt",
    "onnxconverter-common": "microsoft/onnxconverter-common",
    "onnxruntime": "microsoft/onnxruntime",
    "onnxruntime-qnn": "onnxruntime/onnxruntime-qnn",
    "onnxscript": "microsoft/onnxscript",
    "openvino": "openvinotoolkit/openvino",
    "optimum": "huggingface/optimum",
    "pytorch": "pytorch/pytorch",
    "rf-detr": "roboflow/rf-detr",
    "rten": "robertknight/rten",
    "sklearn-onnx": "onnx/sklearn-onnx",
    "tensorflow-onnx": "onnx/tensorflow-onnx",
    "tensorrt": "NVIDIA/TensorRT",
    "transformers": "huggingface/transformers",
    "tvm": "apache/tvm",
}

CITED = re.compile(r"([\w-]+) issues? (\d+(?:, \d+(?! \w*issue))*(?:,? and \d+)?)")


def cited(text: str) -> Iterator[tuple[str, str]]:
    """Words and address of each thread that a text names, once each."""
    found = {}
    for name, numbers in CITED.findall(" ".join(text.split())):
        repository = REPOSITORIES.get(name.lower())
        for number in re.findall(r"\d+", numbers):
            if repository is not None:
                words = f"{name} issue {number}"
                found[words] = f"https://github.com/{repository}/issues/{number}"
    yield from found.items()
