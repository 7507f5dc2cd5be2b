"""What a series of checkpoints of one training run shows over time."""
