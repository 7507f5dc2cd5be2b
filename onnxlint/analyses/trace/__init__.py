"""What was seen of the intermediate values: statistics, activations, gradients, witnesses."""
