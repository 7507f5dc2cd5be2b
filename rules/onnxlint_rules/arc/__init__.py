"""ARC: the design of the network."""
