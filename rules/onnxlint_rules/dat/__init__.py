"""DAT: the data it is fed."""
