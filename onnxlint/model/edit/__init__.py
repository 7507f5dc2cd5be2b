"""Editable copies of a model, written whole, and compared as text."""
