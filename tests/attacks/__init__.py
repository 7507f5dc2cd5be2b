"""Attacks on the linter: see `fuzz.py`."""
