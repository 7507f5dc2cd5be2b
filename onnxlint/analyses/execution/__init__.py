"""Running the model: sessions, probes, errors, boundary samples, and what runs may cost."""
