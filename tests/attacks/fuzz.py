"""Damages models at random, lints them, and reports what the linter did not stand.

    PYTHONPATH=tests python -m attacks.fuzz 2000 --seed 7
    PYTHONPATH=tests python -m attacks.fuzz 300 --run

A mutant fails if the linter raises, a rule of ours crashes, the process dies or prints to stderr,
or takes more than `SLOW_SECONDS` or `MEMORY_BYTES`. The same seed makes the same mutants. Those
that fail are kept in a folder with the reason; then the exit code is 1.
"""

from __future__ import annotations

import argparse
import faulthandler
import gc
import json
import os
import re
import resource
import secrets
import select
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from random import Random

from msgspec.structs import replace
from onnx import ModelProto

from attacks.damage import damaged
from attacks.seeds import seeds
from onnxlint.config import load
from onnxlint.fixing import FixRequest, fix_model
from onnxlint.job import Job, plan
from onnxlint.model.edit.text_listing import listing
from onnxlint.model.file.load import open_model
from onnxlint.pipeline import lint_model
from onnxlint.reporters import json as json_report
from onnxlint.reporters import text as text_report
from onnxlint.reporters.protocol import Outcome as RunOutcome
from onnxlint.reporters.protocol import Run, View, rendered
from onnxlint.rules.packs import discover
from onnxlint.runtime.shape_inference import inference
from onnxlint.runtime.shape_inference.ort_symbolic import infer_symbolically
from onnxlint.settings import Settings
from onnxlint.severity import Severity, Stage

SLOW_SECONDS = 10.0
"""What one mutant may take, in seconds of processor time; a usual one takes 0.03."""

HANG_SECONDS = 60.0
"""A mutant that takes longer is ended, whatever it waits for."""

MEMORY_BYTES = 4 * 1024**3
"""What one mutant may take; the limit of the child that lints it."""

BATCH = 200
"""Mutants that one child lints: a fork costs about as much as a mutant."""

RUN_BATCH = 40
"""Mutants of one folder that the command is run on."""

TARGETS = ("ort-cpu-1.8", "ort-web", "ort-mobile", "coreml", "openvino-2023.0", "tensorrt", "qnn")
"""Every second mutant is judged for these, too."""

KEPT_PER_REASON = 5
"""Of mutants that fail alike so many are kept."""


@dataclass(frozen=True)
class Failure:
    """What a mutant did to the linter."""

    index: int
    kind: str
    reason: str

    @property
    def alike(self) -> str:
        """The same for mutants that fail alike: the reason without its numbers and names."""
        last_line = self.reason.strip().splitlines()[-1] if self.reason.strip() else ""
        return f"{self.kind}: " + re.sub(r"'[^']*'|\d+", "#", last_line)[:300]


@dataclass
class Tally:
    """What came of the mutants."""

    done: int = 0
    refused: int = 0
    ran: int = 0
    failures: list[Failure] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        self.done += other.done
        self.refused += other.refused
        self.ran += other.ran
        self.failures += other.failures


