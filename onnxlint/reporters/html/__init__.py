"""The report as one file for a browser: what stands on the page, and how it looks."""
