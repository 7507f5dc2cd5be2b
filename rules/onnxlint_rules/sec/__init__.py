"""SEC: can the file be opened safely."""
