"""Runs every attack and tells which break: `python tests/attacks/run.py [-k PATTERN]`."""

from __future__ import annotations

import argparse
import importlib
import json
import multiprocessing
import os
import pkgutil
import re
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

if __name__ == "__main__":  # as a script it lies first on the path, and so does its rules.py
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from attacks.harness import Case, Verdict, run

HERE = Path(__file__).parent


def discovered() -> Iterator[Case]:
    """The cases of every module here that has `cases()`, each named after its module."""
    for module in sorted(info.name for info in pkgutil.iter_modules([str(HERE)])):
        if module != "run":
            cases = getattr(importlib.import_module(f"attacks.{module}"), "cases", None)
            for case in cases() if cases is not None else ():
                yield replace(case, module=module)


def checked_names(cases: list[Case]) -> list[Case]:
    """The same cases, if no two share a name."""
    names = [case.full_name for case in cases]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise SystemExit(f"two cases are named {', '.join(sorted(twice))}")
    return cases


def chosen(pattern: str) -> list[Case]:
    """The cases whose row and name match a regular expression."""
    wanted = re.compile(pattern, re.IGNORECASE)
    every = checked_names([*discovered()])
    return [case for case in every if wanted.search(f"{case.row} {case.full_name}")]


def _run_named(name: str) -> Verdict:
    case = next(case for case in discovered() if case.full_name == name)
    return replace(_verdict(case), case=replace(case, build=_built, checks=(), needs=None))


def _verdict(case: Case, keep: Path | None = None) -> Verdict:
    """What came of a case; one that cannot even be built or judged does not end the others."""
    try:
        return run(case, keep=keep)
    except Exception as error:
        return Verdict(case, None, (f"not run: {type(error).__name__}: {error}",))


def _built(_folder: Path) -> None:  # what a verdict's case has left after its way between processes
    raise AssertionError("this case was run")


def verdicts(cases: list[Case], jobs: int) -> Iterator[Verdict]:
    """Every case's verdict, as they are done."""
    if jobs == 1:
        yield from map(_verdict, cases)
        return
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=spawn) as pool:
        yield from pool.map(_run_named, [case.full_name for case in cases])


def line(verdict: Verdict) -> str:
    """One line about one case."""
    name = f"{verdict.case.row:<10} {verdict.case.full_name:<44}"
    if verdict.outcome is None:
        return (
            f"BROKE {name} {told(verdict)}" if verdict.broke else f"skip  {name} {verdict.skipped}"
        )
    figures = f"{verdict.outcome.seconds:6.1f} s {verdict.outcome.peak / 2**20:7.0f} MiB"
    return f"{'BROKE' if verdict.broke else 'ok   '} {name} {figures}  {told(verdict)}".rstrip()


def told(verdict: Verdict) -> str:
    """Why it broke, free of characters that a terminal obeys."""
    reasons = "; ".join(verdict.reasons)
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in reasons)


def as_json(verdict: Verdict) -> dict[str, object]:
    """One case for machines."""
    outcome = verdict.outcome
    return {
        "row": verdict.case.row,
        "name": verdict.case.full_name,
        "slow": verdict.case.slow,
        "skipped": verdict.skipped,
        "reasons": list(verdict.reasons),
        "exit": outcome and outcome.exit,
        "seconds": outcome and round(outcome.seconds, 2),
        "peak": outcome and outcome.peak,
        "resident": outcome and outcome.resident,
    }


def main() -> int:
    os.environ["ONNXLINT_NO_CACHE"] = "1"
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-k", default="", metavar="PATTERN", help="only rows and names like this")
    parser.add_argument("--quick", action="store_true", help="only what `make test` runs, too")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="this many at a time")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument("--list", action="store_true", help="list the cases and run none")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the folders of cases there")
    given = parser.parse_args()
    cases = [case for case in chosen(given.k) if not (given.quick and case.slow)]
    if given.list:
        print("\n".join(f"{case.row:<10} {case.full_name}" for case in cases))
        return 0
    start = time.monotonic()
    done = []
    todo = (_verdict(c, given.keep) for c in cases) if given.keep else verdicts(cases, given.jobs)
    for verdict in todo:
        done.append(verdict)
        print(line(verdict), flush=True)
    broken = [verdict for verdict in done if verdict.broke]
    skipped = sum(verdict.skipped is not None for verdict in done)
    print(
        f"{len(broken)} of {len(done)} broke, {skipped} skipped, "
        f"in {time.monotonic() - start:.0f} s"
    )
    if given.json is not None:
        given.json.write_text(json.dumps([as_json(v) for v in done], indent=1) + "\n")
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main())
