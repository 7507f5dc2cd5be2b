"""What a page shows of a model beyond findings: plain data, which travels with its report."""
