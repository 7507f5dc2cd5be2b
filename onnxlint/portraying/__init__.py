"""Makes the portrait of a model, from the analyses that its rules asked for, and others."""
