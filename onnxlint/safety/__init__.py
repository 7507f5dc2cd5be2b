"""What keeps files and code of others in their place: processes, limits, trust, inert text."""
