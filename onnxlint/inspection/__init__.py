"""A model as people look at it: inputs, layers with their wiring, outputs."""
