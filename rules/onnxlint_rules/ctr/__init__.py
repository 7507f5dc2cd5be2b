"""CTR: the contract."""
