"""What one model's lint gave, as the reporters and the exit code see it."""

from __future__ import annotations

import json
from binascii import a2b_base64, b2a_base64
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from sys import intern
from typing import Any, Literal, TypeVar

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from onnxlint.findings import Diagnostic, counted
from onnxlint.series_report import SeriesReport
from onnxlint.severity import Severity
from onnxlint.shift_report import ShiftReport

T = TypeVar("T")


class Configuration(Struct, frozen=True):
    """The configuration file that held for a model.

    One that lies with the model, and not at or above the working directory, is not trusted:
    `ignored` are its keys that had no effect.
    """

    file: str
    trusted: bool = True
    ignored: tuple[str, ...] = ()


class Suppressed(Struct, frozen=True):
    """A finding that does not count: somebody has said so, in `file`.

    `kind` is `suppressed` where a configuration does, `accepted` where a file of accepted findings
    does; then `reason` may be empty. `until` is the last day on which that holds, as YYYY-MM-DD;
    None where it has no end.
    """

    finding: Diagnostic
    kind: Literal["suppressed", "accepted"]
    reason: str
    file: str
    until: str | None = None


class Gone(Struct, frozen=True):
    """An accepted finding that is no longer there; `where` says where it was."""

    code: str
    name: str
    where: str
    fingerprint: str


class FixReport(Struct, frozen=True):
    """What `--fix` did to one model.

    `fixed` are the findings that are gone, `refused` those whose fix was left out, each with the
    reason. `written` is the file that now holds the fixed model; None where nothing was written.
    `unverified` says why no run proves the fixes; `problem` why the model could not be written.
    `diff` shows the change as text, where it was asked for.
    """

    fixed: tuple[Diagnostic, ...] = ()
    refused: tuple[tuple[Diagnostic, str], ...] = ()
    written: str | None = None
    unverified: str | None = None
    problem: str | None = None
    diff: str = ""


class TraceRow(Struct, frozen=True):
    """What was seen of one value over all samples, as `--trace full` reports it.

    `scope` is the path of the subgraph or function that the value is in, empty for the main graph.
    `p1`, `p50` and `p99` are quantiles, right within a factor of two; all numbers but the counts
    are over finite elements, and None where there are none.
    """

    value: str
    node: str
    op_type: str
    dtype: str
    shape: tuple[int, ...]
    elements: int
    nan: int
    infinite: int
    zeros: int
    subnormal: int
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None
    deviation: float | None = None
    p1: float | None = None
    p50: float | None = None
    p99: float | None = None
    scope: str = ""


class ConfusedPair(Struct, frozen=True):
    """How often labels of one class were predicted as another."""

    label: str
    predicted: str
    count: int


class ConfusionTable(Struct, frozen=True):
    """Which classes were predicted as which.

    `classes` are those that labels or predictions hold, `labels` and `predicted` how often each of
    them does, and `right` how often both. `matrix` has a row for the labels of each class, and a
    column for predictions; it is None of more than 100 classes. `pairs` are the most frequent of
    `different` confusions, up to 100.
    """

    classes: tuple[str, ...]
    labels: tuple[int, ...]
    predicted: tuple[int, ...]
    right: tuple[int, ...]
    matrix: tuple[tuple[int, ...], ...] | None
    pairs: tuple[ConfusedPair, ...]
    different: int

    def lowest(self) -> list[tuple[str, int, float]]:
        """Classes with their labels and their recall, the lowest first, then those with more."""
        counted = zip(self.classes, self.labels, self.right, strict=True)
        told = [(name, labels, right / labels) for name, labels, right in counted if labels]
        return sorted(told, key=lambda each: (each[2], -each[1]))


class Metrics(Struct, frozen=True):
    """How well one output meets the labels of `samples` samples; None is what does not apply.

    `task` is `classification`, `multi-label` or `regression`. `recall` is by class, `baselines`
    by name what simple models reach on the same samples: accuracy, or RMSE in a regression.
    `classes` are the names of the classes; `numbered_by` says where the classes' numbers come from:
    the `labels` themselves, names of the `configuration`, the `model` or its `metadata`, or folders
    of images by their `numbers` or their `order`. `train` is how the labels of the samples that the
    model was trained on are met; None without such. `constant` is the figure of always the same
    answer: the most frequent class, or the mean; `confusion` which classes are taken for which.
    """

    output: str
    task: str
    samples: int
    accuracy: float | None = None
    recall: Mapping[str, float] | None = None
    log_loss: float | None = None
    calibration_error: float | None = None
    rmse: float | None = None
    r2: float | None = None
    baselines: Mapping[str, float] | None = None
    numbered_by: str | None = None
    classes: tuple[str, ...] | None = None
    train: Metrics | None = None
    constant: float | None = None
    confusion: ConfusionTable | None = None


