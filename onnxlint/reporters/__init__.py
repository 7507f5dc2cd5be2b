"""Output formats, one file each: a class that makes text of reports."""
