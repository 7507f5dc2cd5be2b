"""Intermediate values over all runs: statistics, activations, gradients, witnesses."""
