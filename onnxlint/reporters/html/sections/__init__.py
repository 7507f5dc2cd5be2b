"""The sections of a model on the page that come from its portrait, a module each."""
