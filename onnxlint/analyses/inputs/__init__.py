"""What the inputs mean, which values are valid for them, and the samples that are fed."""
