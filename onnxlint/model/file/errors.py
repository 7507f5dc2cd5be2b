"""What can be wrong with a file before there is a model to lint."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct


class ModelError(Exception):
    """A file that cannot be read as a model: what is wrong, where, and what to do about it."""

    def __init__(self, path: Path | str, problem: str, remedy: str) -> None:
        super().__init__(f"{path}: {problem}; {remedy}")
        self.path = path
        self.problem = problem
        self.remedy = remedy


class DataError(Exception):
    """What is given beside the model and cannot be used: which, what is wrong, what to do."""


class Misfit(Struct, frozen=True):
    """What of the data does not fit: at which input, and why that is likely so."""

    input: str | None
    problem: str
    cause: str = ""

    def __str__(self) -> str:
        return f"{self.problem}; {self.cause}" if self.cause else self.problem


class MisfitError(DataError):
    """Data that was read, and does not fit the model."""

    def __init__(self, misfits: list[Misfit]) -> None:
        super().__init__("; ".join(map(str, misfits)))
        self.misfits = misfits