class Fuzzer:
    """Makes mutants of the seeds, and lints them in children that it forks."""

    def __init__(
        self, seed: int, models: Sequence[ModelProto], folder: Path, *, gently: bool = False
    ) -> None:
        self._seed, self._models, self._folder, self._gently = seed, models, folder, gently
        loaded, registry = load(None), discover()
        settings = (Settings(), Settings(targets=TARGETS))
        self._ways = [
            plan(loaded, registry, "", stage=stage, settings=each, static_only=True)
            for stage, each in product(Stage, settings)
        ]

    def way(self, index: int) -> Job:
        """How a mutant is judged: all ways in turn."""
        return self._ways[index % len(self._ways)]

    def mutant(self, index: int) -> bytes:
        """The same for the same seed and index, whatever was made before."""
        return damaged(Random(f"{self._seed}:{index}"), self._models, gently=self._gently)

    def warm_up(self) -> None:
        """Imports what the linter imports, once for all children."""
        path = self._folder / "warm.onnx"
        inference.infer(self._models[0].SerializeToString())  # usually in a child of its own
        list(infer_symbolically(self._models[0]))
        for model in self._models[:: max(1, len(self._models) // 10)]:
            path.write_bytes(model.SerializeToString())
            _judge(path, self._ways[-1])
        gc.collect()
        gc.freeze()

    def run(self, indices: Sequence[int]) -> Iterator[Tally]:
        """Lints mutants; after one that ends its child or spoils it, another child goes on."""
        left = list(indices)
        while left:
            part = _Child(self, left).follow()
            yield part
            left = left[part.done :]

    def serve(self, indices: Sequence[int], pipe: int) -> None:
        """The life of a child: a line when it begins a mutant, and one when it is through."""
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        faulthandler.disable()
        noise = self._folder / "stderr.txt"
        os.dup2(os.open(noise, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
        path = self._folder / "mutant.onnx"
        (self._folder / "weights.bin").write_bytes(bytes(4096))
        for index in indices:
            os.write(pipe, b'{"begin": %d}\n' % index)
            path.write_bytes(self.mutant(index))
            before, printed = _spent(), noise.stat().st_size
            refused, complaints = _judge(path, self.way(index))
            seconds, peak = _spent() - before, _peak()
            if noise.stat().st_size > printed:
                said = noise.read_bytes()[printed:].decode(errors="replace")
                complaints.append(("noise", said[-2000:]))
            spoilt = seconds > SLOW_SECONDS or peak > 0.9 * MEMORY_BYTES
            if spoilt:
                complaints.append(("limits", f"{seconds:.1f} s, {peak / 1024**3:.1f} GiB"))
            done = {"refused": refused, "failures": complaints, "last": spoilt}
            os.write(pipe, json.dumps(done).encode() + b"\n")
            if spoilt:
                return


def _spent() -> float:
    """Processor time of this process and of the children that it waited for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _peak() -> int:
    """The most memory that this process or a child of its took."""
    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(who).ru_maxrss for who in whose) * 1024


def _judge(path: Path, way: Job) -> tuple[bool, list[tuple[str, str]]]:
    """Whether a file is refused, and what the linter did not stand: kinds and reasons."""
    complaints: list[tuple[str, str]] = []
    refused = True
    job = replace(way, path=str(path))
    try:
        report = lint_model(job)
        refused = report.error is not None
        crashes = [found.message for found in report.findings if found.code == "LNT001"]
        complaints += (("crash", message) for message in crashes)
        json.loads(rendered(json_report.Json(Run()), [report], RunOutcome()))
        rendered(
            text_report.Text(Run(view=View(Severity.INFO, repeats=True))), [report], RunOutcome()
        ).encode()
        if not refused:
            with open_model(str(path)) as model:
                listing(model.proto)
        if report.fixable and not crashes:
            fix_model(job, FixRequest(path.with_name("fixed.onnx"), unverified=True))
    except BaseException:
        complaints.append(("traceback", traceback.format_exc()))
    return refused, complaints


class _Child:
    """A child at work on mutants, seen from outside."""

    def __init__(self, fuzzer: Fuzzer, indices: Sequence[int]) -> None:
        self._indices = indices
        self._status: int | None = None
        self._reader, writer = os.pipe()
        sys.stdout.flush()
        self._pid = os.fork()
        if self._pid == 0:
            status = 1
            try:
                os.setsid()
                os.close(self._reader)
                fuzzer.serve(indices, writer)
                status = 0
            finally:
                os._exit(status)
        os.close(writer)

    def follow(self) -> Tally:
        """What came of the mutants, down to the one that ended the child."""
        tally, spoilt = Tally(), False
        for line in self._lines():
            told = json.loads(line)
            if "begin" not in told:
                index = self._indices[tally.done]
                tally.failures += (Failure(index, *each) for each in told["failures"])
                tally.refused += told["refused"]
                tally.done += 1
                spoilt = told["last"]
            if spoilt or tally.done == len(self._indices):
                break
        else:
            tally.failures.append(Failure(self._indices[tally.done], *self._death()))
            tally.done += 1
        self._end()
        return tally

    def _lines(self) -> Iterator[bytes]:
        """What the child says until it dies or hangs."""
        buffer, deadline = b"", time.monotonic() + HANG_SECONDS
        while select.select([self._reader], [], [], max(0, deadline - time.monotonic()))[0]:
            data = os.read(self._reader, 1 << 16)
            if not data:
                self._status = os.waitpid(self._pid, 0)[1]
                return
            *lines, buffer = (buffer + data).split(b"\n")
            if lines:
                deadline = time.monotonic() + HANG_SECONDS
            yield from lines

    def _death(self) -> tuple[str, str]:
        if self._status is None:
            return "limits", f"not through after {HANG_SECONDS:g} s"
        return "death", f"exit status {os.waitstatus_to_exitcode(self._status)}"

    def _end(self) -> None:
        """Ends the child, and what it left behind."""
        with suppress(ProcessLookupError):  # it has ended, and left nothing
            os.killpg(self._pid, signal.SIGKILL)
        if self._status is None:
            os.waitpid(self._pid, 0)
        os.close(self._reader)


@dataclass
class Outcome:
    """What the command made of a folder: failures as mutant (None: all), kind and reason."""

    failures: list[tuple[Path | None, str, str]] = field(default_factory=list)
    refused: int = 0
    ran: int = 0


def run_command(folder: Path, count: int) -> Outcome:
    """Runs the command on a folder of so many mutants."""
    outcome = Outcome()
    limit = count * HANG_SECONDS
    command = [sys.executable, "-m", "onnxlint", str(folder), "--format", "json",
               "--time-limit", "20", "--memory-limit", "3GiB"]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=limit)
    except subprocess.TimeoutExpired:
        outcome.failures.append((None, "limits", f"not through after {limit:g} s"))
        return outcome
    said = done.stderr.decode(errors="replace")
    if done.returncode not in (0, 1, 2) or "Traceback" in said or "this is a bug" in said:
        reason = f"{said[-2000:]}\nexit status {done.returncode}"
        outcome.failures.append((None, "death", reason))
    try:
        models = json.loads(done.stdout)["models"]
    except ValueError as error:
        outcome.failures.append((None, "no report", str(error)))
        return outcome
    if len(models) != count:
        outcome.failures.append((None, "no report", f"{len(models)} for {count} models"))
    outcome.refused = sum(model["error"] is not None for model in models)
    outcome.ran = sum(model["summary"]["samples"] is not None for model in models)
    outcome.failures += (
        (Path(model["path"]), "crash", finding["message"])
        for model in models
        for finding in model["findings"]
        if finding["code"] == "LNT001"
    )
    return outcome


class Keeper:
    """Keeps mutants that fail, with the reason, and says so."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.alike: Counter[str] = Counter()

    def keep(self, failure: Failure, data: bytes | None) -> None:
        self.alike[failure.alike] += 1
        if self.alike[failure.alike] == 1:
            print(f"{failure.index}: {failure.alike}", flush=True)
        if self.alike[failure.alike] <= KEPT_PER_REASON and data is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
            stem = self._folder / f"{failure.kind.replace(' ', '-')}-{failure.index}"
            stem.with_suffix(".onnx").write_bytes(data)
            stem.with_suffix(".txt").write_text(failure.reason, errors="backslashreplace")


def fuzz_static(fuzzer: Fuzzer, count: int, first: int, keeper: Keeper) -> Tally:
    """Lints `count` mutants without running them."""
    tally, start = Tally(), time.monotonic()
    fuzzer.warm_up()
    for at in range(first, first + count, BATCH):
        for part in fuzzer.run(range(at, min(at + BATCH, first + count))):
            for failure in part.failures:
                keeper.keep(failure, fuzzer.mutant(failure.index))
            tally.add(part)
        if (at - first) // BATCH % 10 == 9:
            rate = tally.done / (time.monotonic() - start) * 60
            print(f"{tally.done} mutants, {rate:.0f} a minute", flush=True)
    return tally


def fuzz_runs(fuzzer: Fuzzer, count: int, first: int, keeper: Keeper) -> Tally:
    """Runs the command on folders of mutants, `count` in all."""
    tally = Tally()
    for at in range(first, first + count, RUN_BATCH):
        indices = range(at, min(at + RUN_BATCH, first + count))
        with tempfile.TemporaryDirectory(prefix="onnxlint-fuzz-") as name:
            folder = Path(name)
            for index in indices:
                (folder / f"{index:07}.onnx").write_bytes(fuzzer.mutant(index))
            outcome = run_command(folder, len(indices))
            for path, kind, reason in outcome.failures:
                failure = Failure(int(path.stem) if path is not None else at, kind, reason)
                tally.failures.append(failure)
                keeper.keep(failure, fuzzer.mutant(failure.index))
        tally.add(Tally(len(indices), outcome.refused, outcome.ran))
    return tally


def main() -> int:
    os.environ["ONNXLINT_NO_CACHE"] = "1"
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("count", type=int, nargs="?", default=2000, help="how many mutants")
    parser.add_argument("--seed", type=int, help="another each time without it")
    parser.add_argument("--first", type=int, default=0, help="number of the first mutant")
    parser.add_argument("--run", action="store_true", help="run the command, and so the models")
    parser.add_argument("--keep", type=Path, default=Path("fuzz-failures"), help="folder")
    given = parser.parse_args()
    seed = secrets.randbelow(10**6) if given.seed is None else given.seed
    print(f"--seed {seed} --first {given.first}", flush=True)
    models = [model for _, model in seeds()]
    keeper = Keeper(given.keep)
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="onnxlint-fuzz-") as folder:
        fuzzer = Fuzzer(seed, models, Path(folder), gently=given.run)
        kind = fuzz_runs if given.run else fuzz_static
        tally = kind(fuzzer, given.count, given.first, keeper)
    minutes = (time.monotonic() - start) / 60
    print(f"{tally.done} mutants of {len(models)} seeds in {minutes:.1f} min, "
          f"{tally.refused} refused, {tally.ran} run, {len(tally.failures)} failures")  # fmt: skip
    for alike, count in keeper.alike.most_common():
        print(f"{count:6}  {alike}")
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
