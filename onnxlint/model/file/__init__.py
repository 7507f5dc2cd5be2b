"""The file: read without trusting it, its tensors mapped when somebody looks."""