class ModelReport(Struct, frozen=True):
    """All that one model's lint gave.

    `error` says why the file, or the data for it, could not be used. `not_applicable` gives, by
    code, the reason why a rule had nothing to judge; `ran` are the codes of the rules that judged,
    `crashed` of those that raised, `not_run` of those for which no time was left. `samples` were
    fed, from `data`; both are None where nothing ran, and `not_executed` then tells why, unless
    nothing was to run. `mending` is None unless fixes were asked for; `findings` are then those
    that remain. `trace` has a row for each value that was watched; None unless a full trace was
    asked for. `metrics` is None without labels, `configuration` where no file held. `suppressed`
    are findings that do not count, and are not among `findings`; `gone` what was accepted and is
    no longer found. `external` names the files of external data, as the model does; it is None
    where another run may give another report: a limit of time or memory ended something, or a rule
    judged by the clock. `sample_files` are the first samples where each is a file, in their order.
    `portrait` is what a page shows beside findings (`onnxlint.portrait`); None where none asked.
    `asked` are options of `onnxlint check` under which it judges the same, but for the rules.
    `series` is what was seen over the checkpoints that led to the model; None without them.
    `exporter` is what wrote the file, by its own word: a name and a version, which may be empty.
    `shift` is how the training samples and the others differ; None without both.
    """

    path: str
    sha256: str | None = None
    error: str | None = None
    findings: tuple[Diagnostic, ...] = ()
    ran: tuple[str, ...] = ()
    not_applicable: Mapping[str, str] = field(default_factory=dict)
    crashed: tuple[str, ...] = ()
    samples: int | None = None
    data: str | None = None
    seconds: float = 0.0
    fail_on: Severity = Severity.ERROR
    mending: FixReport | None = None
    trace: tuple[TraceRow, ...] | None = None
    metrics: Metrics | None = None
    configuration: Configuration | None = None
    not_run: tuple[str, ...] = ()
    not_executed: str | None = None
    suppressed: tuple[Suppressed, ...] = ()
    gone: tuple[Gone, ...] = ()
    external: tuple[str, ...] | None = None
    sample_files: tuple[str, ...] | None = None
    portrait: Mapping[str, Any] | None = None
    asked: tuple[str, ...] = ()
    series: SeriesReport | None = None
    exporter: tuple[str, str] | None = None
    shift: ShiftReport | None = None

    @property
    def rules_run(self) -> int:
        """How many rules judged the model."""
        return len(self.ran)

    @property
    def failing(self) -> bool:
        """Whether a finding is at or above the severity that fails a gate."""
        return any(finding.severity.rank <= self.fail_on.rank for finding in self.findings)

    @property
    def complete(self) -> bool:
        """Whether the linter could do its whole job: no error of its own is among the findings."""
        unwritten = self.mending is not None and self.mending.problem is not None
        unjudged = self.crashed or self.not_run or any(map(_is_ours, self.findings))
        return self.error is None and not unwritten and not unjudged

    @property
    def fixable(self) -> int:
        """How many findings `--fix` could fix."""
        return sum(finding.fix is not None for finding in self.findings)

    def count(self, severity: Severity) -> int:
        """How many findings have this severity."""
        return sum(finding.severity is severity for finding in self.findings)

    def _repr_html_(self) -> str:
        """What a notebook shows: the verdict and the findings, every text as text."""
        from onnxlint.safety import markup

        names = ("Severity", "Rule", "Where", "Message", "Hint")
        rows = [(each.severity.value, f"{each.code} {each.name}", str(each.place), each.message,
                 each.hint or "") for each in self.findings]  # fmt: skip
        return "".join((
            markup.heading(self.path),
            *map(markup.paragraph, self._summary()),
            markup.table(names, rows) if rows else "",
        ))  # fmt: skip

    def _summary(self) -> Iterator[str]:
        if self.error is not None:
            yield self.error
            return
        ended = "Failed" if self.failing else "Passed"
        counts = ", ".join(counted(self.count(each), each.value) for each in Severity)
        yield f"{ended if self.complete else 'Not everything could be checked'}: {counts}"
        if self.samples is not None:
            yield f"Run on {counted(self.samples, 'sample')}: {self.data}"
        if self.not_executed is not None:
            yield f"Not executed: {self.not_executed}"


def _is_ours(finding: Diagnostic) -> bool:
    return finding.code.startswith("LNT") and finding.severity is Severity.ERROR


class Sharing:
    """Reports of many models that are kept side by side share what they say alike.

    That is most of it: which rules ran, and why others had nothing to look at.
    """

    def __init__(self) -> None:
        self._ran: tuple[str, ...] = ()
        self._reasons: Mapping[str, str] = {}

    def of(self, report: ModelReport) -> ModelReport:
        """The same report, in as little memory as the one before allows."""
        if report.ran != self._ran:
            self._ran = tuple(map(intern, report.ran))
        if report.not_applicable != self._reasons:
            reasons = report.not_applicable.items()
            self._reasons = {intern(code): intern(reason) for code, reason in reasons}
        return replace(report, ran=self._ran, not_applicable=self._reasons)


def encode(told: object) -> bytes:
    """A report, or findings, for another process, on one line; data alone, nothing to execute.

    A model may have a million findings, of which JSON takes ten times as long.
    """
    try:
        return b2a_base64(msgspec.msgpack.encode(told), newline=False)
    except (OverflowError, UnicodeEncodeError):  # integers beyond 64 bits, lone surrogates
        return json.dumps(msgspec.to_builtins(told)).encode()


def decode(data: bytes, kind: type[T]) -> T:
    """What `encode` made of something of this type."""
    if data[:1] in (b"{", b"["):
        return msgspec.convert(json.loads(data), kind)
    found: T = decoder(kind).decode(a2b_base64(data))  # type: ignore[arg-type]
    return found


@cache
def decoder(kind: Any) -> msgspec.msgpack.Decoder[Any]:
    """What reads something of this type: to make it for a report takes as long as some rules."""
    return msgspec.msgpack.Decoder(kind)


def exit_code(reports: Iterable[ModelReport]) -> int:
    """0: nothing at or above `fail_on`; 1: something is; 2: the job could not be done."""
    done = list(reports)
    if not all(report.complete for report in done):
        return 2
    return int(any(report.failing for report in done))
