"""The outputs as predictions, beside labels and simple baselines."""
