"""What can be wrong with a file before there is a model to lint."""

from __future__ import annotations

from pathlib import Path


class ModelError(Exception):
    """A file that cannot be read as a model: what is wrong, where, and what to do about it."""

    def __init__(self, path: Path | str, problem: str, remedy: str) -> None:
        super().__init__(f"{path}: {problem}; {remedy}")
        self.path = path
        self.problem = problem
        self.remedy = remedy


class DataError(Exception):
    """Data that cannot be fed: which file or input, what is wrong, and what it should be."""
