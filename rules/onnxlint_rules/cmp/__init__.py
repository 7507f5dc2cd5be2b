"""CMP: comparison with a reference model or a baseline."""
