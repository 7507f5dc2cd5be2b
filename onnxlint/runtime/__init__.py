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

WORKER_ENVIRONMENT = ONE_BLAS_THREAD | {
    "MALLOC_MMAP_THRESHOLD_": str(8 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(256 << 20),
    "MALLOC_ARENA_MAX": "1",
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}
"""For the process that runs models, one session after the other.

glibc would soon take all memory from its heap, where what a session leaves lies between what the
next one needs: ResNet-50 took 403 MiB, and takes 385 where weights of 8 MiB and more are mapped
and returned. Smaller ones, or the heap's end, returned at once would have to be mapped anew in
every run. Threads that run models side by side share one heap: DenseNet-121 takes 237 MiB at most
so, and up to 247 with a heap for each. Of its memory glibc 2.35 asks for huge pages, where Linux
gives them to those who ask: ResNet-50 takes a tenth less time, and no more memory.
"""

COMPILED = os.path.join(os.path.dirname(__file__), "_passes.so")  # noqa: PTH118, PTH120 - pathlib takes as long as the rest
"""The compiled passes and taps; there is none where no C compiler was at hand on installation."""

DOMAIN = "onnxlint"
"""The domain of our own operators, which are compiled with the passes."""
