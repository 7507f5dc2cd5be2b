"""Running a model: the worker process, its messages, statistics of tensors, synthesised inputs."""

import os

# From 1.29 on, onnxruntime's Linux wheels tell their maker the names and hashes of the models that
# they load, and leave a file in the temporary folder. Whoever wants that sets it to 0.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

ONE_BLAS_THREAD = {"OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""For the environment of a process that imports numpy beside onnxruntime.

numpy's matrix library lets its threads spin for tens of milliseconds after a product, on the cores
that onnxruntime needs next: measured, a run of ResNet-50 took 87 ms after one, and 42 without.
"""
