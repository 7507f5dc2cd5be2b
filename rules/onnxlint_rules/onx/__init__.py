"""ONX: the ONNX specification."""
