"""Judges a fleet: plans, hands out, keeps; what was kept by an earlier run is not done again."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from onnxlint.fleet.dispatch import Dispatcher
from onnxlint.fleet.doors import Door
from onnxlint.fleet.errors import FleetError
from onnxlint.fleet.folder import FORMAT, FleetFolder, Manifest
from onnxlint.fleet.orders import Answer, Order, line_of, versions
from onnxlint.fleet.planning import FleetPlanner, Planned
from onnxlint.fleet.store import PART, Store
from onnxlint.fleet.tally import Tally
from onnxlint.job import Job
from onnxlint.version import __version__


class Fleet:
    """Many models, and the folder that their results go to."""

    def __init__(
        self, paths: Sequence[str], planner: FleetPlanner, folder: Path, *, with_tables: bool
    ) -> None:
        self._paths, self._planner = paths, planner
        self._folder = FleetFolder(folder)
        self.store = Store(folder, paths, with_tables=with_tables)
        told = [planner.options, versions(), with_tables, PART, os.getcwd()]  # noqa: PTH109
        self._made_by = hashlib.sha256(msgspec.json.encode(told)).hexdigest()
        self._with_tables = with_tables

    def prepare(self, *, anew: bool) -> int:
        """Takes over what is in the folder; how many results that is.

        Raises:
            FleetError: it was made in another way, and is not to be made anew.
        """
        found = self._folder.manifest()
        if found is not None and (found.made_by != self._made_by or anew):
            self._check_may_clear(anew=anew)
            self.store.clear()
        self.store.prepare()
        self._write(complete=False)
        self.store.adopt(lambda path: self._planner.plan(path).key)
        self.store.seal_all()
        return sum(self.store.known)

    def _check_may_clear(self, *, anew: bool) -> None:
        number = self.store.tally().models
        if number and not anew:
            raise FleetError(
                f"{self._folder.path} holds {number:,} results that were made with other options "
                "or versions; give the same ones or another folder, or --restart to lint anew"
            )

    def _write(self, *, complete: bool) -> None:
        packs = {name: number for name, number in sorted(versions().items())
                 if name not in ("code", "onnxlint")}  # fmt: skip
        self._folder.write(Manifest(FORMAT, __version__, packs, len(self._paths),
                                    self._with_tables, self._made_by, complete))  # fmt: skip

    def judge(self, door: Door, done: Callable[[], None]) -> None:
        """Judges what is not known, and keeps what comes; `done` hears of each.

        Raises:
            FleetError: the workers are gone, or refuse; what came before is kept.
        """
        keys: dict[int, str] = {}
        for number, answer in Dispatcher(door).answers(self._orders(keys, done)):
            self.store.add(number, keys.pop(number), answer)
            done()
        self.finish()

    def finish(self) -> None:
        """Says that all is there."""
        self.store.close()
        self._write(complete=True)

    def _orders(
        self, keys: dict[int, str], done: Callable[[], None]
    ) -> Iterator[tuple[int, bytes]]:
        """An order for each model that is not known; what needs none is kept here."""
        here, installed = os.getcwd(), versions()  # noqa: PTH109
        for number, path in enumerate(self._paths):
            if self.store.known[number]:
                continue
            planned: Planned = self._planner.plan(path)
            if isinstance(planned.job, Job):
                keys[number] = planned.key
                yield number, Order.of(planned.job, here, installed).sealed()
            else:
                self.store.add(number, "", Answer(line_of(planned.job)))
                done()

    @property
    def tally(self) -> Tally:
        """What is there by now, as a whole."""
        return self.store.tally()
