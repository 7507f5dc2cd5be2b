"""The page about a hub of a million models says what its script computes."""

from __future__ import annotations

import fleet_arithmetic as fleet
import pytest

from onnxlint.model.file import remote_files
from onnxlint.remote import allowance, cache, remote_file


def test_the_tables_of_the_page_are_those_of_the_script():
    page = fleet.PAGE.read_text(encoding="utf-8")
    assert fleet.written(page) == page, "run python tools/docs/fleet_arithmetic.py"
    assert page.count("<!-- table: ") == len(fleet.tables())


def test_it_computes_with_what_the_code_does():
    assert fleet.CHUNK == cache.CHUNK
    assert cache.LARGEST == fleet.CACHE_BYTES
    assert allowance.MOST == fleet.MAX_DOWNLOAD
    assert remote_file.REQUEST_BYTES == fleet.REQUEST
    assert remote_files.READ_AT_ONCE == fleet.READ_AT_ONCE


def test_the_hub_has_the_bytes_that_it_should():
    assert len(fleet.sizes()) * fleet.GROUPS == fleet.MODELS
    assert sum(fleet.sizes()) * fleet.GROUPS == pytest.approx(fleet.BYTES, rel=1e-6)


@pytest.mark.parametrize(("workers", "seconds"), [(1, 10.0), (2, 5.0), (3, 4.0), (100, 4.0)])
def test_workers_take_the_next_model_as_they_get_free(workers, seconds):
    assert fleet.makespan([1.0, 2.0, 3.0, 4.0], workers) == seconds


def test_more_workers_are_never_slower():
    for profile in fleet.PROFILES:
        times = [fleet.hours(profile, workers) for workers in (100, 200, 1000)]
        assert times == sorted(times, reverse=True)
        assert times[-1] * 1000 * 3600 >= fleet.total(profile).core
