"""The built-in rules: a folder a family, a file a rule."""

SINCE = "0.1.0"
"""The version that rules came with which say no other: `@rule(…, since="0.2.0")`."""
