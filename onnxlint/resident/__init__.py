"""A resident process that has everything loaded, and runs commands in the place of others."""
