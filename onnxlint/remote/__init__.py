"""Models and data at remote addresses: `s3://…`, `https://…`, whatever fsspec has a library for."""
