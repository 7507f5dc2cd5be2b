"""What rules cite, as links: "onnxruntime issues 5849 and 6004", "arXiv 1706.04599", addresses."""

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


ARXIV = re.compile(r"\barXiv[ :](\d{4}\.\d{4,5})\b")
ADDRESS = re.compile(r"https?://[^\s<>)\"`]+[^\s<>)\"`.,;]")


def cited(text: str) -> Iterator[tuple[str, str]]:
    """Words and address of each thread, paper and page that a text names, once each."""
    text = " ".join(text.split())
    found = {}
    for name, numbers in CITED.findall(text):
        repository = REPOSITORIES.get(name.lower())
        for number in re.findall(r"\d+", numbers):
            if repository is not None:
                words = f"{name} issue {number}"
                found[words] = f"https://github.com/{repository}/issues/{number}"
    found |= {f"arXiv {paper}": f"https://arxiv.org/abs/{paper}" for paper in ARXIV.findall(text)}
    found |= {address: address for address in ADDRESS.findall(text)}
    yield from found.items()
