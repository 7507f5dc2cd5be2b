"""ACT: intermediate outputs."""
