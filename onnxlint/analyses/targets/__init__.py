"""Where the model is to run, and which of its nodes each target runs."""
