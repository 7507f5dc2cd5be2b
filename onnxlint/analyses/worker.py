"""The worker process as something that analyses are built from; see `onnxlint.runtime.client`."""

from onnxlint.runtime.client import RunFailure, Worker, WorkerDied, Workers

__all__ = ["RunFailure", "Worker", "WorkerDied", "Workers"]
