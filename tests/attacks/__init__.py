"""Attacks on the command: hostile files, folders, rules and surroundings, and what must come out.

Each module yields cases (`cases()`); `run.py` runs them all, `tests/test_attacks.py` the quick
ones. `harness.py` says what counts as broken.
"""
