"""GRA: the graph as a graph."""
