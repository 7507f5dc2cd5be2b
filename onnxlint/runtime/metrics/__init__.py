"""How well predictions meet labels, and what simple baselines reach."""
