"""INT: the interface."""
