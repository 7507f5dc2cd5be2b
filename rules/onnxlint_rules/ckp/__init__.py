"""CKP: checkpoints of one training run, over time."""
