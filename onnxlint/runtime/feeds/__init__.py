"""Synthetic inputs: what each slot may hold, and the values that are drawn for it."""
