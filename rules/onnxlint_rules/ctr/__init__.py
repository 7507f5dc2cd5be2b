"""CTR: the contract that a release is held against."""
