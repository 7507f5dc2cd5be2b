"""Many models on many machines: handed out one by one, kept as they come, summed up at the end."""
