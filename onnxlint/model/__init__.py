"""The file: preflight, loading, lazily mapped tensors, and the graph over all scopes."""
