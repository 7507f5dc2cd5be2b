"""Runs as they were recorded, and what changed from one to the next."""
