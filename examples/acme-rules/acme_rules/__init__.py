"""ACME: what our camera's accelerator does not do, or does slowly."""
