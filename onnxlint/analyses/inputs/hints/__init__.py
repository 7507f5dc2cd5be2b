"""What a model says of its inputs: vocabularies, thresholds, offsets, index bounds, sizes."""
