"""SEQ: sequences, caches and sets."""
