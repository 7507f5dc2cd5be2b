"""The worker process as something that analyses are built from; see `onnxlint.runtime.client`."""

from onnxlint.runtime.client import LimitReached, RunFailure, Worker, WorkerDied, Workers

__all__ = ["LimitReached", "RunFailure", "Worker", "WorkerDied", "Workers"]
