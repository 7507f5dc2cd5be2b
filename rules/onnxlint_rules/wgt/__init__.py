"""WGT: the weights."""
