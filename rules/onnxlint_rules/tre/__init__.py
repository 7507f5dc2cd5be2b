"""TRE: tree ensembles."""
