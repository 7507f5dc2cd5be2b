"""What stays the same while one model is linted, and linted again after it was fixed."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from onnxlint.analyses import Analyses
from onnxlint.asking import asks_no_more, beside, needs_of, needs_worker, wants_worker
from onnxlint.job import Job
from onnxlint.rule_runner import RuleRunner
from onnxlint.rules.rule import Rule
from onnxlint.safety.limits import Budget
from onnxlint.static_rules import StaticRules
from onnxlint.watcher import Watcher

if TYPE_CHECKING:
    from onnxlint.analyses.execution.worker import Worker, Workers
    from onnxlint.model.file.load import Model


class JudgingSession:
    """One job under way: its worker, its time, and the model while it is open.

    `workers` serves many models, and stays open; without it the session has its own.
    `is_linted_again`: the model may be, after it was fixed.
    """

    def __init__(
        self, job: Job, watcher: Watcher | None = None, workers: Workers | None = None, *,
        is_linted_again: bool = True,
    ) -> None:  # fmt: skip
        self._job = job
        self._rules = [rule for rule in job.rules if not (job.static_only and needs_worker(rule))]
        settings = job.settings
        of_data = (settings.labels, settings.series, settings.train_data) != (None, None, None)
        is_scored = of_data and not job.static_only
        wanted = not job.static_only and any(map(wants_worker, self._rules))
        is_shown = job.portrays and not job.static_only
        self.runs_model = is_scored or wanted or is_shown
        self.watcher = watcher or Watcher()
        self._workers = workers
        self._is_linted_again = is_linted_again
        self._stack = ExitStack()
        self.budget = Budget.build(job.settings)

    def __enter__(self) -> JudgingSession:
        if self.runs_model:
            self.worker()  # it starts while the model is read
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def worker(self) -> Worker:
        """The process that runs the model, started."""
        from onnxlint.analyses.execution.worker import Workers

        if self._workers is None:
            self._workers = self._stack.enter_context(closing(Workers()))
        settings = self._job.settings
        worker = self._workers.with_limits(settings.time_limit, settings.memory_limit)
        worker.serve(self.budget)
        return worker

    @contextmanager
    def opened(self) -> Iterator[Model]:
        """The job's model, open meanwhile.

        Raises:
            ModelError: there is no readable model.
        """
        from onnxlint.model.file.load import open_model

        self.watcher.begins("reading the model")
        with open_model(self._job.source or self._job.path, self.budget) as model:
            if self.runs_model:
                model.files.expect_all(model.proto)
            yield model

    @contextmanager
    def judged(self, model: Model) -> Iterator[RuleRunner]:
        """What the job's rules say of a model; its analyses end with the context."""
        worker = self.worker() if self.runs_model else None
        with closing(Analyses(self._job.settings, model, self.budget)) as analyses:
            if worker is not None:
                analyses.give(worker)
            if self._job.remembers is not None:
                self._remember(analyses, self._job.remembers)
            runner = RuleRunner(self._job, analyses, self.watcher, worker)
            self.watcher.begins_anew()
            self.watcher.begins("shape inference")
            analyses.start(beside(self._rules))
            import numpy as np  # while children work: it loads for longer than what starts them

            with np.errstate(all="ignore"):  # a NaN in a weight is found, and no rule's mistake
                self._run_rules(runner, worker, model)
                yield runner

    def _run_rules(self, runner: RuleRunner, worker: Worker | None, model: Model) -> None:
        """Runs all rules, those that run no model while processes are waited for."""
        rules = sorted(self._rules, key=_effort)
        running = [rule for rule in rules if wants_worker(rule)]
        others = [rule for rule in rules if not wants_worker(rule)]
        left = deque(running)
        hashing = iter(()) if model.files.hashing is None else model.files.hashing.steps()
        static = StaticRules(runner, others, left, hashing)
        static.run_beside_children()
        with nullcontext() if worker is None else static.run_beside(worker):
            while left:
                runner.run(_next(left, runner.analyses))
                runner.let_go()
                static.check()
                if worker is not None and not self._asks_more(runner.analyses, left):
                    worker.end()  # that takes it as long as the last rules, and is waited for
        static.run_all()
        runner.put_in_order([*others, *running])

    def _asks_more(self, analyses: Analyses, left: Collection[Rule]) -> bool:
        """Whether anybody may still ask the worker something, be it about another model."""
        from onnxlint.analyses.reported import asks_for_report

        is_last = self._workers is not None and self._workers.is_last and not self._is_linted_again
        if not is_last or self._job.portrays or asks_for_report(self._job.settings):
            return True
        return bool(left) and not (analyses.are_settled and all(map(asks_no_more, left)))

    def _remember(self, analyses: Analyses, folder: Path) -> None:
        """Lets analyses use what earlier runs measured of weights, and keep what they measure."""
        from onnxlint.analyses.static.remembered import WeightMemory
        from onnxlint.code_hash import code_state, installed

        memory = WeightMemory(folder, lambda: installed(code_state()))
        analyses.give(memory)
        self._stack.callback(memory.close)


def _next(left: deque[Rule], analyses: Analyses) -> Rule:
    """Takes out the rule to run next: one that may ask the worker before those that do not.

    The others have what to do while it is waited for, and at the end it is not needed any more.
    """
    asking = (rule for rule in left if not asks_no_more(rule)) if analyses.are_settled else ()
    rule = next(iter(asking), left[0])
    left.remove(rule)
    return rule


def _effort(rule: Rule) -> int:
    """Sort key: what asks for least first.

    Whether the model runs at all is so told before what hangs on it.
    """
    return needs_of(rule).effort
