"""Inputs that show a failure which bounds allow."""
