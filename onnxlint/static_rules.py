"""What is done while processes are waited for: rules that ask them nothing, and parts of others.

All of it is done in one process, which never waits for another while there is something to do.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING

from onnxlint.analyses import name_of
from onnxlint.asking import asks_no_more, beside, needs_of, needs_worker
from onnxlint.rule_runner import RuleRunner
from onnxlint.rules.rule import Rule

if TYPE_CHECKING:
    from onnxlint.analyses.execution.worker import Worker


class StaticRules:
    """Those that have not run yet, one after the other; then parts of the `others`, and what else
    there is to do.

    What these need is made ready as far as no model runs for it. Those that ask nothing more of the
    worker, since an analysis settled it, run and are taken out.
    """

    def __init__(
        self, runner: RuleRunner, rules: Sequence[Rule], others: deque[Rule], more: Iterator[None]
    ) -> None:
        self._runner, self._left, self._others = runner, deque(rules), others
        self._preparing = chain(chain.from_iterable(map(runner.preparing, [*others])), more)
        self._obstacle: BaseException | None = None

    def run_beside_children(self) -> None:
        """Those that ask for nothing that a child process still works on.

        Before them, what is needed to run the model is loaded: the worker has nothing to do yet.
        """
        analyses = self._runner.analyses
        works = {name_of(kind): analyses.have(kind) for kind in beside(self._left)}
        running = filter(needs_worker, self._others)
        first = next(filter(self._runner.is_applicable, running), None) if works else None
        if first is not None:
            next(self._runner.preparing(first), None)
        while pending := {name for name, work in works.items() if not getattr(work, "is_done", 1)}:
            free = (each for each in self._left if needs_of(each).beside.isdisjoint(pending))
            rule = next(free, None)
            if rule is None:
                break
            self._left.remove(rule)
            self._runner.run(rule)

    @contextmanager
    def run_beside(self, worker: Worker) -> Iterator[None]:
        """Runs them while something inside waits for the worker."""
        from onnxlint.runtime.worker.client import nothing

        worker.meanwhile = self._run_one
        try:
            yield
        finally:
            worker.meanwhile = nothing

    def _run_one(self) -> bool:
        """Whether there was one; what ends more than a rule is kept until nobody waits."""
        if self._obstacle is not None:
            return False
        try:
            if not self._left:
                return next(self._preparing, self) is not self or self._runs_another()
            self._runner.run(self._left.popleft())
        except BaseException as obstacle:
            self._obstacle = obstacle
        finally:
            self._runner.let_go()  # the worker's sessions want the memory
        return True

    def _runs_another(self) -> bool:
        is_settled = self._runner.analyses.are_settled
        rule = next(filter(asks_no_more, self._others), None) if is_settled else None
        if rule is not None:
            self._others.remove(rule)
            self._runner.run(rule)
        return rule is not None

    def check(self) -> None:
        """Raises what ended more than a rule while something was waited for."""
        if self._obstacle is not None:
            raise self._obstacle

    def run_all(self) -> None:
        """Runs those that are left."""
        self.check()
        while self._left:
            self._runner.run(self._left.popleft())
