"""Graph patterns in ONNX text: parsed, and matched against a graph."""
