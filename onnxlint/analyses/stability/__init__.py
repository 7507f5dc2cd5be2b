"""Whether outputs stay the same where they should, and change where they should."""
