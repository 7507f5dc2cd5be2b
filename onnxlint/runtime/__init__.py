"""Running a model: the worker process, its messages, statistics of tensors, synthesised inputs."""

import os

# From 1.29 on, onnxruntime's Linux wheels tell their maker the names and hashes of the models that
# they load, and leave a file in the temporary folder. Whoever wants that sets it to 0.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
