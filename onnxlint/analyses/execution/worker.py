"""The worker process as something that analyses are built from (`onnxlint.runtime.worker`)."""

from onnxlint.runtime.worker.client import LimitReached, RunFailure, Worker, WorkerDied, Workers

__all__ = ["LimitReached", "RunFailure", "Worker", "WorkerDied", "Workers"]
