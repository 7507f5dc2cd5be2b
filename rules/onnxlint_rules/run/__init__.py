"""RUN: does it run."""
