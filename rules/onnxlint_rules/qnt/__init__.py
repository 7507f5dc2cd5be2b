"""QNT: quantised models."""
