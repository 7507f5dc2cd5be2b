"""What every value can be, whatever is fed: bounds by abstract interpretation of the graph."""
