"""Which layers of two models are the same one, whatever exporters made of their names."""
