"""How much of a report people see, and what its reporters are told of the run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from msgspec import Struct

from onnxlint.job import Job
from onnxlint.report import ModelReport
from onnxlint.reporters.protocol import Run, View
from onnxlint.severity import Severity


class Presentation(Struct, frozen=True):
    """What the command line asks of the report; `show` is None where it does not say."""

    show: str | None
    quiet: bool
    verbose: bool
    not_applicable: bool
    hints: bool

    def run(self, jobs: Sequence[Job | ModelReport], packs: Mapping[str, str]) -> Run:
        """What reporters are told before the first model."""
        view = View(
            show=self._mildest(jobs),
            repeats=self.verbose,
            hints=self.hints,
            not_applicable=self.not_applicable or self.verbose,
        )
        chosen = [job.rules for job in jobs if isinstance(job, Job)]
        return Run(packs=packs, folder=Path.cwd(), models=len(jobs), view=view, chosen=chosen,
                   libraries=dict(_versions()))  # fmt: skip

    def _mildest(self, jobs: Sequence[Job | ModelReport]) -> Severity:
        """The mildest severity of findings that are shown."""
        if self.show is not None:
            return Severity(self.show)
        if self.verbose:
            return Severity.INFO
        if self.quiet:
            return Severity.ERROR
        failing = {job.fail_on for job in jobs}
        return Severity.INFO if Severity.INFO in failing else Severity.WARNING


def _versions() -> Iterator[tuple[str, str]]:
    """The versions of the installed onnx and onnxruntime, which may have another name."""
    for name in ("onnx", "onnxruntime"):
        with suppress(PackageNotFoundError):
            yield name, version(name)
