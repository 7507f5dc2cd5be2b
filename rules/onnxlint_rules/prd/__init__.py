"""PRD: predictions."""
