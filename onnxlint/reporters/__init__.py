"""Output formats, one file each: a function from reports to text."""
