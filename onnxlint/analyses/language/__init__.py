"""Language models by their interface, and the relations between runs that they must keep."""
