"""Draws the graph: what its steps are, how they are grouped, and where each box stands."""
