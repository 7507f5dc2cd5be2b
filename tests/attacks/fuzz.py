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
from pathlib import Path
from random import Random

from onnx import ModelProto

from attacks.damage import damaged
from attacks.seeds import seeds
from onnxlint.config import Plan, load, plan
from onnxlint.fixing import Wish, fix_model
from onnxlint.model.listing import listing
from onnxlint.model.load import open_model
from onnxlint.packs import discover
from onnxlint.pipeline import lint_model
from onnxlint.reporters import json as json_report
from onnxlint.reporters import text as text_report
from onnxlint.runtime import inference
from onnxlint.runtime.symbolic import infer_symbolically
from onnxlint.settings import Settings

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
    failures: list[Failure] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        self.done += other.done
        self.refused += other.refused
        self.failures += other.failures


class Fuzzer:
    """Makes mutants of the seeds, and lints them in children that it forks."""

    def __init__(self, seed: int, models: Sequence[ModelProto], folder: Path) -> None:
        self._seed, self._models, self._folder = seed, models, folder
        self._plan: Plan = plan(load(None), discover(), "")

    def mutant(self, index: int) -> bytes:
        """The same for the same seed and index, whatever was made before."""
        return damaged(Random(f"{self._seed}:{index}"), self._models)

    def warm_up(self) -> None:
        """Imports what the linter imports, once for all children."""
        path = self._folder / "warm.onnx"
        inference.infer(self._models[0].SerializeToString())  # usually in a child of its own
        list(infer_symbolically(self._models[0]))
        for model in self._models[:: max(1, len(self._models) // 10)]:
            path.write_bytes(model.SerializeToString())
            _judge(path, self._plan)
        gc.collect()
        gc.freeze()

    def run(self, indices: Sequence[int]) -> Tally:
        """Lints mutants; after one that ends its child or spoils it, another child goes on."""
        tally, left = Tally(), list(indices)
        while left:
            part = _Child(self, left).follow()
            tally.add(part)
            left = left[part.done :]
        return tally

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
            refused, complaints = _judge(path, self._plan)
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


def _judge(path: Path, chosen: Plan) -> tuple[bool, list[tuple[str, str]]]:
    """Whether a file is refused, and what the linter did not stand: kinds and reasons."""
    complaints: list[tuple[str, str]] = []
    refused = True
    try:
        report = lint_model(str(path), chosen, Settings(), static_only=True)
        refused = report.error is not None
        crashes = [found.message for found in report.findings if found.code == "LNT001"]
        complaints += (("crash", message) for message in crashes)
        json.loads(json_report.render([report], {}))
        text_report.render([report], verbose=True).encode()
        if not refused:
            with open_model(str(path)) as model:
                listing(model.proto)
        if report.fixable and not crashes:
            wish = Wish(path.with_name("fixed.onnx"), unverified=True)
            fix_model(str(path), chosen, Settings(), wish, static_only=True)
    except BaseException:
        complaints.append(("traceback", traceback.format_exc()))
    return refused, complaints


class _Child:
    """A child at work on mutants, seen from outside."""

    def __init__(self, fuzzer: Fuzzer, indices: Sequence[int]) -> None:
        self._indices = indices
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
        tally = Tally()
        for line in self._lines():
            if line is None:
                tally.failures.append(Failure(self._indices[tally.done], *self._end()))
                tally.done += 1
                return tally
            told = json.loads(line)
            if "begin" not in told:
                index = self._indices[tally.done]
                tally.failures += (Failure(index, *each) for each in told["failures"])
                tally.refused += told["refused"]
                tally.done += 1
                if told["last"]:
                    break
        self._end()
        return tally

    def _lines(self) -> Iterator[bytes | None]:
        """What the child says; None where it hangs or died, nothing more where it is through."""
        buffer, deadline = b"", time.monotonic() + HANG_SECONDS
        done = 0
        while done < len(self._indices):
            ready, _, _ = select.select([self._reader], [], [], deadline - time.monotonic())
            data = os.read(self._reader, 1 << 16) if ready else b""
            if not data:
                yield None
                return
            *lines, buffer = (buffer + data).split(b"\n")
            for line in lines:
                deadline = time.monotonic() + HANG_SECONDS
                done += b'"begin"' not in line
                yield line

    def _end(self) -> tuple[str, str]:
        """Ends the child and its own; how it ended."""
        pid, status = os.waitpid(self._pid, os.WNOHANG)
        with suppress(ProcessLookupError):  # it has ended, and left nobody behind
            os.killpg(self._pid, signal.SIGKILL)
        os.close(self._reader)
        if pid:
            return "death", f"exit status {os.waitstatus_to_exitcode(status)}"
        os.waitpid(self._pid, 0)
        return "limits", f"not through after {HANG_SECONDS:g} s"


def run_command(folder: Path, count: int) -> Iterator[tuple[Path | None, str, str]]:
    """Runs the command on a folder of mutants: which one failed (None: all), kind and reason."""
    command = [sys.executable, "-m", "onnxlint", str(folder), "--format", "json",
               "--time-limit", "20", "--memory-limit", "3GiB"]  # fmt: skip
    try:
        done = subprocess.run(
            command, capture_output=True, check=False, timeout=count * HANG_SECONDS
        )
    except subprocess.TimeoutExpired:
        yield None, "limits", f"not through after {count * HANG_SECONDS:g} s"
        return
    said = done.stderr.decode(errors="replace")
    if done.returncode not in (0, 1, 2) or "Traceback" in said or "this is a bug" in said:
        yield None, "death", f"{said[-2000:]}\nexit status {done.returncode}"
    try:
        models = json.loads(done.stdout)["models"]
    except ValueError as error:
        yield None, "no report", str(error)
        return
    if len(models) != count:
        yield None, "no report", f"{len(models)} reports for {count} models"
    for model in models:
        for finding in model["findings"]:
            if finding["code"] == "LNT001":
                yield Path(model["path"]), "crash", finding["message"]


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
        part = fuzzer.run(range(at, min(at + BATCH, first + count)))
        for failure in part.failures:
            keeper.keep(failure, fuzzer.mutant(failure.index))
        tally.add(part)
        if (at - first) // BATCH % 25 == 24:
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
            for path, kind, reason in run_command(folder, len(indices)):
                failure = Failure(int(path.stem) if path is not None else at, kind, reason)
                tally.failures.append(failure)
                keeper.keep(failure, fuzzer.mutant(failure.index))
        tally.done += len(indices)
    return tally


def main() -> int:
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
        fuzzer = Fuzzer(seed, models, Path(folder))
        kind = fuzz_runs if given.run else fuzz_static
        tally = kind(fuzzer, given.count, given.first, keeper)
    minutes = (time.monotonic() - start) / 60
    print(f"{tally.done} mutants of {len(models)} seeds in {minutes:.1f} min, "
          f"{tally.refused} refused, {len(tally.failures)} failures")  # fmt: skip
    for alike, count in keeper.alike.most_common():
        print(f"{count:6}  {alike}")
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
